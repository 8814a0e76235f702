"""The crash harness: servers that are killed while their runs are in flight, and a provider that counts.

    python -m tests.crash --kills 3000

A *life* is one process with an engine over a shared store; the *nursery* forks lives, so that one costs a few
milliseconds instead of a second; a *world* is one store with all the lives that ever open it. Nothing of the package
is changed: the store and the client of a life are subclasses that die when they are told to.
"""
