"""The pytest plugin of qctl: labs, faults and records as fixtures for other people's tests.

pytest loads this file in every run where qctl is installed, so it imports nothing of qctl before a fixture asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qctl.hil.bench.rack import BenchLab

__all__ = ["inject", "pytest_addoption", "pytest_configure", "qctl_bench", "qctl_lab", "replay"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose the lab."""
    group = parser.getgroup("qctl", "quantum labs behind qctl")
    group.addoption(
        "--lab",
        default="",
        metavar="LAB",
        help="What the fixture qctl_lab is: a lab.toml, tcp://host:port of a server, or a built-in virtual lab.",
    )
    group.addoption("--lab-seed", type=int, default=1, metavar="N", help="Seed of a built-in virtual lab.")
    parser.addini("qctl_lab", "What the fixture qctl_lab is, where --lab does not say it.", default="transmon2")


def pytest_configure(config: pytest.Config) -> None:
    """Explain the mark that tests of real labs may want."""
    config.addinivalue_line("markers", "virtual_lab: needs faults or hidden parameters; skipped on a real lab, by name")


@pytest.fixture(scope="session")
def qctl_bench(request: pytest.FixtureRequest) -> Iterator[BenchLab]:
    """Return the lab of the session with what is behind it: `client`, `kill`, `restart`, `ask_plant`, `links`."""
    from qctl.hil.bench.rack import open_lab
    from qctl.hil.bench.scenario import lab_wanted

    config = request.config
    place = config.getoption("--lab") or config.getini("qctl_lab")
    with open_lab(lab_wanted(str(place), config.getoption("--lab-seed")), config.rootpath) as bench:
        yield bench


@pytest.fixture
def qctl_lab(qctl_bench: BenchLab, request: pytest.FixtureRequest) -> Any:
    """Return a client of the lab, as of `qctl.connect`; the lab is started when a test first asks for it."""
    if request.node.get_closest_marker("virtual_lab") and not qctl_bench.plant:
        pytest.skip("needs a virtual lab, and this one is real")
    return qctl_bench.client


@pytest.fixture
def inject(qctl_bench: BenchLab) -> Iterator[Callable[..., None]]:
    """Return a function that sets a fault: ``inject("late_reply", on="lo_drive", value=2.0)``.

    After the test all faults are cleared, and every link is up again. On a real lab the function skips the test: the
    fault can't be made there.
    """

    def set_fault(name: str, on: str | None = None, value: Any = None) -> None:
        if not qctl_bench.plant:
            pytest.skip(f"fault {name}{f' on {on}' if on else ''} can't be made: this lab is real")
        qctl_bench.set_fault(name, on, value)

    yield set_fault
    if qctl_bench.plant:
        qctl_bench.make_ready()


@pytest.fixture
def replay(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Return a function that stands in for a recorded rack and returns a client: ``replay("records/night")``.

    A relative folder is beside the test's file. The function takes ``strict=False`` for a tolerant replay. The test
    fails in the end if a command differed from the record, with the command's name, even if nothing else noticed.
    """
    from qctl.hil.bench.rack import open_lab
    from qctl.hil.bench.scenario import LabWanted

    opened: list[BenchLab] = []

    def play(folder: str | Path, strict: bool = True) -> Any:
        wanted = LabWanted(record=str(folder), strict=strict)
        opened.append(open_lab(wanted, request.path.parent))
        return opened[-1].client

    yield play
    differences = []
    for lab in opened:
        lab.close()
        differences += lab.differences
    if differences:
        pytest.fail("; ".join(differences), pytrace=False)
