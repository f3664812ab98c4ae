"""One tuned-up five-transmon lab for all whole-lab tests, and a small one for those that break things."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

SEED = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test of a lab time to start it and tune it up."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a transmon5 lab after its tune-up; tests leave it as they found it."""
    from whole_lab import WholeLab

    import qctl

    lab = WholeLab(tmp_path_factory.mktemp("tuned"), "transmon5", SEED)
    try:
        assert qctl.calibrate(lab.client).accepted
        yield lab
    finally:
        lab.end()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a transmon2 lab with short time-outs, never tuned up, for tests that break things."""
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path_factory.mktemp("small"), "transmon2", SEED, timeout_s=1.5)
    try:
        yield lab
    finally:
        lab.end()


@pytest.fixture(autouse=True)
def no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    """Clear what a test has broken, and wait until every link is up again."""
    yield
    for name in ("tuned", "small"):
        if name in request.fixturenames:
            lab = request.getfixturevalue(name)
            lab.clear()
            lab.all_up()
