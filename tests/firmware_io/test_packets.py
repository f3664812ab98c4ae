"""Packets and frames: golden vectors, round trips, and damage of every kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_twin import cobs_decode, cobs_encode, decode_packet
from trigger_device import frame_of, packets_of

from qctl.errors import WireError
from qctl.firmware_io.packets import FrameReader, Packet, encode_packet

PACKETS = st.builds(
    Packet,
    st.integers(0, 255),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.binary(max_size=1024),
)

# docs/firmware-protocol.md, section 5
GOLDEN = [
    (
        Packet(0x01, 0x1234, 0, bytes.fromhex("0100 0100")),
        "05 01 01 34 12 01 02 04 02 01 02 01 05 47 09 e6 f8 00",
    ),
    (
        Packet(0x81, 0x1234, 0, bytes.fromhex("0100 0100 0100 12") + b"qctl,trigger,7,1.0"),
        "05 01 81 34 12 01 02 19 02 01 02 01 02 01 18 12 71 63 74 6c 2c 74 72 69 67 67 65 72 2c 37 2c 31 2e 30 d2 5c "
        "a5 a4 00",
    ),
    (Packet(0x02, 0x1234, 1), "06 01 02 34 12 01 01 01 05 e2 28 60 03 00"),
    (
        Packet(0x03, 0x1234, 2, bytes.fromhex("01 01 0000 00000000 0a000000")),
        "06 01 03 34 12 02 02 0c 03 01 01 01 01 01 01 01 02 0a 01 01 05 73 db 07 ea 00",
    ),
    (
        Packet(0x03, 0x1234, 6, bytes.fromhex("02 02 0000 64000000 0a000000")),
        "06 01 03 34 12 06 02 0c 03 02 02 01 02 64 01 01 02 0a 01 01 05 44 8d eb 84 00",
    ),
    (
        Packet(0xC1, 0x1234, 1, bytes.fromhex("01000000 e8030000 00 00 0000")),
        "06 01 c1 34 12 01 02 0c 02 01 01 01 03 e8 03 01 01 01 01 01 05 e5 46 8c af 00",
    ),
    (Packet(0x10, 0x1234, 1), "06 01 10 34 12 01 01 01 05 05 a5 21 f3 00"),
]


@pytest.mark.parametrize(("packet", "wire"), GOLDEN, ids=lambda value: getattr(value, "kind", ""))
def test_golden_vectors(packet: Packet, wire: str) -> None:
    assert encode_packet(packet) == bytes.fromhex(wire)
    assert decode_packet(bytes.fromhex(wire)[:-1]) == packet


@pytest.mark.parametrize(
    ("data", "coded"),
    [
        (b"", "01"),
        (b"\0", "01 01"),
        (b"\0\0", "01 01 01"),
        (b"\x11\x22\0\x33", "03 11 22 02 33"),
        (b"\x11\0\0\0", "02 11 01 01 01"),
    ],
)
def test_cobs_of_the_paper(data: bytes, coded: str) -> None:
    assert cobs_encode(data) == bytes.fromhex(coded)
    assert cobs_decode(bytes.fromhex(coded)) == data


def test_cobs_run_of_254_may_end_with_or_without_a_final_one() -> None:
    run = bytes(range(1, 255))
    assert cobs_decode(b"\xff" + run) == run
    assert cobs_decode(b"\xff" + run + b"\x01") == run
    assert cobs_decode(cobs_encode(run + b"\0" + run)) == run + b"\0" + run


@given(st.binary(max_size=2000))
def test_cobs_round_trip_has_no_zero(data: bytes) -> None:
    coded = cobs_encode(data)
    assert 0 not in coded
    assert cobs_decode(coded) == data
    assert len(coded) <= len(data) + 1 + len(data) // 254


@given(PACKETS)
def test_packets_agree_with_an_independent_codec(packet: Packet) -> None:
    fields = (packet.kind, packet.session, packet.number, packet.payload)
    assert packets_of(encode_packet(packet)) == [fields]
    assert FrameReader().feed(frame_of(*fields)) == [packet]


@given(st.lists(PACKETS, max_size=5), st.data())
def test_any_cutting_of_the_stream_gives_the_same_packets(packets: list[Packet], data: st.DataObject) -> None:
    stream = b"".join(encode_packet(packet) for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = FrameReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert found == packets


@given(PACKETS, PACKETS, st.data())
def test_one_flipped_bit_loses_one_packet_and_never_changes_one(
    first: Packet, last: Packet, data: st.DataObject
) -> None:
    frame = bytearray(encode_packet(first))
    place = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[place // 8] ^= 1 << place % 8
    found = FrameReader().feed(bytes(frame) + encode_packet(last) + encode_packet(last))
    assert found in ([last], [last, last])


@given(PACKETS, st.data())
def test_lost_doubled_and_inserted_bytes_never_make_another_packet(packet: Packet, data: st.DataObject) -> None:
    frame = encode_packet(packet)
    at = data.draw(st.integers(0, len(frame) - 1))
    changed = data.draw(
        st.sampled_from([frame[:at] + frame[at + 1 :], frame[: at + 1] + frame[at:], frame[:at] + b"\x07" + frame[at:]])
    )
    found = FrameReader().feed(changed + b"\0" + encode_packet(packet))
    assert found in ([packet], [packet, packet])


@given(st.binary(max_size=5000))
def test_noise_is_dropped_and_the_next_packet_is_found(noise: bytes) -> None:
    reader = FrameReader()
    packet = Packet(5, 6, 7, b"payload")
    assert reader.feed(noise + b"\0" + encode_packet(packet))[-1:] == [packet]


def test_endless_noise_takes_no_memory() -> None:
    reader = FrameReader()
    for _ in range(100):
        reader.feed(b"\x01" * 10_000)
    assert len(reader._pending) <= 1060
    assert reader.n_dropped == 1


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"\x01\x00", "a zero byte"),
        (b"\x09\x01", "ends 7 bytes early"),
        (b"\x03\x01\x02", "a packet of 2 bytes"),
        (cobs_encode(bytes(12)), "CRC"),
    ],
)
def test_what_is_no_packet_is_refused(frame: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        decode_packet(frame)


def test_long_payload_is_refused() -> None:
    with pytest.raises(WireError, match="1025 bytes is over 1024"):
        encode_packet(Packet(1, 1, 1, bytes(1025)))
