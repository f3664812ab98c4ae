"""SeqC text, command tables and samples, against slow twins: what a program plays is what its pieces ask for."""

import json
import re

import numpy as np
import pytest

from qctl.cext import seqc
from qctl.instruments.zurich.waveforms import CONTENT, ENTRY, MEMBER, PIECE


def emit(pieces, bounds, head=64, period=4096, least=32, loop_from=10**9, reset=4, room=100_000):
    rows = np.array(pieces, PIECE)
    text, sizes = np.zeros(room, np.uint8), np.zeros(2, np.int64)
    seqc.emit(rows, np.array(bounds, np.int64), head, period, least, loop_from, reset, text, sizes)
    return text[: sizes[0]].tobytes().decode(), sizes


def run(lines, reset=4):
    """Return what is played with its length in samples, and the instructions that it takes."""
    found, n_instructions, k = [], 0, 0
    while k < len(lines):
        if match := re.fullmatch(r"repeat \((\d+)\) \{", lines[k]):
            end, depth = k, 0
            while True:
                depth += lines[end].endswith("{") - (lines[end] == "}")
                if not depth:
                    break
                end += 1
            inner, n = run(lines[k + 1 : end], reset)
            found += inner * int(match[1])
            n_instructions += n + 3
            k = end
        elif lines[k] == "resetOscPhase();":
            found.append(("reset", 0))
            n_instructions += reset
        else:
            word, number = re.fullmatch(r"(playZero|executeTableEntry)\((\d+)\);", lines[k]).groups()
            found.append((word, int(number)))
            n_instructions += 1
            assert word != "playZero" or (int(number) % 16 == 0 and 32 <= int(number) <= 1_048_576 - 16)
        k += 1
    return found, n_instructions


def twin(pieces, bounds, head, period, reset):
    """Return begin and entry of each piece from the start of the first point, and where each point's reset is."""
    wanted, resets = [], []
    for p in range(len(bounds) - 1):
        resets.append(p * period + head)
        wanted += [(p * period + start, entry) for start, _, entry in pieces[bounds[p] : bounds[p + 1]]]
    return wanted, resets if reset else []


def timed(found, lengths):
    at, played, resets = 0, [], []
    for word, number in found:
        if word == "playZero":
            at += number
        elif word == "reset":
            resets.append(at)
        else:
            played.append((at, number))
            at += lengths[number]
    return played, resets, at


@pytest.mark.parametrize("n", [0, 1, 2, 40])
@pytest.mark.parametrize("loop_from", [0, 10**9])
@pytest.mark.parametrize("reset", [0, 4])
@pytest.mark.parametrize("longest_gap", [4, 400_000])
def test_text_plays_each_piece_at_its_time(n, loop_from, reset, longest_gap):
    rng = np.random.default_rng(n)
    lengths = [32, 48, 80]
    pieces, bounds = [], [0]
    period = 16 * (2 + 10 * n + (n + 1) * (longest_gap + 2))
    for p in range(3):
        at = 64
        for k in range(n):
            gap = int(rng.integers(longest_gap)) * 16 if p else 48
            at += gap if gap != 16 else 32
            entry = int(rng.integers(3)) if p else 1 + (k % 3 == 2)
            pieces.append((at, lengths[entry], entry))
            at += lengths[entry]
        bounds.append(len(pieces))
    text, sizes = emit(pieces, bounds, period=period + 64, loop_from=loop_from, reset=reset)
    found, n_instructions = run(text.splitlines(), reset)
    played, resets, end = timed(found, lengths)
    assert (played, resets) == twin(pieces, bounds, 64, period + 64, reset)
    assert end == 3 * (period + 64) and n_instructions == sizes[1]
    assert ("repeat" in text) >= (n == 40 and loop_from == 0)


def test_groups_of_pieces_become_loops():
    pieces = [(64 + 208 * k + (0, 96)[k % 2], 64, k % 2) for k in range(40)]
    text, sizes = emit(pieces, [0, 40], period=64 + 208 * 40 + 1600, loop_from=300)
    assert sizes[1] < 20 and text.count("executeTableEntry") <= 5


def test_text_without_room_is_counted_and_not_written_over():
    pieces = [(64 + 64 * k, 64, k) for k in range(10)]
    text, sizes = emit(pieces, [0, 10])
    assert emit(pieces, [0, 10], room=0)[1].tolist() == sizes.tolist()
    short, _ = emit(pieces, [0, 10], room=50)
    assert text.startswith(short.rstrip("\0")[:20])


@pytest.mark.parametrize(
    "change",
    [
        {"bounds": [0, 1]}, {"bounds": [0, 2, 1, 2]}, {"least": 0}, {"head": -1}, {"head": 80}, {"period": 176},
        {"head": 4090, "period": 4096, "pieces": [], "bounds": [0]},
        {"pieces": [(64, 64, 0), (112, 64, 0)]}, {"pieces": [(80, 64, 0), (160, 64, 0)]},
    ],
)  # fmt: skip
def test_pieces_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError):
        emit(**{"pieces": [(64, 64, 0), (128, 64, 0)], "bounds": [0, 2], **change})


def table(entries, scales, waves, kind, room=100_000):
    text, size = np.zeros(room, np.uint8), np.zeros(1, np.int64)
    rows = np.array(entries, ENTRY)
    seqc.table(rows, np.array(scales, float), np.array(waves, np.int32), kind, text, size)
    return json.loads("[" + text[: size[0]].tobytes().decode() + "]")


