"""Circuits made by others: counts of `qctl run` are those of a density-matrix simulation from the hidden parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from judging import judge
from whole_programs import check_flips


@pytest.mark.parametrize("name", ["bv-4", "wstate-3", "qpeexact-3", "grover-3"])
def test_counts_are_those_of_the_simulation(tuned: Any, tmp_path: Path, name: str) -> None:
    verdict = judge(tuned, name, tmp_path)
    print(verdict)
    assert verdict.from_uniform >= 0.4
    assert verdict.n_cz <= 12
    assert verdict.passed, str(verdict)


def test_qubit_is_driven_on_from_what_a_measurement_found(tuned: Any) -> None:
    check_flips(tuned)
