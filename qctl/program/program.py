"""Program: the builder for everything, from gates to pulses, and its frozen, saved and bound forms."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.cext.binding import Binding
from qctl.errors import RequestError
from qctl.program.assembly import from_text
from qctl.program.binding import bind, ready_binding, values_in_order
from qctl.program.body import Body
from qctl.program.checking import row_fault
from qctl.program.file import content_hash, from_bytes, to_bytes
from qctl.program.layout import INSTRUCTION
from qctl.program.pulses import PulseBuilder
from qctl.program.symbol_rows import bit_symbol, qubit_symbol
from qctl.program.tables import SymbolKind, own_names
from qctl.program.text import to_text

__all__ = ["Program", "expect_program", "numbers_of"]


class Program(PulseBuilder):
    """Build a program: gates, pulses, captures, sweeps, loops and branches over one growable buffer.

    Examples
    --------
    >>> p = Program(ports=["q0.drive"])
    >>> with p.sweep("amp", [0.1, 0.2]) as a, p.loop(100):
    ...     p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
    """

    _kept: tuple[Any, Body] | None = None
    _ready: tuple[Any, Binding | None, tuple[str, ...]] | None = None

    @property
    def body(self) -> Body:
        """Return the program as frozen data; the same object until the program changes.

        Raises
        ------
        RequestError
            If a block is still open or was left by an error, or an instruction names what isn't there.
        """
        state = self._state()
        if self._kept is not None and self._kept[0] == state:
            return self._kept[1]
        for i, block in enumerate(self._blocks):
            if block.end < 0:
                raise RequestError(f"block {i} ({block.kind.name.lower()}, from instruction {block.first}) has no end")
        symbols = (
            *map(qubit_symbol, self._symbols.qubits),
            *map(bit_symbol, self._symbols.bits),
            *self._symbols.ports,
        )
        body = Body(
            symbols,
            *self.arrays(INSTRUCTION),
            tuple(self._expressions),
            self.inputs,
            tuple(self._registers),
            tuple(self._sweeps),
            tuple(self._blocks),
            tuple(self._waveforms),
            tuple(self._captures),
            dict(self.metadata),
            self.tick_s,
        )
        wrong = row_fault(body)
        if wrong:
            raise RequestError(wrong)
        body.vouch()
        self._kept = (state, body)
        return body

    def _state(self) -> tuple[Any, ...]:
        """Return what is another after every change."""
        return (
            self.counts(),
            self.n_fills,
            self.n_qubits,
            self._edits,
            len(self._expressions),
            len(self._blocks),
            self.tick_s,
            tuple(self.metadata.items()),
        )

    @classmethod
    def from_body(cls, body: Body) -> Self:
        """Return a builder that holds a body, and may go on from there."""
        self = cls.__new__(cls)
        Program.__init__(self, (), body.qubits, body.bits, tick_s=body.tick_s)
        for symbol in body.ports:
            self._add(SymbolKind.PORT, [symbol.name])
            self._own_symbols().ports.append(symbol)
        self._expressions = list(body.expressions)
        self._expression_numbers = {e: i for i, e in reversed([*enumerate(body.expressions)])}
        self._parameters = dict.fromkeys(body.parameters)
        self._registers = list(body.registers)
        self._sweeps = list(body.sweeps)
        self._blocks = list(body.blocks)
        self._waveforms = list(body.waveforms)
        self._waveform_numbers = {w: i for i, w in reversed([*enumerate(body.waveforms)])}
        self._captures = list(body.captures)
        self.metadata = dict(body.metadata)
        self.fill(_raw(body.instructions), _raw(body.operands), _raw(body.constants))
        self._kept = (self._state(), body) if body.is_sound else None
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).from_body, (self.body,))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the parameters that must be bound before it can run (angles of calibrations are not)."""
        own = own_names(self._blocks)
        return tuple(name for name in self._parameters if name not in own)

    def copy(self) -> Self:
        """Return the same program again, at no cost: instructions are shared until one of the two goes on."""
        new = self._shell()
        new._expressions = self._expressions.copy()
        new._expression_numbers = self._expression_numbers.copy()
        new._parameters = self._parameters.copy()
        new.share(self)
        new._kept = None
        return new

    __copy__ = copy

    def _shell(self) -> Self:
        """Return a program with tables of its own that has no instructions, expressions and parameters yet."""
        new = self.__new__(type(self))
        self._symbols.shared = True
        kept = new.__dict__
        kept.update(self.__dict__)
        for name in ("_registers", "_sweeps", "_blocks", "_open", "_waveforms", "_captures"):
            kept[name] = kept[name].copy()
        kept["_waveform_numbers"] = kept["_waveform_numbers"].copy()
        kept["metadata"] = kept["metadata"].copy()
        kept["_kept"] = kept["_ready"] = None
        kept["_expressions"], kept["_expression_numbers"], kept["_parameters"] = [], {}, {}
        return new

    def bind(self, values: ArrayLike | Mapping[str, float] | None = None, /, **named: float) -> Self:
        """Return the same program with numbers for parameters.

        Parameters
        ----------
        values : (n_params,) float or mapping of str to float, optional
            One number for each of `inputs`, in their order; or by name, some or all of them.
        **named : float
            By name.

        Raises
        ------
        RequestError
            If a name is no parameter, a value or what becomes of it is not a finite number, or the shape is another.
        """
        if values is not None and not isinstance(values, Mapping):
            if named:
                raise RequestError(f"bind takes an array or names, not both: {list(named)}")
            binding, inputs = self._binding()
            array = numbers_of(values, (len(inputs),))
            by_name: Mapping[str, float] | None = None
        else:
            by_name = {**values, **named} if values else named
            binding, inputs = self._binding()
            found = values_in_order(inputs, by_name) if binding is not None else None
            if found is None:
                return self.from_body(bind(self.body, by_name))
            array = found
        if binding is not None:
            new = self._shell()
            if binding.bind_one(self, new, array) < 0:
                return new
        return self.from_body(bind(self.body, by_name or dict(zip(inputs, array.tolist(), strict=True))))

    def bind_many(self, values: ArrayLike) -> list[Self]:
        """Return one program for each set of numbers; their instructions lie in common memory.

        Parameters
        ----------
        values : (n_sets, n_params) float
            One number for each of `inputs`, in their order.

        Raises
        ------
        RequestError
            If a value or what becomes of it is not a finite number, or the shape is another.
        """
        binding, inputs = self._binding()
        array = numbers_of(values, (-1, len(inputs)))
        if binding is None:
            return [self.bind(row) for row in array]
        found = [self._shell() for _ in range(len(array))]
        wrong = binding.bind_many(self, list(found), array)
        return found if wrong is None else [self.bind(row) for row in array]

    def _binding(self) -> tuple[Binding | None, tuple[str, ...]]:
        """Return what binds all parameters at once, if anything can, and their names; made once."""
        state = (self.counts(), self.n_fills, self.n_qubits, self._edits, len(self._expressions), len(self._blocks))
        if self._ready is None or self._ready[0] != state:
            body = self.body
            self._ready = (state, ready_binding(body), body.parameters)
        return self._ready[1:]

    @property
    def hash(self) -> str:
        """Return the content hash: SHA-256 as hex, over all but metadata."""
        return content_hash(self.body)

    def to_bytes(self, packed: bool = False) -> bytes:
        """Return the .qis form, raw or packed; both have the same hash."""
        return to_bytes(self.body, packed)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Return the program of a .qis form.

        Raises
        ------
        WireError, VersionError
            If the bytes are damaged, or of another version.
        """
        return cls.from_body(from_bytes(stored))

    def to_text(self) -> str:
        """Return the text assembly; `from_text` gives the same program back, to the bit."""
        return to_text(self.body)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the program of a text assembly.

        Raises
        ------
        ParseError
            With line and column.
        """
        return cls.from_body(from_text(text))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        return self.hash == other.hash

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        sizes = (
            f"{self.n_qubits} qubits, {self.n_bits} bits, {len(self._symbols.ports)} ports, {len(self)} instructions"
        )
        return f"<{type(self).__name__}: {sizes}>"


def expect_program(given: object) -> Program:
    """Return what was given; raise RequestError if it is no program."""
    if not isinstance(given, Program):
        raise RequestError(
            f"{reprlib.repr(given)} is no Circuit or Program; qctl.load reads files, Circuit.from_qasm texts"
        )
    return given


def _raw(array: np.ndarray) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).view(np.uint8)


def numbers_of(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return values as an array of this shape; -1 is any length."""
    try:
        array = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError(f"values are no array of numbers: {error}") from None
    if array.ndim != len(shape) or any(n not in (-1, m) for n, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("n" if n < 0 else str(n) for n in shape)
        raise RequestError(f"values have the shape {array.shape}, expected ({wanted}{',' if len(shape) == 1 else ''})")
    return array
