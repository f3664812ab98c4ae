"""The packet kernel against plain Python and construct: both directions, any damage, and each refusal."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.cext.packets import decode, encode
from qctl.errors import WireError
from qctl.firmware_io.packets import FrameReader, Packet, encode_packets

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import packet_twin

PAYLOADS = (
    st.binary(max_size=40)
    | st.integers(0, 1024).map(lambda n: bytes(n))
    | st.integers(0, 1024).map(lambda n: bytes(k % 255 + 1 for k in range(n)))
)
PACKETS = st.builds(Packet, st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 65_535), PAYLOADS)


def slowly(stream: bytes) -> tuple[list[Packet], int]:
    """Return the packets of a stream, and how many frames are dropped, with a too long end that has no 00."""
    packets, n_dropped = [], 0
    *frames, rest = stream.split(b"\0")
    for frame in frames:
        if not frame:
            continue
        try:
            if len(frame) > 1060:
                raise WireError("too long")
            packets.append(packet_twin.decode_packet(frame))
        except WireError:
            n_dropped += 1
    return packets, n_dropped + (len(rest) > 1060)


@given(st.lists(PACKETS, max_size=5))
def test_bytes_are_those_of_the_twin(packets: list[Packet]) -> None:
    assert encode_packets(packets) == b"".join(packet_twin.encode_packet(packet) for packet in packets)


@given(st.lists(PACKETS, max_size=5), st.binary(max_size=30), st.data())
def test_any_stream_is_read_as_the_twin_reads_it(packets: list[Packet], noise: bytes, data: st.DataObject) -> None:
    stream = bytearray(b"".join(packet_twin.encode_packet(packet) for packet in packets) + noise)
    for _ in range(data.draw(st.integers(0, 3))):
        if stream:
            stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    reader = FrameReader()
    cut = data.draw(st.integers(0, len(stream)))
    found = reader.feed(bytes(stream[:cut])) + reader.feed(bytes(stream[cut:]))
    assert (found, reader.n_dropped) == slowly(bytes(stream))


@given(st.binary(max_size=3000).map(lambda data: data.replace(b"\0", b"\1")), st.integers(0, 3))
def test_overlong_frames_are_dropped_and_the_next_one_is_found(noise: bytes, n_zeros: int) -> None:
    packet = Packet(1, 2, 3, b"payload")
    stream = noise + b"\0" * n_zeros + b"\0" + packet_twin.encode_packet(packet)
    reader = FrameReader()
    assert reader.feed(stream) == slowly(stream)[0] == [packet]
    assert reader.n_dropped == slowly(stream)[1]


def test_more_packets_than_one_call_takes_are_all_found() -> None:
    packets = [Packet(k % 256, k, k, bytes(k % 5)) for k in range(200)]
    assert FrameReader().feed(encode_packets(packets)) == packets


def outputs(n: int = 1) -> list[np.ndarray]:
    return [np.zeros(3 * n, np.uint16), np.zeros(n + 1, np.int64), np.zeros(1024 * n, np.uint8)]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_decode_refuses_outputs_that_do_not_fit(place: int) -> None:
    arrays = outputs()
    arrays[place] = arrays[place][:-1].copy()
    with pytest.raises(ValueError, match="heads has shape"):
        decode(b"", False, *arrays)
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        decode(b"", False, *outputs(0))
    assert decode(b"", True, *outputs()) == (0, 0, 0, True)


@pytest.mark.parametrize(
    ("heads", "bounds", "n_payload", "n_out", "words"),
    [
        ([1, 2], [0, 0], 0, 19, r"heads has shape \(2,\)"),
        ([1, 2, 3], [0], 0, 19, r"bounds \(1,\)"),
        ([1, 2, 3], [0, 4], 3, 40, "bounds from 0 to 4 of 3 bytes"),
        ([1, 2, 3], [-1, 0], 3, 40, "bounds from -1"),
        ([1, 2, 3], [0, 1025], 1025, 2000, "packet 0: kind 1 and a payload of 1025"),
        ([256, 2, 3], [0, 0], 0, 19, "kind 256"),
        ([1, 2, 3] * 2, [0, 2, 1], 2, 90, "packet 1: kind 1 and a payload of -1"),
        ([1, 2, 3], [0, 3], 3, 21, "out has 21 bytes, 22 may be needed"),
    ],
)
def test_encode_refuses_what_does_not_fit(
    heads: list[int], bounds: list[int], n_payload: int, n_out: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        encode(np.array(heads, np.uint16), np.array(bounds), bytes(n_payload), bytearray(n_out))


def test_strided_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        encode(np.zeros(6, np.uint16)[::2], np.zeros(2, np.int64), b"", bytearray(19))


def test_nothing_is_nothing() -> None:
    assert encode(np.zeros(0, np.uint16), np.zeros(1, np.int64), b"", bytearray()) == 0
    assert encode_packets([]) == b""
