"""Shots that begin alike go on from one state: the same as if each had been played by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qctl.hil.physics.beginnings import played_before
from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.parameters import Coupler, Processor, Resonator, Transmon

RATE_HZ, LO_HZ, N = 1.2e9, 5.1e9, 400
STOP = np.full(2, N / RATE_HZ)


def pair() -> Processor:
    """Return two transmons of which the second comes down to the first at about 0.1 V."""
    resonator = Resonator((7.0e9, 6.997e9, 6.9945e9), 4e6, 0.4, 0.0)
    common = (-2.2e8, 3e-5, 2e-5, 0.004, 183e6, 0.65, 0.65, 0.003, 0.2, resonator)
    transmons = (Transmon("q0", 5.0e9, *common), Transmon("q1", 5.25e9, *common))
    crosstalk = (((1.0, 0.0), (0.02, 0.3)), ((0.02, 0.1), (1.0, 0.0)))
    return Processor(transmons, (Coupler(0, 1, 4e6, 0.0),), crosstalk, 0.06)


def pulse(start: int, away_hz: float, phase_rad: float = 0.0, volts: float = 0.1) -> Run:
    """Return a drive pulse of 60 samples."""
    t = np.arange(60)
    shape = volts * np.exp(-(((t - 30) / 12) ** 2))
    return Run(start, shape * np.exp(1j * (2 * np.pi * away_hz * (start + t) / RATE_HZ + phase_rad)))


def shot(last_rad: float = 0.0, flux_v: float = 0.1, first_v: float = 0.1, last_start: int = 250) -> Lines:
    """Return two pulses, a flux pulse on the second transmon, and a last pulse on the first one."""
    drive = ((pulse(0, -100e6, 0.0, first_v), pulse(last_start, -100e6, last_rad)), (pulse(20, 150e6),))
    flux = ((), (Run(100, np.full(120, flux_v)),))
    return Lines(RATE_HZ, drive, (LO_HZ, LO_HZ), flux, (0.0, 0.0), (), 7e9)


def ends(evolution: Evolution, lines: Lines, joint: bool = True) -> list[np.ndarray]:
    """Return all density matrices at the end."""
    return [rho.copy() for _, rho in evolution.run(lines, STOP, joint).groups]


@pytest.mark.parametrize("joint", [True, False])
def test_shots_that_share_a_beginning_end_as_if_alone(joint: bool) -> None:
    together = Evolution(pair())
    shots = [
        shot(),
        shot(1.0),
        shot(1.0, 0.12),
        shot(2.0),
        shot(1.0, 0.1, 0.05),
        shot(2.0, 0.12),
        shot(0.3, 0.1, 0.1, 180),
    ]
    for lines in [*shots, *shots]:
        found, alone = ends(together, lines, joint), ends(Evolution(pair()), lines, joint)
        for a, b in zip(found, alone, strict=True):
            # What drives do to a pair is kept to 1e-9 of its samples, so the order of shots counts that much.
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_what_was_played_before_is_played_once(monkeypatch: pytest.MonkeyPatch) -> None:
    evolution, keys = Evolution(pair()), []
    make = evolution.steps.steps
    monkeypatch.setattr(evolution.steps, "steps", lambda window, n: keys.append(n) or make(window, n))
    for last_rad in (0.0, 1.0, 2.0):
        evolution.run(shot(last_rad), STOP)
    assert len(keys) == 1
    evolution.run(shot(2.0, 0.12), STOP)
    assert len(keys) == 2


def test_a_drive_that_is_cut_says_nothing_and_one_that_comes_later_only_that_it_comes() -> None:
    early, late = played_before(shot(), (130, 220)), played_before(shot(1.0), (130, 220))
    assert early == late and None not in early
    assert played_before(shot(0.0, 0.1, 0.1, 180), (130, 220)) == [early[0], None]
    late_only = replace(shot(), drive=((), (pulse(300, 150e6),)))
    nothing = replace(shot(), drive=((), ()))
    assert played_before(late_only, (220,)) != played_before(nothing, (220,))
