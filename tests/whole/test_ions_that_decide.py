"""Programs of the sequencer whose counts decide, on four ions: driver, controller and ions, beside what must come."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.cli.running import start
from qctl.errors import DeviceError
from qctl.firmware_io.instructions import Op, SequencerProgram
from qctl.instruments.qctl_sequencer.body import Photons, SequencerBody, program_of
from qctl.instruments.qctl_sequencer.driver import QctlSequencer, open_driver
from qctl.lab import Lab, load_lab
from qctl.lowering import compile as compile_programs
from qctl.program.device_program import DeviceProgram

HZ, FULL = 10**9, 2**14 - 1
PERIOD_TICKS = 5_000_000
COOL, EIT, PUMP, DETECT = 4, 5, 6, 7
"""Synthesisers, from 0 on; those of the ions' own beams are before."""
HALF_US, DETECT_US, BRIGHT = 2.5, 300, 6
Row = tuple[int, ...]


class Chain:
    """Four ions, with nothing but a driver before them."""

    def __init__(self, folder: Path) -> None:
        toml, truth = folder / "lab.toml", folder / "truth.json"
        options = ["--seed", "3", "--out", str(toml), "--truth", str(truth), "--rate", "1000"]
        self._rack = start(["hil", "lab", "ions4", *options])
        self.lab: Lab = load_lab(toml)
        self.truth: dict[str, Any] = json.loads(truth.read_text())
        self.box: QctlSequencer = open_driver(self.lab.instrument("ctl0"), self.lab)

    def end(self) -> None:
        self.box.close()
        self._rack.end()

    def begin(self, rows: list[Row], n_counts: int, n_shots: int) -> None:
        """Load and start a program."""
        program = SequencerProgram.of(HZ, *rows)
        name = program.rows.tobytes().hex()
        photons = (Photons("i0.readout", "counts", tuple(range(n_counts))),)
        body = SequencerBody(HZ, n_shots, False, PERIOD_TICKS, name, n_counts, photons)
        blobs = {name: program.rows.view(np.uint64)}
        self.box.load(DeviceProgram("ctl0", "qctl-sequencer", body.to_bytes(), blobs))
        self.box.start()

    def counts(self, rows: list[Row], n_counts: int, n_shots: int) -> np.ndarray:
        """Return (n_shots, n_counts) results of a program."""
        self.begin(rows, n_counts, n_shots)
        deadline = time.monotonic() + 60
        while not self.box.finished():
            assert time.monotonic() < deadline
        (found,) = self.box.integrated().values()
        return found.real.reshape(n_shots, n_counts).astype(int)

    def pulse(self, ion: int, half_turns: float) -> list[Row]:
        """Return a pulse of so many times pi / 2, at the ion's own frequency."""
        truth = self.truth["qubits"][f"i{ion}"]
        return light(ion, truth["frequency_hz"] - 1.2442812e10, truth["amplitude_v"], HALF_US * half_turns)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    found = Chain(tmp_path_factory.mktemp("chain"))
    try:
        yield found
    finally:
        found.end()


def light(tone: int, hz: float, volts: float, us: float) -> list[Row]:
    """Return a synthesiser that is on for a time."""
    on = [(Op.FREQUENCY, tone, 0, round(hz / HZ * 2**32)), (Op.AMPLITUDE, tone, round(volts / 0.5 * FULL), 0)]
    off = [(Op.AMPLITUDE, tone, 0, 0), (Op.UPDATE, 0, 1 << tone, 0)]
    return [*on, (Op.UPDATE, 0, 1 << tone, 0), (Op.WAIT, 0, 0, round(us * 1000)), *off]


def detection(*ions: int) -> list[Row]:
    """Return detection whose counts of some ions go to the registers of their numbers."""
    lit = light(DETECT, 2e8, 0.3, DETECT_US)
    opened, closed = [(Op.OPEN, q) for q in ions], [(Op.CLOSE, q, q) for q in ions]
    return [*lit[:3], *opened, *lit[3:], *closed, (Op.WAIT, 0, 0, 2000)]


PREPARED = [*light(COOL, 2e8, 0.3, 1000), *light(EIT, 2e8, 0.3, 500), *light(PUMP, 2e8, 0.3, 20)]


