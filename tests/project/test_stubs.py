"""Each kernel has a stub beside it that names exactly what the compiled module has."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def stub_names(text: str) -> dict[str, Any]:
    """Return the public names of a stub; a function has its parameters, a class the names of its members."""
    return _names(ast.parse(text).body)


def _names(body: list[ast.stmt]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                arguments = node.args
                plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                found[node.name] = None if _is_property(node) else [item.arg for item in plain]
            case ast.ClassDef():
                found[node.name] = _names(node.body)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = None
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = None
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(item).rpartition(".")[2] in ("property", "setter") for item in node.decorator_list)


def runtime_names(module: ModuleType) -> dict[str, Any]:
    """Return the public names of a compiled module in the same form; what it imported is left out."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", module.__name__) == module.__name__
    ]
    return {name: _shape(getattr(module, name)) for name in names}


def _shape(value: Any) -> Any:
    if isinstance(value, type):
        members = {name: item for name, item in vars(value).items() if not name.startswith("_")}
        return {name: _shape(item) for name, item in members.items()}
    if isinstance(value, staticmethod | classmethod):
        return _shape(value.__func__)
    if not inspect.isroutine(value):
        return None
    try:
        return [
            parameter.name for parameter in inspect.signature(value).parameters.values() if parameter.kind not in (2, 4)
        ]
    except ValueError:
        return []


def differences(stub: dict[str, Any], runtime: dict[str, Any], place: str = "") -> list[str]:
    """Return what one has and the other has not, and parameters that differ."""
    wrong = [f"{place}{name} is only in the stub" for name in sorted(stub.keys() - runtime.keys())]
    wrong += [f"{place}{name} is only in the module" for name in sorted(runtime.keys() - stub.keys())]
    for name in sorted(stub.keys() & runtime.keys()):
        ours, theirs = stub[name], runtime[name]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            wrong += differences(ours, theirs, f"{place}{name}.")
        elif isinstance(ours, list) and isinstance(theirs, list) and theirs and ours != theirs:
            wrong.append(f"{place}{name} takes {ours} in the stub, {theirs} in the module")
    return wrong


def test_every_kernel_agrees_with_its_stub() -> None:
    wrong: dict[str, list[str]] = {}
    for file in sorted((ROOT / "cext").glob("*.pyx")):
        stub = file.with_suffix(".pyi")
        if not stub.exists():
            wrong[file.name] = ["has no .pyi beside it"]
            continue
        module = importlib.import_module(f"qctl.cext.{file.stem}")
        found = differences(stub_names(stub.read_text("utf-8")), runtime_names(module))
        if found:
            wrong[file.name] = found
    assert wrong == {}


def test_every_kernel_has_its_tests() -> None:
    tested = {file.stem.removeprefix("test_") for file in (ROOT / "tests" / "cext").glob("test_*.py")}
    assert {file.stem for file in (ROOT / "cext").glob("*.pyx")} - tested == set()


def test_no_stub_is_without_its_kernel() -> None:
    stubs = {file.stem for file in (ROOT / "cext").glob("*.pyi")}
    assert stubs <= {file.stem for file in (ROOT / "cext").glob("*.pyx")}


@pytest.mark.parametrize(
    ("stub", "code", "n_wrong"),
    [
        ("def f(a: int, b: int = ...) -> int: ...", "def f(a, b=1): pass", 0),
        ("def f(a: int) -> int: ...", "def f(x): pass", 1),
        ("def f() -> int: ...\ndef g() -> int: ...", "def f(): pass", 1),
        ("", "def f(): pass", 1),
        ("N: int", "N = 3\n_m = 4", 0),
        ("import numpy as np", "import math", 0),
        ("class A:\n    def f(self) -> int: ...", "class A:\n    def f(self): pass", 0),
        ("class A:\n    def f(self) -> int: ...", "class A:\n    def g(self): pass", 2),
        ("class A:\n    @property\n    def n(self) -> int: ...", "class A:\n    n = property()", 0),
        ("def f() -> None: ...", "__all__ = ['f']\ndef f(): pass\ndef g(): pass", 0),
    ],
)
def test_the_rule_tells_right_from_wrong(stub: str, code: str, n_wrong: int) -> None:
    module = ModuleType("kernel")
    exec(code, vars(module))
    assert len(differences(stub_names(stub), runtime_names(module))) == n_wrong
