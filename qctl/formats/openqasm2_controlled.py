"""Gates under controls as gates that OpenQASM 2 has: the phase of a control is exact, as a later control may see it.

Source: A. Barenco et al., Phys. Rev. A 52, 3457 (1995).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qctl.formats.openqasm2_gates import MOST_CONTROLS
from qctl.program.opcodes import CONTROLLED, Op

__all__ = ["write_controlled"]

Emit = Callable[[str, Sequence[float], Sequence[int]], None]
"""What takes a gate's name, its angles and its qubits."""

_NAMES = {(base, n): op.name.lower() for op, (base, n) in CONTROLLED.items()}
_NAMES |= {(Op.U1, 1): "cp", (Op.P, 1): "cp"}
_PHASES = {Op.Z: math.pi, Op.S: math.pi / 2, Op.SDG: -math.pi / 2, Op.T: math.pi / 4, Op.TDG: -math.pi / 4}
_ROOTS = {Op.X: math.pi, Op.SX: math.pi / 2, Op.SXDG: -math.pi / 2}
_SWAPS = {Op.ISWAP: -1, Op.ISWAPDG: 1, Op.SQRTISWAP: -0.5, Op.SQRTISWAPDG: 0.5}
_AROUND: dict[Op, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Op.RXX: (("h", "h"), ("h", "h")),
    Op.RYY: (("sdg", "sdg"), ("s", "s")),
    Op.RZZ: (("", ""), ("", "")),
    Op.RZX: (("", "h"), ("", "h")),
}


def write_controlled(
    op: Op, angles: Sequence[float], controls: tuple[int, ...], targets: tuple[int, ...], emit: Emit
) -> bool:
    """Emit a gate under controls; return False if there are more controls than are written out."""
    base, n_own = CONTROLLED.get(op, (op, 0))
    controls, targets = (*controls, *targets[:n_own]), targets[n_own:]
    name = _NAMES.get((base, len(controls)))
    if name is not None:
        emit(name, angles, (*controls, *targets))
        return True
    if op in (Op.U, Op.U3) and len(controls) == 1:
        emit("cu", (*angles, 0.0), (*controls, *targets))
        return True
    if len(controls) + (base in (Op.SWAP, Op.CU)) > MOST_CONTROLS:
        return False
    _Writer(emit).gate(base, list(angles), controls, targets)
    return True


class _Writer:
    def __init__(self, emit: Emit) -> None:
        self.emit = emit

    def gate(self, op: Op, angles: list[float], controls: tuple[int, ...], targets: tuple[int, ...]) -> None:
        q = targets[-1:]
        if op in _PHASES:
            self.phase(_PHASES[op], (*controls, *q))
        elif op in (Op.P, Op.U1, Op.GPHASE):
            self.phase(angles[0], (*controls, *q))
        elif op in _ROOTS:
            self.between(("h",), q, ("h",), lambda: self.phase(_ROOTS[op], (*controls, *q)))
        elif op is Op.Y:
            self.between(("sdg",), q, ("s",), lambda: self.gate(Op.X, [], controls, q))
        elif op is Op.H:
            self.emit("ry", (-math.pi / 4,), q)
            self.phase(math.pi, (*controls, *q))
            self.emit("ry", (math.pi / 4,), q)
        elif op is Op.RZ:
            self.turn(angles[0], controls, q)
        elif op is Op.RX:
            self.between(("h",), q, ("h",), lambda: self.turn(angles[0], controls, q))
        elif op is Op.RY:
            self.between(("sdg",), q, ("s",), lambda: self.gate(Op.RX, angles, controls, q))
        elif op in (Op.U, Op.U2, Op.U3):
            theta, phi, lam = angles if op is not Op.U2 else (math.pi / 2, *angles)
            self.phase(lam, (*controls, *q))
            self.gate(Op.RY, [theta], controls, q)
            self.phase(phi, (*controls, *q))
        elif op is Op.RPHI:
            self.emit("rz", (-angles[1],), q)
            self.gate(Op.RX, angles[:1], controls, q)
            self.emit("rz", (angles[1],), q)
        elif op is Op.ID:
            self.emit("id", (), q)
        else:
            self.several(op, angles, controls, targets)

    def several(self, op: Op, angles: list[float], controls: tuple[int, ...], targets: tuple[int, ...]) -> None:
        """Emit a gate with more than one target."""
        if op is Op.SWAP:
            a, b = targets
            self.emit("cx", (), (b, a))
            self.gate(Op.X, [], (*controls, a), (b,))
            self.emit("cx", (), (b, a))
        elif op is Op.CU:
            theta, phi, lam, gamma = angles
            self.phase(gamma, (*controls, targets[0]))
            self.gate(Op.U, [theta, phi, lam], (*controls, targets[0]), targets[1:])
        elif op is Op.MS:
            self.each(targets, "rz", (-angles[1],))
            for k, a in enumerate(targets):
                for b in targets[k + 1 :]:
                    self.gate(Op.RXX, angles[:1], controls, (a, b))
            self.each(targets, "rz", (angles[1],))
        elif op in _SWAPS:
            for part in (Op.RXX, Op.RYY):
                self.gate(part, [_SWAPS[op] * math.pi / 2], controls, targets)
        else:
            before, after = _AROUND[op]
            self.between(before, targets, after, lambda: self.parity(op, angles[0], controls, targets))

    def parity(self, op: Op, theta: float, controls: tuple[int, ...], targets: tuple[int, ...]) -> None:
        """Emit a turn by the parity of two qubits."""
        if op is Op.RYY:
            self.each(targets, "h", ())
        self.emit("cx", (), targets)
        self.turn(theta, controls, targets[1:])
        self.emit("cx", (), targets)
        if op is Op.RYY:
            self.each(targets, "h", ())

    def phase(self, theta: float, qubits: tuple[int, ...]) -> None:
        """Emit a phase where all qubits are 1."""
        n = len(qubits) - 1
        if n >= 0:
            self.emit(("u1", "cu1")[n] if n < 2 else f"c{n}p", (theta,), qubits)

    def turn(self, theta: float, controls: tuple[int, ...], q: tuple[int, ...]) -> None:
        """Emit a controlled rz."""
        self.phase(theta, (*controls, *q))
        self.phase(-theta / 2, controls)

    def each(self, qubits: tuple[int, ...], name: str, angles: Sequence[float]) -> None:
        for q in qubits:
            self.emit(name, angles, (q,))

    def between(
        self, before: Sequence[str], qubits: tuple[int, ...], after: Sequence[str], inside: Callable[[], None]
    ) -> None:
        """Emit what is inside between gates on each qubit."""
        for name, q in zip(before, qubits, strict=True):
            if name:
                self.emit(name, (), (q,))
        inside()
        for name, q in zip(after, qubits, strict=True):
            if name:
                self.emit(name, (), (q,))
