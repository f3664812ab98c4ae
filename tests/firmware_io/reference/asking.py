"""A plain client of the firmware link, made for judging the reference firmware: one request at a time over any pipe."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from collections.abc import Callable
from typing import Protocol

from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.packets import FrameReader, Packet, encode_packet

__all__ = ["Asker", "EthernetPipe", "Pipe", "Refused", "StreamPipe", "connect"]

HOST_ADDRESS = bytes.fromhex("025143544c02")
DEVICE_ADDRESS = bytes.fromhex("025143544c01")
ETHER_TYPE = bytes.fromhex("88b5")


class Refused(Exception):
    """The device refused a request."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Pipe(Protocol):
    """What carries bytes."""

    def send(self, data: bytes) -> None: ...
    def receive(self, wait_s: float) -> bytes: ...


class StreamPipe:
    """A connected socket."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link

    def send(self, data: bytes) -> None:
        self.link.sendall(data)

    def receive(self, wait_s: float) -> bytes:
        self.link.settimeout(max(wait_s, 0.0001))
        try:
            return self.link.recv(65536)
        except TimeoutError:
            return b""


class EthernetPipe:
    """Ethernet frames in datagrams, as QEMU's socket backend carries them."""

    def __init__(self, link: socket.socket, peer: tuple[str, int]) -> None:
        self.link, self.peer = link, peer

    def send(self, data: bytes) -> None:
        frame = DEVICE_ADDRESS + HOST_ADDRESS + ETHER_TYPE + data
        self.link.sendto(frame.ljust(60, b"\0"), self.peer)

    def receive(self, wait_s: float) -> bytes:
        self.link.settimeout(max(wait_s, 0.0001))
        try:
            frame = self.link.recv(2048)
        except (TimeoutError, ConnectionRefusedError):
            return b""
        return frame[14:] if frame[12:14] == ETHER_TYPE else b""


def connect(address: str) -> StreamPipe:
    """Connect to a unix socket, by its path, or to a TCP port, by HOST:PORT."""
    if not address.startswith("/"):
        host, port = address.split(":")
        return StreamPipe(socket.create_connection((host, int(port))))
    link = socket.socket(socket.AF_UNIX)
    link.connect(address)
    return StreamPipe(link)


class Asker:
    """Sends requests, again when no reply comes by its clock, and keeps events and notes."""

    def __init__(
        self,
        pipe: Pipe,
        session: int = 0x1234,
        retry_s: float = 0.5,
        tries: int = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pipe, self.session, self.retry_s, self.tries, self.clock = pipe, session, retry_s, tries, clock
        self.reader = FrameReader()
        self.number = 0
        self.events: list[Packet] = []
        self.notes: list[Packet] = []
        self.last_event = 0
        self.late: list[Packet] = []

    def hello(self) -> bytes:
        """Open the session; return the reply's payload."""
        self.number, self.last_event = 0, 0
        self.pipe.send(b"\0")
        return self.ask(Kind.HELLO, struct.pack("<HH", 1, 1))

    def ask(self, kind: int, payload: bytes = b"") -> bytes:
        """Send a request; return the reply's payload."""
        frame = encode_packet(Packet(kind, self.session, self.number, payload))
        number = self.number
        self.number = self.number % 65535 + 1
        for _ in range(self.tries):
            self.pipe.send(frame)
            deadline = self.clock() + self.retry_s
            while (left := deadline - self.clock()) > 0:
                for packet in self.pump(left):
                    if packet.number != number or packet.session != self.session:
                        self.late.append(packet)
                    elif packet.kind == Kind.ERROR:
                        raise Refused(packet.payload[1], packet.payload[3:].decode())
                    elif packet.kind == kind | 0x80:
                        return packet.payload
        raise TimeoutError(f"no reply to {kind:#04x}")

    def pump(self, wait_s: float) -> list[Packet]:
        """Return replies; keep events, once each, and notes."""
        replies = []
        for packet in self.reader.feed(self.pipe.receive(wait_s)):
            if 0xC0 <= packet.kind < 0xE0:
                self.pipe.send(encode_packet(Packet(Kind.ACK, packet.session, packet.number)))
                if packet.session == self.session and packet.number != self.last_event:
                    self.last_event = packet.number
                    self.events.append(packet)
            elif 0xE0 <= packet.kind < 0xF0:
                self.notes.append(packet)
            else:
                replies.append(packet)
        return replies

    def upload(self, content: bytes, kind: int = 1, piece: int = 1020) -> None:
        """Send an object."""
        head = struct.pack("<BBHI", kind, 0, 0, len(content)) + hashlib.sha256(content).digest()
        (at,) = struct.unpack("<I", self.ask(Kind.OPEN_OBJECT, head))
        while at < len(content):
            reply = self.ask(Kind.WRITE_OBJECT, struct.pack("<I", at) + content[at : at + piece])
            (at,) = struct.unpack("<I", reply)
        self.ask(Kind.CLOSE_OBJECT)

    def arm(self, block: int = 1, n_shots: int = 1, period: int = 0, max_late: int = 0xFFFFFFFF) -> None:
        """Arm the program."""
        self.ask(Kind.ARM, struct.pack("<IIII", block, n_shots, period, max_late))

    def start(self, block: int = 1) -> None:
        """Start the block."""
        self.ask(Kind.START, struct.pack("<I", block))

    def event(self, kind: int, within_s: float = 10.0) -> bytes:
        """Return the payload of the next event of a kind, and forget it and those before."""
        deadline = self.clock() + within_s
        while self.clock() < deadline:
            for place, packet in enumerate(self.events):
                if packet.kind == kind:
                    del self.events[: place + 1]
                    return packet.payload
            self.late += self.pump(0.05)
        raise TimeoutError(f"no event {kind:#04x}")

    def trace(self) -> list[tuple[int, int, int, int]]:
        """Return (instruction, value, scheduled, written) of each traced event."""
        rows: list[tuple[int, int, int, int]] = []
        while True:
            reply = self.ask(Kind.READ_TRACE, struct.pack("<IHH", len(rows), 42, 0))
            found = list(struct.iter_unpack("<IIQQ", reply[8:]))
            if not found:
                return rows
            rows += found

    def results(self) -> list[int]:
        """Return all results."""
        rows: list[int] = []
        while True:
            reply = self.ask(Kind.READ_RESULTS, struct.pack("<IHH", len(rows), 254, 0))
            found = [value for (value,) in struct.iter_unpack("<i", reply[8:])]
            if not found:
                return rows
            rows += found
