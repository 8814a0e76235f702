"""What a rule says: plain data, the same for findings of every kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What stands behind a finding's code.

    title: a few words; section: where the specification says it; says: what it says; does: what becomes of the document
    all the same; mend: what its author does about it; wrong, right: a small example, YAML; fields: the fields of the
    object that a finding is about, the likeliest first.
    """

    title: str
    section: str
    says: str
    does: str
    mend: str
    wrong: str = ""
    right: str = ""
    fields: tuple[str, ...] = ()


NOT_SERVED = "The workflow is not served; the others of the document are."
NONE_SERVED = "No workflow of the document is served; other documents are."
EMPTY = "It has no value when the workflow runs: a parameter or member that is it alone is left out, a text fails."
