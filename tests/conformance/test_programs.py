"""Twenty programs on every target: taken by the vendor's software, and played as the ideal has it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
import verdict
import zurich  # noqa: F401  before all that may bring another copy of the vendor's compiler
from ideal import Capture, Event, events_of
from page import page, without_numbers
from programs import PROGRAMS
from targets import TARGETS
from verdict import Cell, cell_of

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
_PROGRAMS, _TARGETS = {e.name: e for e in PROGRAMS}, {t.name: t for t in TARGETS}


@cache
def cell(program: str, target: str) -> Cell:
    """Return what the table says of a program on a target."""
    with tempfile.TemporaryDirectory() as folder:
        return cell_of(_PROGRAMS[program], _TARGETS[target], Path(folder))


def test_there_are_twenty_programs() -> None:
    assert len(PROGRAMS) == len(_PROGRAMS) == 20 and len(TARGETS) == len(_TARGETS)


@pytest.mark.parametrize("target", _TARGETS)
@pytest.mark.parametrize("program", _PROGRAMS)
def test_program_is_played_as_it_is_meant_or_refused(program: str, target: str) -> None:
    found = cell(program, target)
    assert not found.faults
    assert found.status in ("played", "taken", "compiled", "refused", "other platform")
    assert bool(found.words) or found.status in ("played", "other platform")


def test_the_page_says_what_was_found(request: pytest.FixtureRequest) -> None:
    made = page({(e, t): cell(e, t) for e in _PROGRAMS for t in _TARGETS})
    target = request.config.getoption("--page")
    if target:
        Path(target).write_text(made, "utf-8")
    assert without_numbers(PAGE.read_text("utf-8")) == without_numbers(made), "run make conformance with --page"


@pytest.mark.parametrize("target", ["qblox", "zurich-shfqc", "qick", "qick-v1", "tektronix-awg5014c"])
@pytest.mark.parametrize(
    "change",
    [{"amp_v": 1.0005}, {"turns": 0.002 / 6.28}, {"frequency_hz": 50_000}, {"start": Fraction(7, 10**9)}],
    ids=lambda change: next(iter(change)),
)
def test_what_is_a_little_off_is_found(
    target: str, change: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(*args: object) -> tuple[list[Event], list[Capture]]:
        events, captures = events_of(*args)
        ((name, by),) = change.items()
        made = [
            replace(e, **{name: getattr(e, name) * by if name == "amp_v" else getattr(e, name) + by}) for e in events
        ]
        return made, captures

    monkeypatch.setattr(verdict, "events_of", off)
    assert cell_of(_PROGRAMS["together"], _TARGETS[target], tmp_path).faults
