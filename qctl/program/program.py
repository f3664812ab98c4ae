"""Program: the builder for everything, from gates to pulses, and its frozen, saved and bound forms."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from qctl.errors import RequestError
from qctl.program.assembly import from_text
from qctl.program.binding import bind
from qctl.program.body import Body
from qctl.program.file import content_hash, from_bytes, to_bytes
from qctl.program.layout import CONSTANT, INSTRUCTION, OPERAND
from qctl.program.pulses import PulseBuilder
from qctl.program.symbols import bit_symbol, qubit_symbol
from qctl.program.tables import SymbolKind, own_names
from qctl.program.text import to_text

__all__ = ["Program"]


class Program(PulseBuilder):
    """Build a program: gates, pulses, captures, sweeps, loops and branches over one growable buffer.

    Examples
    --------
    >>> p = Program(ports=["q0.drive"])
    >>> with p.sweep("amp", [0.1, 0.2]) as a, p.loop(100):
    ...     p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
    """

    _kept: tuple[Any, Body] | None = None

    @property
    def body(self) -> Body:
        """Return the program as frozen data; the same object until the program changes.

        Raises
        ------
        RequestError
            If a block is still open or was left by an error.
        """
        state = (
            self.counts(),
            self._edits,
            len(self._expressions),
            len(self._blocks),
            self.tick_s,
            tuple(self.metadata.items()),
        )
        if self._kept is not None and self._kept[0] == state:
            return self._kept[1]
        for i, block in enumerate(self._blocks):
            if block.end < 0:
                raise RequestError(f"block {i} ({block.kind.name.lower()}, from instruction {block.first}) has no end")
        symbols = (
            *map(qubit_symbol, self._qubits),
            *map(bit_symbol, self._bits),
            *self._ports,
        )
        body = Body(
            symbols,
            np.frombuffer(self.instruction_bytes(), INSTRUCTION),
            np.frombuffer(self.operand_bytes(), OPERAND),
            np.frombuffer(self.constant_bytes(), CONSTANT),
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
        self._kept = (state, body)
        return body

    @classmethod
    def from_body(cls, body: Body) -> Self:
        """Return a builder that holds a body, and may go on from there."""
        self = cls.__new__(cls)
        Program.__init__(self, (), body.qubits, body.bits, tick_s=body.tick_s)
        for symbol in body.ports:
            self._add(SymbolKind.PORT, [symbol.name], [])
            self._ports.append(symbol)
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
        self._kept = None
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).from_body, (self.body,))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the parameters that must be bound before it can run (angles of calibrations are not)."""
        own = own_names(self._blocks)
        return tuple(name for name in self._parameters if name not in own)

    def bind(self, **values: float) -> Self:
        """Return the same program with numbers for these parameters.

        Raises
        ------
        RequestError
            If a name is no parameter, or a value not a finite number.
        """
        return self.from_body(bind(self.body, values))

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
        sizes = f"{self.n_qubits} qubits, {self.n_bits} bits, {len(self._ports)} ports, {len(self)} instructions"
        return f"<{type(self).__name__}: {sizes}>"


def _raw(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)
