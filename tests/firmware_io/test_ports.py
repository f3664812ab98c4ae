"""Transports against a peer in a process of its own, and what they say when nobody is there."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qctl.errors import DeviceError, DeviceTimeoutError, RequestError
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.ports import open_port
from qctl.firmware_io.sequencer import upload
from qctl.firmware_io.sequencer_messages import PROGRAM
from qctl.firmware_io.socket_ports import DatagramPort, TcpPort


@contextmanager
def peer(way: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "qctl.bench.link_peer", way, "921600"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.mark.parametrize("way", ["tcp", "udp", "ethernet", "pty"])
def test_an_object_arrives_whole_over_each_transport(way: str) -> None:
    content = bytes(range(256)) * 200
    with peer(way) as address:
        controller = Controller("seq0", lambda: open_port(address), "qctl,seq", asks=Kind.SEQUENCER_CAPABILITIES)
        assert upload(controller, PROGRAM, content) == len(content)
        assert controller.call(Kind.CLOSE_OBJECT).received == len(content)
        controller.close()


@pytest.mark.parametrize("address", ["GPIB::7::INSTR", "TCPIP::127.0.0.1::INSTR", "nonsense"])
def test_addresses_that_reach_no_firmware_are_refused(address: str) -> None:
    with pytest.raises(RequestError, match="reaches no firmware"):
        open_port(address)


def test_nobody_at_a_tcp_port_is_an_error_and_at_a_udp_port_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeviceError, match="can't be opened"):
        TcpPort("127.0.0.1", port)
    controller = Controller("seq0", lambda: DatagramPort("127.0.0.1", port), retry_s=0.01)
    with pytest.raises(DeviceTimeoutError, match="no reply to HELLO"):
        controller.open()


def test_a_tcp_peer_that_closes_or_takes_nothing_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = TcpPort("127.0.0.1", listener.getsockname()[1], write_timeout_s=0.05)
        theirs, _ = listener.accept()
        assert port.receive(0.0) == b""
        with pytest.raises(DeviceError, match=r"takes no bytes for 0\.05 s"):
            port.send(bytes(50_000_000))
        theirs.close()
        with pytest.raises(DeviceError, match=r"reset|closed"):
            while time.monotonic():
                port.receive(1.0)
        port.close()


def test_datagrams_hold_whole_frames_and_ethernet_frames_their_type() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        theirs.bind(("127.0.0.1", 0))
        port = DatagramPort("127.0.0.1", theirs.getsockname()[1], ethernet=True)
        port.send((b"a" * 999 + b"\0") * 2)
        first, host = theirs.recvfrom(65_536)
        assert first[12:14].hex() == "88b5"
        assert first[14:] == b"a" * 999 + b"\0" == theirs.recv(65_536)[14:]
        port.send(b"b\0")
        assert theirs.recv(65_536)[14:] == b"b\0".ljust(46, b"\0")
        theirs.sendto(bytes(12) + b"\x08\x00" + b"other\0", host)
        theirs.sendto(bytes(12) + b"\x88\xb5" + b"ours\0", host)
        found = b""
        while not found:
            found = port.receive(1.0)
        assert found == b"ours\0\0"
        port.close()
