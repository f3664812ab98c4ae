"""The emulated trigger controller on its pty: the document's transcript, sessions, numbers, events and faults."""

import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import serial

from qctl.hil.instruments.trigger_packets import Packet, pack, unpack

HELLO = struct.pack("<HH", 1, 1)


class Host:
    """The host's side, by hand; an event may come, and again, before any reply, however fast either side is."""

    def __init__(self, address: str) -> None:
        self.port = serial.Serial(address.removeprefix("ASRL").removesuffix("::INSTR"), timeout=60)
        self.session = 0
        self.number = 0
        self.events: list[Packet] = []

    def raw(self, frame: str) -> str:
        self.port.write(bytes.fromhex(frame))
        return self.port.read_until(b"\0").hex(" ")

    def receive(self) -> Packet | None:
        frame = self.port.read_until(b"\0")
        return unpack(frame[:-1]) if frame.endswith(b"\0") else None

    def reply(self) -> Packet:
        while True:
            packet = self.receive()
            assert packet is not None
            if not 0xC0 <= packet.kind < 0xE0:
                return packet
            self.events.append(packet)

    def event(self) -> Packet:
        packet = self.events.pop(0) if self.events else self.receive()
        assert packet is not None and 0xC0 <= packet.kind < 0xE0
        return packet

    def silent(self, time_s: float) -> bool:
        usual, self.port.timeout = self.port.timeout, time_s
        packet = self.receive()
        self.port.timeout = usual
        return packet is None

    def hello(self, session: int) -> Packet:
        self.session, self.number = session, 0
        self.port.write(pack(Packet(1, session, 0, HELLO)))
        return self.reply()

    def call(self, kind: int, payload: bytes = b"") -> Packet:
        self.number += 1
        self.port.write(pack(Packet(kind, self.session, self.number, payload)))
        return self.reply()

    def error(self, kind: int, payload: bytes = b"") -> int:
        reply = self.call(kind, payload)
        assert reply.kind == 0xFF and reply.payload[0] == kind
        return reply.payload[1]

    def fire(self, block: int, period: int, n_shots: int) -> None:
        assert self.call(4, struct.pack("<II", period, n_shots)).kind == 0x84
        assert self.call(5, struct.pack("<I", block)).kind == 0x85


@pytest.fixture
def host(controller: Any) -> Iterator[Host]:
    host = Host(controller.address)
    yield host
    host.port.close()


def test_transcript_of_the_document(host: Host) -> None:
    assert host.raw("05 01 01 34 12 01 02 04 02 01 02 01 05 47 09 e6 f8 00") == (
        "05 01 81 34 12 01 02 19 02 01 02 01 02 01 18 12 "
        "71 63 74 6c 2c 74 72 69 67 67 65 72 2c 37 2c 31 2e 30 d2 5c a5 a4 00"
    )
    assert host.raw("06 01 02 34 12 01 01 01 05 e2 28 60 03 00") == (
        "06 01 82 34 12 01 02 20 01 05 e1 f5 05 08 01 07 04 ff ff ff ff 01 01 01 06 ff ff ff ff 64 01 01 0d "
        "ff ff ff ff ff ff ff ff 2d c3 5b 4f 00"
    )
    host.raw("06 01 03 34 12 02 02 0c 03 01 01 01 01 01 01 01 02 0a 01 01 05 73 db 07 ea 00")
    host.raw("06 01 04 34 12 03 02 08 03 20 4e 01 03 e8 03 01 05 61 4e 08 36 00")
    host.raw("06 01 05 34 12 04 02 04 02 01 01 01 05 7e 45 6e d5 00")
    assert host.raw("") == "06 01 c1 34 12 01 02 0c 02 01 01 01 03 e8 03 01 01 01 01 01 05 e5 46 8c af 00"
    host.port.write(bytes.fromhex("06 01 10 34 12 01 01 01 05 05 a5 21 f3 00"))
    host.session, host.number = 0x1234, 4
    assert host.call(7).payload == struct.pack("<BBHIII", 0, 0, 0, 1, 1000, 1000)


def test_line_that_pulses_once_a_block_is_stored_and_needs_not_fit_the_period(host: Host) -> None:
    host.hello(7)
    host.call(3, struct.pack("<BBHII", 1, 1, 0, 0, 10))
    late = struct.pack("<BBHII", 2, 2, 0, 1_000_000, 10)
    assert host.call(3, late).payload == late
    assert host.error(3, struct.pack("<BBHII", 2, 3, 0, 0, 10)) == 3
    host.fire(1, 100, 3)
    assert struct.unpack("<IIBBH", host.event().payload) == (1, 3, 0, 0, 0)


