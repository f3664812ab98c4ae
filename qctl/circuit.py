"""Circuit: the gate-only face of a program, numbered qubits and bits."""

from __future__ import annotations

import operator
from importlib import import_module
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from qctl.errors import RequestError
from qctl.program.layout import INSTRUCTION, NONE, Flag
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program

__all__ = ["Circuit"]

_NARROW = {
    op: (spec.n_qubits, spec.n_params) for op, spec in GATES.items() if spec.n_qubits in (1, 2) and spec.n_params <= 1
}
"""Gates that fit in a row without an operand list."""


class Circuit(Program):
    """Build a circuit over qubits 0 … n_qubits - 1.

    Parameters
    ----------
    n_qubits : int
    n_bits : int, optional
        Classical bits; without it there are as many as measurements ask for, at most `n_qubits`.

    Examples
    --------
    >>> c = Circuit(2)
    >>> c.h(0); c.cx(0, 1); c.measure_all()
    """

    def __init__(self, n_qubits: int, n_bits: int | None = None) -> None:
        super().__init__((), n_qubits, 0 if n_bits is None else n_bits)
        self._growing = n_bits is None

    _growing = True

    def measure(self, qubit: int | str, bit: int | str | None = None) -> None:
        """Measure a qubit into a bit, by default the bit of the same number."""
        index = self.refuse_qubit(Op.MEASURE, qubit)
        wanted = index if bit is None else bit
        if self._growing and not isinstance(wanted, (str, bool)):
            self._grow_bits(wanted)
        super().measure(index, wanted)

    def measure_all(self) -> None:
        """Measure every qubit into the bit of the same number."""
        for i in range(self.n_qubits):
            self.measure(i, i)

    @classmethod
    def from_arrays(
        cls,
        n_qubits: int,
        ops: ArrayLike,
        first: ArrayLike,
        second: ArrayLike | None = None,
        angles: ArrayLike | None = None,
        n_bits: int | None = None,
    ) -> Self:
        """Return a circuit of gates on one or two qubits with at most one angle, at array speed.

        Parameters
        ----------
        n_qubits : int
        ops : (n,) int
            Opcodes (`qctl.program.opcodes.Op`).
        first, second : (n,) int
            Qubits; `second` is looked at for gates on two qubits only.
        angles : (n,) float
            Radians; looked at for gates with an angle only.
        n_bits : int, optional

        Raises
        ------
        RequestError
            If the shapes differ, or a gate, qubit or angle is not allowed; the first one is named.
        """
        self = cls(n_qubits, n_bits)
        codes = np.asarray(ops)
        a = np.asarray(first)
        b = np.zeros(codes.shape, np.int64) if second is None else np.asarray(second)
        theta = np.zeros(codes.shape) if angles is None else np.asarray(angles, np.float64)
        if codes.ndim != 1 or not codes.shape == a.shape == b.shape == theta.shape:
            raise RequestError(f"ops, first, second, angles have the shapes {[x.shape for x in (codes, a, b, theta)]}")
        if any(x.dtype.kind not in "iu" and x.size for x in (codes, a, b)):
            raise RequestError(
                f"ops, first, second have the dtypes {[x.dtype for x in (codes, a, b)]}, expected integers"
            )
        known = np.isin(codes, list(_NARROW))
        two = np.isin(codes, [op for op, (n, _) in _NARROW.items() if n == 2])
        angled = np.isin(codes, [op for op, (_, n) in _NARROW.items() if n])
        for what, wrong, value in (
            ("op", ~known, codes),
            ("qubit", (a < 0) | (a >= n_qubits), a),
            ("second qubit", two & ((b < 0) | (b >= n_qubits) | (a == b)), b),
            ("angle", angled & ~np.isfinite(theta), theta),
        ):
            if wrong.any():
                i = int(np.argmax(wrong))
                raise RequestError(f"{what} = {value[i]} is not allowed at instruction {i} of {n_qubits} qubits")
        angle_words = np.ascontiguousarray(theta, "<f8").view("<u4").reshape(-1, 2)
        whole = np.empty(len(codes), INSTRUCTION)
        one_angle, two_angle = angled & ~two, angled & two
        whole["op"], whole["flags"], whole["a"] = codes, np.where(one_angle, Flag.IMM, 0), a
        whole["b"] = np.where(one_angle, angle_words[:, 0], np.where(two, b, NONE))
        places = np.cumsum(two_angle) - 1
        whole["c"] = np.where(one_angle, angle_words[:, 1], np.where(two_angle, places, NONE))
        self.fill(whole.tobytes(), b"", theta[two_angle].astype("<f8").tobytes())
        return self

    def to_qasm(self, version: int = 3) -> str:
        """Return it as OpenQASM text of version 2 or 3.

        Raises
        ------
        RequestError
            If that version of OpenQASM can't say it.
        """
        text: str = import_module("qctl.formats.save").dumps(self, version)
        return text

    @classmethod
    def from_qasm(cls, text: str) -> Self:
        """Return the circuit of an OpenQASM 2 or 3 text.

        Raises
        ------
        ParseError
            With line and column.
        """
        return cls.from_body(import_module("qctl.formats.load").loads(text).body)

    def _grow_bits(self, wanted: int) -> None:
        try:
            last = operator.index(wanted)
        except TypeError:
            return
        if self.n_bits <= last < self.n_qubits:
            self.add_bits(f"c[{i}]" for i in range(self.n_bits, last + 1))
        elif not 0 <= last < max(self.n_qubits, self.n_bits):
            raise RequestError(f"bit = {last} is outside [0, {self.n_qubits - 1}]{self._place(Op.MEASURE)}")