def jump_over(rows: list[Row], at: int, register: int) -> list[Row]:
    """Return rows at a place of a program that are carried out if a register has a bright ion's count."""
    return [(Op.JUMP_BELOW, register, at + 1 + len(rows), BRIGHT), *rows]


def test_an_ion_that_is_found_bright_is_turned_back_and_one_that_nobody_asks_stays(chain: Chain) -> None:
    measured = [*PREPARED, *chain.pulse(0, 1), *detection(0), (Op.STORE, 0)]
    flip = chain.pulse(0, 2)
    again = [*detection(0), (Op.STORE, 0), (Op.HALT,)]
    n = 600
    asked = chain.counts([*measured, *jump_over(flip, len(measured), 0), *again], 2, n) >= BRIGHT
    ignored = chain.counts([*measured, *again], 2, n) >= BRIGHT
    always = chain.counts([*measured, *flip, *again], 2, n) >= BRIGHT
    for first in (asked[:, 0], ignored[:, 0], always[:, 0]):
        assert abs(first.mean() - 0.5) < 5 * 0.5 / np.sqrt(n)
    assert asked[:, 1].mean() < 0.02  # reset: dark, whatever was found
    assert (ignored[:, 1] == ignored[:, 0]).mean() > 0.98  # without the question: as it was found
    assert (always[:, 1] != always[:, 0]).mean() > 0.98


def test_tries_until_an_ion_is_bright_are_as_many_as_of_a_coin(chain: Chain) -> None:
    once = [(Op.ADD, 7, 7, 1), *chain.pulse(1, 1), *detection(1)]
    tries = [(Op.SET, 7, 0, 0), *PREPARED]
    rows = [*tries, *once, (Op.JUMP_BELOW, 1, len(tries), BRIGHT), (Op.STORE, 7), (Op.STORE, 1), (Op.HALT,)]
    n = 600
    found = chain.counts(rows, 2, n)
    assert found[:, 1].min() >= BRIGHT and found[:, 0].max() > 4
    # A dark ion is bright after pi / 2 with chance 1/2: k tries have the chance 2 to the -k.
    seen = np.bincount(found[:, 0], minlength=6)
    wanted = n * np.array([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16])
    told = np.array([*seen[1:5], seen[5:].sum()])
    assert ((told - wanted) ** 2 / wanted).sum() < 23.5  # chi squared of 4 degrees of freedom: 1e-4


def test_what_one_ion_of_a_bell_pair_says_turns_the_other(chain: Chain) -> None:
    circuit = qctl.Circuit(4)
    circuit.ms(np.pi / 2, 0.0, 0, 1)
    circuit.measure_all()
    (made,) = compile_programs(circuit, chain.lab, shots=1).programs
    bell = [tuple(row) for row in program_of(made).rows.tolist()][:-1]
    again = [*detection(1), (Op.STORE, 1), (Op.HALT,)]
    n = 400
    turned = [*bell, *jump_over(chain.pulse(1, 2), len(bell), 0), *again]
    found = chain.counts(turned, 5, n) >= BRIGHT
    left = chain.counts([*bell, *again], 5, n) >= BRIGHT
    for one in (found, left):
        assert abs(one[:, 0].mean() - 0.5) < 0.13 and (one[:, 0] == one[:, 1]).mean() > 0.95
        assert not one[:, 2:4].any(axis=1).mean() > 0.03
    assert found[:, 4].mean() < 0.05 and abs(left[:, 4].mean() - 0.5) < 0.13


def test_an_endless_question_is_stopped_and_the_next_program_plays(chain: Chain) -> None:
    rows = [*PREPARED, *detection(0), (Op.JUMP_BELOW, 0, len(PREPARED), BRIGHT), (Op.STORE, 0), (Op.HALT,)]
    chain.begin(rows, 1, 1)  # a pumped ion is never bright, but for the 2 in 1000 that pumping leaves
    assert not chain.box.finished()
    chain.box.stop()
    with pytest.raises(DeviceError):
        chain.box.finished()
    plain = [*PREPARED, *chain.pulse(0, 2), *detection(0), (Op.STORE, 0), (Op.HALT,)]
    assert (chain.counts(plain, 1, 50) >= BRIGHT).mean() > 0.95
