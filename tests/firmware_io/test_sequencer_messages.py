"""Messages of sequencers: the page's golden payloads, and any bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_twin import cobs_encode, decode_packet

from qctl.errors import WireError
from qctl.firmware_io import messages
from qctl.firmware_io import sequencer_messages as told
from qctl.firmware_io.kinds import ErrorCode, Feature, Kind
from qctl.firmware_io.messages import decode_event, decode_note, decode_reply, encode_payload
from qctl.firmware_io.packets import Packet, encode_packet

PAGE = (Path(__file__).parents[2] / "docs" / "firmware-protocol.md").read_text("utf-8").partition("## 7.")[2]
GOLDEN = re.findall(r"^\| ([^|]+?) \| `([0-9a-f ]+)` \|$", PAGE, re.M)

VALUES: list[tuple[Kind | None, Any]] = [
    (Kind.IDENTIFY, told.Identification(1, 1, 1, 0, 2, 31, 8, 1024, 10**6, 5000)),
    (
        Kind.SEQUENCER_CAPABILITIES,
        told.SequencerCapabilities(10**6, 16, 8, 4, 2, 16, 1024, 1000, 4096, 4096, 10, 2, 2**32 - 1, 2**32 - 1, 65_536),
    ),
    (
        None,
        told.ObjectHead(
            told.PROGRAM, 104, bytes.fromhex("a0c4fd1aaa07110df29ecd7903659aeb31c1be001fd4df267bfcc50fdbfee46a")
        ),
    ),
    (Kind.OPEN_OBJECT, told.Received(80)),
    (None, told.WriteObject(80, bytes.fromhex("3001000000000000 2100010000000000 0000000000000000"))),
    (Kind.ARM, told.Arming(7, 100, 5_000_000, 0)),
    (None, told.RegisterRange(0, 2)),
    (Kind.READ_REGISTERS, told.Registers(0, 2, b"\xff\xff\xff\xff\5\0\0\0")),
    (Kind.READ_RESULTS, told.Results(3, 2, b"\xff\xff\xff\xff\x15\0\0\0")),
    (Kind.READ_TRACE, told.Trace(0, 1, bytes.fromhex("01000000 01000000 e803000000000000 e903000000000000"))),
    (Kind.CLOCK, told.ClockTimes(1000, 5, 7)),
    (Kind.SET_WATCHDOG, told.Watchdog(1000)),
    (Kind.BOOT_STATUS, told.BootStatus(1, 255, 1, 4, 10, 2**32 - 1, 3, 1)),
    (Kind.FAULTED, told.Faulted(1, 4, 1000, 5)),
    (Kind.MARKED, told.Marked(9, -1, 1000)),
    (Kind.TELEMETRY, told.Telemetry(1000, 1, 2, 1, 4, 6, 3)),
    (Kind.WINDOW, told.WindowSize(4)),
]


def test_the_page_has_a_golden_payload_for_each_value() -> None:
    assert len(GOLDEN) == len(VALUES)


@pytest.mark.parametrize(
    ("golden", "value"), list(zip(GOLDEN, VALUES, strict=True)), ids=lambda part: str(part[0])[:30]
)
def test_golden_payloads(golden: tuple[str, str], value: tuple[Kind | None, Any]) -> None:
    payload, (kind, made) = bytes.fromhex(golden[1]), value
    assert encode_payload(made) == payload
    if kind is None:
        assert messages._decode(type(made), payload) == made
    elif kind >= 0xE0:
        assert decode_note(kind, payload) == made
    elif kind >= 0xC0:
        assert decode_event(kind, payload) == made
    else:
        assert decode_reply(kind, kind + 0x80, payload) == made


def test_golden_note() -> None:
    packet = bytes.fromhex(re.findall(r"note `gap`.*?: `([0-9a-f ]+)`", PAGE)[0])
    gap = Packet(Kind.GAP, 0x1234, 7)
    assert decode_packet(cobs_encode(packet)) == gap
    assert encode_packet(gap) == cobs_encode(packet) + b"\0"


def test_kinds_and_codes_are_those_of_the_page() -> None:
    rows = dict(re.findall(r"^\| ([0-9A-F]{2}) \| ([a-z_]+)", PAGE, re.M))
    kinds = {f"{kind.value:02X}": kind.name.lower() for kind in Kind}
    assert rows.items() <= kinds.items()
    assert {number for number in kinds if 0x28 <= int(number, 16) < 0x40} <= rows.keys()
    for code, name in re.findall(r"(\d+) `([a-z]+)`", PAGE.partition("Further codes")[2]):
        assert ErrorCode(int(code)).name.lower() == name
    assert Feature(31) == Feature.TONES | Feature.COUNTERS | Feature.EXTERNAL_TRIGGER | Feature.TRACE | Feature.UPDATE


@given(st.sampled_from(list(told.SEQUENCER_LAYOUTS)), st.binary(max_size=60))
def test_any_bytes_are_a_value_or_an_error(kind: type[Any], payload: bytes) -> None:
    try:
        value = messages._decode(kind, payload)
    except WireError:
        return
    assert encode_payload(value) == payload
    assert messages._decode(kind, encode_payload(value)) == value


def test_notes_that_are_not_known_are_nothing() -> None:
    assert decode_note(0xEF, b"anything") is None
    with pytest.raises(WireError):
        decode_note(Kind.WINDOW, b"")
