"""qctl: the open integration layer for lab quantum computers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PUBLIC = {
    "Circuit": "qctl.circuit",
    "Parameter": "qctl.program.expressions",
    "Program": "qctl.program.program",
    "Target": "qctl.compiler.translate",
    "compile": "qctl.lowering",
    "connect": "qctl.client",
    "constant": "qctl.program.envelopes",
    "drag": "qctl.program.envelopes",
    "flat_top": "qctl.program.envelopes",
    "gaussian": "qctl.program.envelopes",
    "load": "qctl.formats.load",
    "samples": "qctl.program.envelopes",
    "sine": "qctl.program.envelopes",
    "translate": "qctl.compiler.rewrite",
}
"""Public name → module that defines it; loaded when first asked for."""

__all__ = [*PUBLIC]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'qctl' has no attribute {name!r}")
    value = getattr(import_module(PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
