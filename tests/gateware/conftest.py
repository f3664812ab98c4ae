"""Builds the firmware with a core for its sequencer once; its tests share modules of tests/firmware_io/reference."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "firmware_io" / "reference"), str(Path(__file__).parent)]

from device import LibraryDevice, make  # noqa: E402


@pytest.fixture(scope="session")
def built() -> None:
    """Build the program, the library and the mutants, and the firmware without a core that they are held against."""
    make("host", "gateware", "gateware-mutants")


@pytest.fixture
def device(built: None) -> LibraryDevice:
    """Return a device in this process, powered on: a processor and a core."""
    return LibraryDevice("libgateware-plain.so")
