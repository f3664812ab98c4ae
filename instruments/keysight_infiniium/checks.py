"""Check an Infiniium program against the box's and the lab's limits, before a byte leaves."""

from __future__ import annotations

from qctl.errors import LimitError, RequestError
from qctl.instruments.capability import limit
from qctl.instruments.keysight_infiniium import capabilities as can
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.lab import Instrument

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
    table = can.TABLES[can.MODEL]
    if body.rate_hz not in limit(table, "clocks.sample.hz").choices:
        raise LimitError(f"{name}: rate_hz = {body.rate_hz:g} is not a rate of this box", instrument=name)
    limit(table, "channels.input.length").limits.check(body.n_samples, f"{name}: n_samples")
    limit(table, "settings.delay_s").limits.check(body.delay_s, f"{name}: delay_s")
    limit(table, "settings.trigger_level_v").limits.check(body.trigger_level_v, f"{name}: trigger_level_v")
    counted = limit(table, "scope.averages" if body.averaged else "scope.records")
    counted.limits.check(body.n_records, f"{name}: n_records")
    n_held = body.n_samples * (1 if body.averaged else body.n_records)
    memory = limit(table, "scope.samples").most
    if n_held > memory:
        raise LimitError(f"{name}: {n_held} samples are over the memory of {memory}", instrument=name)
    if not body.inputs or len(body.inputs) != len(body.range_v) or len(set(body.inputs)) != len(body.inputs):
        raise RequestError(f"{name}: {len(body.inputs)} inputs and {len(body.range_v)} ranges", instrument=name)
    for number, range_v in zip(body.inputs, body.range_v, strict=True):
        if number not in instrument.input:
            raise RequestError(f"{name}: input {number} is not in lab.toml", instrument=name)
        limit(table, "settings.range_v").limits.check(range_v, f"{name}: input {number} range_v")
