"""The server as a whole: loopback only, a clean end, and errors instead of half a start."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from qctl.client import connect
from qctl.errors import NotAllowedError, ParseError, RequestError, ScheduleError, WireError
from qctl.server.app import Server, ServerConfig, check_address


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:5650", "tcp://localhost:5650", "tcp://127.0.0.1:0"])
def test_loopback_is_accepted(address: str) -> None:
    assert check_address(address).startswith("tcp://127.0.0.1:")


@pytest.mark.parametrize(
    "address", ["tcp://0.0.0.0:5650", "tcp://10.1.2.3:5650", "tcp://*:5650", "tcp://lab.example:1"]
)
def test_any_other_address_is_refused_with_the_remedy(address: str) -> None:
    with pytest.raises(NotAllowedError, match="ssh -L"):
        check_address(address)


@pytest.mark.parametrize("address", ["127.0.0.1:5650", "tcp://127.0.0.1", "ipc:///tmp/x", "tcp://127.0.0.1:x", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(RequestError, match="is not of the form"):
        check_address(address)


def test_port_that_is_taken_is_one_clear_error(server, tmp_path: Path) -> None:
    lab = Path(__file__).parents[1] / "support" / "transmon5.toml"
    with pytest.raises(WireError, match="can't be bound"):
        Server(ServerConfig(lab, server.address, tmp_path / "store"))


def test_lab_file_is_read_with_the_bounds_of_every_reader(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="/dev/zero: is larger than 4194304 bytes"):
        Server(ServerConfig(Path("/dev/zero"), "tcp://127.0.0.1:0", tmp_path / "store"))
    with pytest.raises(RequestError, match=r"none\.toml: No such file"):
        Server(ServerConfig(tmp_path / "none.toml", "tcp://127.0.0.1:0", tmp_path / "store"))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ParseError, match=r"latin\.toml: byte 8 is not UTF-8"):
        Server(ServerConfig(tmp_path / "latin.toml", "tcp://127.0.0.1:0", tmp_path / "store"))


def shared_memory() -> set[str]:
    """Return the folders in shared memory of this process's servers."""
    return {path.name for path in Path("/dev/shm").glob(f"qctl-{os.getuid()}-{os.getpid()}-*")}


def refused(store: Path, match: str) -> None:
    """Check that a start is refused, and leaves nothing that holds up the next."""
    lab = Path(__file__).parents[1] / "support" / "transmon5.toml"
    before = shared_memory()
    with pytest.raises(ScheduleError, match=match):
        Server(ServerConfig(lab, "tcp://127.0.0.1:0", store))
    assert shared_memory() == before


def test_second_server_on_a_store_is_refused(server) -> None:
    refused(server.store, f"in use by the server in process {server.process.pid}")


def test_damaged_database_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "qctl.sqlite").write_bytes(b"no database" * 999)
    for _ in range(2):
        refused(tmp_path, rf"{tmp_path}/qctl\.sqlite can't be opened: file is not a database")


def test_damaged_snapshot_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "snapshots" / "qpu0" / "000003.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 1')
    refused(tmp_path, rf"{path}: damaged: .* move it away")


def test_store_without_its_database_keeps_its_results(start, tmp_path: Path) -> None:
    (tmp_path / "results" / "00000007").mkdir(parents=True)
    with connect(start(store=tmp_path).address) as lab:
        assert lab.run("{}", shots=10).id == 8


def nothing_left(server: Any, below: Iterable[int]) -> None:
    """Check that a server's processes and shared memory are gone."""
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in below):
        assert time.monotonic() < until
    assert not list(Path("/dev/shm").glob(f"qctl-{os.getuid()}-{server.process.pid}-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_every_signal_that_asks_for_the_end_gets_a_clean_one(start, number: int) -> None:
    server = start()
    below = server.children()
    for pid in (*below, server.process.pid):  # as a terminal sends it: to all at once, and again
        os.kill(pid, number)
        os.kill(pid, number)
    assert server.process.wait(20) == 0
    nothing_left(server, below)


def test_server_ends_cleanly_and_leaves_nothing_behind(start) -> None:
    server = start()
    with connect(server.address) as lab:
        assert lab.ping() < 1.0
        below = server.children()
    assert len(below) >= 3
    assert server.stop() == 0
    nothing_left(server, below)
