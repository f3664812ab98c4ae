"""Lower captures to what an Infiniium records: one window that covers all of them, one record a trigger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from qctl.errors import CompileError
from qctl.instruments.capability import limit
from qctl.instruments.checker import check_number, usage
from qctl.instruments.keysight_infiniium import capabilities as can
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.lab import Instrument, Lab
from qctl.lab.held import Same, kept
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.timeline import CaptureSpec, Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["lower"]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one digitizer.

    The window begins at the sample of the earliest capture of any point and ends with the last one, so that it is the
    same for all points and nothing is set up between them.

    Raises
    ------
    CompileError
        If a capture starts before the trigger, needs an input that lab.toml does not have, or the rate is none of the
        box's.
    """
    captures = [capture for capture in shots.captures if capture.instrument == instrument.name]
    if any(capture.starts_s is not None for capture in captures):
        return _lowered(captures, instrument, shots)
    alike = {(capture.start_s, capture.length_s, capture.port, capture.inputs): capture for capture in captures}
    return kept(
        lab,
        (
            "keysight-infiniium-s",
            instrument.name,
            Same(can.TABLES[instrument.model]),
            shots.n_shots,
            shots.averaged,
            tuple(alike),
        ),
        lambda: _lowered(captures, instrument, shots),
    )


def _lowered(captures: Sequence[CaptureSpec], instrument: Instrument, shots: Shots) -> DeviceProgram:
    name = instrument.name
    if not captures:
        raise CompileError(f"{name}: nothing is captured", instrument=name)
    table = can.TABLES[instrument.model]
    if instrument.clock_hz is None:
        raise CompileError(f"{name}: clock_hz is not given in lab.toml", instrument=name)
    check_number(table, "clocks.sample.hz", instrument.clock_hz, name)
    rate_hz = rational_hz(instrument.clock_hz)
    first, end, longest = _window(captures, rate_hz, name)
    n_samples = max(end - first, limit(table, "channels.input.length").least)
    inputs = tuple(sorted({number for capture in captures for number in capture.inputs}))
    missing = [number for number in inputs if number not in instrument.input]
    if missing:
        raise CompileError(f"{name}: input {missing[0]} is not in lab.toml", instrument=name)
    for number in inputs:
        check_number(table, "channels.input.number", number, f"{name} input {number}")
        check_number(table, "settings.range_v", instrument.input[number].range_v, f"{name} input {number}")
    check_number(table, "settings.delay_s", first / instrument.clock_hz, name)
    body = DigitizerBody(
        rate_hz=instrument.clock_hz,
        n_samples=n_samples,
        delay_s=first / instrument.clock_hz,
        inputs=inputs,
        range_v=tuple(instrument.input[number].range_v for number in inputs),
        n_records=shots.n_shots,
        averaged=shots.averaged,
    )
    n_held = n_samples * (1 if shots.averaged else shots.n_shots)
    rows = (
        usage(table, "scope.averages" if shots.averaged else "scope.records", shots.n_shots),
        usage(table, "channels.input.length", n_samples, longest, name="record samples"),
        usage(table, "scope.samples", n_held, longest),
        Usage("samples a read", n_held, max(limit(table, "settings.read_samples").most, n_samples), longest),
    )
    return DeviceProgram(name, instrument.model, body.to_bytes(), {}, 1, rows)


def _window(captures: Sequence[CaptureSpec], rate_hz: Fraction, name: str) -> tuple[int, int, str]:
    """Return the first sample, the sample after the last, and the port of the longest capture."""
    first: int | None = None
    end = longest = 0
    place = ""
    known: set[tuple[float, float]] = set()  # programs of a run capture alike
    for capture in captures:
        if capture.starts_s is None and (capture.start_s, capture.length_s) in known:
            continue
        if capture.starts_s is None:
            known.add((capture.start_s, capture.length_s))
        starts_s = [capture.start_s] if capture.starts_s is None else capture.starts_s.tolist()
        ticks = [to_ticks(start_s, rate_hz).ticks for start_s in (min(starts_s), max(starts_s))]
        if ticks[0] < 0:
            raise CompileError(
                f"{name}: {capture.slot} of {capture.port} starts {-min(starts_s):.6g} s before the trigger",
                instrument=name,
            )
        length = math.ceil(Fraction(repr(capture.length_s)) * rate_hz)
        first = ticks[0] if first is None else min(first, ticks[0])
        end = max(end, ticks[1] + length)
        if length > longest:
            longest, place = length, capture.port
    assert first is not None
    return first, end, place
