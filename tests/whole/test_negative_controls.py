"""The counts come from the samples: what is broken in cables and boxes after the tune-up shows in the counts."""

from __future__ import annotations

import time
from typing import Any

import pytest
from density import distance

import qctl
from qctl.errors import DeviceError

pytestmark = pytest.mark.full

SHOTS = 2000
SEEN = 0.15
FIRST, SECOND = "q1", "q2"

X = """OPENQASM 3.0;
include "stdgates.inc";
bit[1] c;
x $1;
c[0] = measure $1;
"""
BELL = """OPENQASM 3.0;
include "stdgates.inc";
bit[2] c;
h $1;
cx $1, $2;
c[0] = measure $1;
c[1] = measure $2;
"""
RAMSEY = """OPENQASM 3.0;
include "stdgates.inc";
bit[1] c;
sx $1;
delay[50ns] $1;
sx $1;
c[0] = measure $1;
"""


def three(lab: Any) -> list[dict[str, int]]:
    """Return the counts of X, Bell and Ramsey."""
    programs = [qctl.Circuit.from_qasm(text) for text in (X, BELL, RAMSEY)]
    found = lab.client.run(programs, shots=SHOTS, seed=0).result(60)
    for one in found.content["programs"]:
        assert one["layout"] == one["final_layout"] and FIRST in one["layout"]
    counts: list[dict[str, int]] = found.counts
    return counts


@pytest.fixture(scope="module")
def untouched(tuned: Any) -> list[dict[str, int]]:
    """Return the counts before anything is broken."""
    counts = three(tuned)
    for one, wanted in zip(counts, ({"1": 1}, {"00": 1, "11": 1}, {"1": 1}), strict=True):
        assert distance(one, wanted) < 0.12, counts
    return counts


@pytest.mark.parametrize(
    ("name", "on", "value"),
    [
        ("inverted_pulse", f"{FIRST}.drive", "2"),
        ("inverted_i", f"{FIRST}.drive", ""),
        ("scale", f"{FIRST}.drive", "0.5"),
        ("swap", f"{FIRST}.drive", f"{SECOND}.drive"),
        ("lo_shift", "lo_drive", "5e6"),
        ("lo_shift", "lo_readout", "5e6"),
    ],
    ids=["pulse", "i-component", "halved", "swapped", "drive-lo", "readout-lo"],
)
def test_fault_shows_in_the_counts_and_is_gone_when_cleared(
    tuned: Any, untouched: list[dict[str, int]], name: str, on: str, value: str
) -> None:
    tuned.fault(name, on, value)
    broken = three(tuned)
    distances = [distance(one, other) for one, other in zip(untouched, broken, strict=True)]
    print(f"{name} on {on}:", *(f"{d:.3f}" for d in distances))
    assert max(distances) > SEEN, distances
    tuned.clear()
    again = [distance(one, other) for one, other in zip(untouched, three(tuned), strict=True)]
    assert max(again) < 0.06, again


def test_silent_digitizer_is_a_device_error_that_names_it(tuned: Any, untouched: list[dict[str, int]]) -> None:
    longest_s = tuned.client.description.instrument("dig0").timeout_s
    tuned.fault("silence", "dig0")
    begin = time.monotonic()
    with pytest.raises(DeviceError, match="dig0") as caught:
        three(tuned)
    assert time.monotonic() - begin < longest_s + 5
    assert caught.value.details["instrument"] == "dig0"
    tuned.clear()
    tuned.all_up()
    again = [distance(one, other) for one, other in zip(untouched, three(tuned), strict=True)]
    assert max(again) < 0.06, again
