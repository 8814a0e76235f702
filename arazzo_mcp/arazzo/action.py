"""Choosing the action that applies, and nothing else.

"the first sequential action matching the criteria SHALL be the action executed"; "The `retryLimit` MUST be
exhausted prior to executing subsequent failure actions" (Arazzo 1.1.0, Step Object and Failure Action
Object). A retry whose limit is used up no longer matches, so that the next action, or the default, applies. That
holds for success actions too, where `retry` is not in the specification but in published documents: wait, run
the named step again, and fall through when the budget is spent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arazzo_mcp.arazzo.criterion import judge
from arazzo_mcp.arazzo.model import Action, Retry
from arazzo_mcp.arazzo.scope import Scope


def decide(actions: Sequence[Action], scope: Scope, retries: Mapping[str, int]) -> Action | None:
    """The action to take, None for the default (next step on success, the end of the workflow on failure).

    retries: how often each retry action of this step has been taken so far, by name.
    """
    return next((action for action in actions if _applies(action, scope, retries)), None)


def _applies(action: Action, scope: Scope, retries: Mapping[str, int]) -> bool:
    if isinstance(action, Retry) and retries.get(action.name, 0) >= action.limit:
        return False
    return judge(action.criteria, scope).ok
