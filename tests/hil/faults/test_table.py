"""The table of faults is the same in docs, labs and command line; run as a script, this file rewrites the docs."""

from __future__ import annotations

from pathlib import Path

from qctl.hil.faults.table import KINDS, page
from qctl.hil.plant.faults import FAULTS

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def filled() -> str:
    """Return docs/faults.md with its table made anew."""
    head, rest = PAGE.read_text("utf-8").split(BEGIN)
    return f"{head}{BEGIN}\n\n{page()}\n\n{END}{rest.split(END)[1]}"


def test_the_page_has_the_table_that_the_code_has() -> None:
    assert PAGE.read_text("utf-8") == filled(), "run python tests/hil/faults/test_table.py"


def test_every_fault_can_be_set_in_a_lab_and_says_what_it_does() -> None:
    assert list(FAULTS) and set(FAULTS) == set(KINDS)
    for kind in KINDS.values():
        assert kind.text and kind.where
        assert bool(kind.unit) is not isinstance(kind.default, bool), f"{kind.name} has a value without a unit"


if __name__ == "__main__":
    PAGE.write_text(filled(), "utf-8")
