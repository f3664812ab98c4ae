"""The crosstalk kernel against slow NumPy."""

import numpy as np
import pytest

from qctl.cext import crosstalk

DT_S = 1 / 1.2e9


def scene(seed, n, spans):
    """Return volts, runs sorted by start, beats, waves and coefficients of n lines."""
    rng = np.random.default_rng(seed)
    runs, begin = [], 0
    for line, start, stop in sorted(spans, key=lambda span: span[1]):
        runs.append((line, start, stop, begin))
        begin += stop - start
    volts = 0.1 * (rng.normal(size=begin) + 1j * rng.normal(size=begin))
    beats = 1e8 * rng.normal(size=n)
    beats[0] = 0.0
    waves = 2e9 * rng.normal(size=(n, 2))
    coefficients = 1e7 * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    return volts, np.array(runs, np.int64).reshape(-1, 4), beats, waves, coefficients


def held(wave, beat):
    """Return by how much samples are scaled for what is lost when they are held in the frame and not at their LO."""
    if beat == 0:
        return 1.0
    part = np.sinc(wave * DT_S / (2 * np.pi))
    return np.sinc((wave - beat) * DT_S / (2 * np.pi)) / (part if abs(part) > 0.05 else np.copysign(0.05, part))


def slow_drives(volts, runs, beats, waves, coefficients, least_rad, length):
    """Return Omega of every transmon and sample, and where it hears anything."""
    n = len(waves)
    omega, heard = np.zeros((n, length), complex), np.zeros((n, length), bool)
    for line, start, stop, begin in runs.tolist():
        k = np.arange(stop - start)
        played = volts[begin : begin + k.size].conj() * np.exp(-1j * beats[line] * (start + 0.5 + k) * DT_S)
        for q in range(n):
            reach = max(abs(np.exp(1j * w * k * DT_S) @ played) for w in waves[q])
            if q == line or reach * abs(coefficients[q, line]) * DT_S >= least_rad[q]:
                omega[q, start:stop] += coefficients[q, line] * played * held(waves[q, 0], beats[line])
                heard[q, start:stop] = True
    return omega, heard


@pytest.mark.parametrize("least_rad", [0.0, 5e-3, 10.0])
@pytest.mark.parametrize(
    ("n", "spans"),
    [(1, [(0, 3, 27)]), (3, [(0, 0, 24), (2, 10, 60), (1, 60, 61), (1, 90, 110), (0, 95, 100)]), (2, [])],
)
def test_drives_are_those_of_slow_numpy(n, spans, least_rad):
    volts, runs, beats, waves, coefficients = scene(n, n, spans)
    least = least_rad * np.arange(1.0, n + 1)
    omega, heard = slow_drives(volts, runs, beats, waves, coefficients, least, 120)
    pieces = np.full((len(runs) * n, 4), -1, np.int64)
    out = np.full(volts.size * n, np.nan, complex)
    marks = np.empty((len(runs), n), np.int64)
    found = crosstalk.listen(volts, runs, beats, waves, coefficients, DT_S, least, marks, pieces, out)
    mine, covered = np.zeros_like(omega), np.zeros_like(heard)
    for q, start, stop, begin in pieces[:found].tolist():
        assert not covered[q, start:stop].any()
        covered[q, start:stop] = True
        mine[q, start:stop] = out[begin : begin + stop - start]
    np.testing.assert_allclose(mine, omega, atol=1e-6)
    assert (covered >= heard).all()
    order = pieces[:found, 0] * 1000 + pieces[:found, 1]
    assert (np.diff(order) > 0).all()


def unitary(omega, wave, dt_s):
    """Return what a two-level system in the frame does under samples of Omega, by matrix exponentials one by one."""
    total = np.eye(2, dtype=complex)
    for one in omega:
        energies, states = np.linalg.eigh(np.array([[0, one.conjugate() / 2], [one / 2, wave]]))
        total = states @ np.diag(np.exp(-1j * energies * dt_s)) @ states.conj().T @ total
    return total


@pytest.mark.parametrize("beat_hz", [0.0, 1e8, -4e8])
def test_pulse_turns_as_far_whatever_frame_it_is_followed_in(beat_hz):
    """The judge lets each sample go on turning at its LO, in 64 steps; half as much would be lost at 400 MHz."""
    n, lo, wave = 24, 2 * np.pi * beat_hz, 2 * np.pi * (beat_hz - 1.7e8)
    bell = np.exp(-0.5 * ((np.arange(n) + 0.5 - n / 2) / (n / 5)) ** 2)
    own = bell * np.exp(1j * (wave - lo) * (np.arange(n) + 0.5) * DT_S)
    strength = np.array([[np.pi / 2 / (bell.sum() * DT_S)]], complex)
    pieces, omega = np.empty((1, 4), np.int64), np.empty(n, complex)
    waves, runs = np.array([[wave, wave - 1.4e9]]), np.array([[0, 0, n, 0]], np.int64)
    crosstalk.listen(
        own, runs, np.array([lo]), waves, strength, DT_S, np.zeros(1), np.empty((1, 1), int), pieces, omega
    )
    times = (np.arange(64 * n) + 0.5) * DT_S / 64
    fine = strength[0, 0] * np.repeat(own.conj(), 64) * np.exp(-1j * lo * times)
    wanted, found = unitary(fine, wave, DT_S / 64), unitary(omega, wave, DT_S)
    assert abs(abs(found[1, 0]) ** 2 - abs(wanted[1, 0]) ** 2) < 1e-3
    assert abs(np.angle(found[1, 0] / wanted[1, 0])) < 2e-3


def test_what_does_not_fit_is_refused():
    volts, runs, beats, waves, coefficients = scene(0, 2, [(0, 0, 10), (1, 5, 20)])
    marks, pieces, out = np.empty((2, 2), np.int64), np.empty((4, 4), np.int64), np.empty(50, complex)

    def listen(**changes):
        names = ("volts", "runs", "beats", "waves", "coefficients", "least", "marks", "pieces", "out")
        given = (volts, runs, beats, waves, coefficients, np.zeros(2), marks, pieces, out)
        values = dict(zip(names, given, strict=True)) | changes
        return crosstalk.listen(*[values[name] for name in names[:5]], DT_S, *[values[name] for name in names[5:]])

    assert listen() == 3 or listen() == 2
    with pytest.raises(ValueError, match="beats 1"):
        listen(beats=beats[:1])
    with pytest.raises(ValueError, match="least_rad 3"):
        listen(least=np.zeros(3))
    with pytest.raises(ValueError, match="coefficients"):
        listen(coefficients=coefficients[:1])
    with pytest.raises(ValueError, match="run 1 of line 1"):
        listen(volts=volts[:20])
    with pytest.raises(ValueError, match="is not in order"):
        listen(runs=np.ascontiguousarray(runs[::-1]))
    with pytest.raises(ValueError, match="run 0 of line 2"):
        listen(runs=runs + np.array([2, 0, 0, 0]))
    for name, short in (("marks", marks[:1]), ("pieces", pieces[:3]), ("out", out[:49])):
        with pytest.raises(ValueError, match="don't hold 2 runs of 25 samples"):
            listen(**{name: short})
