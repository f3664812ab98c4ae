"""A bad wire between two real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from qctl.hil.faults.present import WireFaults
from qctl.hil.faults.relay import FaultyRelay


@pytest.fixture
def echo() -> Iterator[int]:
    """Return the port of a TCP server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plug, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(plug,), daemon=True).start()

    def answer(plug: socket.socket) -> None:
        with plug:
            try:
                while data := plug.recv(65536):
                    plug.sendall(data)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def talked(port: int, data: bytes, n_bytes: int) -> bytes:
    """Send bytes, and return what comes back until so many are there, the connection ends, or half a second is over."""
    with socket.create_connection(("127.0.0.1", port)) as plug:
        plug.settimeout(0.5)
        plug.sendall(data)
        found = b""
        try:
            while len(found) < n_bytes and (more := plug.recv(65536)):
                found += more
        except TimeoutError:
            found += b"..."
        except ConnectionError:
            pass
        return found


def test_good_wire_carries_everything(echo: int) -> None:
    data = bytes(range(256)) * 4000
    with FaultyRelay(echo, WireFaults()) as relay:
        assert talked(relay.port, data, len(data)) == data
        assert talked(relay.port, data, len(data)) == data


def test_faults_are_those_of_the_seed(echo: int) -> None:
    data = bytes(100_000)
    found = []
    for _ in range(2):
        with FaultyRelay(echo, WireFaults(flipped=1e-3), seed=5) as relay:
            found.append(talked(relay.port, data, len(data)))
    assert found[0] == found[1] != data
    assert 100 < sum(map(bool, found[0])) < 320, "both ways, 1e-3 each"


def test_torn_wire_ends_and_half_open_one_is_silent(echo: int) -> None:
    with FaultyRelay(echo, WireFaults(torn=1e-3), seed=5) as relay:
        assert len(talked(relay.port, bytes(100_000), 100_000)) < 100_000
    with FaultyRelay(echo, WireFaults(half_open=True)) as relay:
        assert talked(relay.port, b"hello", 5) == b"..."


def test_stalled_reader_is_felt(echo: int) -> None:
    faults = WireFaults(stalled=True)
    with FaultyRelay(echo, faults) as relay, socket.create_connection(("127.0.0.1", relay.port)) as plug:
        plug.settimeout(0.5)
        with pytest.raises(TimeoutError):
            plug.sendall(bytes(64 << 20))


def test_datagrams_are_lost_and_doubled() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as me,
    ):
        far.bind(("127.0.0.1", 0))
        far.settimeout(1.0)
        me.settimeout(1.0)
        with FaultyRelay(far.getsockname()[1], WireFaults(doubled=1.0), kind="udp") as relay:
            me.sendto(b"hello", ("127.0.0.1", relay.port))
            first, where = far.recvfrom(100)
            assert (first, far.recv(100)) == (b"hello", b"hello")
            far.sendto(b"back", where)
            assert (me.recv(100), me.recv(100)) == (b"back", b"back")
            relay.faults.replace({"lost": 1.0})
            me.sendto(b"gone", ("127.0.0.1", relay.port))
            far.settimeout(0.2)
            with pytest.raises(TimeoutError):
                far.recv(100)
