"""Every code and every fact that the centre writes into its audit has words on the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sync_server

APP = Path(sync_server.__file__).parent
PAGE = (APP / "templates/audit.html").read_text(encoding="utf-8")
COMPOSED = {"device_revoked", "device_lost"}
"""Codes put together from parts (``devices.revoke_device``)."""
CODE = re.compile(r"[a-z_]+")


def texts(node: ast.AST) -> set[str]:
    """Return the plain texts inside a piece of code."""
    return {
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def notes() -> Iterator[tuple[str, ast.Module, ast.Call]]:
    """Yield the calls of ``audit.note`` with their module."""
    for path in sorted(APP.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "audit.note(" not in source:
            continue
        tree = ast.parse(source)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "audit.note":
                yield path.name, tree, call


def codes_of(tree: ast.Module, said: ast.expr) -> set[str]:
    """Return the codes an expression can be: itself, what is assigned to ``action`` in the module,
    or what is handed to its ``_note``."""
    if not isinstance(said, ast.Name):
        return texts(said) if isinstance(said, ast.Constant) else set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == said.id:
            value = node.value
            parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            found |= {text for part in parts for text in texts(part)}
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_note":
            found |= {
                text for one in node.args if isinstance(one, ast.Constant) for text in texts(one)
            }
    return {code for code in found if CODE.fullmatch(code)}


def labelled(start: str, end: str) -> set[str]:
    part = PAGE[PAGE.index(start) :]
    return set(re.findall(r'"(\w+)": _\(', part[: part.index(end)]))


def test_every_code_of_the_audit_has_words() -> None:
    known = labelled("macro action_words", "endmacro")
    written = set(COMPOSED)
    for name, tree, call in notes():
        codes = codes_of(tree, call.args[3])
        assert codes or isinstance(call.args[3], ast.JoinedStr), (name, call.lineno)
        written |= codes
    assert {"deactivate_user", "set_limit", "not_the_same", "split_grid"} < written
    assert written - known == set()


def test_every_fact_of_the_audit_has_words() -> None:
    known = labelled("detail_names", "%}")
    written: set[str] = set()
    for _name, _tree, call in notes():
        [said] = [one.value for one in call.keywords if one.arg == "detail"] or [None]
        for node in ast.walk(said if said is not None else ast.Pass()):
            if isinstance(node, ast.Dict):
                written |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
                break
    assert {"file", "sha256", "sheets", "merge_id"} <= written
    assert written - known == set()
