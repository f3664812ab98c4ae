"""The emulated controller's codec: the document's golden vectors, typed by hand, and hostile frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.hil.instruments.trigger_packets import Deframer, Packet, pack, unpack

GOLDEN = [
    (Packet(0x01, 0x1234, 0, bytes([1, 0, 1, 0])), "05 01 01 34 12 01 02 04 02 01 02 01 05 47 09 e6 f8 00"),
    (Packet(0x02, 0x1234, 1), "06 01 02 34 12 01 01 01 05 e2 28 60 03 00"),
    (
        Packet(0x04, 0x1234, 3, (20_000).to_bytes(4, "little") + (1000).to_bytes(4, "little")),
        "06 01 04 34 12 03 02 08 03 20 4e 01 03 e8 03 01 05 61 4e 08 36 00",
    ),
    (
        Packet(0x03, 0x1234, 6, bytes.fromhex("02 02 0000 64000000 0a000000")),
        "06 01 03 34 12 06 02 0c 03 02 02 01 02 64 01 01 02 0a 01 01 05 44 8d eb 84 00",
    ),
    (
        Packet(0xFF, 0x1234, 3, b"\x04\x03\x12period below limit"),
        "06 01 ff 34 12 03 02 15 1a 04 03 12 70 65 72 69 6f 64 20 62 65 6c 6f 77 20 6c 69 6d 69 74 21 5a e0 87 00",
    ),
]


@pytest.mark.parametrize(("packet", "frame"), GOLDEN)
def test_golden_vectors(packet: Packet, frame: str) -> None:
    assert pack(packet) == bytes.fromhex(frame)
    assert unpack(bytes.fromhex(frame)[:-1]) == packet


@given(st.integers(0, 255), st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=1024))
def test_any_packet_comes_back(kind: int, session: int, number: int, payload: bytes) -> None:
    frame = pack(Packet(kind, session, number, payload))
    assert frame.count(0) == 1
    assert unpack(frame[:-1]) == Packet(kind, session, number, payload)


@given(st.binary(max_size=200))
def test_noise_is_no_packet(noise: bytes) -> None:
    assert unpack(noise) is None


@given(st.binary(min_size=1, max_size=60), st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_is_dropped(payload: bytes, place: int, change: int) -> None:
    frame = bytearray(pack(Packet(3, 1, 1, payload))[:-1])
    frame[place % len(frame)] ^= change
    assert unpack(bytes(frame)) is None


def test_overlong_frame_is_dropped_whole() -> None:
    deframer = Deframer()
    assert deframer.feed(b"\x01" * 3000) == []
    assert deframer.feed(b"\x02\x02\0\0ab\0") == [b"ab"]
    assert deframer.feed(b"\x01" * 1060 + b"\0")[0] == b"\x01" * 1060
    assert deframer.feed(b"\x01" * 1061 + b"\0") == []
