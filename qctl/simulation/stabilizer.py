"""The stabilizer method: Clifford circuits with Pauli noise on any number of qubits, played by Stim.

Source: Gidney, Quantum 5, 497 (2021), Stim.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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
from qctl.simulation.clifford_text import ASKED, measured_bits, recipe_of, stim_text
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.pace import Pace
from qctl.simulation.result import Estimate, Simulated, Wish
from qctl.simulation.trajectories import count_rows

__all__ = ["StabilizerOutcome", "estimate", "play", "refusal"]

TOLERANCE_RAD = 1e-9
"""Distance from a multiple of a quarter turn that still is one."""
MOST_RECORDS = 2**26
"""Measurements whose outcomes are sampled at a time."""

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
    for i in np.flatnonzero(codes == ASKED).tolist():
        op, qubits, params, n_controls = body.gate(i)
        if any(not isinstance(value, float) for value in params) or (
            not recipe_of(op, tuple(params), len(qubits), n_controls) and len(qubits)
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
    text = stim_text(body, _codes(body)[0], noise)
    circuit = _stim().Circuit(f"{text}\nI {body.n_qubits - 1}" if body.n_qubits else text)
    counts: dict[str, int] = {}
    if wish.shots and body.bits:
        counts = _sampled(body, wish, noise, circuit)
    measures = np.isin(body.instructions["op"], (int(Op.MEASURE), int(Op.RESET))).any()
    ideal = wish.noise is None and not measures
    return StabilizerOutcome(
        counts, estimate=estimate(body, wish), circuit=circuit, n_qubits=body.n_qubits, ideal=ideal
    )


def _sampled(body: Body, wish: Wish, noise: NoiseModel, circuit: Any) -> dict[str, int]:
    """Return counts of all shots, sampled some at a time."""
    pace, shots = Pace(wish.progress), wish.shots or 0
    first, second = np.random.SeedSequence(wish.seed).generate_state(2, np.uint64)
    sampler, rng = circuit.compile_sampler(seed=int(first >> 1)), np.random.default_rng(int(second))
    qubits, bits = measured_bits(body)
    at_once = max(1024, MOST_RECORDS // max(1, len(qubits)) // 1024 * 1024)
    counts: Counter[str] = Counter()
    for done in range(0, shots, at_once):
        records = sampler.sample(min(at_once, shots - done))
        for k, qubit in enumerate(qubits.tolist() if noise.confusion else []):
            matrix = noise.readout_of(qubit)
            if matrix is not None:
                records[:, k] = rng.random(len(records)) < np.where(records[:, k], matrix[1, 1], matrix[0, 1])
        found = np.zeros((len(records), len(body.bits)), np.uint8)
        found[:, bits] = records  # of several measurements into a bit the last one counts
        counts.update(count_rows(found))
        pace.tell((done + len(records)) / shots)
    return dict(counts)


def _stim() -> Any:
    return import_module("stim")


def _codes(body: Body) -> tuple[NDArray[np.int32], int]:
    rows = np.ascontiguousarray(body.instructions).view("<u4").reshape(-1, 4)
    codes = np.empty(len(rows), np.int32)
    return codes, clifford.classify(rows, np.ascontiguousarray(body.constants), _KINDS, _UNITS, TOLERANCE_RAD, codes)
