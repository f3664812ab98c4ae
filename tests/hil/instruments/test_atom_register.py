"""The emulated register server: what each channel plays, moves, runs and their refusals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.hil.instruments.atom_register.sequence import read_sequence

DEVICE = {
    "channels": [
        {"id": "g", "basis": "ground-rydberg", "addressing": "Global", "clock_period": 4, "min_duration": 16,
         "max_amp": 10.0, "max_abs_detuning": 50.0},
        {"id": "l", "basis": "ground-rydberg", "addressing": "Local", "min_retarget_interval": 100},
        {"id": "r", "basis": "digital", "addressing": "Local"},
    ]
}  # fmt: skip


def pulse(channel: str, n: Any, amplitude: Any = 1.0, **more: Any) -> dict[str, Any]:
    shape = {"kind": "constant", "duration": n, "value": amplitude}
    detuned = {"kind": "constant", "duration": n, "value": 2.0}
    found = {"op": "pulse", "channel": channel, "protocol": "no-delay", "amplitude": shape, "detuning": detuned}
    return found | {"phase": 0.5, "post_phase_shift": 0.0} | more


def text(*operations: dict[str, Any], device: Any = DEVICE, **more: Any) -> bytes:
    channels = {"G": "g", "L": "l", "R": "r"} if device is DEVICE else {"G": "rydberg_global", "R": "raman_local"}
    content = {
        "version": "1", "name": "s", "device": device, "channels": channels, "variables": {}, "measurement": None,
        "register": [{"name": f"a{k}", "x": 5.0 * k, "y": 0.0} for k in range(3)], "operations": list(operations),
    }  # fmt: skip
    return json.dumps(content | more).encode()


def test_operations_follow_each_other_on_a_channel() -> None:
    delay = {"op": "delay", "channel": "G", "time": 20}
    sequence = read_sequence(
        text(pulse("G", 40), delay, pulse("G", 16, 3.0), {"op": "target", "channel": "L", "target": 1})
    )
    found = {one.name: one for one in sequence.play({}).channels}
    np.testing.assert_array_equal(found["g"].amplitude, np.repeat([1e6, 0.0, 3e6], [40, 20, 16]))
    np.testing.assert_array_equal(found["g"].detuning, np.repeat([2e6, 0.0, 2e6], [40, 20, 16]))
    assert found["l"].target.tolist() == [1] * 76 and found["g"].target.tolist() == [-1] * 76
    assert found["r"].transition == "raman"
    np.testing.assert_allclose(sequence.positions_m[2], [10e-6, 0.0])


def test_local_channel_stays_as_long_as_it_must() -> None:
    aim = {"op": "target", "channel": "L"}
    operations = [aim | {"target": 0}, pulse("L", 30), aim | {"target": 2}, pulse("L", 30), aim | {"target": 0}]
    found = read_sequence(text(*operations, pulse("L", 200))).play({}).channels[1]
    assert np.flatnonzero(np.diff(found.target)).tolist() == [99, 199]
    assert np.flatnonzero(np.diff(found.amplitude)).tolist() == [29, 99, 129, 199]


def test_variables_and_expressions_have_values() -> None:
    index = {"expression": "index", "lhs": {"variable": "v"}, "rhs": 0}
    doubled = {"expression": "mul", "lhs": index, "rhs": 2}
    sequence = read_sequence(text(pulse("G", index, {"expression": "div", "lhs": doubled, "rhs": 16})))
    assert sequence.play({"v": [16]}).channels[0].amplitude.tolist() == [2e6] * 16
    assert sequence.play({"v": [32]}).length_ns == 32
    with pytest.raises(RequestError, match=r"operation 0 .* variable 'v' has no value"):
        sequence.play({})


def test_phases_are_kept_for_what_follows() -> None:
    shift = {"op": "phase_shift", "phi": 0.25, "targets": [0, 1, 2], "basis": "ground-rydberg"}
    sequence = read_sequence(text(pulse("G", 16, post_phase_shift=1.0), shift, pulse("G", 16)))
    assert sequence.play({}).channels[0].phase[[0, 16]].tolist() == [0.5, 1.75]


def test_devices_of_pulser_are_known_by_name() -> None:
    sequence = read_sequence(text(pulse("G", 3), device="MockDevice"))
    assert [one.name for one in sequence.play({}).channels] == ["rydberg_global", "raman_local"]


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (pulse("G", 10), r"operation 0 \(pulse\): 10 ns are under 16"),
        (pulse("G", 18), "off the clock"),
        (pulse("G", 16, 11.0), r"amplitude of 11 rad/us is over 10"),
        (pulse("G", 16, -1.0), "amplitude below 0"),
        (pulse("G", 16, float("nan")), "nan is no number"),
        (pulse("G", 16, protocol="wait-for-all"), "no-delay is"),
        (pulse("L", 16), "points at no atom yet"),
        ({"op": "target", "channel": "G", "target": 0}, "can't point at atom 0"),
        ({"op": "target", "channel": "L", "target": 3}, "can't point at atom 3"),
        ({"op": "delay", "channel": "G", "time": 6}, "off the clock of 4 ns"),
        ({"op": "delay", "channel": "G", "time": 2_000_000}, "lasts 2000000 ns, over 1000000"),
        ({"op": "eom", "channel": "G"}, "is not played"),
        (pulse("G", 16, detuning={"kind": "kaiser", "duration": 16}), "waveform kind 'kaiser' is not played"),
    ],
)
def test_what_is_not_played_is_refused_by_its_number(operation: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        read_sequence(text(operation)).play({})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "no sequence of version 1"),
        (text(version="2"), "version '2' is not 1"),
        (text(register=[]), "0 atoms"),
        (text(channels={"G": "none"}), "has no channel 'none'"),
        (text({"op": "delay", "channel": "X", "time": 1}), "there is no channel 'X'"),
        (text(measurement="XY"), "measured in 'XY'"),
    ],
)
def test_what_is_no_sequence_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        read_sequence(content)
