"""Who may import whom: the tables below, kept by reading every .py, .pyx and .pxd."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"qctl": "qctl", "cext": "qctl.cext", "instruments": "qctl.instruments"}
FOLDERS |= {"firmware_io": "qctl.firmware_io", "hil": "qctl.hil"}

CORE = ["errors", "units", "clock", "device", "wire", "program", "lab"]
UPPER = ["client", "compiler", "simulation", "report", "circuit"]

# part (first match counts): what of qctl it may import beside itself
RULES: dict[str, list[str]] = {
    **{part: [*CORE, "cext"] for part in CORE},
    "cext": [],
    "firmware_io": [*CORE, "cext"],
    "scheduler": [*CORE, "cext"],
    "store": [*CORE, "cext"],
    "instruments": [*CORE, "firmware_io", "cext"],
    "formats": [*CORE, "cext"],
    "compiler": [*CORE, "cext"],
    "simulation": [*CORE, "cext"],
    "circuit": [*CORE, "cext", "formats"],
    "cutting": [*CORE, "instruments.limit_words", "instruments.registry"],
    "following": [*CORE, "compiler", "instruments.registry"],
    "lowering": [
        *CORE,
        "cext",
        "compiler",
        "cutting",
        "following",
        "instruments.registry",
        "instruments.*.capabilities",
        "instruments.*.body",
        "instruments.*.lower",
    ],
    "client": [*CORE, "cext", "formats"],
    "aio": ["client"],
    "integrations": [*CORE, "client", "formats", "circuit"],
    "report": [*CORE, "cext", "formats"],
    "server": [
        *CORE,
        *UPPER,
        *("cext", "firmware_io", "formats", "lowering", "scheduler", "store"),
        *("instruments.registry", "instruments.commands", "instruments.links.life"),
    ],
    "calibration": [*CORE, *UPPER],
    "workflows": [*CORE, *UPPER, "calibration"],
    "gateway": [*CORE, *UPPER, "calibration", "workflows"],
    "hil.bench": [*CORE, "cext", "hil", "client"],
    "hil.plugin": [*CORE, "cext", "hil", "client"],
    "hil": [*CORE, "cext"],
    "bench": ["*"],
    "cli": ["*"],
    "__main__": ["cli"],
    "": ["*"],
}

# modules that must not import these, whatever their part may
NEVER = {
    "qctl.instruments.*.lower": ["*.driver", "qctl.instruments.links*", "pyvisa*", "serial*"],
    "qctl.instruments.*.capabilities": ["*.driver", "qctl.instruments.links*", "pyvisa*", "serial*"],
    "qctl.instruments.*.body": ["*.driver", "qctl.instruments.links*", "pyvisa*", "serial*"],
    "qctl.firmware_io*": ["qctl.instruments*", "pyvisa*"],
    "qctl.hil*": ["qctl.instruments*", "qctl.firmware_io*", "qctl.server*", "pyvisa*"],
    "qctl.server.broker*": ["scipy*", "lmfit*", "sqlalchemy*", "pyvisa*", "serial*"],
}

IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(.+)|c?import\s+(.+))$", re.M)


@cache
def modules() -> dict[str, Path]:
    """Return every module of the project with its file."""
    found: dict[str, Path] = {}
    for folder, package in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.p*")):
            if file.suffix in (".py", ".pyx", ".pxd"):
                parts = [part for part in file.relative_to(ROOT / folder).with_suffix("").parts if part != "__init__"]
                found[".".join([package, *parts]) + (":pxd" if file.suffix == ".pxd" else "")] = file
    return found


def imports(module: str, text: str, cython: bool = False, package: bool = False) -> set[str]:
    """Return all that a module imports, anywhere in it; `from x import y` counts as x.y."""
    if cython:
        return _cython_imports(text)
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                base = node.module or ""
                if node.level:
                    parents = module.split(".") if package else module.split(".")[:-1]
                    parents = parents[: len(parents) - node.level + 1]
                    base = ".".join([*parents, base] if base else parents)
                found |= {f"{base}.{alias.name}" for alias in node.names}
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")):
                if node.args and isinstance(node.args[0], ast.Constant):
                    found.add(str(node.args[0].value))
    return found


def _cython_imports(text: str) -> set[str]:
    text = re.sub(r"\\\n", " ", re.sub(r"\(\s*([^()]*?)\s*\)", lambda match: match[1].replace("\n", " "), text))
    found: set[str] = set()
    for base, names, plain in IMPORT.findall(re.sub(r"#.*", "", text)):
        for item in (names or plain).split(","):
            name = item.split(" as ")[0].strip()
            if name:
                found.add(f"{base}.{name}" if base else name)
    return found


def part_of(module: str) -> str:
    """Return the rule that a module comes under: `server` for qctl.server.app."""
    inner = module.removeprefix("qctl").removeprefix(".")
    matches = [rule for rule in RULES if rule and (inner == rule or inner.startswith(f"{rule}."))]
    return max(matches, key=len, default="" if not inner else "?")


def covers(rule: str, module: str) -> bool:
    """Say whether a module is what a rule names, or inside it."""
    return rule == "*" or any(fnmatchcase(module, pattern) for pattern in (f"qctl.{rule}", f"qctl.{rule}.*"))


def offences(module: str, imported: set[str]) -> list[str]:
    """Return the imports that a module may not have."""
    part = part_of(module)
    if part == "?":
        return [f"{module} belongs to no part that this test knows"]
    wrong = []
    never = [bad for pattern, nots in NEVER.items() if fnmatchcase(module, pattern) for bad in nots]
    for name in sorted(imported):
        if any(fnmatchcase(form, bad) for bad in never for form in (name, name.rpartition(".")[0])):
            wrong.append(f"{module} must never import {name}")
        elif name == "qctl" or name.startswith("qctl."):
            allowed = [part, *RULES[part]] if part else RULES[part]
            if not any(covers(rule, name) for rule in allowed):
                wrong.append(f"{module} (part {part}) imports {name}")
    return wrong


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_its_part_may(module: str) -> None:
    file = modules()[module]
    name = module.removesuffix(":pxd")
    found = imports(name, file.read_text("utf-8"), file.suffix != ".py", file.name == "__init__.py")
    assert offences(name, found) == []


def test_every_folder_has_modules() -> None:
    packages = {module.split(".")[1] for module in modules() if "." in module}
    assert set(FOLDERS) - {"qctl"} <= packages


@pytest.mark.parametrize(
    ("module", "text", "n_wrong"),
    [
        ("qctl.hil.lab", "from qctl.instruments import registry", 1),
        ("qctl.hil.lab", "import qctl.firmware_io.packets", 1),
        ("qctl.hil.lab", "def f():\n    from qctl.server.app import main", 1),
        ("qctl.hil.lab", "import importlib\nimportlib.import_module('qctl.server.app')", 1),
        ("qctl.hil.lab", "from qctl.lab import load_lab\nfrom qctl.cext.physics import step\nimport numpy", 0),
        ("qctl.hil.lab", "from qctl.client import connect", 1),
        ("qctl.hil.bench.run", "from qctl.client import connect", 0),
        ("qctl.hil.lab", "import pyvisa", 1),
        ("qctl.lab.load", "from qctl.compiler import pipeline", 1),
        ("qctl.lab.load", "from .decoding import decode\nfrom ..errors import QctlError", 0),
        ("qctl.lab.load", "from ..compiler import pipeline", 1),
        ("qctl.errors", "import qctl", 1),
        ("qctl.errors", "from qctl import Circuit", 1),
        ("qctl.compiler.passes", "from qctl import errors, units", 0),
        ("qctl.compiler.passes", "from qctl.circuit import Circuit", 1),
        ("qctl.instruments.tek.lower", "from qctl.instruments.tek.driver import Driver", 1),
        ("qctl.instruments.tek.lower", "from qctl.instruments.tek import driver", 1),
        ("qctl.instruments.tek.lower", "from qctl.instruments.tek.body import Body", 0),
        ("qctl.instruments.tek.driver", "from qctl.instruments.links.visa import VisaLink", 0),
        ("qctl.instruments.tek.driver", "from qctl.compiler import pipeline", 1),
        ("qctl.lowering", "from qctl.instruments.tek.lower import lower", 0),
        ("qctl.lowering", "from qctl.instruments.tek.driver import Driver", 1),
        ("qctl.server.host", "from qctl.instruments.registry import open_device", 0),
        ("qctl.server.host", "from qctl.instruments.tek.driver import Driver", 1),
        ("qctl.server.broker", "import sqlalchemy", 1),
        ("qctl.calibration.rabi", "from qctl.server.app import serve", 1),
        ("qctl.calibration.rabi", "from qctl.client import connect", 0),
        ("qctl.cli.app", "from qctl.server.app import serve", 0),
        ("qctl", "from qctl.client import connect", 0),
        ("qctl.misc", "", 1),
    ],
)
def test_the_rule_tells_right_from_wrong(module: str, text: str, n_wrong: int) -> None:
    assert len(offences(module, imports(module, text))) == n_wrong


@pytest.mark.parametrize(
    ("text", "n_wrong"),
    [
        ("from qctl.cext.records cimport instruction_t", 0),
        ("from qctl.errors import RequestError", 1),
        ("cimport qctl.cext.records as r, cython", 0),
        ("import numpy as np\nfrom qctl.program.layout import (\n    INSTRUCTION,\n    NONE,\n)", 2),
        ("# from qctl.errors import RequestError", 0),
    ],
)
def test_the_rule_reads_cython(text: str, n_wrong: int) -> None:
    assert len(offences("qctl.cext.kernel", imports("qctl.cext.kernel", text, cython=True))) == n_wrong
