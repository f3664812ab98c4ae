"""Circuit: the gate-only face of a program, numbered qubits and bits."""

from __future__ import annotations

import operator
from typing import Self

from qctl.errors import RequestError
from qctl.program.opcodes import Op
from qctl.program.program import Program

__all__ = ["Circuit"]


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

    _growing = False

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

    def _grow_bits(self, wanted: int) -> None:
        try:
            last = operator.index(wanted)
        except TypeError:
            return
        if self.n_bits <= last < self.n_qubits:
            self.add_bits(f"c[{i}]" for i in range(self.n_bits, last + 1))
        elif not 0 <= last < max(self.n_qubits, self.n_bits):
            raise RequestError(f"bit = {last} is outside [0, {self.n_qubits - 1}]{self._place(Op.MEASURE)}")
