"""Packing is lossless for any bits, and unpacking refuses what is malformed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.cext.packing import WIDEST, pack, unpack

ROWS = np.dtype([("op", "<u2"), ("flags", "<u2"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4")])
WORD = st.sampled_from([0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]) | st.integers(0, 2**32 - 1)


def packed_words_twin(words: list[int]) -> bytes:
    out, last = bytearray(), 0
    for word in words:
        difference = (word - last + 2**31) % 2**32 - 2**31
        value = 2 * difference if difference >= 0 else -2 * difference - 1
        while value >= 128:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
        last = word
    return bytes(out)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 2, 4, 8, 0x0C04, 0xFFFF]), WORD, WORD, WORD)))
def test_rows_come_back(rows):
    raw = np.array(rows, ROWS).tobytes()
    packed = pack(raw, 16)
    assert unpack(packed, 16, len(raw)) == raw
    assert len(packed) <= WIDEST[16] * len(rows)


@given(st.lists(WORD))
def test_words_come_back_as_the_twin_packs_them(words):
    raw = np.array(words, "<u4").tobytes()
    assert pack(raw, 4) == packed_words_twin(words)
    assert unpack(pack(raw, 4), 4, len(raw)) == raw


@given(st.lists(st.integers(0, 2**64 - 1) | st.floats().map(lambda x: int(np.float64(x).view(np.uint64)))))
def test_doubles_come_back_to_the_bit(bits):
    raw = np.array(bits, "<u8").tobytes()
    assert unpack(pack(raw, 8), 8, len(raw)) == raw


@given(st.binary(max_size=64), st.sampled_from([16, 4, 8]), st.integers(0, 80))
def test_any_bytes_are_unpacked_or_refused(noise, item, n):
    try:
        raw = unpack(noise, item, n * item)
    except ValueError as error:
        assert str(error)
    else:
        assert len(raw) == n * item
        assert unpack(pack(raw, item), item, len(raw)) == raw


@pytest.mark.parametrize("n_raw", [2**40 * 16, 2**62, 17, -16])
def test_claimed_size_is_bounded_by_the_packed_bytes(n_raw):
    with pytest.raises(ValueError, match=r"can't hold|whole items"):
        unpack(b"\0" * 100, 16, n_raw)


def test_rows_that_repeat_take_a_byte_each():
    raw = np.array([(0x101, 0, 5, 0xFFFFFFFF, 0xFFFFFFFF)] * 1000, ROWS).tobytes()
    assert len(pack(raw, 16)) < 1010
