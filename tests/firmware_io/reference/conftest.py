"""Builds the reference firmware for the host once, and lets these tests import their own modules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from device import LibraryDevice, make


@pytest.fixture(scope="session")
def built() -> None:
    """Build the host's program and library, and the mutants."""
    make("host", "mutants")


@pytest.fixture
def device(built: None) -> LibraryDevice:
    """Return a device in this process, powered on."""
    return LibraryDevice()
