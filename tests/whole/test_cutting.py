"""Sweeps that no memory holds at once are played in batches: every point in its place, with exactly its shots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marked_sweep import marked_sweep, marks, misplaced
from probe import PROBE

import qctl
from qctl.errors import CompileError


@pytest.fixture(scope="module")
def believing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab of two transmons, and what sets the memory that the server's compiler believes in."""
    from small_memory import start_small
    from whole_lab import WholeLab

    folder: Path = tmp_path_factory.mktemp("cut")
    beliefs = folder / "beliefs.json"
    lab = WholeLab(folder, "transmon2", 3, serve=start_small(beliefs))
    lab.believe = lambda **families: beliefs.write_text(json.dumps(families))  # type: ignore[attr-defined]
    try:
        yield lab
    finally:
        lab.end()


def run(lab: Any, program: Any, **options: Any) -> tuple[Any, int]:
    """Return the result of a job, and in how many batches it was played."""
    job = lab.client.run(program, **options)
    result, n_batches = None, 0
    for event in lab.client.events(f"progress.{job.id}", f"ended.{job.id}", timeout_s=30):
        if event.topic.startswith("ended"):
            break
        n_batches += event.body["stage"] == "uploading"
    result = job.result(30)
    return result, n_batches


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize(("n_elements", "n_fewest"), [(30, 1), (29, 2), (7, 5), (1, 30)])
def test_points_come_back_in_order_however_they_were_cut(
    believing: Any, averaged: bool, n_elements: int, n_fewest: int
) -> None:
    believing.believe(awg={"sequence": n_elements})
    values = marks(30, n_elements)
    result, found = run(believing, marked_sweep(values), shots=40, averaged=averaged)
    iq = result.iq["m"]
    assert iq.shape == ((30,) if averaged else (40, 30))
    assert np.isfinite(iq).all() and not result.partial and result.content["points_done"] == 30
    assert misplaced(iq if averaged else iq.mean(axis=0), values, 0.15) == 0
    assert n_fewest <= found <= 2 * n_fewest and (found == 1) == (n_fewest == 1)


def test_nested_sweep_is_cut_inside_its_inner_axis(believing: Any) -> None:
    believing.believe(awg={"sequence": 5})
    values = marks(6, 1)
    result, n_batches = run(believing, marked_sweep(values, n_inner=4), shots=40)
    assert result.iq["m"].shape == (6, 4) and n_batches > 4
    assert misplaced(result.iq["m"].mean(axis=1), values, 0.15) == 0


@pytest.mark.parametrize(("missing", "n_batches"), [(0, 1), (1, 2)])
def test_memory_of_samples_at_its_limit_and_one_below(believing: Any, missing: int, n_batches: int) -> None:
    n_samples = round(1e-6 * 1.2e9)
    believing.believe(awg={"waveforms.samples": 12 * n_samples - missing})
    values = marks(12, 2 + missing)
    result, found = run(believing, marked_sweep(values), shots=40)
    assert found == n_batches
    assert misplaced(result.iq["m"], values, 0.15) == 0


def test_shots_are_cut_where_the_digitizer_is_full_and_none_is_lost(believing: Any) -> None:
    believing.believe(awg={"sequence": 3}, digitizer={"scope.records": 17})
    values = marks(8, 4)
    result, n_batches = run(believing, marked_sweep(values), shots=101, averaged=False)
    assert result.iq["m"].shape == (101, 8) and np.isfinite(result.iq["m"]).all()
    assert len(np.unique(result.iq["m"])) == 808, "a shot was kept twice"
    assert misplaced(result.iq["m"].mean(axis=0), values, 0.15) == 0
    assert n_batches == -(-8 // 3) * -(-101 // 17), "points by three, shots by seventeen"
    counted, _ = run(believing, qctl.Circuit.from_qasm(PROBE), shots=101)
    assert sum(counted.counts.values()) == 101


def test_single_shot_that_does_not_fit_is_refused_with_its_pulse(believing: Any) -> None:
    believing.believe(awg={"waveforms.samples": 1199})
    with pytest.raises(CompileError, match=r"1200 waveform samples of awg\d .*has 1199.*q0\.readout"):
        believing.client.run(marked_sweep(marks(3, 5)), shots=10).result(20)
