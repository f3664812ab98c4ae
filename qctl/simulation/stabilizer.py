"""The stabilizer method: Clifford circuits with Pauli noise on any number of qubits, played by Stim.

Source: Gidney, Quantum 5, 497 (2021), Stim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import clifford
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind
from qctl.program.unitaries import gate_matrix
from qctl.simulation.channels import Channel
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.result import Estimate, Simulated, Wish
from qctl.simulation.trajectories import count_rows

__all__ = ["StabilizerOutcome", "estimate", "play", "refusal"]

TOLERANCE_RAD = 1e-9
"""Distance from a multiple of a quarter turn that still is one."""

NO_GATE, FIXED, ONE_ANGLE, TWO_ANGLE, ASK, NEVER = range(6)
_HALF = (Op.CP, Op.CRX, Op.CRY, Op.CRZ)
_NEVER = (Op.T, Op.TDG, Op.CH, Op.CSX, Op.SQRTISWAP, Op.SQRTISWAPDG, Op.CCX, Op.CCZ, Op.CSWAP)
_STRAIGHT = {Op.BARRIER, Op.DELAY, Op.NOP, Op.MEASURE, Op.RESET, Op.BEGIN, Op.END}


def _tables() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    kinds, units = np.full(512, NEVER, np.uint8), np.full(512, np.pi / 2)
    kinds[[int(op) for op in _STRAIGHT]] = NO_GATE
    units[[int(op) for op in _HALF]] = np.pi
    for op, spec in GATES.items():
        forms = {(1, 1): ONE_ANGLE, (2, 1): TWO_ANGLE, (1, 0): FIXED, (2, 0): FIXED}
        kinds[op] = NEVER if op in _NEVER else forms.get((spec.n_qubits, spec.n_params), ASK)
    return kinds, units


_KINDS, _UNITS = _tables()


@dataclass(frozen=True, slots=True)
class StabilizerOutcome(Simulated):
    """What Stim found.

    Attributes
    ----------
    circuit : stim.Circuit
        The program as Stim played it.
    n_qubits : int
    ideal : bool
        True without noise, measurements and resets.
    """

    circuit: Any = field(default=None, repr=False)
    n_qubits: int = 0
    ideal: bool = False

    def expectation(self, observable: PauliSum) -> float:
        """Return the expectation value of an observable in the state at the end.

        Raises
        ------
        RequestError
            If the program has noise, measurements or resets, or lacks a qubit of the observable.
        """
        observable.refuse_beyond(self.n_qubits)
        if not self.ideal:
            raise RequestError("method 'stabilizer' knows expectation values without noise and measurements alone")
        stim = _stim()
        simulator = stim.TableauSimulator()
        simulator.do(self.circuit)
        total = 0.0
        for text, weight in observable.terms.items():
            word = stim.PauliString(self.n_qubits)
            for factor in text.split():
                word[int(factor[1:])] = factor[0]
            total += weight * simulator.peek_observable_expectation(word)
        return total


def refusal(body: Body, wish: Wish) -> str:
    """Return why this method can't play a program, or nothing."""
    ops = body.instructions["op"]
    if any(block.kind is not BlockKind.BOX for block in body.blocks) or (ops == Op.SET_BIT).any():
        return "the program branches"
    codes, first = _codes(body)
    if first >= 0:
        op = Op(int(ops[first]))
        return f"{op.name.lower()} at instruction {first} is no Clifford gate"
    for i in np.flatnonzero(codes == -2).tolist():
        op, qubits, params, n_controls = body.gate(i)
        if any(not isinstance(value, float) for value in params) or (
            not _recipe(op, tuple(params), len(qubits), n_controls) and len(qubits)
        ):
            return f"{op.name.lower()} at instruction {i} is no Clifford gate"
    noise = wish.noise or NoiseModel()
    odd = [channel.name for channel in noise.channels if channel.paulis is None]
    if odd:
        return f"{odd[0]} is no mixture of Paulis"
    if noise.lifetimes and (ops == Op.DELAY).any():
        return "relaxation during delays is no mixture of Paulis"
    if find_spec("stim") is None:
        return "Stim is not installed: pip install 'qctl[stabilizer]'"
    return ""


