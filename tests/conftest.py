"""What tests of several folders start: a server with fake devices, and a client of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))
_FILE = Path(__file__).parent / "support" / "fake_server.py"
_SPEC = importlib.util.spec_from_file_location("fake_server", _FILE)
assert _SPEC is not None and _SPEC.loader is not None
fake_server = importlib.util.module_from_spec(_SPEC)
sys.modules["fake_server"] = fake_server
_SPEC.loader.exec_module(fake_server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a server that the tests of a module share."""
    started = fake_server.FakeServer(tmp_path_factory.mktemp("store"))
    yield started
    assert started.stop() == 0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that starts a server of the test's own; all end with the test."""
    started: list[Any] = []

    def start_one(store: Path | None = None, **options: Any) -> Any:
        started.append(fake_server.FakeServer(store or tmp_path / "store", **options))
        return started[-1]

    yield start_one
    for one in started:
        one.stop()


@pytest.fixture
def lab(server: Any) -> Iterator[Any]:
    """Return a client of the module's server."""
    from qctl.client import connect

    with connect(server.address) as connected:
        yield connected
