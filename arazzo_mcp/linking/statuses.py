"""Status codes that a step's success criteria test, against those that its operation declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from arazzo_mcp.arazzo.condition import All, AnyOf, Comparison, Condition, Constant, operands
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import SimpleCriterion, Step
from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.findings import Finding
from arazzo_mcp.openapi.model import Operation


def lenient_status(step: Step, operation: Operation) -> tuple[Step, list[Finding]]:
    """Status codes that the operation does not declare. A lone `$statusCode == 2xx` means success: any other code of
    success that is declared is accepted as well."""
    successes = _successes(operation)
    findings: list[Finding] = []
    criteria = list(step.success_criteria)
    for at, criterion in enumerate(criteria):
        if not isinstance(criterion, SimpleCriterion):
            continue
        unknown = [code for code in _tested(criterion.condition) if not _declares(operation, code)]
        if not unknown:
            continue
        lone = _lone_success(criterion.condition) if len(criteria) == 1 else None
        if lone is not None and successes:
            shown = f"{operation.key} answers {', '.join(map(str, successes))}, not {lone}"
            findings.append(tolerated("lenient-status", criterion.where, shown))
            criteria[at] = replace(criterion, condition=_any_of(criterion.condition, successes))
        else:
            message = f"{operation.key} does not declare the status code {', '.join(map(str, unknown))}"
            declared = f"It declares {', '.join(operation.statuses)}." if operation.statuses else ""
            findings.append(Finding("warning", "undeclared-status", criterion.where, f"{message}.", declared))
    return replace(step, success_criteria=tuple(criteria)), findings


def _successes(operation: Operation) -> list[int]:
    return [int(code) for code in operation.statuses if re.fullmatch(r"2\d\d", code)]


def _declares(operation: Operation, code: int) -> bool:
    """`default` stands for every other code, but not for another success beside one that is named."""
    named = {status.upper() for status in operation.statuses}
    if not named or str(code) in named or f"{code // 100}XX" in named:
        return True
    return "DEFAULT" in named and not (code // 100 == 2 and (_successes(operation) or "2XX" in named))


def _tested(condition: Condition[Expression]) -> Iterator[int]:
    """The codes with which a condition compares the status code for equality, wherever that stands in it."""
    match condition:
        case Comparison(operator="=="):
            yield from (code for code in (_code(condition),) if code is not None)
        case All(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from _tested(inner)
        case _:
            return


def _code(comparison: Comparison[Expression]) -> int | None:
    """The N of `$statusCode == N`, whichever side it stands on."""
    sides = (comparison.left, comparison.right)
    expression = next((side for side in sides if isinstance(side, Expression)), None)
    constant = next((side for side in sides if isinstance(side, Constant)), None)
    if expression is None or constant is None or expression.root != "statusCode":
        return None
    return int(str(constant.value)) if re.fullmatch(r"[1-5]\d\d", str(constant.value)) else None


def _lone_success(condition: Condition[Expression]) -> int | None:
    match condition:
        case Comparison(operator="=="):
            code = _code(condition)
            return code if code is not None and code // 100 == 2 else None
        case _:
            return None


def _any_of(condition: Condition[Expression], codes: Iterable[int]) -> Condition[Expression]:
    status = next(operands(condition))
    return AnyOf((condition, *(Comparison(status, "==", Constant(code)) for code in codes)))
