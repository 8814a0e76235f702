"""The language: Arazzo 1.0 and 1.1, pure. No I/O, no async, no clock: it asks for calls and waits, and makes none."""
