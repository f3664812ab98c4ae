"""What the driver tests share: the lab of five transmons, and emulated instruments as processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qctl.lab import Instrument, Lab, load_lab

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Return the lab of five transmons."""
    return load_lab(SUPPORT / "transmon5.toml")


@pytest.fixture
def named(lab: Lab) -> Callable[..., Instrument]:
    """Return an instrument of the lab by name, with some of its entry changed."""

    def find(name: str, **changes: Any) -> Instrument:
        return msgspec.structs.replace(lab.instruments[name], **changes)

    return find


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Start an emulator on the first call for a name, and return it on every call; all end with the module."""
    from emulators import Emulator

    running: dict[str, Emulator] = {}

    def start(model: str, name: str, **more: Any) -> Emulator:
        if name not in running:
            running[name] = Emulator(model, name, tmp_path_factory.mktemp(name), **more)
        return running[name]

    yield start
    for found in running.values():
        found.stop()