def estimate(body: Body, wish: Wish) -> Estimate:
    """Return what the method takes: a tableau of n² bits, and a bit for each measurement and shot."""
    n, n_measured = body.n_qubits, int((body.instructions["op"] == Op.MEASURE).sum())
    shots = wish.shots or 1
    time_s = 1e-3 + 6e-7 * len(body) + 1e-9 * n * len(body) + 1e-8 * shots * (n_measured + 1)
    return Estimate("stabilizer", n * n // 2 + 9 * shots * n_measured, time_s)


def play(body: Body, wish: Wish) -> Simulated:
    """Play a Clifford circuit with Pauli noise.

    Raises
    ------
    RequestError
        If a gate is no Clifford gate, the noise no mixture of Paulis, the program branches, or Stim is missing.
    """
    reason = refusal(body, wish)
    if reason:
        raise RequestError(f"method 'stabilizer' can't play this program: {reason}")
    noise = wish.noise or NoiseModel()
    translated = _Text(body, noise)
    circuit = _stim().Circuit("\n".join(translated.lines()))
    counts: dict[str, int] = {}
    if wish.shots and body.bits:
        seed = np.random.SeedSequence(wish.seed).generate_state(2, np.uint64)
        records = circuit.compile_sampler(seed=int(seed[0] >> 1)).sample(wish.shots)
        counts = count_rows(translated.bits(records, np.random.default_rng(int(seed[1]))))
    ideal = wish.noise is None and not translated.records and not (body.instructions["op"] == Op.RESET).any()
    return StabilizerOutcome(
        counts, estimate=estimate(body, wish), circuit=circuit, n_qubits=body.n_qubits, ideal=ideal
    )


def _stim() -> Any:
    return import_module("stim")


def _codes(body: Body) -> tuple[NDArray[np.int32], int]:
    rows = np.ascontiguousarray(body.instructions).view("<u4").reshape(-1, 4)
    codes = np.empty(len(rows), np.int32)
    return codes, clifford.classify(rows, np.ascontiguousarray(body.constants), _KINDS, _UNITS, TOLERANCE_RAD, codes)


@lru_cache(4096)
def _recipe(
    op: Op, params: tuple[float, ...], n_qubits: int, n_controls: int
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return a gate as Stim's gates on its own qubits 0 …; nothing if it is no Clifford gate."""
    if n_qubits > 4:
        return ()
    stim = _stim() if find_spec("stim") else None
    if stim is None:
        return (("H", (0,)),)
    try:
        tableau = stim.Tableau.from_unitary_matrix(gate_matrix(op, params, n_qubits, n_controls), endian="big")
    except ValueError:
        return ()
    named = _named(stim, n_qubits)
    if str(tableau) in named:
        return ((named[str(tableau)], tuple(range(n_qubits))),)
    steps = []
    for step in tableau.to_circuit():
        targets = [target.value for target in step.targets_copy()]
        steps += [
            (step.name, tuple(targets[k : k + n])) for n in [_width(step.name)] for k in range(0, len(targets), n)
        ]
    return tuple(steps)


def _width(name: str) -> int:
    return 2 if name in ("CX", "CY", "CZ", "SWAP") else 1


@lru_cache(4)
def _named(stim: Any, n_qubits: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, gate in stim.gate_data().items():
        fits = gate.is_unitary and (gate.is_two_qubit_gate if n_qubits == 2 else gate.is_single_qubit_gate)
        if fits and n_qubits <= 2 and name != "II":
            found.setdefault(str(gate.tableau), name)
    return found


class _Text:
    """A program in Stim's words; `records` has the bit and the odds to read 1 of each measurement."""

    def __init__(self, body: Body, noise: NoiseModel) -> None:
        self.body, self.noise = body, noise
        self.records: list[tuple[int, tuple[float, float]]] = []

    def lines(self) -> Iterator[str]:
        """Yield one line for each run of the same gate."""
        word, targets = "", [""]
        for name, qubits in self._steps():
            if name == word:
                targets.append(qubits)
            else:
                if word:
                    yield f"{word} {' '.join(targets)}"
                word, targets = name, [qubits]
        if word:
            yield f"{word} {' '.join(targets)}"
        yield f"I {self.body.n_qubits - 1}" if self.body.n_qubits else ""

    def _steps(self) -> Iterator[tuple[str, str]]:
        body = self.body
        codes, _ = _codes(body)
        unique: dict[int, tuple[tuple[str, tuple[int, ...]], ...]] = {}
        noisy = bool(self.noise.rules or self.noise.defaults)
        seen: dict[tuple[int, ...], list[tuple[str, str]]] = {}
        rows = zip(codes.tolist(), body.instructions["a"].tolist(), body.instructions["b"].tolist(), strict=True)
        for i, (code, a, b) in enumerate(rows):
            op = int(body.instructions["op"][i]) if code < 0 else code >> 3
            if op == Op.MEASURE:
                yield from self._noise(Op.MEASURE, (a,), seen) if noisy else ()
                matrix = self.noise.readout_of(a)
                ones = (0.0, 1.0) if matrix is None else (float(matrix[0, 1]), float(matrix[1, 1]))
                self.records.append((b, ones))
                yield "M", str(a)
            elif op == Op.RESET:
                yield "R", str(a)
                yield from self._noise(Op.RESET, (a,), seen) if noisy else ()
            elif op >= Op.ID:
                recipe = unique.get(code)
                if code == -2 or recipe is None:
                    word, qubits, params, n_controls = body.gate(i)
                    recipe = _recipe(word, tuple(params), len(qubits), n_controls) if qubits else ()
                    if code >= 0:
                        unique[code] = recipe
                else:
                    qubits = (a, b) if GATES[Op(op)].n_qubits == 2 else (a,)
                for name, places in recipe:
                    yield name, " ".join(str(qubits[k]) for k in places)
                if noisy and qubits:
                    yield from self._noise(Op(op), qubits, seen)

    def _noise(
        self, op: Op, qubits: tuple[int, ...], seen: dict[tuple[int, ...], list[tuple[str, str]]]
    ) -> list[tuple[str, str]]:
        key = (int(op), *qubits)
        if key not in seen:
            placed = self.noise.after(op, qubits)
            seen[key] = [(_error(channel), " ".join(map(str, places))) for channel, places in placed]
        return seen[key]

    def bits(self, records: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the bits of each shot, (n_shots, n_bits), as they are read."""
        found = np.zeros((len(records), len(self.body.bits)), np.uint8)
        for k, (bit, ones) in enumerate(self.records):
            column = records[:, k]
            if ones != (0.0, 1.0):
                column = rng.random(len(records)) < np.where(column, ones[1], ones[0])
            found[:, bit] = column
        return found


@lru_cache(256)
def _error(channel: Channel) -> str:
    """Return a mixture of Paulis as Stim's word for it, with its odds."""
    n = channel.n_qubits
    words = ["".join(pair) for pair in _strings(n)][1:]
    odds = [float((channel.paulis or {}).get(word, 0.0)) for word in words]
    if max(odds) - min(odds) < 1e-15:
        return f"DEPOLARIZE{n}({sum(odds)!r})"
    return f"PAULI_CHANNEL_{n}({','.join(map(repr, odds))})"


def _strings(n_qubits: int) -> Sequence[str]:
    return list("IXYZ") if n_qubits == 1 else [a + b for a in "IXYZ" for b in "IXYZ"]
