"""What a bad wire does to bytes and datagrams: as often as was said, the same for the same seed, in bounded time."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.hil.faults.pipe import FaultyPipe
from qctl.hil.faults.present import WireFaults

RATES = ("flipped", "lost", "doubled", "reordered", "torn")
N = 200_000


def passed(pipe: FaultyPipe, pieces: list[bytes], step_s: float = 0.001) -> list[bytes]:
    """Return what comes out of pieces that go in one after the other, and of time enough behind them."""
    found, now_s = [], 0.0
    for data in pieces:
        pipe.put(data, now_s)
        found += pipe.take(now_s)
        now_s += step_s
    while (next_s := pipe.next_s) is not None:
        found += pipe.take(next_s)
    return [piece.data for piece in found]


@given(st.lists(st.binary(max_size=40)), st.booleans(), st.integers(0, 9))
def test_good_wire_changes_nothing(pieces: list[bytes], datagrams: bool, seed: int) -> None:
    found = passed(FaultyPipe(WireFaults(), seed, datagrams), pieces)
    assert found == pieces if datagrams else b"".join(found) == b"".join(pieces)


@given(
    st.dictionaries(st.sampled_from(RATES), st.floats(0, 1)), st.binary(max_size=300), st.data(), st.integers(0, 2**32)
)
def test_bytes_are_hit_alike_however_a_stream_is_cut(
    rates: dict[str, float], stream: bytes, draw: Any, seed: int
) -> None:
    rates.pop("reordered", None)  # a byte changes places only with one of its piece
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    faults = WireFaults(**rates)
    whole = b"".join(passed(FaultyPipe(faults, seed), [stream]))
    assert b"".join(passed(FaultyPipe(faults, seed), pieces)) == whole
    assert b"".join(passed(FaultyPipe(faults, seed), pieces)) == whole, "not the same twice"


@given(
    st.dictionaries(st.sampled_from((*RATES, "delay")), st.floats(0, 1)),
    st.lists(st.binary(max_size=40)),
    st.booleans(),
)
def test_everything_ends(rates: dict[str, float], pieces: list[bytes], datagrams: bool) -> None:
    found = passed(FaultyPipe(WireFaults(**rates), 1, datagrams), pieces)
    assert len(found) <= 2 * len(pieces)
    assert sum(map(len, found)) <= 2 * sum(map(len, pieces))


@pytest.mark.parametrize("share", [1e-4, 0.01, 0.5])
def test_bits_are_flipped_as_often_as_was_said(share: float) -> None:
    found = b"".join(passed(FaultyPipe(WireFaults(flipped=share), 3), [bytes(4096)] * (N // 4096)))
    n_hit = sum(byte != 0 for byte in found)
    mean = share * len(found)
    assert abs(n_hit - mean) < 5 * math.sqrt(mean), f"{n_hit} of {len(found)} bytes, {mean:g} meant"
    assert all(byte.bit_count() <= 1 for byte in found), "more than one bit of a byte"


@pytest.mark.parametrize(("name", "copies"), [("lost", 0), ("doubled", 2)])
@pytest.mark.parametrize("datagrams", [True, False])
def test_share_of_units_is_lost_or_doubled(name: str, copies: int, datagrams: bool) -> None:
    n, share = 20_000, 0.01
    unit = [k.to_bytes(4, "big") for k in range(n)] if datagrams else [bytes(n)]
    found = passed(FaultyPipe(WireFaults(**{name: share}), 5, datagrams), unit)
    n_out = len(found) if datagrams else sum(map(len, found))
    n_hit = abs(n_out - n)
    assert (n_out > n) is (copies == 2)
    assert abs(n_hit - share * n) < 5 * math.sqrt(share * n)


def test_datagrams_change_places_and_none_is_lost() -> None:
    sent = [k.to_bytes(4, "big") for k in range(5000)]
    found = passed(FaultyPipe(WireFaults(reordered=0.05), 1, datagrams=True), sent)
    assert sorted(found) == sent
    n_back = sum(a > b for a, b in pairwise(found))
    assert abs(n_back - 250) < 80


def test_last_datagram_that_waits_for_another_comes_out() -> None:
    pipe = FaultyPipe(WireFaults(reordered=1.0), 1, datagrams=True)
    pipe.put(b"alone", 10.0)
    assert pipe.take(10.0) == []
    assert pipe.next_s == pytest.approx(10.05)
    assert [piece.data for piece in pipe.take(10.05)] == [b"alone"]


def test_stream_ends_where_it_is_torn_and_begins_again_when_cleared() -> None:
    pipe = FaultyPipe(WireFaults(torn=1e-3), 1)
    pipe.put(bytes(50_000), 0.0)
    (piece,) = pipe.take(0.0)
    assert piece.ends
    assert len(piece.data) < 50_000
    pipe.put(b"more", 0.0)
    assert pipe.take(9.0) == []
    pipe.clear()
    pipe.put(b"more", 9.0)
    assert [piece.data for piece in pipe.take(9.0)] == [b"more"]


def test_late_piece_holds_up_a_stream_but_not_datagrams() -> None:
    for datagrams, order in ((False, [b"1", b"2"]), (True, [b"2", b"1"])):
        pipe = FaultyPipe(WireFaults(late_reply=2.0), 1, datagrams)
        pipe.put(b"1", 0.0)
        pipe.put(b"2", 0.5)
        early = [piece.data for piece in pipe.take(1.0)]
        assert early == ([b"2"] if datagrams else [])
        assert early + [piece.data for piece in pipe.take(2.0)] == order


def test_throttled_wire_passes_so_many_bytes_a_second() -> None:
    pipe = FaultyPipe(WireFaults(throttle=92_160), 1)
    for _ in range(100):
        pipe.put(bytes(9216), 0.0)
    end_s = 0.0
    while (next_s := pipe.next_s) is not None:
        end_s = next_s
        pipe.take(next_s)
    assert end_s == pytest.approx(10.0)


def test_counted_faults_hit_the_next_pieces_only() -> None:
    pipe = FaultyPipe(WireFaults(drop=2), 1)
    assert passed(pipe, [b"a", b"b", b"c"]) == [b"c"]
    assert passed(FaultyPipe(WireFaults(corrupt=1), 1), [b"\x0f\n", b"\x0f\n"]) == [b"\xf0\n", b"\x0f\n"]
    assert passed(FaultyPipe(WireFaults(wrong_reply="what?"), 1), [b"1\n", b"2\n"]) == [b"what?\n", b"2\n"]
    assert passed(FaultyPipe(WireFaults(cut=3), 1), [b"12345\n", b"2\n"]) == [b"123"]


def test_nothing_passes_a_half_open_wire_until_it_is_whole() -> None:
    faults = WireFaults(half_open=True)
    pipe = FaultyPipe(faults, 1)
    assert passed(pipe, [b"a"]) == []
    faults.replace({})
    assert pipe.idle
    assert passed(pipe, [b"b"]) == [b"b"]
