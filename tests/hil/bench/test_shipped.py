"""Every scenario that ships holds; those whose lab is quick share one lab, the others take `make test-full`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qctl.cli.hil_run import tune_up
from qctl.errors import RequestError
from qctl.hil.bench.bench import Bench
from qctl.hil.bench.rack import BenchLab, open_lab
from qctl.hil.bench.scenario import LabWanted, Scenario, read_scenario, shipped
from qctl.hil.bench.steps import Calibrate, Fault

QUICK = LabWanted(virtual="transmon2", seed=3, timeout_s=1.5)
SLOW = ("drop", "silence", "killed_server")


def cases() -> list[object]:
    """Return the scenarios, with the mark `full` where they take long; neighbours want the same lab."""
    found = []
    for name, path in sorted(shipped().items(), key=lambda item: str(read_scenario(item[1]).lab)):
        scenario = read_scenario(path)
        calibrates = any(isinstance(step, Calibrate) for step in scenario.steps)
        slow = scenario.lab != QUICK or calibrates or name in SLOW
        found.append(pytest.param(scenario, id=name, marks=[pytest.mark.full] if slow else []))
    return found


@pytest.fixture(scope="module")
def labs() -> Iterator[dict[LabWanted, BenchLab]]:
    """Return the lab that runs, by what was wanted."""
    found: dict[LabWanted, BenchLab] = {}
    yield found
    for lab in found.values():
        lab.close()


def lab_for(scenario: Scenario, labs: dict[LabWanted, BenchLab]) -> BenchLab:
    """Return the lab of a scenario; only one runs at a time."""
    if scenario.lab not in labs:
        for old in labs.values():
            old.close()
        labs.clear()
        labs[scenario.lab] = open_lab(scenario.lab, Path())
    return labs[scenario.lab]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scenario", cases())
def test_scenario_holds(scenario: Scenario, labs: dict[LabWanted, BenchLab]) -> None:
    outcome = Bench(lab_for(scenario, labs), tune_up).play(scenario)
    assert outcome.all_problems == []
    assert len(outcome.steps) == len(scenario.steps)
    if any(isinstance(step, Fault) for step in scenario.steps):
        assert len(outcome.faults) == 1


def test_what_the_lab_has_not_is_refused_before_anything_is_done(
    labs: dict[LabWanted, BenchLab], tmp_path: Path
) -> None:
    quick = read_scenario(shipped()["cut"])
    lab = lab_for(quick, labs)
    file = tmp_path / "other.toml"
    file.write_text('schema = 1\nname = "a"\n[[steps]]\ndo = "get"\ninstrument = "lo9"\nparameter = "p"\n')
    with pytest.raises(RequestError, match=r"other.toml: steps\[0\]: this lab has no instrument 'lo9'"):
        Bench(lab, tune_up).play(read_scenario(file))
    plant, lab.plant = lab.plant, ""
    try:
        with pytest.raises(RequestError, match=r"cut.toml: steps\[1\]: fault cut on lo_drive can't be made: this lab"):
            Bench(lab, tune_up).play(quick)
    finally:
        lab.plant = plant
