"""The state-vector method: ideal qubits, 2**n amplitudes, and one pass of samples where nothing is measured midway."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from qctl.program.body import Body, Range
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind
from qctl.simulation.evolve import evolve, ground, refuse_too_large
from qctl.simulation.pace import Pace
from qctl.simulation.result import Estimate, Simulated, Wish
from qctl.simulation.sampling import count_bits, sample
from qctl.simulation.shot_player import ShotPlayer, certain_rows
from qctl.simulation.work import gates_played

__all__ = ["estimate", "final_measurements", "play", "refusal"]

SECONDS_PER_AMPLITUDE = {"double": 2.5e-10, "single": 1.2e-10}
"""Of a gate, fused with its neighbours; measured on an AVX-512 machine of 2023."""
SECONDS_PER_GATE = 1e-6

_STRAIGHT = {BlockKind.BOX, BlockKind.CAL}
_MIDWAY = np.zeros(2**16, bool)
_MIDWAY[[Op.RESET, Op.SET_BIT, Op.ASSIGN, Op.HALT]] = True

MOST_QUBITS = 58
"""With more, the bytes of a state can't be counted by a signed 64-bit number, whatever the memory."""


def refusal(body: Body, wish: Wish) -> str:
    """Return why this method can't play a program, or nothing."""
    if wish.noise is not None:
        return "a state vector has no noise"
    return f"{body.n_qubits} qubits are more than {MOST_QUBITS}" if body.n_qubits > MOST_QUBITS else ""


def estimate(body: Body, wish: Wish) -> Estimate:
    """Return what the state vector of a program takes."""
    n_shots = (wish.shots or 1) if final_measurements(body) is None else 1
    return _expect(body, wish, n_shots)


def _expect(body: Body, wish: Wish, n_shots: int) -> Estimate:
    n_gates = gates_played(body)
    n_states = 1 if n_shots == 1 else 2
    per_gate_s = SECONDS_PER_GATE + SECONDS_PER_AMPLITUDE[wish.precision] * 2.0**body.n_qubits / wish.threads
    bytes_a_state = wish.dtype.itemsize * 2 ** max(1, body.n_qubits)
    return Estimate("statevector", n_states * bytes_a_state, n_shots * n_gates * per_gate_s)


def play(body: Body, wish: Wish) -> Simulated:
    """Play a program on ideal qubits that start in |0>.

    Raises
    ------
    RequestError
        If the program has pulses, or the state doesn't fit in memory.
    """
    source = final_measurements(body)
    n_shots = (wish.shots or 1) if source is None else 1
    refuse_too_large(body.n_qubits, wish.dtype, 1 if n_shots == 1 else 2)
    expected = _expect(body, wish, n_shots)
    rng = np.random.default_rng(wish.seed)
    state = ground(body.n_qubits, wish.dtype)
    pace = Pace(wish.progress)
    if source is not None:
        straight = len(body.blocks) == 0
        if straight and not body.expressions:
            evolve(body, 0, len(body), state, None, wish.threads, pace)
        else:
            ShotPlayer(body, rng, state, wish.threads, True, pace).play(body.structure())
        counts = count_bits(sample(state, wish.shots, rng), source, len(body.bits)) if wish.shots and body.bits else {}
        return Simulated(counts, state[: 2**body.n_qubits], estimate=expected)
    counts = _repeat(body, wish, rng, state, pace)
    return Simulated(counts if wish.shots and body.bits else {}, state[: 2**body.n_qubits], estimate=expected)


def _repeat(
    body: Body, wish: Wish, rng: np.random.Generator, state: NDArray[np.complexfloating], pace: Pace
) -> dict[str, int]:
    """Play a program shot by shot, from the first place that may end in one way or another; the last state stays."""
    tree = body.structure()
    certain = certain_rows(body, tree)
    n_shots = wish.shots or 1
    player = ShotPlayer(body, rng, state, wish.threads, pace=pace if n_shots == 1 else None)
    player.play(Range(-1, 0, certain, tuple(child for child in tree.children if child.first <= certain)), tree)
    rest = Range(-1, certain, tree.end, tuple(child for child in tree.children if child.first > certain))
    before = (player.save(), state.copy() if n_shots > 1 else state)
    counts: Counter[str] = Counter()
    for shot in range(n_shots):
        if shot:
            state[:] = before[1]
            player.restore(before[0])
        player.play(rest, tree)
        counts["".join(str(int(player.bits[name])) for name in reversed(body.bits))] += 1
        if n_shots > 1:
            pace.tell((shot + 1) / n_shots)
    return dict(counts)


def final_measurements(body: Body) -> dict[int, int] | None:
    """Return bit → qubit if the program measures only at its end and nothing depends on outcomes, else None."""
    if any(block.kind not in _STRAIGHT for block in body.blocks):
        return None
    rows = body.instructions
    ops = rows["op"]
    if _MIDWAY[ops].any():
        return None
    places = np.flatnonzero(ops == Op.MEASURE)
    if not len(places):
        return {}
    source: dict[int, int] = {}
    measured: set[int] = set()
    begin = int(places[0])
    for i, op in enumerate(ops[begin:].tolist(), begin):
        if op == Op.MEASURE:
            source[int(rows["b"][i])] = int(rows["a"][i])
            measured.add(int(rows["a"][i]))
        elif op in GATES and measured.intersection(body.gate(i)[1]):
            return None
    return source
