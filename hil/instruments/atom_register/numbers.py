"""Numbers, expressions and waveforms of Pulser's abstract representation, with variables that have values.

Source: pulser-core 1.9.1, `pulser/json/abstract_repr/schemas/sequence-schema.json` (version 1): kinds of waveforms, and
expressions as ``{"expression": "index", "lhs": {"variable": name}, "rhs": 0}``. Waveforms are samples of 1 ns, in
rad/us; the area of a Blackman waveform is in rad.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["Variables", "number", "waveform", "whole"]

Variables = Mapping[str, Sequence[float]]
"""Values of a sequence's variables."""

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "mod": operator.mod,
    "pow": operator.pow,
}  # fmt: skip
_UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": operator.neg, "abs": abs, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "exp": math.exp,
}  # fmt: skip


def number(value: Any, variables: Variables) -> float:
    """Return what a number or expression comes to.

    Raises
    ------
    RequestError
        If it is none, or not finite.
    """
    found = _value(value, variables)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise RequestError(f"{value!r} is no number")
    return float(found)


def whole(value: Any, variables: Variables, least: int = 0) -> int:
    """Return a whole number, at least so large."""
    found = number(value, variables)
    if found != round(found) or found < least:
        raise RequestError(f"{found!r} is no whole number from {least} on")
    return round(found)


def _value(value: Any, variables: Variables) -> Any:
    if not isinstance(value, dict):
        return value
    if "variable" in value:
        if value["variable"] not in variables:
            raise RequestError(f"variable {value['variable']!r} has no value")
        return variables[value["variable"]]
    kind = value.get("expression")
    if kind == "index":
        found, index = _value(value["lhs"], variables), whole(value["rhs"], variables)
        if not isinstance(found, list | tuple) or index >= len(found):
            raise RequestError(f"{value!r} is outside the variable")
        return found[index]
    if kind in _BINARY:
        return _BINARY[kind](number(value["lhs"], variables), number(value["rhs"], variables))
    if kind in _UNARY:
        return _UNARY[kind](number(value["lhs"], variables))
    raise RequestError(f"expression {kind!r} is not played")


def waveform(entry: Any, variables: Variables) -> NDArray[np.float64]:
    """Return the samples of a waveform, one a ns.

    Raises
    ------
    RequestError
        If it is of no kind that is played.
    """
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if kind == "constant":
        return np.full(whole(entry["duration"], variables, 1), number(entry["value"], variables))
    if kind == "ramp":
        ends = number(entry["start"], variables), number(entry["stop"], variables)
        return np.linspace(*ends, whole(entry["duration"], variables, 1))
    if kind == "blackman":
        shape = np.clip(np.blackman(whole(entry["duration"], variables, 1)), 0.0, None)
        return np.asarray(shape * number(entry["area"], variables) / max(float(shape.sum()), 1e-300) * 1e3)
    if kind == "custom":
        return np.array([number(sample, variables) for sample in entry["samples"]])
    if kind == "composite":
        return np.concatenate([waveform(part, variables) for part in entry["waveforms"]])
    raise RequestError(f"waveform kind {kind!r} is not played")