@pytest.mark.parametrize("n", [0, 1, 50])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_table_says_what_the_entries_are(n, kind):
    rng = np.random.default_rng(n)
    entries = [
        (int(rng.integers(2)), int(rng.integers(-(10**8), 10**8 + 1)), int(rng.integers(10**9)), int(rng.integers(8)))
        for _ in range(n)
    ]
    found = table(entries, [1.0, 0.5], [3, 7], kind)
    for k, (row, (content, amplitude, phase, oscillator)) in enumerate(zip(found, entries, strict=True)):
        volts = round(amplitude * (1.0, 0.5)[content]) / 1e8
        assert row["index"] == k and row["waveform"] == {"index": (3, 7)[content]}
        if kind == 0:
            signs = {"amplitude00": 1, "amplitude01": -1, "amplitude10": 1, "amplitude11": 1}
            assert row["phase"]["value"] == pytest.approx(phase * 3.6e-7, abs=1e-12)
            assert row["oscillatorSelect"] == {"value": oscillator}
        else:
            signs = {"amplitude0": 1, "amplitude1": 1}
            assert ("phase0" in row) == (kind == 1)
        for name, sign in signs.items():
            assert row[name]["value"] == pytest.approx(sign * volts, abs=1e-9)
        if kind == 1:
            assert (row["phase1"]["value"] + phase * 3.6e-7) % 360 == pytest.approx(0, abs=1e-6) or (
                (row["phase1"]["value"] + phase * 3.6e-7) % 360 == pytest.approx(360, abs=1e-6)
            )
            assert row["phase0"]["value"] - row["phase1"]["value"] == pytest.approx(90)
    assert len(found) == n


@pytest.mark.parametrize("change", [{"scales": [1.0]}, {"scales": [1.0, np.nan]}, {"waves": [1]}, {"kind": 3},
                                    {"entries": [(2, 0, 0, 0)]}, {"entries": [(-1, 0, 0, 0)]}])  # fmt: skip
def test_tables_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError):
        table(**{"entries": [(0, 0, 0, 0)], "scales": [1.0, 1.0], "waves": [0, 1], "kind": 0, **change})


def render(contents, members, units, frequencies, absolute, pair, rows=None):
    bounds = np.cumsum([0, *map(len, units)], dtype=np.int64)
    joined = np.concatenate([np.empty(0, complex), *units])
    samples = joined.view(float).reshape(-1, 2)
    contents = np.array(contents, CONTENT)
    out = np.full((int(contents["length"].sum()) if rows is None else rows, 2), np.nan)
    seqc.render(
        contents, np.array(members, MEMBER), samples, bounds, np.array(frequencies, float), 2e9, absolute, pair, out
    )
    return out


@pytest.mark.parametrize("n", [0, 1, 20])
@pytest.mark.parametrize(("absolute", "pair"), [(False, False), (True, False), (True, True)])
def test_samples_are_those_of_a_slow_twin(n, absolute, pair):
    rng = np.random.default_rng(n)
    units = [rng.normal(size=k) + 1j * rng.normal(size=k) for k in (0, 1, 30, 100)]
    frequencies = [1e8, -3e7, 2e6]
    members = [
        (int(rng.integers(2)), int(rng.integers(4)), int(rng.integers(-40, 40)), int(rng.integers(-(10**8), 10**8)),
         int(rng.integers(10**9)), int(rng.choice([-1, 64 * 1 + 0, 64 * 2 + 1])))
        for _ in range(3 * n)
    ]  # fmt: skip
    contents = [(int(rng.integers(0, 120)), 3 * k, 3) for k in range(n)]
    got = render(contents, members, units, frequencies, absolute, pair)
    want = []
    for length, first, count in contents:
        one = np.zeros((length, 2))
        for channel, waveform, offset, amplitude, phase, beat in members[first : first + count]:
            hz = 0.0 if beat < 0 else frequencies[beat // 64] - (0.0 if absolute else frequencies[beat % 64])
            at = offset + np.arange(len(units[waveform]))
            part = units[waveform] * amplitude / 1e8 * np.exp(2j * np.pi * (phase / 1e9 + hz * at / 2e9))
            keep = (at >= 0) & (at < length)
            if pair:
                one[at[keep], channel] += part.real[keep]
            else:
                one[at[keep], 0] += part.real[keep]
                one[at[keep], 1] += part.imag[keep]
        want.append(one)
    np.testing.assert_allclose(got, np.concatenate([np.empty((0, 2)), *want]), atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 15}, {"contents": [(16, 1, 1)]}, {"contents": [(-1, 0, 1)]}, {"members": [(2, 0, 0, 0, 0, -1)]},
        {"members": [(0, 1, 0, 0, 0, -1)]}, {"members": [(0, 0, 0, 0, 0, 64)]},
    ],
)  # fmt: skip
def test_contents_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError):
        render(**{"contents": [(16, 0, 1)], "members": [(0, 0, 0, 10**8, 0, -1)], "units": [np.ones(4, complex)],
                  "frequencies": [0.0], "absolute": False, "pair": False, **change})  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 30])
def test_what_a_table_reaches_equals_its_twin(n):
    rng = np.random.default_rng(n)
    entries = np.zeros(n, ENTRY)
    entries["content"], entries["amplitude"] = rng.integers(0, 4, n), rng.integers(-(10**8), 10**8, n)
    peaks = rng.random((4, 2))
    steps = np.abs(entries["amplitude"].astype(float)) / 1e8
    wanted = (steps[:, None] * peaks[entries["content"]]).max(axis=0, initial=0.0)
    assert seqc.reached(entries, peaks) == tuple(wanted.tolist())


def test_a_table_of_contents_that_are_not_there_reaches_nothing():
    entries = np.zeros(2, ENTRY)
    entries["content"] = [1, 2]
    with pytest.raises(ValueError, match="entry 1 has content 2 of 2"):
        seqc.reached(entries, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="peaks have 3 columns"):
        seqc.reached(entries, np.zeros((3, 3)))
