"""Shots of atoms at the plant: what a message may say, what is kept, and what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.hil.labs.kinds import drawn
from qctl.hil.physics.atom_drives import Channel, Move
from qctl.hil.physics.atom_parameters import AtomArray
from qctl.hil.plant.exposures import Register
from qctl.hil.plant.faults import FaultTable
from qctl.hil.plant.light import Exposure

POSITIONS = np.array([[0.0, 0.0], [5e-6, 0.0]])


def exposure(n: int = 500, **changes: Any) -> Exposure:
    amplitude = np.full(n, 2 * np.pi * 1e6)
    channel = Channel("rydberg_local", "rydberg", amplitude, np.zeros(n), np.zeros(n), np.zeros(n, np.int16))
    given = {"positions_m": POSITIONS, "channels": (channel,), "moves": (), "push_out": False}
    return Exposure(**(given | {"n_shots": 200, "period_s": 0.4} | changes))  # type: ignore[arg-type]


def test_exposure_is_the_same_behind_the_wire(tmp_path: Path) -> None:
    given = exposure(20_000, moves=(Move(1, 0, 1000, 6e-6, 1e-6),), push_out=True)
    found = Exposure.from_wire(given.to_wire(str(tmp_path)), str(tmp_path))
    assert (found.moves, found.push_out, found.n_shots, found.period_s) == (given.moves, True, 200, 0.4)
    np.testing.assert_array_equal(found.positions_m, POSITIONS)
    for mine, theirs in zip(found.channels, given.channels, strict=True):
        assert (mine.name, mine.transition) == (theirs.name, theirs.transition)
        for name in ("amplitude", "detuning", "phase", "target"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_shots": 0}, "n_shots = 0"),
        ({"period_s": 0.0}, "have to be above 0"),
        ({"positions_m": np.zeros((13, 2))}, "holds 1 to 12 atoms"),
        ({"positions_m": np.zeros((2, 3))}, r"positions of shape \(2, 3\)"),
        ({"moves": [Move(2, 0, 1, 0.0, 0.0)]}, "none of the 2"),
    ],
)
def test_message_that_makes_no_sense_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=words):
        Exposure.from_wire(exposure(**changes).to_wire(str(tmp_path)), str(tmp_path))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amplitude", np.full(500, np.nan), "numbers that are none"),
        ("target", np.full(500, 2, np.int16), "a target that is none of the 2 atoms"),
        ("target", np.zeros(400, np.int16), "don't fit"),
        ("transition", "microwave", "neither rydberg nor raman"),
    ],
)
def test_channel_that_makes_no_sense_is_refused(field: str, value: Any, words: str, tmp_path: Path) -> None:
    (channel,) = exposure().channels
    fields = {
        name: getattr(channel, name) for name in ("name", "transition", "amplitude", "detuning", "phase", "target")
    }
    wrong = exposure(channels=(Channel(**(fields | {field: value})),))
    with pytest.raises(RequestError, match=words):
        Exposure.from_wire(wrong.to_wire(str(tmp_path)), str(tmp_path))


def test_photons_are_those_of_the_atoms_levels() -> None:
    register = Register(AtomArray(5.42e-24), 1)
    photons = register.photons(exposure())
    assert photons.shape == (200, 2) and photons.dtype == np.uint16
    # A pi pulse: the first atom is dark, the second one bright.
    assert photons[:, 0].max() < 300 < photons[:, 1].min()


def test_equal_exposures_are_evolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from qctl.hil.plant import exposures

    n_evolved = []
    whole = exposures.evolved
    monkeypatch.setattr(exposures, "evolved", lambda *given: n_evolved.append(1) or whole(*given))
    register = Register(AtomArray(5.42e-24, lifetime_s=1e-5), 1)
    first, again = register.photons(exposure()), register.photons(exposure(n_shots=100))
    assert len(n_evolved) == 1 and len(first) == 200 and len(again) == 100
    register.photons(exposure(501))
    assert len(n_evolved) == 2


def test_faults_of_a_lab_without_a_fridge_are_those_of_its_box() -> None:
    file = drawn("atoms9", 1)
    faults = FaultTable(file.cables, ())
    assert [faults.put("delay", None, None).on, faults.put("silence", "atoms0", None).on] == ["atoms0", "atoms0"]
    assert set(faults.of_box("atoms0")) == {"delay", "silence"}
    for name in ("swap", "lo_shift", "inverted_i"):
        with pytest.raises(RequestError, match="this lab has none"):
            faults.put(name, None, None)
