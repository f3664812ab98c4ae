"""The ions of the virtual lab beside QuTiP, whose Hamiltonian is written here anew from the textbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
import qutip as qt

from qctl.hil.labs.crystal import places_of, transverse_modes
from qctl.hil.physics.ion_drives import Drives, Lit, Stretch
from qctl.hil.physics.ion_motion import Light, Motion, Tone
from qctl.hil.physics.ion_shots import IonShots
from qctl.hil.physics.ions import Beam, Chain, Ion, Mode

NU = 3.05e6


def judged(
    n_ions: int, sizes: Sequence[int], nus: Sequence[float], etas: Sequence[Sequence[float]],
    lights: Sequence[Light], start_s: float, length_s: float, fock: Sequence[int],
) -> np.ndarray:  # fmt: skip
    """Return the populations by QuTiP: sum nu n + Omega/2 (s+ exp(-i D t + i phi) exp(i eta (a + a+)) + h.c.)."""
    spaces = [2] * n_ions + list(sizes)

    def place(operator: qt.Qobj, k: int) -> qt.Qobj:
        return qt.tensor([operator if j == k else qt.qeye(d) for j, d in enumerate(spaces)])

    h0 = sum(2 * np.pi * nu * place(qt.num(n), n_ions + k) for k, (nu, n) in enumerate(zip(nus, sizes, strict=True)))
    parts: list[object] = [h0]
    for light in lights:
        raising = place(qt.basis(2, 1) * qt.basis(2, 0).dag(), light.ion)
        for k, n in enumerate(sizes):
            x = qt.create(n) + qt.destroy(n)
            raising = raising * place((1j * etas[light.ion][k] * x).expm(), n_ions + k)

        def drive(t: float, tones: tuple[Tone, ...] = light.tones) -> complex:
            return sum(np.pi * rabi * np.exp(1j * (phase - 2 * np.pi * offset * t)) for offset, phase, rabi in tones)

        parts += [[raising, drive], [raising.dag(), lambda t, drive=drive: np.conj(drive(t))]]
    start = qt.tensor([qt.basis(2, 0)] * n_ions + [qt.basis(n, k) for n, k in zip(sizes, fock, strict=True)])
    options = {"nsteps": 10**7, "atol": 1e-9, "rtol": 1e-8, "max_step": 2e-8}
    final = qt.sesolve(qt.QobjEvo(parts), start, [start_s, start_s + length_s], options=options).states[-1]
    return np.real(final.ptrace(list(range(n_ions))).diag())


def ours(motion: Motion, n_ions: int, lights: Sequence[Light], start_s: float, length_s: float, fock: Sequence[int]):
    state = np.zeros((2,) * n_ions + (motion.size, 1), complex)
    state[(0,) * n_ions + (int(np.ravel_multi_index(fock, motion.sizes)), 0)] = 1
    end = motion.evolve(state, lights, start_s, length_s)
    return (np.abs(end) ** 2).sum(axis=(-1, -2)).ravel()


def both(sizes, nus, etas, lights, start_s, length_s, fock) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    motion = Motion(tuple(nus), tuple(map(tuple, etas)), tuple(sizes))
    n = len(etas)
    found = ours(motion, n, lights, start_s, length_s, fock)
    return found, judged(n, sizes, nus, etas, lights, start_s, length_s, fock)


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("sideband", [0, 1, -1])
@pytest.mark.parametrize("cycle", [0.3, 1.1])
def test_carrier_and_sideband_rabi_oscillations(n: int, sideband: int, cycle: float) -> None:
    eta, rabi_hz = 0.12, 100e3
    length_s = cycle / rabi_hz / (1.0 if sideband == 0 else eta)
    lights = [Light(0, (Tone(sideband * NU + 700.0, 0.4, rabi_hz),))]
    found, wanted = both([10], [NU], [[eta]], lights, 1.5e-3, length_s, [n])
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def ms_lights(offset_hz: float, rabi_hz: float, start_s: float, spins: Sequence[float]) -> list[Light]:
    def tones(spin: float) -> tuple[Tone, ...]:
        turned = 2 * np.pi * offset_hz * start_s
        return Tone(offset_hz, spin + turned, rabi_hz), Tone(-offset_hz, spin - turned, rabi_hz)

    return [Light(ion, tones(spin)) for ion, spin in enumerate(spins)]


def test_molmer_sorensen_gate_makes_a_bell_state_as_qutip_says() -> None:
    eta, delta_hz, start_s = 0.08, 2e4, 1e-6
    lights = ms_lights(NU + delta_hz, delta_hz / (2 * eta), start_s, [-np.pi / 2] * 2)
    found, wanted = both([12], [NU], [[eta], [eta]], lights, start_s, 1 / delta_hz, [0])
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert found[0] == pytest.approx(0.5, abs=0.03) and found[3] == pytest.approx(0.5, abs=0.03)


@pytest.mark.full
def test_molmer_sorensen_gate_beside_a_second_mode_and_a_phonon() -> None:
    etas, delta_hz = [[0.06, 0.06], [0.06, -0.06]], 2e4
    lights = ms_lights(NU + delta_hz, delta_hz / 0.12, 2e-6, [-np.pi / 2, 0.3])
    found, wanted = both([10, 6], [NU, NU - 1.1e5], etas, lights, 2e-6, 3.7e-5, [1, 0])
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_several_ions_at_once_and_unequal_tones() -> None:
    etas = [[0.1], [-0.07], [0.05]]
    lights = [
        Light(0, (Tone(100.0, 0.1, 90e3),)),
        Light(2, (Tone(NU, 0.0, 50e3), Tone(-NU + 3e3, 1.0, 30e3))),
    ]
    found, wanted = both([8], [NU], etas, lights, 0.0, 6e-6, [0])
    np.testing.assert_allclose(found, wanted, atol=1e-3)


# --- whole sequences ------------------------------------------------------------------------------


def chain(n_bar: float = 0.05, pump_error: float = 0.0) -> Chain:
    return Chain(
        (Ion("i0", 1e10, 8e4, 1e3),),
        (Mode("com", NU, (0.1,), 40.0, 0.0),),
        (
            Beam("drive", "drive", (0,), 1e10 - 2e8, 5e5),
            Beam("eit", "eit", (0,), 2e8, 1e5, 1e6, n_bar),
            Beam("pump", "pump", (0,), 2e8, 1e7, 1e7),
            Beam("detect", "detect", (0,), 2e8, 3.0, 1e7),
        ),
        pump_error,
    )


class Window(NamedTuple):
    """One gate of the counter of the first ion."""

    start_s: float
    end_s: float


def count_photons(
    chain: Chain, stretches: Sequence[Stretch], windows: Sequence[Window], n_shots: int, random: np.random.Generator
) -> np.ndarray:
    """Return (n_shots, n_windows) photons."""
    shots, counts = IonShots(Drives(chain), n_shots, random), []
    for one in stretches:
        if any(window.start_s == one.start_s for window in windows):
            shots.open(0)
        shots.shine(one.lit, one.start_s, one.end_s)
        if any(window.end_s == one.end_s for window in windows):
            counts.append(shots.close(0))
    return np.stack(counts, axis=1)


def sequence(drives: Sequence[tuple[Lit, float]], cooled_s: float = 1e-3) -> tuple[list[Stretch], list[Window]]:
    steps = [(Lit(1, 2e8, 0.0, 0.3), cooled_s), (Lit(2, 2e8, 0.0, 0.3), 2e-5), *drives, (Lit(3, 2e8, 0.0, 1 / 3), 4e-4)]
    found, at = [], 0.0
    for lit, length_s in steps:
        found.append(Stretch(at, at + length_s, (lit,)))
        at += length_s
    return found, [Window(found[-1].start_s, at)]


def bright(drives: Sequence[tuple[Lit, float]], n_shots: int = 20_000, **options: float) -> float:
    counts = count_photons(chain(**options), *sequence(drives), n_shots, np.random.default_rng(1))
    return float((counts > 8).mean())


def test_thermal_motion_damps_a_blue_sideband_as_the_sum_over_fock_states_says() -> None:
    n_bar, eta, rabi_hz, length_s = 0.6, 0.1, 5e4, 1.7e-4
    p = (n_bar / (n_bar + 1)) ** np.arange(30) / (n_bar + 1)
    wanted = 0.0
    for n in range(12):
        lights = [Light(0, (Tone(NU, 0.0, rabi_hz),))]
        wanted += p[n] * ours(Motion((NU,), ((eta,),), (24,)), 1, lights, 0.0, length_s, [n])[1]
    found = bright([(Lit(0, 2e8 + NU, 0.0, rabi_hz / 5e5), length_s)], n_bar=n_bar)
    assert found == pytest.approx(wanted, abs=5 * 0.5 / np.sqrt(20_000))


def test_photons_are_those_of_bright_and_dark_ions() -> None:
    counts = count_photons(chain(), *sequence([]), 4000, np.random.default_rng(2))
    assert counts.mean() == pytest.approx(0.4, abs=0.05)
    pi = [(Lit(0, 2e8, 0.0, 0.2), 5e-6)]
    counts = count_photons(chain(), *sequence(pi), 4000, np.random.default_rng(2))
    assert counts.mean() == pytest.approx(32.4, rel=0.03)


def test_without_pumping_an_ion_is_in_either_state() -> None:
    stretches, windows = sequence([])
    half = count_photons(chain(), stretches[2:], windows, 4000, np.random.default_rng(3)) > 8
    assert half.mean() == pytest.approx(0.5, abs=0.04)


def test_pumping_leaves_what_it_cannot_reach() -> None:
    assert bright([], pump_error=0.05) == pytest.approx(0.05, abs=0.01)


def test_each_shot_goes_on_from_what_was_found_in_it() -> None:
    # A pulse of three quarters of pi, detection, a pulse of pi, detection: whoever was dark is bright then.
    pulse, pi = (Lit(0, 2e8, 0.0, 0.2), 3.75e-6), (Lit(0, 2e8, 0.0, 0.2), 5e-6)
    detect = (Lit(3, 2e8, 0.0, 1 / 3), 4e-4)
    stretches, windows = sequence([pulse, detect, pi])
    windows = [Window(stretches[3].start_s, stretches[3].end_s), *windows]
    first, second = (count_photons(chain(), stretches, windows, 4000, np.random.default_rng(6)) > 8).T
    # Debye-Waller weakens the light: eta = 0.1 at 0.05 phonons, so each pulse turns by a factor exp(-eta^2 (n + 1/2)).
    part = np.exp(-(0.1**2) * 0.55)
    assert first.mean() == pytest.approx(np.sin(0.375 * np.pi * part) ** 2, abs=0.04)
    assert (first != second).mean() > 0.99


def test_pumping_a_part_of_the_way_remembers_each_shot_and_a_long_one_forgets() -> None:
    half, detect = (Lit(0, 2e8, 0.0, 0.2), 2.5e-6), (Lit(3, 2e8, 0.0, 1 / 3), 4e-4)
    for pump_s, left in ((1e-7, np.exp(-0.3)), (1e-4, 0.0)):  # 1e7 / (V s) at 0.3 V: 3e6 / s
        stretches, windows = sequence([half, detect, (Lit(2, 2e8, 0.0, 0.3), pump_s)])
        windows = [Window(stretches[3].start_s, stretches[3].end_s), *windows]
        first, second = (count_photons(chain(), stretches, windows, 8000, np.random.default_rng(7)) > 8).T
        assert second[~first].mean() == 0.0
        assert second[first].mean() == pytest.approx(left, abs=0.04)


def test_crystal_is_that_of_the_literature() -> None:
    # D. F. V. James, Appl. Phys. B 66, 181 (1998), table 1.
    np.testing.assert_allclose(places_of(2), [-0.62996, 0.62996], atol=1e-5)
    np.testing.assert_allclose(places_of(3), [-1.0772, 0, 1.0772], atol=1e-4)
    np.testing.assert_allclose(places_of(4), [-1.4368, -0.45438, 0.45438, 1.4368], atol=1e-4)
    hz, shapes = transverse_modes(2, 1e6, 3e6)
    np.testing.assert_allclose(hz, [3e6, np.sqrt(8) * 1e6])
    np.testing.assert_allclose(np.abs(shapes), np.sqrt(0.5))
    hz, _ = transverse_modes(1, 1e6, 3e6)
    np.testing.assert_allclose(hz, [3e6])


def test_a_hot_chain_is_cut_short_and_still_answers_soon() -> None:
    hot = Chain(
        chain().ions,
        (Mode("com", NU, (0.1,), 40.0, 0.0), Mode("tilt", NU - 1e5, (0.09,), 40.0, 0.0)),
        chain().beams,
        0.0,
    )
    stretches, windows = sequence([(Lit(0, 2e8 + NU, 0.0, 0.2), 3e-5)])
    counts = count_photons(hot, stretches[1:], windows, 200, np.random.default_rng(4))
    assert 0.1 < (counts > 8).mean() < 0.9


def test_more_fock_states_are_taken_where_those_that_were_chosen_are_too_few() -> None:
    # Both sidebands at once, on resonance: the motion is driven further and further.
    eta, rabi_hz, length_s = 0.1, 1e5, 4e-5
    tones = [Lit(0, 2e8 + side * NU, 0.0, rabi_hz / 5e5) for side in (1, -1)]
    stretches, windows = sequence([(tones[0], length_s)], cooled_s=2e-3)
    stretches[2] = stretches[2]._replace(lit=tuple(tones))
    found = (count_photons(chain(n_bar=0.0), stretches, windows, 20_000, np.random.default_rng(5)) > 8).mean()
    start_s = stretches[2].start_s
    lights = [Light(0, (Tone(NU, 0.0, rabi_hz), Tone(-NU, 0.0, rabi_hz)))]
    wanted = ours(Motion((NU,), ((eta,),), (60,)), 1, lights, start_s, length_s, [0])[1]
    assert found == pytest.approx(wanted, abs=0.02)
