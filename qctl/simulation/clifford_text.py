"""Programs of Clifford gates and Pauli noise as text for Stim: each kind of instruction is looked up once.

Source: Gidney, Quantum 5, 497 (2021), Stim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import clifford
from qctl.program.body import Body
from qctl.program.opcodes import GATES, Op
from qctl.program.unitaries import gate_matrix
from qctl.simulation.channels import Channel
from qctl.simulation.noise import NoiseModel

__all__ = ["ASKED", "Recipe", "measured_bits", "recipe_of", "stim_text"]

Recipe = tuple[tuple[str, tuple[int, ...]], ...]
"""Stim's gates, each with the places of its targets among the qubits of an instruction."""

ASKED = -2
"""Code of an instruction whose recipe depends on more than its opcode and angle."""
FIRST, SECOND, NOBODY = -1, -2, -3
"""Targets of a step: the instruction's first or second qubit, or none."""
_LONGEST = 24


@dataclass(slots=True)
class _Steps:
    """The steps of all kinds of instructions, growing; the first kind has none."""

    words: dict[str, int] = field(default_factory=dict)
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    begin: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, steps: Sequence[tuple[str, Sequence[int]]]) -> int:
        """Store a kind, its steps as words with targets, and return its number."""
        for word, targets in steps:
            first, second = [*targets, NOBODY][:2] if len(targets) < 3 else (NOBODY, NOBODY)
            self.steps.append((self.words.setdefault(word, len(self.words)), first, second))
        self.begin.append(len(self.steps))
        return len(self.begin) - 2


def stim_text(body: Body, codes: NDArray[np.int32], noise: NoiseModel) -> str:
    """Return a program as Stim reads it.

    Parameters
    ----------
    body : Body
        Without branches.
    codes : (n,) int32
        As `qctl.cext.clifford.classify` finds them: 8 opcode + quarter turns, or `ASKED`.
    noise : NoiseModel
        Of Pauli channels.
    """
    found = _Steps()
    rows = np.ascontiguousarray(body.instructions).view("<u4").reshape(-1, 4)
    noisy = bool(noise.rules or noise.defaults)
    if noisy:
        kinds = _noisy_kinds(body, rows, codes, noise, found)
    else:
        table = np.zeros(codes.max(initial=0) + 1, np.int32)
        for code in np.flatnonzero(np.bincount(codes[codes >= 0])).tolist():
            i = int(np.argmax(codes == code))
            table[code] = found.add(_steps(body, i, code, noise, (FIRST, SECOND)))
        kinds = table[np.maximum(codes, 0)]
        for i in np.flatnonzero(codes == ASKED).tolist():
            kinds[i] = found.add(_steps(body, i, ASKED, noise, body.gate(i)[1]))
    return _written(rows, kinds, found)


def _noisy_kinds(
    body: Body, rows: NDArray[np.uint32], codes: NDArray[np.int32], noise: NoiseModel, found: _Steps
) -> NDArray[np.int32]:
    """Return each instruction's kind where what follows depends on its qubits."""
    kinds = np.zeros(len(codes), np.int32)
    seen: dict[tuple[int, int, int], int] = {}
    for i, (code, a, b) in enumerate(zip(codes.tolist(), rows[:, 1].tolist(), rows[:, 2].tolist(), strict=True)):
        pair = code >= 8 * Op.ID and GATES[Op(code >> 3)].n_qubits == 2
        key = (code, a, b if pair else 0)
        if code == ASKED:
            kinds[i] = found.add(_steps(body, i, code, noise, body.gate(i)[1]))
        elif key in seen:
            kinds[i] = seen[key]
        else:
            kinds[i] = seen[key] = found.add(_steps(body, i, code, noise, (a, b) if pair else (a,)))
    return kinds


def _steps(
    body: Body, i: int, code: int, noise: NoiseModel, qubits: tuple[int, ...]
) -> list[tuple[str, Sequence[int]]]:
    """Return what instruction i is for Stim, on these targets."""
    op = Op(int(body.instructions[i]["op"])) if code == ASKED else Op(code >> 3)
    errors = [] if FIRST in qubits else [(_error(channel), places) for channel, places in _after(noise, op, qubits)]
    if op is Op.MEASURE:
        return [*errors, ("M", qubits[:1])]
    if op is Op.RESET:
        return [("R", qubits[:1]), *errors]
    if op < Op.ID:
        return []
    word, own, params, n_controls = body.gate(i)
    recipe = recipe_of(word, tuple(params), len(own), n_controls) if own else ()
    return [*((name, [qubits[k] for k in places]) for name, places in recipe), *(errors if own else [])]


def _after(noise: NoiseModel, op: Op, qubits: tuple[int, ...]) -> list[tuple[Channel, tuple[int, ...]]]:
    return noise.after(op, qubits) if op in GATES or op in (Op.MEASURE, Op.RESET) else []


def _written(rows: NDArray[np.uint32], kinds: NDArray[np.int32], found: _Steps) -> str:
    words = [word.encode() for word in found.words]
    word_begin = np.cumsum([0, *map(len, words)], dtype=np.int32)
    begin = np.array(found.begin, np.int32)
    n_steps = int(np.diff(begin)[kinds].sum())
    out = np.empty(n_steps * (max(map(len, words), default=0) + _LONGEST), np.uint8)
    length = clifford.write(
        rows,
        kinds,
        begin,
        np.array(found.steps, np.int32).reshape(-1, 3),
        np.frombuffer(b"".join(words), np.uint8),
        word_begin,
        out,
    )
    return out[:length].tobytes().decode("ascii")


def measured_bits(body: Body) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the qubit and the bit of each measurement, in order."""
    rows = body.instructions[body.instructions["op"] == Op.MEASURE]
    return rows["a"].astype(np.intp), rows["b"].astype(np.intp)


@lru_cache(4096)
def recipe_of(op: Op, params: tuple[float, ...], n_qubits: int, n_controls: int) -> Recipe:
    """Return a gate as Stim's gates on its own qubits 0 …; nothing if it is no Clifford gate."""
    if n_qubits > 4:
        return ()
    stim: Any = import_module("stim") if find_spec("stim") else None
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
