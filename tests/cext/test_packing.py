"""Packing is lossless for any bits, and unpacking refuses what is malformed."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.cext.packing import joined, pack, unpack

ROWS = np.dtype([("op", "<u2"), ("flags", "<u2"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4")])
WORD = st.sampled_from([0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]) | st.integers(0, 2**32 - 1)


FLAGS = st.sampled_from([0, 1, 2, 4, 8, 0x0C04, 0xFFFF])


def packed_words_twin(words: list[int]) -> bytes:
    out, following = bytearray(), 0
    for word in words:
        value = 0 if word == following else word + 1
        if following <= word < 2**30:
            following = word + 1
        while value >= 128:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)


def unpacked_rows_twin(packed: bytes, n: int) -> bytes:
    n_kinds, n_listed, at = packed[0], packed[1], 2
    kinds = [struct.unpack_from("<HH3Bx3I", packed, at + 20 * k) for k in range(n_kinds)]
    at += 20 * n_kinds
    listed = [packed[at + 8 * k : at + 8 * k + 8] for k in range(n_listed)]
    at += 8 * n_listed
    of_rows = packed[at : at + n]
    at += n
    out, run, last = b"", 0, 0xFFFFFFFF
    for kind in of_rows:
        op, flags, *rest = kinds[kind]
        fields: list[int] = []
        for field, (code, fixed) in enumerate(zip(rest[:3], rest[3:], strict=True)):
            if code == 8 and field == 1:
                fields += struct.unpack("<2I", listed[packed[at]])
                at += 1
                break
            if code == 8:
                fields.append(run if field == 0 else (last + 1) % 2**32)
                continue
            fields.append(int.from_bytes(packed[at : at + code], "little") if code else fixed)
            at += code
        a, b, c = fields
        out += struct.pack("<HH3I", op, flags, a, b, c)
        run = (run + b + c) % 2**32 if flags & 4 else run
        last = c if flags == 0 and c != 0xFFFFFFFF else last
    assert at == len(packed)
    return out


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), FLAGS, WORD, WORD, WORD), max_size=100))
def test_rows_come_back(rows):
    raw = np.array(rows, ROWS).tobytes()
    packed = pack(raw, 16)
    assert packed is not None
    assert unpack(packed, 16, len(raw)) == raw
    if rows:
        assert unpacked_rows_twin(packed, len(rows)) == raw


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x101, 0x10C, 0x115, 0x125]),
            st.sampled_from([0, 1, 4]),
            st.integers(0, 300) | WORD,
            st.sampled_from([0, 1, 3, 0xFFFFFFFF]),
            st.integers(0, 9) | st.just(0xFFFFFFFF),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_rows_of_few_kinds_come_back(rows, canonical):
    """With `canonical` the places of operands and constants are those that a builder makes."""
    array = np.array(rows, ROWS)
    if canonical:
        wide, counted = array["flags"] == 4, (array["flags"] == 0) & (array["c"] != 0xFFFFFFFF)
        sums = np.where(wide, array["b"] + array["c"], 0).cumsum(dtype=np.uint32)
        array["a"][wide] = np.concatenate(([0], sums[:-1]))[wide] if rows else 0
        array["c"][counted] = np.arange(counted.sum())
    raw = array.tobytes()
    packed = pack(raw, 16)
    assert unpack(packed, 16, len(raw)) == raw
    if rows:
        assert unpacked_rows_twin(packed, len(rows)) == raw


def test_rows_of_too_many_kinds_are_not_packed():
    rows = np.zeros(256, ROWS)
    rows["op"] = np.arange(256)
    assert pack(rows.tobytes(), 16) is None
    packed = pack(rows[:255].tobytes(), 16)
    assert unpack(packed, 16, 255 * 16) == rows[:255].tobytes()


@pytest.mark.parametrize("n_values", [2, 254, 255, 256])
def test_few_values_are_listed_and_many_are_not(n_values):
    rows = np.zeros(4000, ROWS)
    rows["op"], rows["flags"] = 0x10E, 1
    values = np.random.default_rng(n_values).integers(0, 2**64, n_values, dtype=np.uint64)
    rows["b"], rows["c"] = values[np.arange(4000) % n_values].view("<u4").reshape(-1, 2).T
    packed = pack(rows.tobytes(), 16)
    assert unpack(packed, 16, rows.nbytes) == unpacked_rows_twin(packed, 4000) == rows.tobytes()
    assert len(packed) < (9.1 if n_values > 255 else 2.6) * 4000


def test_mixed_gates_take_few_bytes():
    rng = np.random.default_rng(0)
    n = 10_000
    rows = np.zeros(n, ROWS)
    rows["op"] = rng.choice([0x10C, 0x10D, 0x10E, 0x104, 0x115], n)
    turns = np.isin(rows["op"], [0x10C, 0x10D, 0x10E])
    rows["flags"], rows["a"] = turns, rng.integers(0, 100, n)
    angles = rng.uniform(0, 6.3, n).view("<u4").reshape(-1, 2)
    rows["b"] = np.where(turns, angles[:, 0], np.where(rows["op"] == 0x115, 99 - rows["a"], 0xFFFFFFFF))
    rows["c"] = np.where(turns, angles[:, 1], 0xFFFFFFFF)
    packed = pack(rows.tobytes(), 16)
    assert unpack(packed, 16, rows.nbytes) == rows.tobytes()
    assert len(packed) < 7.1 * n


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(0, 255), st.data())
def test_damaged_rows_are_unpacked_or_refused(noise, n, value, data):
    rows = np.frombuffer(noise[: len(noise) // 16 * 16], ROWS) if len(noise) > 15 else np.zeros(n, ROWS)
    packed = bytearray(pack(rows.tobytes(), 16))
    packed[data.draw(st.integers(0, len(packed) - 1))] = value
    del packed[data.draw(st.integers(0, len(packed))) :]
    try:
        raw = unpack(bytes(packed), 16, rows.nbytes)
    except ValueError as error:
        assert str(error)
    else:
        assert unpack(pack(raw, 16), 16, len(raw)) == raw


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
        again = pack(raw, item)
        assert again is None or unpack(again, item, len(raw)) == raw


@pytest.mark.parametrize("n_raw", [2**40 * 16, 2**62, 17, -16])
def test_claimed_size_is_bounded_by_the_packed_bytes(n_raw):
    with pytest.raises(ValueError, match=r"can't hold|whole items"):
        unpack(b"\0" * 100, 16, n_raw)


def test_rows_that_repeat_take_a_byte_each():
    raw = np.array([(0x101, 0, 5, 0xFFFFFFFF, 0xFFFFFFFF)] * 1000, ROWS).tobytes()
    assert len(pack(raw, 16)) == 2 + 20 + 1000


@pytest.mark.parametrize("sizes", [(), (0,), (1,), (3, 0, 5), (5_000_000, 1, 4_194_304)])
def test_joined_is_what_bytes_join_makes(sizes: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    parts = [random.bytes(size) for size in sizes]
    views = [part if k % 2 else memoryview(part) for k, part in enumerate(parts)]
    assert joined(views) == b"".join(parts)


@pytest.mark.parametrize("part", ["text", 3, np.zeros(8, np.uint8)[::2], np.zeros(2)])
def test_joined_refuses_what_is_no_buffer_of_bytes(part: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        joined([b"whole", part])
