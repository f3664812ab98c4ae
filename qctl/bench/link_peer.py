"""The other end of the firmware link for measurements: takes objects as fast as it can, over TCP, UDP or a slow pty.

Run as ``python -m qctl.bench.link_peer tcp|udp|ethernet|pty [BYTES_PER_S]``; it prints its address, and ends with its
standard input. It has the kernel's packets, and of docs/firmware-protocol.md what an upload needs.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import sys
import time
import tty
from collections.abc import Callable

from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.packets import FrameReader, Packet, encode_packets

__all__ = ["main"]

_WINDOW = 128
_IDENTITY = b"qctl,sequencer,bench,1.0"
_TICK_S = 0.002


class _Device:
    """Bytes in, bytes out."""

    def __init__(self) -> None:
        self.reader = FrameReader()
        self.session, self.expected, self.received = 0, 1, 0
        self.replies: dict[int, Packet] = {}
        self.gap_told = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes, return bytes."""
        found = [self.take(packet) for packet in self.reader.feed(data)]
        return encode_packets([reply for reply in found if reply is not None])

    def take(self, packet: Packet) -> Packet | None:
        """Execute a request that is due; answer one that was, and tell a gap once."""
        if packet.kind == Kind.HELLO:
            if packet.session != self.session:
                self.__init__()  # type: ignore[misc]
                self.session = packet.session
            told = struct.pack("<HHHB", 1, 1, 1, len(_IDENTITY)) + _IDENTITY
            return Packet(Kind.HELLO | 0x80, packet.session, 0, told)
        ahead = (packet.number - self.expected) % 65_535
        if packet.session != self.session or packet.kind == Kind.ACK:
            return None
        if ahead == 0:
            reply = Packet(packet.kind | 0x80, self.session, packet.number, self.execute(packet))
            self.replies[packet.number] = reply
            self.replies.pop((packet.number - _WINDOW - 1) % 65_535 + 1, None)
            self.expected, self.gap_told = packet.number % 65_535 + 1, False
            return reply
        if ahead < _WINDOW and not self.gap_told:
            self.gap_told = True
            return Packet(Kind.GAP, self.session, self.expected)
        return self.replies.get(packet.number)

    def execute(self, packet: Packet) -> bytes:
        """Return the payload of the reply."""
        if packet.kind == Kind.IDENTIFY:
            return struct.pack("<HHBBHIBBHII", 1, 1, 1, 0, 0, 63, _WINDOW, 0, 1024, 10**6, 0)
        if packet.kind == Kind.SEQUENCER_CAPABILITIES:
            return struct.pack("<I6BH9I", 10**6, 16, 8, 4, 2, 16, 0, 1024, 65_535, 0, 0, 1, 2, 0, 0, 2**32 - 1, 0)
        if packet.kind == Kind.OPEN_OBJECT:
            self.received = 0
        elif packet.kind == Kind.WRITE_OBJECT:
            self.received += len(packet.payload) - 4
        return struct.pack("<I", self.received)


def _serve_tcp(device: _Device) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET", flush=True)
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(1 << 16):
        connection.sendall(device.feed(data))


def _serve_datagrams(device: _Device, n_head: int) -> None:
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    line.bind(("127.0.0.1", 0))
    print(f"{'ETHERNET' if n_head else 'UDP'}::127.0.0.1::{line.getsockname()[1]}::SOCKET", flush=True)
    while True:
        ready, _, _ = select.select((line, sys.stdin), (), ())
        if line not in ready:
            return
        head, parts = b"", []
        with contextlib.suppress(BlockingIOError):
            for _ in range(32):
                datagram, host = line.recvfrom(65_536, socket.MSG_DONTWAIT)
                head = datagram[:n_head]
                parts.append(datagram[n_head:] + b"\0")
        answer = device.feed(b"".join(parts))
        while answer:
            end = answer.rfind(b"\0", 0, 1400) + 1
            line.sendto(head + answer[:end], host)
            answer = answer[end:]


def _serve_pty(device: _Device, bytes_per_s: float) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    print(f"ASRL{os.ttyname(theirs)}::INSTR", flush=True)
    waiting = bytearray()
    read, written, before_s = 0.0, 0.0, time.monotonic()
    while not select.select((sys.stdin,), (), (), _TICK_S)[0]:
        now_s = time.monotonic()
        earned = (now_s - before_s) * bytes_per_s
        read, written, before_s = min(read + earned, 4096.0), min(written + earned, 4096.0), now_s
        with contextlib.suppress(BlockingIOError):
            data = os.read(ours, int(read)) if read >= 1 else b""
            read -= len(data)
            waiting += device.feed(data)
        with contextlib.suppress(BlockingIOError):
            n_sent = os.write(ours, waiting[: int(written)]) if waiting and written >= 1 else 0
            written -= n_sent
            del waiting[:n_sent]
        if not waiting:
            written = min(written, bytes_per_s * _TICK_S)


def main(arguments: list[str]) -> int:
    """Serve until standard input ends."""
    ways: dict[str, Callable[[_Device], None]] = {
        "tcp": _serve_tcp,
        "udp": lambda device: _serve_datagrams(device, 0),
        "ethernet": lambda device: _serve_datagrams(device, 14),
        "pty": lambda device: _serve_pty(device, float(arguments[1])),
    }
    ways[arguments[0]](_Device())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
