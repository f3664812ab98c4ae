"""Cutting plays into pieces, against the signal that a slow twin adds up play by play."""

import numpy as np
import pytest

from qctl.cext import pieces as kernel
from qctl.instruments.zurich.waveforms import CONTENT, ENTRY, MEMBER, PIECE
from qctl.program.timeline import PLAY

RATE_HZ = 2e9


def cut(plays, bounds, channels, lengths, n_oscillators=8, grid=16, least=32, head=32, zero=48, period=8192, room=None,
        n_frequencies=64, scale=kernel.AMPLITUDE_STEPS):  # fmt: skip
    n = len(plays)
    made = [np.zeros(n if room is None else room, kind) for kind in (PIECE, CONTENT, ENTRY)]
    members, bounds_out = np.zeros(16 * n + 64 if room is None else room, MEMBER), np.zeros(len(bounds), np.int64)
    frequencies, counts, fault = np.zeros(n_frequencies), np.zeros(6, np.int64), np.zeros(3, np.int64)
    kernel.cut(
        plays, np.array(bounds, np.int64), np.array(channels, np.int32), np.array(lengths, np.int32), scale, head, zero,
        grid, least, period, RATE_HZ, n_oscillators, made[0], bounds_out, members, made[1], made[2], frequencies,
        counts, fault,
    )  # fmt: skip
    pieces, contents, entries = (x[:k] for x, k in zip(made, counts[[0, 2, 3]], strict=True))
    return pieces, bounds_out, members[: counts[1]], contents, entries, frequencies[: counts[4]], fault.tolist()


def random_plays(rng, n, n_points, n_ports, frequencies, longest_gap):
    """Return plays in random order of ports, one after the other on each, and where each point begins."""
    rows, bounds = [], [0]
    for _ in range(n_points):
        at = np.zeros(n_ports, np.int64)
        for _ in range(n):
            port, waveform = rng.integers(n_ports), rng.integers(3)
            start = at[port] + rng.integers(longest_gap)
            rows.append((port, waveform, start, rng.uniform(-1, 1), rng.choice(frequencies), rng.uniform(-9, 9)))
            at[port] = start + (7, 40, 90)[waveform]
        bounds.append(len(rows))
    return np.array(rows, PLAY), bounds


def signal(plays, units, channels, zero, period, real):
    """Return what a point's plays add up to, in two channels or as I and Q."""
    out = np.zeros((2, period), complex)
    for port, waveform, start, amplitude, hz, phase in plays.tolist():
        if channels[port] >= 0:
            k = start + np.arange(len(units[waveform]))
            one = amplitude * units[waveform] * np.exp(2j * np.pi * hz * (k + 0.5) / RATE_HZ - 1j * phase)
            out[channels[port], k + zero] += one.real if real else one
    return out


