"""Entries of lab.toml for modules of an SPI rack, as tests change them."""

from __future__ import annotations

from typing import Any

import msgspec

from qctl.lab import CurrentOutput, Instrument, Output

__all__ = ["currents", "voltages"]

_FAST = 1e6


def _output(number: int, **changes: Any) -> Output:
    found = Output(number=number, limits_v=(-1.0, 1.0), slew_v_per_s=_FAST, safe_v=0.25)
    return msgspec.structs.replace(found, **changes)


def voltages(*numbers: int, address: str = "ASRL/dev/ttyACM0::INSTR", **changes: Any) -> Instrument:
    """Return a D5a with some outputs of ±1 V and no slew to speak of."""
    outputs = {n: _output(n, **changes) for n in numbers}
    return Instrument(name="d5a0", model="qblox-d5a", address=address, module=2, timeout_s=0.3, output=outputs)


def currents(*numbers: int, address: str = "ASRL/dev/ttyACM0::INSTR", **changes: Any) -> Instrument:
    """Return a S4g with some outputs of ±10 mA and no slew to speak of."""
    one = CurrentOutput(number=0, range_a=0.05, limits_a=(-0.01, 0.01), slew_a_per_s=_FAST, safe_a=0.0)
    current = {n: msgspec.structs.replace(one, number=n, **changes) for n in numbers}
    return Instrument(name="s4g0", model="qblox-s4g", address=address, module=5, timeout_s=0.3, current=current)
