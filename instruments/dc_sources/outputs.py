"""What all DC sources ask of an output's entry in lab.toml, and how its limits go beyond those of the command table."""

from __future__ import annotations

from collections.abc import Mapping

from qctl.errors import RequestError
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["narrow", "slew_and_safe"]


def slew_and_safe(instrument: Instrument, number: int) -> tuple[float, float]:
    """Return the fastest change of an output in volts per second, and its voltage in the safe state.

    Raises
    ------
    RequestError
        If lab.toml doesn't say both.
    """
    output = instrument.output[number]
    if output.slew_v_per_s is None or output.safe_v is None:
        raise RequestError(f"instruments.{instrument.name}.output.{number} needs slew_v_per_s and safe_v in lab.toml")
    return output.slew_v_per_s, output.safe_v


def narrow(limits: dict[str, Limits], bounds: Mapping[str, Limits]) -> None:
    """Narrow limits to further bounds of the same parameters; a parameter without any gets them."""
    for name, bound in bounds.items():
        own = limits.get(name, bound)
        limits[name] = Limits(max(own.low, bound.low), min(own.high, bound.high))
