"""Every file says what it is for, and every public function and class what it does, in one sentence first."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("qctl", "cext", "instruments", "firmware_io", "hil")
NOT_IMPERATIVE = {
    *("Returns", "Gets", "Sets", "Creates", "Makes", "Computes"),
    *("Reads", "Writes", "Checks", "This", "Raises"),
}
PYTHON_DEF = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
CYTHON_DEF = re.compile(
    r"^(?P<indent>[ ]*)(?:cpdef\b[^(=]*?|def\s+|class\s+|cdef\s+class\s+)(?P<name>\w+)\s*[(:]", re.M
)


def files(*endings: str, folders: tuple[str, ...] = FOLDERS) -> list[str]:
    """Return the paths of all files with one of the endings, relative to the root."""
    found = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in endings]
    return sorted(str(file.relative_to(ROOT)) for file in found)


def fault(docstring: str | None, function: bool) -> str:
    """Return what is wrong with a docstring, or nothing."""
    if not docstring or not docstring.strip():
        return "has no docstring"
    lines = docstring.strip().splitlines()
    if not re.search(r"[.?!…]$", lines[0].strip()):
        return f"does not begin with a sentence on one line: {lines[0]!r}"
    if len(lines) > 1 and lines[1].strip():
        return "has no empty line after its first sentence"
    if function and lines[0].split()[0] in NOT_IMPERATIVE:
        return f"is not imperative: {lines[0]!r}"
    return ""


def faults(text: str) -> list[str]:
    """Return what is wrong with the docstrings of a Python file."""
    tree = ast.parse(text)
    if not text.strip():
        return []
    wrong = [] if text.startswith(('"""', 'r"""', "#!")) else ["the file does not begin with its docstring"]
    wrong += [f"the file {found}" for found in [fault(ast.get_docstring(tree), False)] if found]
    todo: list[tuple[str, ast.AST]] = [("", tree)]
    while todo:
        place, node = todo.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If | ast.Try):
                todo.append((place, child))
            if not isinstance(child, PYTHON_DEF) or child.name.startswith("_"):
                continue
            name = f"{place}{child.name}"
            function = not isinstance(child, ast.ClassDef)
            decorators = {ast.unparse(item).split("(")[0].rpartition(".")[2] for item in child.decorator_list}
            if not decorators & {"overload", "setter"}:
                found = fault(ast.get_docstring(child), function and "property" not in decorators)
                wrong += [f"{name} {found}"] if found else []
            if not function:
                todo.append((f"{name}.", child))
    return wrong


def cython_faults(text: str) -> list[str]:
    """Return what is wrong with the docstrings of a Cython file: public def, cpdef and classes."""
    wrong = [] if text.startswith(('"""', 'r"""')) else ["the file does not begin with its docstring"]
    body = re.match(r'r?"""(.*?)"""', text, re.S)
    wrong += [f"the file {found}" for found in [fault(body[1] if body else None, False)] if found]
    private_indent: int | None = None
    for match in CYTHON_DEF.finditer(text):
        indent, name = len(match["indent"]), match["name"]
        if private_indent is not None and indent > private_indent:
            continue
        private_indent = indent if name.startswith("_") else None
        if name.startswith("_") or indent > 4:
            continue
        after = text[_end_of_header(text, match.end() - 1) :]
        found = re.match(r'\s*(?:#[^\n]*\n\s*)*r?"""(.*?)"""', after, re.S)
        said = fault(found[1] if found else None, "class" not in match[0])
        wrong += [f"{name} {said}"] if said else []
    return wrong


def _end_of_header(text: str, place: int) -> int:
    depth = 0
    for k in range(place, len(text)):
        depth += (text[k] in "([{") - (text[k] in ")]}")
        if text[k] == ":" and depth == 0:
            return k + 1
    return len(text)


@pytest.mark.parametrize("name", files(".py"))
def test_a_python_file_says_what_it_is_for(name: str) -> None:
    assert faults((ROOT / name).read_text("utf-8")) == []


def test_each_cython_file_says_what_it_is_for() -> None:
    wrong = {name: cython_faults((ROOT / name).read_text("utf-8")) for name in files(".pyx")}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("name", [*files(".py", folders=("tests", "docs")), *files(".pxd", ".pyi"), "setup.py"])
def test_the_first_line_of_any_file_is_one_sentence(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    first = text.split("\n", 1)[0]
    assert not text or re.match(r'(r?"""|# )', first), first
    assert not text or re.search(r'[.?!…:]("""|$)', first), first


@pytest.mark.parametrize(
    ("text", "n_wrong"),
    [
        ("", 0),
        ('"""Says it."""\n', 0),
        ("x = 1\n", 2),
        ('"""Says nothing whole\nin a line."""\n', 1),
        ('"""Says it."""\ndef f():\n    return 1\n', 1),
        ('"""Says it."""\ndef f():\n    """Returns one."""\n', 1),
        ('"""Says it."""\ndef f():\n    """Return one."""\n', 0),
        ('"""Says it."""\ndef _f():\n    return 1\n', 0),
        ('"""Says it."""\nclass A:\n    """One."""\n    def f(self): ...\n    def _g(self): ...\n', 1),
        ('"""Says it."""\nclass A:\n    """One."""\n    @property\n    def f(self):\n        """This one."""\n', 0),
        ('"""Says it."""\nclass _A:\n    def f(self): ...\n', 0),
        ('"""Says it."""\ndef f():\n    """Return one.\n    Two."""\n', 1),
    ],
)
def test_the_rule_tells_right_from_wrong(text: str, n_wrong: int) -> None:
    assert len(faults(text)) == n_wrong


@pytest.mark.parametrize(
    ("text", "n_wrong"),
    [
        ('"""Adds."""\n\ncdef double f(double x) noexcept nogil:\n    return x\n', 0),
        ('"""Adds."""\n\ndef add(double[::1] x not None,\n        int n=3):\n    """Return it."""\n', 0),
        ('"""Adds."""\n\ndef add(double[::1] x):\n    return 1\n', 1),
        ('"""Adds."""\n\ncpdef int add(int x) except -1:\n    return 1\n', 1),
        (
            '"""Adds."""\n\ncdef class Box:\n    """Hold."""\n    def get(self):\n        return 1\n',
            1,
        ),
        ('"""Adds."""\n\ndef _add(x):\n    return 1\n', 0),
        ("cimport numpy\n", 2),
    ],
)
def test_the_rule_reads_cython(text: str, n_wrong: int) -> None:
    assert len(cython_faults(text)) == n_wrong
