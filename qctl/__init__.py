"""qctl: the open integration layer for lab quantum computers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PUBLIC = {
    "Cache": "qctl.program.cache",
    "Circuit": "qctl.circuit",
    "NoiseModel": "qctl.simulation.noise",
    "Parameter": "qctl.program.expressions",
    "PauliSum": "qctl.simulation.observables",
    "Program": "qctl.program.program",
    "Rates": "qctl.compiler.rates",
    "Sequences": "qctl.compiler.sequences",
    "Target": "qctl.compiler.target",
    "calibrate": "qctl.calibration.tuneup",
    "compile": "qctl.lowering",
    "connect": "qctl.client",
    "constant": "qctl.program.envelopes",
    "drag": "qctl.program.envelopes",
    "estimate": "qctl.simulation.simulate",
    "flat_top": "qctl.program.envelopes",
    "gaussian": "qctl.program.envelopes",
    "gradient": "qctl.simulation.gradient",
    "load": "qctl.formats.load",
    "propagate": "qctl.simulation.propagate",
    "samples": "qctl.program.envelopes",
    "simulate": "qctl.simulation.simulate",
    "sine": "qctl.program.envelopes",
    "translate": "qctl.compiler.rewrite",
    "visa_manager": "qctl.integrations.visa",
}
"""Public name → module that defines it; loaded when first asked for."""

MODULES: dict[str, str] = {"aio": "qctl.client.aio", "channels": "qctl.simulation.channels"}
"""Public name → module that it stands for."""

__all__ = [*PUBLIC, *MODULES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in MODULES:
        value = import_module(MODULES[name])
    elif name in PUBLIC:
        value = getattr(import_module(PUBLIC[name]), name)
    else:
        raise AttributeError(f"module 'qctl' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC, *MODULES])
