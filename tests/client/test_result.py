"""What a result has and what it says it lacks: counts of single shots, populations of averages."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from qctl.client.result import ProgramResult, Result
from qctl.errors import RequestError

AXES = (("amp", np.array([0.0, 0.1, 0.2]), "V"),)
IQ = {"m": np.array([1 + 1j, 1 + 2j, 1 + 3j]), "q1": np.zeros(3, complex)}


def result(**change: Any) -> Result:
    """Return the result of job 7, averaged unless the change says otherwise."""
    readout = {
        "m": {"qubit": "q0", "center0_v": [1.0, 1.0], "center1_v": [1.0, 3.0]},
        "q1": {"qubit": "q1", "center0_v": [1.0, 1.0], "center1_v": None},
    }
    content = {"averaged": True, "counts": [], "bits": [], "shots": 9, "shots_done": 9, "readout": readout}
    return Result(7, "done", (ProgramResult(7, AXES, IQ, {}, content | change),), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bits": ["c"]}, "job 7 was averaged by the digitizer and has no counts; run it with averaged=False"),
        ({}, "run it with averaged=False and give its measurements bits"),
        ({"averaged": False}, "job 7 sets no bits, so it has no counts"),
        ({"averaged": False, "shots_done": 0}, "job 7 finished no shots, so it has no counts"),
    ],
)
def test_counts_that_are_not_there_are_refused_with_the_reason(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        _ = result(**change).counts


def test_population_is_the_place_between_the_calibrated_points() -> None:
    dataset = result().dataset
    assert dataset["m_population"].values == pytest.approx([0.0, 0.5, 1.0])
    assert dataset["m_population"].dims == ("amp",)
    assert dataset["m_population"].attrs == {"units": "1", "long_name": "excited-state population of q0"}
    assert list(dataset.data_vars) == ["m", "q1", "m_population"] and dataset.attrs["job"] == 7
    assert list(result().populations) == ["m"]


def test_single_shots_and_points_that_are_the_same_have_no_population() -> None:
    assert result(averaged=False).populations == {}
    same = {"m": {"qubit": "q0", "center0_v": [1.0, 1.0], "center1_v": [1.0, 1.0]}}
    assert result(readout=same).populations == {} and result(readout={}).populations == {}


def test_averaged_job_of_a_server_has_iq_and_no_counts(lab) -> None:
    found = lab.run(json.dumps({"n_points": 3}), shots=20, averaged=True).result(20)
    assert found.iq["c[0]"].shape == (3,)
    with pytest.raises(RequestError, match=rf"job {found.job} was averaged .* averaged=False$"):
        _ = found.counts
