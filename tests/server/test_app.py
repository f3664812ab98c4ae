"""The server as a whole: loopback only, a clean end, and errors instead of half a start."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from qctl.client import connect
from qctl.errors import NotAllowedError, ParseError, RequestError, WireError
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


def test_server_ends_cleanly_and_leaves_nothing_behind(start) -> None:
    server = start()
    with connect(server.address) as lab:
        assert lab.ping() < 1.0
        below = server.children()
    assert len(below) >= 3
    assert server.stop() == 0
    until = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in below):
        assert time.monotonic() < until
    assert not list(Path("/dev/shm").glob(f"qctl-{os.getuid()}-{server.process.pid}-*"))
