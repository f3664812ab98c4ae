"""Check an Infiniium program against the box's and the lab's limits, before a byte leaves."""

from __future__ import annotations

from qctl.errors import LimitError, RequestError
from qctl.instruments.keysight_infiniium import capabilities as can
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["check_program"]


def check_program(body: DigitizerBody, instrument: Instrument) -> None:
    """Raise unless the program fits the box.

    Raises
    ------
    LimitError
        With the value and the bound.
    RequestError
        If the program contradicts itself or lab.toml.
    """
    name = instrument.name
    if body.rate_hz not in can.RATES_HZ:
        raise LimitError(f"{name}: rate_hz = {body.rate_hz:g} is not a rate of this box", instrument=name)
    can.RECORD_SAMPLES.check(body.n_samples, f"{name}: n_samples")
    can.DELAY_S.check(body.delay_s, f"{name}: delay_s")
    Limits(-5, 5).check(body.trigger_level_v, f"{name}: trigger_level_v")
    Limits(1, can.MAX_AVERAGES if body.averaged else can.MAX_SEGMENTS).check(body.n_records, f"{name}: n_records")
    n_held = body.n_samples * (1 if body.averaged else body.n_records)
    if n_held > can.MEMORY_SAMPLES:
        raise LimitError(f"{name}: {n_held} samples are over the memory of {can.MEMORY_SAMPLES}", instrument=name)
    if not body.inputs or len(body.inputs) != len(body.range_v) or len(set(body.inputs)) != len(body.inputs):
        raise RequestError(f"{name}: {len(body.inputs)} inputs and {len(body.range_v)} ranges", instrument=name)
    for number, range_v in zip(body.inputs, body.range_v, strict=True):
        if number not in instrument.input:
            raise RequestError(f"{name}: input {number} is not in lab.toml", instrument=name)
        can.RANGE_V.check(range_v, f"{name}: input {number} range_v")
