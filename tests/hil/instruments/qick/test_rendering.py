"""What the emulated board's generators put on their lines, and how a run falls apart into shots."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.hil.instruments.qick.processor import Done
from qctl.hil.instruments.qick.rendering import RATE_HZ, Play, carrier_hz, rendered, tone_hz
from qctl.hil.instruments.qick.shots import READ, clocks_of, cut, deeds_of
from qctl.hil.instruments.qick.soccfg import DRIVE_HZ, board_config

CONFIG = board_config()
GENERATOR = CONFIG["gens"][0]
PRODUCT, CONSTANT, ANEW = 0b01000, 0b01001, 0b10000
WAVE, WORD = 0, 1


def word(frequency_hz: float) -> int:
    return round(frequency_hz / DRIVE_HZ * 2**32) % 2**32


@pytest.mark.parametrize(
    ("frequency_hz", "zone", "seen_hz", "mirrored"),
    [
        (1.0e9, 1, 1.0e9, False),
        (-1.0e9, 1, 1.0e9, True),
        (4.7e9, 2, 4.7e9, False),
        (1.0e9, 2, DRIVE_HZ - 1.0e9, True),
        (0.0, 1, 0.0, False),
    ],
)
def test_carriers_are_where_their_zone_puts_them(
    frequency_hz: float, zone: int, seen_hz: float, mirrored: bool
) -> None:
    found = carrier_hz(GENERATOR, zone, 0.0, word(frequency_hz))
    assert found[0] == pytest.approx(seen_hz, abs=2.0) and found[1] is mirrored


@pytest.mark.parametrize("zone", [1, 2])
def test_line_carries_the_digital_samples_about_its_tone(zone: int) -> None:
    random = np.random.default_rng(zone)
    carrier = {1: 1.23e9, 2: 4.71e9}[zone]
    freq, phase, cycles = word(carrier), int(random.integers(0, 2**32)), 9
    n_samples = cycles * GENERATOR["samps_per_clk"]
    memory = np.zeros((65_536, 2), np.int16)
    # An envelope that hardly changes from sample to sample, so that held samples are what it is.
    turn = np.linspace(0, 2, n_samples)
    memory[:n_samples, 0], memory[:n_samples, 1] = 30_000 * np.sin(turn), 20_000 * np.cos(turn)
    words = np.array([freq, phase, 0, 16_383, cycles, PRODUCT])
    begin, reset = 160, 32
    at_hz = tone_hz(carrier)
    line = rendered(GENERATOR, zone, 0.0, memory, [Play(words, begin, reset)], at_hz, 200)
    # What a converter would give: the carrier's phase counts in whole samples since it was started anew.
    n = np.arange(n_samples)
    turns = (freq * (begin + n - reset) + phase) % 2**32 / 2**32
    digital = (memory[:n_samples] @ [1, 1j]) / 32_766 * (16_383 / 32_766) * np.exp(2j * np.pi * turns)
    middle_s = (begin + n + 0.5) / DRIVE_HZ
    wanted = digital * np.exp(-2j * np.pi * at_hz * middle_s)
    at = np.flatnonzero(line)
    assert len(at) == pytest.approx(n_samples / DRIVE_HZ * RATE_HZ, abs=1)
    nearest = np.clip(np.rint((at + 0.5) / RATE_HZ * DRIVE_HZ - 0.5).astype(int) - begin, 0, n_samples - 1)
    # 100 MHz off the tone at most, half a converter's sample apart.
    np.testing.assert_allclose(line[at], wanted[nearest], atol=0.03)


def test_a_wave_waits_until_the_one_before_has_ended() -> None:
    words = np.array([0, 0, 0, 32_766, 10, CONSTANT])
    line = rendered(GENERATOR, 1, 0.0, np.zeros((0, 2), np.int16), [Play(words, 0, 0), Play(words, 80, 80)], 0.0, 200)
    assert np.count_nonzero(line) == round(320 / DRIVE_HZ * RATE_HZ)
    np.testing.assert_allclose(line[line != 0], 1.0)


def test_waves_that_are_not_emulated_are_refused() -> None:
    words = np.array([0, 0, 0, 100, 10, CONSTANT | 0b100])
    with pytest.raises(RequestError, match="is not emulated"):
        rendered(GENERATOR, 1, 0.0, np.zeros((0, 2), np.int16), [Play(words, 0, 0)], 0.0, 50)


def test_run_falls_apart_into_shots_that_are_alike() -> None:
    clocks = clocks_of(CONFIG)
    assert clocks.grid == 28 and clocks.timing_hz == Fraction(430_080_000)
    waves = np.array([[0, 0, 0, 0, 3, ANEW], [word(4.7e9), 5, 0, 100, 9, PRODUCT]])
    period, rows = 28 * 1000, []
    for shot in range(6):
        at = 1000 + shot * period
        rows += [[at, WAVE, 0, 0], [at + 8 + shot % 2, WAVE, 0, 1], [at + 50, WORD, 0, 1], [at + 60, WORD, 0, 0]]
    done = Done(np.array(rows, np.int64), waves, 6, 0, np.zeros(1, np.int64))
    deeds = deeds_of(done, CONFIG, clocks, {0: 300})
    assert deeds.channel[:3].tolist() == [0, 0, READ] and deeds.since[:3].tolist() == [0, 8, -1]
    shots = cut(deeds, clocks)
    assert len(shots.starts) == 6 and shots.kinds.tolist() == [0, 1] * 3 and shots.models.tolist() == [0, 1]
    assert (shots.starts % 28 == 0).all() and (deeds.tick[shots.low] - shots.starts >= 16).all()


def test_waves_that_go_nowhere_are_refused() -> None:
    done = Done(np.array([[10, WAVE, 9, 0]], np.int64), np.zeros((1, 6), np.int64), 1, 0, np.zeros(1, np.int64))
    with pytest.raises(RequestError, match="port 9, where no generator is"):
        deeds_of(done, CONFIG, clocks_of(CONFIG), {})