def test_repeated_request_is_answered_again_and_not_executed_twice(host: Host) -> None:
    host.hello(7)
    first = host.call(3, struct.pack("<BBHII", 1, 1, 0, 0, 10))
    host.number -= 1
    assert host.call(3, struct.pack("<BBHII", 1, 1, 0, 0, 10)) == first
    host.number += 1
    assert host.error(2) == 5
    host.session = 8
    assert host.error(2) == 6


def test_event_is_repeated_until_it_is_acknowledged(host: Host) -> None:
    host.hello(7)
    host.fire(5, 100, 3)
    done = [host.event() for _ in range(2)]
    assert done[0] == done[1] == Packet(0xC1, 7, 1, struct.pack("<IIBBH", 5, 3, 0, 0, 0))
    host.port.write(pack(Packet(0x10, 7, 1)))
    assert host.call(7).kind == 0x87
    assert host.silent(0.25)


def test_stop_ends_a_long_block(host: Host) -> None:
    host.hello(7)
    host.fire(1, 100_000_000, 1000)
    assert host.error(4, struct.pack("<II", 1000, 1)) == 4
    assert host.call(7).payload[0] == 1
    stopped = host.call(6)
    assert stopped.kind == 0x86
    (n_fired,) = struct.unpack("<I", stopped.payload)
    assert n_fired < 1000
    done = host.event()
    assert done.kind == 0xC1 and struct.unpack("<IIBBH", done.payload) == (1, n_fired, 1, 0, 0)


def test_hello_ends_what_fires_and_keeps_the_settings(host: Host) -> None:
    host.hello(7)
    host.call(3, struct.pack("<BBHII", 2, 1, 0, 5, 10))
    host.fire(1, 100_000_000, 1000)
    assert host.hello(8).kind == 0x81
    assert host.call(9, b"\x02").payload == struct.pack("<BBHII", 2, 1, 0, 5, 10)
    assert host.call(7).payload[0] == 0


def test_refusals(host: Host) -> None:
    assert host.error(2) == 6
    host.hello(7)
    assert host.error(0x33) == 1
    assert host.error(3, b"\x01") == 2
    assert host.error(3, struct.pack("<BBHII", 1, 1, 9, 0, 10)) == 2
    assert host.error(3, struct.pack("<BBHII", 9, 1, 0, 0, 10)) == 3
    assert host.error(4, struct.pack("<II", 99, 1)) == 3
    assert host.error(5, bytes(4)) == 3
    host.call(3, struct.pack("<BBHII", 1, 1, 0, 50, 50))
    host.call(4, struct.pack("<II", 100, 1))
    assert host.error(5, b"\x01\0\0\0") == 3


def test_version_that_nobody_speaks_opens_no_session(host: Host) -> None:
    host.port.write(pack(Packet(1, 9, 0, struct.pack("<HH", 2, 3))))
    reply = host.receive()
    assert reply is not None and struct.unpack_from("<HHH", reply.payload) == (1, 1, 0)
    host.session, host.number = 9, 0
    assert host.error(2) == 6


def test_safe_holds_all_lines_low(host: Host) -> None:
    host.hello(7)
    host.call(3, struct.pack("<BBHII", 1, 1, 0, 0, 10))
    assert host.call(8).payload == b""
    assert host.call(9, b"\x01").payload[1] == 0


def test_lost_reference_refuses_to_fire(host: Host, controller: Any) -> None:
    host.hello(7)
    assert host.call(11, b"\x01").payload == b"\x01"
    controller.control(faults={"unlocked": True})
    assert host.call(7).payload[1] == 2
    assert host.error(5, b"\x01\0\0\0") == 7
    controller.control(faults={})
    assert host.call(5, b"\x01\0\0\0").kind == 0x85


def test_noise_and_faults_on_the_wire(host: Host, controller: Any) -> None:
    host.port.write(b"\x05noise\0\0" + bytes(range(1, 256)) * 20 + b"\0")
    assert host.hello(7).kind == 0x81
    controller.control(faults={"corrupt": 1})
    host.port.write(pack(Packet(2, 7, 1)))
    assert host.receive() is None
    host.port.reset_input_buffer()
    assert host.call(2).kind == 0x82
    controller.control(faults={"drop": 1})
    host.port.write(pack(Packet(2, 7, 2)))
    assert host.silent(0.2)


def test_power_cycle_forgets_the_session(host: Host, controller: Any) -> None:
    host.hello(7)
    controller.control(faults={"power_cycle": 0.0})
    host.port.timeout = 0.5
    until = time.monotonic() + 60
    while time.monotonic() < until:  # The box is not off yet when the fault is taken.
        host.number += 1
        host.port.write(pack(Packet(2, host.session, host.number, b"")))
        reply = host.receive()
        if reply is not None and reply.kind == 0xFF:
            break
    assert reply is not None and reply.payload[:2] == bytes((2, 6))
