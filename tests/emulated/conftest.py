"""Builds the firmware for the board once; these tests share the modules of tests/firmware_io/reference."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "firmware_io" / "reference"), str(Path(__file__).parent)]

from board import EmulatedBoard  # noqa: E402
from device import OUT, make  # noqa: E402


@pytest.fixture(scope="session")
def built() -> None:
    """Build the image and the mutants."""
    make("target", *(f"{OUT}/firmware-{mutant}.elf" for mutant in ("late", "skip")), f"OUT={OUT}")


@pytest.fixture
def board(built: None, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that starts a board; all end with the test."""
    started: list[EmulatedBoard] = []

    def start(**options: Any) -> EmulatedBoard:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(EmulatedBoard(folder, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
