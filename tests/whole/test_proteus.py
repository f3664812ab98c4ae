"""A lab whose transmons a Tabor Proteus drives, beside an AWG5014C for flux and readout: counts, and a control."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_programs import check_bell, check_lifetime, check_readout, check_samples_decide, rabi_of, tuned_lab

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the lab after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("proteus"), "proteus2", 3)


def height_v(lab: Any) -> float:
    """Return the height of a pi/2 pulse: truth is that of steps at 1.2 GSa/s, which weaken it more."""
    true = lab.truth["qubits"]["q0"]
    offset_hz = true["frequency_hz"] - 5.1e9
    return float(true["amplitude_v"] * np.sinc(offset_hz / 1.2e9) / np.sinc(offset_hz / 2.0e9))


def test_bell_state_by_the_command_line(rack: Any, tmp_path: Path) -> None:
    check_bell(rack, tmp_path)


def test_readout_is_the_true_one(rack: Any) -> None:
    check_readout(rack)


def test_excitation_decays_with_the_true_lifetime(rack: Any) -> None:
    check_lifetime(rack, height_v(rack), 20e-9)


def test_repeated_run_uploads_nothing_and_a_changed_amplitude_its_own_waveforms(rack: Any) -> None:
    def uploaded(turns: list[float]) -> dict[str, int]:
        found = rack.client.run(rabi_of(rack, height_v(rack), turns), shots=200, averaged=True).result(60)
        counted: dict[str, int] = found.content["uploaded_bytes"]
        return counted

    uploaded([0.5, 1.0, 1.5])
    assert sum(uploaded([0.5, 1.0, 1.5]).values()) == 0
    before = rack.hil("counters")["pro0"]["waveforms"]
    changed = uploaded([0.5, 1.1, 1.5])
    assert changed["pro0"] > 0 and sum(changed.values()) == changed["pro0"]
    assert rack.hil("counters")["pro0"]["waveforms"] - before <= 2


def test_samples_decide_the_counts(rack: Any) -> None:
    check_samples_decide(rack)
