"""Lowering for the Infiniium: one window around all captures, shots as records or averages, limits reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from qctl.errors import CompileError
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.instruments.keysight_infiniium.lower import lower
from qctl.lab import Instrument, Lab
from qctl.program.timeline import CaptureSpec, Shots

Named = Callable[..., Instrument]


def capture(start_s: float, length_s: float = 1e-6, **more: Any) -> CaptureSpec:
    return CaptureSpec("q0.readout", "q0", "m", 0, "dig0", (1, 2), 5e6, start_s, length_s, **more)


def lowered(lab: Lab, instrument: Instrument, *captures: CaptureSpec, n_shots: int = 10, averaged: bool = False) -> Any:
    return lower((), instrument, lab, Shots(n_shots, averaged, 2e-4, captures))


def test_window_covers_all_captures_of_all_points(lab: Lab, named: Named) -> None:
    other = capture(0.0, starts_s=np.array([2.0e-6, 1.504e-6, 4.0e-6]))
    program = lowered(lab, named("dig0"), capture(1.6e-6), other)
    body = DigitizerBody.from_bytes(program.body)
    assert body.delay_s * 5e8 == pytest.approx(752, abs=1e-9)
    assert body.n_samples == 2000 + 500 - 752
    assert (body.inputs, body.range_v, body.n_records, body.averaged) == ((1, 2), (0.8, 0.8), 10, False)
    assert [(row.resource, row.used) for row in program.usage] == [
        *(("records", 10), ("record samples", 1748), ("samples", 17480), ("samples a read", 17480)),
    ]
    assert all(row.fits for row in program.usage)


def test_averaging_keeps_one_record(lab: Lab, named: Named) -> None:
    program = lowered(lab, named("dig0"), capture(1e-6), n_shots=2000, averaged=True)
    assert (program.usage[0].resource, program.usage[0].used) == ("averages", 2000)
    assert program.usage[2].used == 500


@pytest.mark.parametrize(
    ("n_shots", "averaged", "fits"),
    [(65_536, False, True), (65_537, False, False), (65_534, True, True), (65_535, True, False)],
)
def test_shots_over_the_box_are_reported(lab: Lab, named: Named, n_shots: int, averaged: bool, fits: bool) -> None:
    program = lowered(lab, named("dig0"), capture(1e-6), n_shots=n_shots, averaged=averaged)
    assert program.usage[0].fits is fits


def test_record_longer_than_a_read_is_one_read(lab: Lab, named: Named) -> None:
    long = lowered(lab, named("dig0"), capture(1e-6, 0.02), n_shots=1)
    assert long.usage[3].used == 10_000_000 and all(row.fits for row in long.usage)
    assert not lowered(lab, named("dig0"), capture(1e-6, 0.02), n_shots=2).usage[3].fits


def test_short_capture_gets_the_shortest_record(lab: Lab, named: Named) -> None:
    assert DigitizerBody.from_bytes(lowered(lab, named("dig0"), capture(1e-6, 1e-8)).body).n_samples == 16


def test_what_is_not_possible_is_refused(lab: Lab, named: Named) -> None:
    with pytest.raises(CompileError, match="starts 1e-08 s before the trigger"):
        lowered(lab, named("dig0"), capture(-1e-8))
    with pytest.raises(CompileError, match=r"clock_hz = 490000000 is none of the 37 values .* take 500000000 Hz"):
        lowered(lab, named("dig0", clock_hz=4.9e8), capture(1e-6))
    with pytest.raises(CompileError, match=r"input 1 is not in lab.toml"):
        lowered(lab, named("dig0", input={}), capture(1e-6))
    with pytest.raises(CompileError, match="nothing is captured"):
        lowered(lab, named("dig0"))


def test_what_the_box_would_refuse_is_refused_before_anything_is_sent(lab: Lab, named: Named) -> None:
    box = named("dig0")
    lowered(
        lab,
        msgspec.structs.replace(box, input={**box.input, 1: msgspec.structs.replace(box.input[1], range_v=8.0)}),
        capture(1e-6),
    )
    wide = msgspec.structs.replace(box, input={**box.input, 1: msgspec.structs.replace(box.input[1], range_v=8.1)})
    with pytest.raises(
        CompileError, match=r"dig0 input 1: range_v = 8\.1 is over 8 V, the most of a keysight-infiniium-s"
    ):
        lowered(lab, wide, capture(1e-6))
    lowered(lab, box, capture(10.0))
    with pytest.raises(CompileError, match=r"dig0: delay_s = 10\.1 is over 10 s"):
        lowered(lab, box, capture(10.1))
