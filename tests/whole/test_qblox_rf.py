"""Labs on Qblox clusters whose modules mix inside: tuned up, their counts are right, and their LOs are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from whole_programs import BELL, check_bell, check_flips, check_frequencies, tuned_lab

import qctl

LO = {"qblox2-rf": ("rfc0", "output1_lo_hz"), "qblox2-qrc": ("qrc0", "output3_lo_hz")}
"""Instrument and parameter of the LO that the first transmon's drive is mixed with: a QCM-RF's, or a QRC's, which does
everything but the flux."""


@pytest.fixture(scope="module", params=list(LO))
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab on RF modules after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("qblox_rf"), request.param, 3)


@pytest.mark.full
def test_bell_state_by_the_command_line(cluster: Any, tmp_path: Path) -> None:
    check_bell(cluster, tmp_path)


@pytest.mark.full
def test_qubit_is_driven_on_from_what_a_measurement_found(cluster: Any) -> None:
    check_flips(cluster)


@pytest.mark.full
def test_tune_up_found_the_truth(cluster: Any) -> None:
    check_frequencies(cluster)


@pytest.mark.full
def test_lo_that_is_moved_by_hand_is_put_right_by_the_next_run(cluster: Any) -> None:
    lab, (box, name) = cluster.client, LO[cluster.name]
    planned_hz = lab.instruments[box].get(name)
    lab.instruments[box].set(name, 5.2e9)
    assert lab.instruments[box].get(name) == 5.2e9
    counts = lab.run(qctl.Circuit.from_qasm(BELL), shots=500).result(60).counts
    assert counts.get("00", 0) + counts.get("11", 0) > 440
    assert lab.instruments[box].get(name) == planned_hz != 5.2e9
