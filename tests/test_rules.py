"""Every code that the package can report has a rule, and every rule is one that can be reported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.authors.rules import RULES, explained, placed
from arazzo_mcp.authors.rules.of_tolerances import BENT
from arazzo_mcp.findings import Finding, Where
from tests.conftest import ROOT

PACKAGE = ROOT / "arazzo_mcp"
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def reporters() -> dict[str, int]:
    """What takes a finding's code: the class, every function with a parameter `code`, and its position."""
    found = {"report": 1}  # a Reader's `error` or `warn` under a local name
    for file, tree in sources():
        if file.parent.name in ("rules", "demo"):
            continue
        for node in ast.walk(tree):
            name, names = _takes(node)
            found |= {name: names.index("code")} if "code" in names else {}
    return found


def _takes(node: ast.AST) -> tuple[str, list[str]]:
    """What a function, or a class when it is made, takes by position."""
    if isinstance(node, ast.FunctionDef):
        return node.name, [argument.arg for argument in node.args.args if argument.arg != "self"]
    if isinstance(node, ast.ClassDef):
        made = [_takes(inner)[1] for inner in node.body if getattr(inner, "name", "") == "__init__"]
        fields = [
            one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        ]
        return node.name, made[0] if made else fields
    return "", []


def reported() -> dict[str, str]:
    """Every code in the sources, and where it is reported."""
    takes = reporters()
    found = {code: "arazzo/quirks.py" for code in TOLERANCES}
    for file, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):  # a code that is handed back
                first = next(iter(node.value.elts), None)
                if isinstance(first, ast.Constant) and "-" in str(first.value) and CODE.fullmatch(str(first.value)):
                    found.setdefault(str(first.value), f"{file.relative_to(ROOT)}:{node.lineno}")
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            given += node.args[takes[name] : takes[name] + 1] if name in takes else []
            for inner in (one for value in given for one in ast.walk(value)):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and CODE.fullmatch(inner.value):
                    found.setdefault(inner.value, f"{file.relative_to(ROOT)}:{node.lineno}")
    return found


def test_the_scan_sees_each_way_of_reporting() -> None:
    ways = {"syntax", "not-arazzo", "undeclared-name", "unknown-operation", "no-server", "jsonpath-boolean"}
    assert ways <= reported().keys()


def test_every_code_has_a_rule() -> None:
    missing = [
        f"{code!r} is reported at {place}: add an entry {code!r} to "
        + (
            "BENT in arazzo_mcp/authors/rules/of_tolerances.py (title, section, how to mend it, an example)"
            if code in TOLERANCES
            else "OF_WORKFLOWS or OF_DOCUMENTS in arazzo_mcp/authors/rules/ (title, section, rule, what is done, mend)"
        )
        for code, place in reported().items()
        if code not in RULES
    ]
    assert not missing, "\n".join(missing)


def test_every_rule_is_of_use() -> None:
    unused = (RULES.keys() | BENT.keys()) - reported().keys()
    assert not unused, f"nothing reports {sorted(unused)}: take the entries out of arazzo_mcp/authors/rules/"


@pytest.mark.parametrize("code", RULES)
def test_a_rule_reads_well(code: str) -> None:
    rule = RULES[code]
    assert not rule.title.endswith(".")
    assert len(rule.title) < 60
    for text in (rule.says, rule.does, rule.mend):
        assert text.endswith(".")
        assert text[0].isupper() or text[0] == "`"
    for example in (rule.wrong, rule.right):
        yaml.safe_load(example.replace("Pay: the order", "x"))
    assert code in explained(code)


def test_a_tolerance_says_that_it_is_one() -> None:
    assert "as an error under --strict" in explained("double-quotes")
    assert "under --strict" not in explained("unknown-step")


def test_a_finding_moves_to_the_field_that_it_is_about() -> None:
    where = Where("a.yaml", 3, 5, "flow.step", {"stepId": (3, 13), "operationId": (4, 18)})
    moved = placed(Finding("error", "unknown-operation", where, "there is no such operation"))
    assert str(moved.where) == "a.yaml:4:18 flow.step.operationId"
    assert placed(Finding("error", "step-call", where, "it calls nothing")).where is where
