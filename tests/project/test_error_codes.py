"""Error codes are stable, and what qctl raises is always one of its own errors."""

from __future__ import annotations

import ast
import builtins
import pickle
from pathlib import Path

import pytest

from qctl.errors import QctlError, error_codes, error_from_wire

ROOT = Path(__file__).parents[2]
FOLDERS = ("qctl", "instruments", "firmware_io", "hil")

# code -> class and parent; scripts rely on the codes, so a line here may be added but never changed
CODES = {
    "error": ("QctlError", "Exception"),
    "request": ("RequestError", "QctlError"),
    "parse": ("ParseError", "RequestError"),
    "compile": ("CompileError", "RequestError"),
    "timing": ("TimingError", "CompileError"),
    "schedule": ("ScheduleError", "QctlError"),
    "queue_full": ("QueueFullError", "ScheduleError"),
    "job_cancelled": ("JobCancelledError", "ScheduleError"),
    "device": ("DeviceError", "QctlError"),
    "limit": ("LimitError", "DeviceError"),
    "device_timeout": ("DeviceTimeoutError", "DeviceError"),
    "refused": ("RefusedError", "DeviceError"),
    "access": ("AccessError", "QctlError"),
    "not_authenticated": ("NotAuthenticatedError", "AccessError"),
    "not_allowed": ("NotAllowedError", "AccessError"),
    "lease": ("LeaseError", "AccessError"),
    "wire": ("WireError", "QctlError"),
    "version": ("VersionError", "WireError"),
    "internal": ("InternalError", "QctlError"),
}

# builtin exceptions that Python itself expects of a method
PROTOCOL = {
    "AttributeError": {"__getattr__", "__setattr__", "__delattr__"},
    "KeyError": {"__getitem__", "__delitem__"},
    "IndexError": {"__getitem__", "__delitem__"},
    "StopIteration": {"__next__"},
    "StopAsyncIteration": {"__anext__"},
    "TypeError": {"__bool__", "__hash__", "__iter__", "__array__"},
    "SystemExit": {"main"},
}

# files whose callers expect the standard library's errors and turn them into qctl's
PORTS = {
    "instruments/links/modbus_line.py": frozenset({"TimeoutError"}),
    "instruments/links/visa_port.py": frozenset({"TimeoutError"}),
    "instruments/spi_rack/line.py": frozenset({"TimeoutError"}),
    "hil/instruments/qick/memory.py": frozenset({"RuntimeError"}),
    "hil/instruments/qick/soc.py": frozenset({"IndexError", "RuntimeError"}),
}

BUILTIN = {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}


def test_codes_are_the_stable_list() -> None:
    found = {code: (kind.__name__, kind.__bases__[0].__name__) for code, kind in error_codes().items()}
    assert found == CODES


def test_codes_and_names_are_unique() -> None:
    kinds: list[type[QctlError]] = [QctlError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    codes = [kind.code for kind in kinds]
    assert sorted(codes) == sorted(set(codes))
    assert all("code" in vars(kind) for kind in kinds)
    assert all(kind.__name__.endswith("Error") for kind in kinds)


@pytest.mark.parametrize("code", CODES)
def test_an_error_survives_the_wire_and_pickle(code: str) -> None:
    kind = error_codes()[code]
    error = kind("power_dbm = 25 is outside [-60, 10]", instrument="lo0")
    for copy in (pickle.loads(pickle.dumps(error)), error_from_wire(code, error.message, error.details)):
        assert type(copy) is kind
        assert (copy.message, str(copy), copy.details) == (error.message, error.message, error.details)


def test_an_unknown_code_becomes_the_root() -> None:
    assert type(error_from_wire("from_the_future", "x")) is QctlError


def faults(text: str, allowed: frozenset[str] = frozenset()) -> list[str]:
    """Return the raises of builtin exceptions and the broad handlers that hide an error, each with its line."""
    wrong: list[str] = []
    todo: list[tuple[str, frozenset[str], ast.AST]] = [("", allowed, ast.parse(text))]
    while todo:
        function, caught, node = todo.pop()
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            here = caught | _caught(node) if isinstance(node, ast.Try) and child in node.body else caught
            todo.append((inner, allowed if inner != function else here, child))
            if isinstance(child, ast.Raise) and child.exc is not None:
                called = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
                name = ast.unparse(called)
                if name in BUILTIN - here and function not in PROTOCOL.get(name, ()):
                    wrong.append(f"line {child.lineno}: raises {name}")
            if isinstance(child, ast.ExceptHandler) and _broad(child) and not _answered(child):
                wrong.append(
                    f"line {child.lineno}: catches everything and neither raises, hands on, nor makes an InternalError"
                )
    return wrong


def _caught(node: ast.Try) -> frozenset[str]:
    """Return what the handlers of a try name: raising it inside is control flow that stays in the function."""
    kinds = [handler.type for handler in node.handlers if handler.type is not None]
    return frozenset(
        ast.unparse(item) for kind in kinds for item in (kind.elts if isinstance(kind, ast.Tuple) else [kind])
    )


def _broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds)


def _answered(handler: ast.ExceptHandler) -> bool:
    words = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(handler)}
    return bool(words & {"InternalError", "internal_error", "throw", "set_exception", "handed_on"}) or any(
        isinstance(node, ast.Raise) for node in ast.walk(handler)
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_only_own_errors_are_raised(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    names = {str(file.relative_to(ROOT)): file for file in files}
    wrong = {name: faults(file.read_text("utf-8"), PORTS.get(name, frozenset())) for name, file in names.items()}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "n_wrong"),
    [
        ("raise RequestError('x')", 0),
        ("raise ValueError('x')", 1),
        ("raise ValueError", 1),
        ("def f():\n    raise TimeoutError() from None", 1),
        ("def __getattr__(name):\n    raise AttributeError(name)", 0),
        ("def __getitem__(self, k):\n    raise KeyError(k)", 0),
        ("def get(self, k):\n    raise KeyError(k)", 1),
        ("try:\n    f()\nexcept OSError as error:\n    raise error", 0),
        ("try:\n    raise ValueError(1)\nexcept ValueError as error:\n    raise WireError('x') from error", 0),
        ("try:\n    pass\nexcept ValueError as error:\n    raise ValueError('x') from error", 1),
        ("try:\n    def f():\n        raise ValueError(1)\nexcept ValueError:\n    pass", 1),
        ("try:\n    f()\nexcept Exception:\n    pass", 1),
        ("try:\n    f()\nexcept Exception as error:\n    answer(wire.internal_error(error))", 0),
        ("try:\n    f()\nexcept Exception as error:\n    call.throw(error)", 0),
        ("try:\n    f()\nexcept:\n    pass", 1),
        ("try:\n    f()\nexcept BaseException:\n    g()\n    raise", 0),
        ("try:\n    f()\nexcept Exception as error:\n    answer(InternalError(str(error)))", 0),
    ],
)
def test_the_rule_tells_right_from_wrong(text: str, n_wrong: int) -> None:
    assert len(faults(text)) == n_wrong