def played(found, units, period, n_oscillators):
    """Return what the pieces of each point play."""
    pieces, bounds, members, contents, entries, frequencies, _ = found
    points = []
    for p in range(len(bounds) - 1):
        out = np.zeros((2, period), complex)
        for start, length, entry in pieces[bounds[p] : bounds[p + 1]].tolist():
            content, amplitude, phase, oscillator = entries[entry].tolist()
            assert length == contents[content]["length"]
            k = np.arange(start, start + length)
            tuned = frequencies[oscillator] if n_oscillators else 0.0
            turn = amplitude / 1e8 * np.exp(2j * np.pi * (tuned * k / RATE_HZ + phase / 1e9))
            first, n = contents[content]["first"], contents[content]["n_members"]
            for channel, waveform, offset, rel, turns, beat in members[first : first + n].tolist():
                away = frequencies[beat // 64] - tuned if beat >= 0 else 0.0
                unit = units[waveform] * rel / 1e8 * np.exp(2j * np.pi * turns / 1e9)
                at = np.arange(offset, offset + len(unit))
                keep = (at >= 0) & (at < length)
                one = (unit * np.exp(2j * np.pi * away * at / RATE_HZ))[keep] * turn[at[keep]]
                out[channel, k[at[keep]]] += one if n_oscillators else one.real
        points.append(out)
    return points


@pytest.mark.parametrize("n", [0, 1, 2, 30])
@pytest.mark.parametrize("longest_gap", [1, 20, 100])
@pytest.mark.parametrize(("n_oscillators", "n_frequencies"), [(8, 1), (1, 1), (2, 5), (0, 1), (0, 3)])
def test_pieces_play_what_the_plays_add_up_to(n, longest_gap, n_oscillators, n_frequencies):
    rng = np.random.default_rng(n + longest_gap)
    frequencies = [0.0, -1e8, 3.3e7, 1e6, 2.5e8][:n_frequencies] if n_oscillators == 0 else rng.uniform(-5e8, 5e8, 5)
    plays, bounds = random_plays(rng, n, 3, 2, frequencies[:n_frequencies], longest_gap)
    units = [rng.uniform(-1, 1, k) + 1j * rng.uniform(-1, 1, k) for k in (7, 40, 90)]
    channels = [0, -1] if n_oscillators else [0, 1]
    found = cut(plays, bounds, channels, (7, 40, 90), n_oscillators)
    assert found[-1][0] == 0
    for p, got in enumerate(played(found, units, 8192, n_oscillators)):
        want = signal(plays[bounds[p] : bounds[p + 1]], units, channels, 48, 8192, not n_oscillators)
        np.testing.assert_allclose(got, want, atol=3e-7)
    pieces, piece_bounds = found[0], found[1]
    for p in range(3):
        own = pieces[piece_bounds[p] : piece_bounds[p + 1]]
        edges = np.concatenate([[32], np.stack([own["start"], own["start"] + own["length"]], 1).ravel(), [8192]])
        gaps = np.diff(edges)[::2]
        assert np.all(edges % 16 == 0) and np.all((gaps == 0) | (gaps >= 32)) and np.all(own["length"] >= 32)
    for table in (found[4],):
        assert len(np.unique(table)) == len(table)


def test_equal_contents_and_settings_are_found_again():
    plays = np.array([(0, 0, 40 * k, 0.5, 1e8, np.pi / 2 * (k % 4)) for k in range(48)], PLAY)
    pieces, _, _, contents, entries, frequencies, _ = cut(plays, [0, 48], [0], [40], zero=64)
    # Two plays of 40 samples make five blocks of 16: only the turn between them is part of the waveform.
    assert len(pieces) == 24 and set(pieces["length"]) == {80}
    assert len(contents) == 1 and len(entries) == 2 and frequencies.tolist() == [1e8]


def test_merged_pieces_end_inside_of_a_play_rather_than_growing():
    plays = np.array([(0, 0, 34 * k, 0.5, 0.0, np.pi / 2 * (k * k % 4)) for k in range(200)], PLAY)
    pieces, _, _, contents, _, _, _ = cut(plays, [0, 200], [0], [34])
    assert pieces["length"].max() <= 96 and len(contents) <= 64


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"amplitude": 1.0000001}, "amplitude"),
        ({"amplitude": np.nan}, "amplitude"),
        ({"phase_rad": np.inf}, "phase"),
        ({"start": -17}, "early"),
        ({"start": 8192 - 48 - 39}, "end"),
    ],
)
def test_what_cannot_be_played_is_named(change, fault):
    plays = np.array([(0, 0, 0, 0.1, 1e6, 0.0), (0, 0, 100, 0.1, 1e6, 0.0)], PLAY)
    row = int(change.get("start", 0) >= 0)
    for name, value in change.items():
        plays[name][row] = value
    found = cut(plays, [0, 0, 2], [0], [40])
    assert kernel.FAULTS[found[-1][0]] == fault and found[-1][1:] == [1, row]


def test_limits_are_those_that_are_stated():
    plays = np.array([(0, 0, 8192 - 48 - 40, 1.0, 1e6, 0.0)], PLAY)
    assert cut(plays, [0, 1], [0], [40])[-1][0] == 0
    plays["start"] = -16
    assert cut(plays, [0, 1], [0], [40])[-1][0] == 0
    many = np.array([(0, 0, 0, 1.0, hz, 0.0) for hz in range(65)], PLAY)
    assert kernel.FAULTS[cut(many[:64], [0, 64], [0], [40])[-1][0]] == ""
    assert kernel.FAULTS[cut(many, [0, 65], [0], [40])[-1][0]] == "frequencies"


def test_no_room_for_members_is_a_fault():
    plays = np.array([(0, 0, 16 * k, 0.1, 1e6, 0.0) for k in range(50)], PLAY)
    assert kernel.FAULTS[cut(plays, [0, 50], [0], [2000], room=60)[-1][0]] == "members"


@pytest.mark.parametrize(
    "change",
    [
        {"bounds": [0, 1]}, {"bounds": [0, 2, 1, 2]}, {"channels": []}, {"lengths": []}, {"lengths": [-1]}, {"grid": 0},
        {"least": 24}, {"head": 8}, {"period": 8190}, {"n_oscillators": 65}, {"zero": -1}, {"room": 1},
        {"n_frequencies": 0}, {"head": 8208},
    ],
)  # fmt: skip
def test_shapes_and_numbers_that_do_not_fit_are_refused(change):
    plays = np.array([(0, 0, 0, 0.1, 1e6, 0.0), (0, 0, 100, 0.1, 1e6, 0.0)], PLAY)
    with pytest.raises(ValueError):
        cut(plays, **{"bounds": [0, 2], "channels": [0], "lengths": [40], **change})


def test_odd_strides_are_refused():
    plays = np.zeros(4, PLAY)[::2]
    with pytest.raises(ValueError):
        cut(plays, [0, 2], [0], [40])
