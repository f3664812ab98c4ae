"""Circuit: the gate-only face of a program, numbered qubits and bits."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from qctl.cext.bulk import append_gates
from qctl.errors import RequestError
from qctl.program.combine import extend
from qctl.program.counting import count_ops, depth
from qctl.program.expressions import constant_value
from qctl.program.layout import Flag
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program, expect_program
from qctl.program.transforms import append_power, control, invert

__all__ = ["Circuit"]

_SHAPES = np.full(max(GATES) + 1, 1 << 63, np.uint64)
for _op, _spec in GATES.items():
    if _spec.n_qubits in (1, 2) and _spec.n_params <= 1:
        _flags = Flag.IMM if (_spec.n_qubits, _spec.n_params) == (1, 1) else 0
        _SHAPES[_op] = _op | _flags << 16 | (_spec.n_qubits == 2) << 62 | _spec.n_params << 61
_FAULTS = ("", "op", "qubit", "second qubit", "angle")


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
        if self._growing and self.n_bits < self.n_qubits:
            self._grow_bits(self.n_qubits - 1)
        for i in range(self.n_qubits):
            super().measure(i, i)

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
        self.append_arrays(ops, first, second, angles)
        return self

    def append_arrays(
        self, ops: ArrayLike, first: ArrayLike, second: ArrayLike | None = None, angles: ArrayLike | None = None
    ) -> None:
        """Append gates as `from_arrays` takes them; all of them, or none if one is refused."""
        given = [np.asarray(x) for x in (ops, first, ops if second is None else second)]
        theta = np.zeros(given[0].shape) if angles is None else np.ascontiguousarray(angles, np.float64)
        shapes = [x.shape for x in (*given, theta)]
        if given[0].ndim != 1 or len(set(shapes)) != 1:
            raise RequestError(f"ops, first, second, angles have the shapes {shapes}")
        if any(x.dtype.kind not in "iu" and x.size for x in given):
            raise RequestError(f"ops, first, second have the dtypes {[x.dtype for x in given]}, expected integers")
        if second is None:
            given[2] = np.full(given[0].shape, -1)
        codes, a, b = (np.ascontiguousarray(x, np.int64) for x in given)
        wrong = append_gates(self, codes, a, b, theta, _SHAPES)
        if wrong is not None:
            i, k = wrong
            value = (*given, theta)[k - 1][i]
            raise RequestError(f"{_FAULTS[k]} = {value} is not allowed at instruction {i} of {self.n_qubits} qubits")

    def _empty(self) -> Self:
        """Return a circuit on the same qubits and bits without instructions."""
        new = self._shell()
        new._blocks, new.metadata = [], {}
        new.set_n_qubits(len(new._symbols.qubits))
        return new

    def compose(
        self, other: Program, qubits: Sequence[int | str] | None = None, bits: Sequence[int | str] | None = None
    ) -> Self:
        """Return this circuit followed by another one; see `extend`."""
        new = self.copy()
        new.extend(other, qubits, bits)
        return new

    def extend(
        self, other: Program, qubits: Sequence[int | str] | None = None, bits: Sequence[int | str] | None = None
    ) -> None:
        """Append another circuit.

        Parameters
        ----------
        other : Program
            Gates, measurements, resets, loops and branches.
        qubits, bits : sequence of int or str, optional
            Of this circuit, one for each of the other's, in their order; by default those of the same index.

        Raises
        ------
        RequestError
            If the other has pulses or subroutines, or the qubits or bits don't fit.
        """
        expect_program(other)
        if bits is None and self._growing and self.n_bits < other.n_bits <= self.n_qubits:
            self._grow_bits(other.n_bits - 1)
        extend(self, other, qubits, bits)

    def repeat(self, n_times: int) -> Self:
        """Return the circuit so many times in a row."""
        new = self._empty()
        extend(new, self, n_times=self._count(n_times, "n_times"))
        return new

    def inverse(self) -> Self:
        """Return the inverse of a circuit of gates, barriers and delays.

        Raises
        ------
        RequestError
            If something in it has no inverse, with its place.
        """
        new = self._empty()
        invert(new, self)
        return new

    def control(self, n_controls: int = 1) -> Self:
        """Return the circuit under controls: qubits 0 … n_controls - 1 of a circuit with so many more.

        Raises
        ------
        RequestError
            If something in it can't be controlled, with its place.
        """
        count = self._count(n_controls, "n_controls")
        new = type(self)(self.n_qubits + count)
        new.tick_s = self.tick_s
        control(new, self, count)
        return new

    def power(self, exponent: float) -> Self:
        """Return a power: of a whole number by repeating the circuit or its inverse, of another where it is exact.

        Raises
        ------
        RequestError
            If it has no inverse or no exact power of that kind, with the place.
        """
        number = constant_value(exponent, "exponent")
        if number.is_integer():
            return (self if number >= 0 else self.inverse()).repeat(abs(int(number)))
        new = self._empty()
        append_power(new, self, number)
        return new

    def count_ops(self) -> dict[str, int]:
        """Return how often each instruction is there, the most frequent first."""
        return count_ops(self.body)

    def depth(self) -> int:
        """Return the number of instructions on the longest way through qubits and bits, barriers left out."""
        return depth(self.body)

    def draw(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return a drawing as text, or draw into a .png, .svg or .pdf file and return its name.

        Raises
        ------
        RequestError
            If there are too many instructions, or the file's ending is another.
        """
        drawing = import_module("qctl.formats.drawing")
        return str(drawing.draw_text(self.body) if path is None else drawing.draw_picture(self.body, Path(path)))

    def to_qasm(self, version: int = 3) -> str:
        """Return it as OpenQASM text of version 2 or 3.

        Raises
        ------
        RequestError
            If that version of OpenQASM can't say it.
        """
        text: str = import_module("qctl.formats.save").dumps(self, version)
        return text

    def to_originir(self) -> str:
        """Return it as OriginIR text, the language of Origin Quantum's software.

        Raises
        ------
        RequestError
            If OriginIR can't say it.
        """
        text: str = import_module("qctl.formats.save").dumps_originir(self)
        return text

    @classmethod
    def from_originir(cls, text: str) -> Self:
        """Return the circuit of an OriginIR text.

        Raises
        ------
        ParseError
            With line and column.
        """
        return cls.from_body(import_module("qctl.formats.originir").read_originir(text).body)

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
