"""The small tables of a program: symbols, registers, sweeps, blocks, waveforms and captures."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.program.expressions import Expression, Value

__all__ = [
    "Block",
    "BlockKind",
    "Capture",
    "CaptureMode",
    "Register",
    "RegisterKind",
    "Sweep",
    "Symbol",
    "SymbolKind",
    "Waveform",
    "own_names",
]


class SymbolKind(IntEnum):
    """What a symbol names. Ports and frames share one index space; qubits and bits have their own."""

    QUBIT = 0
    BIT = 1
    PORT = 2
    FRAME = 3


class RegisterKind(IntEnum):
    """Type of a classical register."""

    BIT = 0
    I64 = 1
    F64 = 2


class BlockKind(IntEnum):
    """What a block does with the instructions that it brackets."""

    LOOP = 0
    """Play `count` times, or `value` times if count is -1."""
    SWEEP = 1
    """Play once for each value of sweep `sweep`."""
    IF = 2
    """Play if `value` is not zero."""
    ELSE = 3
    """Play if the IF block that ends just before it did not."""
    WHILE = 4
    """Play as long as `value` is not zero, tested before; at most `count` times if count is not -1."""
    REPEAT = 5
    """Play until `value` is not zero, tested after; at most `count` times if count is not -1."""
    CALL = 6
    """Subroutine `name`: played only by a call instruction."""
    CAL = 7
    """Calibration of gate `name` on `qubits`: played in place of the gate; `params` name its angles."""
    BOX = 8
    """Play once; a group that timing keeps together."""


class CaptureMode(IntEnum):
    """What a capture gives for each shot."""

    IQ = 0
    RAW = 1
    BIT = 2
    IMAGE = 3


@dataclass(frozen=True, slots=True)
class Symbol:
    """A qubit, bit, port or frame.

    Attributes
    ----------
    kind : SymbolKind
    name : str
    clock_hz : Fraction or None
        Clock domain of a port, if it is known.
    parent : str
        Port of a frame; otherwise empty.
    """

    kind: SymbolKind
    name: str
    clock_hz: Fraction | None = None
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """A classical variable."""

    kind: RegisterKind
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A swept variable.

    Attributes
    ----------
    name : str
        Name of the variable and of the axis of the results.
    values : (n_points,) float64
        In SI units.
    unit : str
        For plots (``Hz``, ``s``, ``V``), or empty.
    """

    name: str
    values: NDArray[np.float64]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A bracket in the instruction stream.

    Attributes
    ----------
    kind : BlockKind
    first, end : int
        Index of its `begin` and of its `end` instruction.
    count : int
        Repetitions, or -1.
    sweep : int
        Index of its sweep, or -1.
    value : Value or None
        Condition, or count of a LOOP.
    name : str
        Of a subroutine or calibrated gate, or of a loop that is an axis of results.
    qubits : tuple of int
        Of a calibration.
    params : tuple of str or float
        Of a calibration: parameter names, or the one angle that it holds for.
    """

    kind: BlockKind
    first: int
    end: int
    count: int = -1
    sweep: int = -1
    value: Value | None = None
    name: str = ""
    qubits: tuple[int, ...] = ()
    params: tuple[str | float, ...] = ()


def own_names(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Return the names that calibrations give to their angles; a program's inputs are other parameters than these."""
    return tuple(dict.fromkeys(name for block in blocks for name in block.params if isinstance(name, str)))


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """An envelope: its shape by kind and parameters, or by samples.

    Attributes
    ----------
    kind : str
        ``constant``, ``gaussian``, ``drag``, ``flat_top``, ``sine`` or ``samples``.
    params : tuple of Value
        By kind (see `qctl.program.envelopes`); the first one is the duration in seconds.
    amp : Value
        Peak volts at the instrument's output; 1.0 where the play instruction carries it.
    samples : (n,) complex128 or None
        Of kind ``samples``.
    rate_hz : Fraction or None
        Sample rate of the samples.
    ticks : tuple of (int, Fraction) or None
        Of a timeline's waveform whose length is no whole number of its clock's ticks: how many it takes where it is
        played, and the clock in hertz. None is the nearest whole number.
    """

    kind: str
    params: tuple[Value, ...] = ()
    amp: Value = 1.0
    samples: NDArray[np.complex128] | None = None
    rate_hz: Fraction | None = None
    ticks: tuple[int, Fraction] | None = None
    _known: tuple[tuple[object, ...], int] | None = field(default=None, init=False, repr=False)

    def lasting(self, ticks: int, rate_hz: Fraction) -> Waveform:
        """Return the same envelope where it takes so many ticks of a clock."""
        return Waveform(self.kind, self.params, self.amp, self.samples, self.rate_hz, (ticks, rate_hz))

    @property
    def duration_s(self) -> Value:
        """Return its length in seconds."""
        if self.samples is not None and self.rate_hz is not None:
            return float(len(self.samples) / self.rate_hz)
        return self.params[0]

    def key(self) -> tuple[object, ...]:
        """Return what tells two waveforms apart, to the bit."""
        return self._key_and_hash()[0]

    def _key_and_hash(self) -> tuple[tuple[object, ...], int]:
        """Return its key and the key's hash; waveforms are looked up far more often than they are made."""
        if self._known is not None:
            return self._known
        key = self._made_key()
        known = key, hash(key)
        if self.samples is None:  # those would be held twice
            object.__setattr__(self, "_known", known)
        return known

    def _made_key(self) -> tuple[object, ...]:
        values = tuple(v.key() if isinstance(v, Expression) else struct.pack("<d", v) for v in (*self.params, self.amp))
        return (self.kind, values, None if self.samples is None else self.samples.tobytes(), self.rate_hz, self.ticks)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Waveform) and self.key() == other.key())

    def __hash__(self) -> int:
        return (self._known or self._key_and_hash())[1]

    def __reduce__(self) -> tuple[object, ...]:
        # Hashes of texts are other ones in every process.
        return type(self), (self.kind, self.params, self.amp, self.samples, self.rate_hz, self.ticks)


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture records, and where it goes.

    Attributes
    ----------
    slot : str
        Name of the result.
    mode : CaptureMode
        IQ (weighted and integrated), RAW samples, BIT (discriminated) or IMAGE.
    duration_s : Value or None
        Length; None where the weights or the calibration give it.
    weights : int
        Index of the waveform of the integration weights, or -1 for uniform ones.
    bit : int
        Bit that takes the discriminated state, or -1.
    axes : tuple of str
        ``shot`` or names of sweeps and named loops; the result is averaged over what isn't named.
    """

    slot: str
    mode: CaptureMode = CaptureMode.IQ
    duration_s: Value | None = None
    weights: int = -1
    bit: int = -1
    axes: tuple[str, ...] = ("shot",)
