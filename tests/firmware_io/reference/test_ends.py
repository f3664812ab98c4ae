"""How blocks end: outputs stay low after `safe`, and what ends a block is told however many marks came before."""

from __future__ import annotations

import struct

import pytest
from asking import Asker
from device import LibraryDevice
from programs import HALT, JUMP, LINES, MARK, WAIT, program_bytes

from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.packets import Packet, encode_packet

WRITE_TICKS = 32  # of ten bytes at 3,125,000 baud, to the synthesiser of the LM3S6965 board
IDLE, SAFE = 0, 3
EVENTS = 32


@pytest.fixture
def asker(device: LibraryDevice) -> Asker:
    asker = Asker(device)
    asker.hello()
    return asker


@pytest.mark.parametrize("ticks", range(0, 60, 7))
def test_no_line_rises_after_safe_though_an_alarm_was_due_meanwhile(
    device: LibraryDevice, asker: Asker, ticks: int
) -> None:
    device.library.host_slow_writes(WRITE_TICKS)
    device.wait_ticks = 10
    asker.upload(program_bytes([(LINES, 0, 1, 1), (WAIT, 0, 0, 50), (JUMP, 0, 0, 0), (HALT, 0, 0, 0)]))
    asker.arm()
    asker.start()
    device.run(2_000 + ticks)
    asker.ask(Kind.SAFE)
    device.run(2_000)
    levels = [row[2] for row in device.log() if row[1] == 1]
    assert 1 in levels
    assert levels[-1] == 0
    assert asker.ask(Kind.STATUS)[0] == IDLE


@pytest.mark.parametrize(
    ("n_marks", "told"),
    [(EVENTS, [Kind.MARKED] * EVENTS + [Kind.DONE]), (40, [Kind.MARKED] * EVENTS + [Kind.FAULTED, Kind.DONE])],
)
def test_the_end_of_a_block_is_told_when_marks_fill_the_events(asker: Asker, n_marks: int, told: list[Kind]) -> None:
    asker.upload(program_bytes([(MARK, 0, 0, tag) for tag in range(n_marks)] + [(HALT, 0, 0, 0)]))
    asker.arm()
    asker.start()
    while not asker.events or asker.events[-1].kind != Kind.DONE:
        assert len(asker.events) <= len(told)
        assert asker.late == []
        asker.late += asker.pump(0)
        assert asker.pipe.now < 10_000_000, "no done"  # type: ignore[attr-defined]
    assert [event.kind for event in asker.events] == told
    assert [event.payload[0] for event in asker.events if event.kind == Kind.FAULTED] == [5] * (n_marks > EVENTS)


def test_a_late_hello_does_not_wind_the_watchdog(device: LibraryDevice, asker: Asker) -> None:
    late = encode_packet(Packet(Kind.HELLO, asker.session, 0, struct.pack("<HH", 1, 1)))
    asker.session += 1
    asker.hello()
    asker.upload(program_bytes([(HALT, 0, 0, 0)]))
    asker.arm()
    for _ in range(12):
        device.run(100_000)
        device.send(late)
    assert asker.ask(Kind.STATUS)[0] == SAFE
