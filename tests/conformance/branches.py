"""Random programs with branches on measured bits, and what is played of them for given results, as they stand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import qctl

__all__ = ["PORTS", "Branches", "Played", "built", "random_branches", "walked"]

PORTS = ("q0.drive", "q1.drive", "q1.flux")
QUBITS = ("q0", "q1")
BITS = ("a", "b", "c")
Steps = list[tuple[Any, ...]]


class Branches(NamedTuple):
    """A program as data: steps, and how many different pulses they have."""

    steps: Steps
    n_pulses: int


class Played(NamedTuple):
    """What is played: the numbers of pulses by port, in order, and how many measurements each qubit has had."""

    pulses: dict[str, list[int]]
    n_measured: dict[str, int]


class _Writer:
    """Writes random steps; each pulse is another one."""

    def __init__(self, rng: np.random.Generator, flux: float) -> None:
        self.rng = rng
        self.n_pulses = 0
        self.known: list[str] = []
        self.odds = np.array([1.0, 1.0, flux])

    def play(self) -> tuple[Any, ...]:
        self.n_pulses += 1
        port = str(self.rng.choice(PORTS, p=self.odds / self.odds.sum()))
        return ("play", port, self.n_pulses - 1)

    def measure(self) -> tuple[Any, ...]:
        bit = str(self.rng.choice(BITS))
        if bit not in self.known:
            self.known.append(bit)
        return ("measure", str(self.rng.choice(QUBITS)), bit)

    def test(self) -> tuple[tuple[str, ...], int]:
        n = int(self.rng.integers(1, min(2, len(self.known)) + 1))
        bits = tuple(str(bit) for bit in self.rng.choice(self.known, n, replace=False))
        return bits, int(self.rng.integers(1 << n))

    def block(self, n: int, depth: int) -> Steps:
        found: Steps = []
        for _ in range(n):
            kind = self.rng.random()
            if kind < 0.35 or (depth and not self.known):
                found.append(self.play())
            elif kind < 0.45:
                found.append(("delay", str(self.rng.choice(PORTS)), int(self.rng.integers(1, 30)) * 80))
            elif kind < 0.5:
                found.append(("barrier",))
            elif kind < 0.6 and not depth:
                found.append(self.measure())
            elif not self.known or depth > 2:
                found.append(self.play())
            elif kind < 0.93:
                test = self.test()
                body = self.block(int(self.rng.integers(1, 3)), depth + 1)
                other = self.block(int(self.rng.integers(1, 3)), depth + 1) if self.rng.random() < 0.4 else []
                found.append(("if", *test, body, other))
            elif not depth:
                bit, qubit = str(self.rng.choice(self.known)), str(self.rng.choice(QUBITS))
                play = self.play()
                # Its rounds don't touch, or they would be one pulse.
                body = [play, ("delay", play[1], 80), ("measure", qubit, bit)]
                kind = "while" if self.rng.random() < 0.5 else "until"
                found.append((kind, (bit,), int(self.rng.integers(2)), int(self.rng.integers(1, 4)), body))
            if not depth and found and found[-1][0] != "measure" and self.rng.random() < 0.25:
                found.append(self.measure())
        return found


def random_branches(seed: int, n: int = 7, flux: float = 0.3) -> Branches:
    """Return a program; `flux` is how often flux is played, beside 1 of each drive."""
    writer = _Writer(np.random.default_rng(seed), flux)
    steps = [writer.play(), writer.measure(), *writer.block(n, 0), ("barrier",), writer.measure()]
    return Branches(steps, writer.n_pulses)


def built(program: Branches, pulse: Any) -> qctl.Program:
    """Return the program as qctl's builder makes it; `pulse` returns a port's waveform of a number."""
    p = qctl.Program([*PORTS, "q0.readout", "q1.readout"], list(QUBITS), list(BITS))

    def append(steps: Steps) -> None:
        for name, *args in steps:
            if name == "play":
                p.play(args[0], pulse(*args))
            elif name == "delay":
                p.delay(args[0], args[1] / 1e9)
            elif name == "barrier":
                p.barrier()
            elif name == "measure":
                p.measure(*args)
            elif name == "if":
                bits, value, body, other = args
                with p.if_(list(bits), value):
                    append(body)
                if other:
                    with p.else_():
                        append(other)
            else:
                bits, value, most, body = args
                with (p.while_ if name == "while" else p.repeat_until)(list(bits), value, most):
                    append(body)

    append(program.steps)
    return p


def walked(program: Branches, result: Any) -> Played:
    """Walk a program in one shot; ``result(qubit, k)`` is what the k-th measurement of a qubit finds.

    A measurement that is in an arm is made in every shot, and its bit takes the result in those that play the arm.
    """
    bits = dict.fromkeys(BITS, 0)
    pulses: dict[str, list[int]] = {port: [] for port in PORTS}
    n_measured = dict.fromkeys(QUBITS, 0)

    def holds(names: tuple[str, ...], value: int) -> bool:
        return sum(bits[name] << k for k, name in enumerate(names)) == value

    def walk(steps: Steps, taken: bool) -> None:
        for name, *args in steps:
            if name == "play" and taken:
                pulses[args[0]].append(args[1])
            elif name == "measure":
                found = result(args[0], n_measured[args[0]])
                n_measured[args[0]] += 1
                if taken:
                    bits[args[1]] = found
            elif name == "if":
                names, value, body, other = args
                met = holds(names, value)
                walk(body, taken and met)
                walk(other, taken and not met)
            elif name in ("while", "until"):
                names, value, most, body = args
                goes_on = taken
                for _ in range(most):
                    if name == "while":
                        goes_on = goes_on and holds(names, value)
                    walk(body, goes_on)
                    if name == "until":
                        goes_on = goes_on and not holds(names, value)

    walk(program.steps, True)
    return Played(pulses, n_measured)
