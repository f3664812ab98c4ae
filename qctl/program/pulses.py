"""The builder's pulses: play, capture, delay and frames, and the words of ions and atoms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qctl.errors import RequestError
from qctl.program.blocks import BlockBuilder
from qctl.program.expressions import Expression, Value, constant_value
from qctl.program.layout import NONE, PORT_BIT
from qctl.program.opcodes import Op
from qctl.program.tables import BlockKind, Capture, CaptureMode, Waveform

__all__ = ["PulseBuilder"]


class PulseBuilder(BlockBuilder):
    """Append measurements, waits and pulses; ports and frames by name."""

    def measure(self, qubit: int | str, bit: int | str) -> None:
        """Measure a qubit into a bit."""
        index = self.refuse_qubit(Op.MEASURE, qubit)
        self.emit(Op.MEASURE, 0, index, self.bit_index(bit))

    def reset(self, qubit: int | str) -> None:
        """Bring a qubit to its ground state."""
        self.emit(Op.RESET, 0, self.refuse_qubit(Op.RESET, qubit))

    def barrier(self, *symbols: int | str) -> None:
        """Let nothing on these qubits, ports or frames cross; on all qubits and ports if none is named."""
        words = [self.symbol_word(symbol) for symbol in symbols]
        if not words:
            words = [*range(self.n_qubits), *(PORT_BIT | i for i in range(len(self._symbols.ports)))]
        if len(set(words)) != len(words):
            raise RequestError(f"barrier names a symbol twice{self._place(Op.BARRIER)}")
        self.emit_wide(Op.BARRIER, words)

    def delay(self, symbol: int | str, duration_s: Value) -> None:
        """Wait on a qubit, port or frame, in seconds."""
        word = self.symbol_word(symbol)
        if not isinstance(duration_s, Expression) and constant_value(duration_s, "duration_s") < 0:
            raise RequestError(f"duration_s = {duration_s} is below 0{self._place(Op.DELAY)}")
        self.emit_value(Op.DELAY, word, duration_s)

    def delay_ticks(self, symbol: int | str, ticks: int) -> None:
        """Wait on a qubit, port or frame, in ticks of `tick_s`."""
        self.emit_ticks(Op.DELAY, self.symbol_word(symbol), self._count(ticks, "ticks"))

    def play(self, port: str, waveform: Waveform, amplitude: Value | None = None) -> None:
        """Play a waveform on a port or frame.

        The waveform is stored with amplitude 1 and its own in the instruction, so that a swept amplitude is
        one waveform.

        Parameters
        ----------
        port : str
        waveform : Waveform
            From `qctl.gaussian` and the like, in volts.
        amplitude : float or Expression, optional
            One more factor.
        """
        if not isinstance(waveform, Waveform):
            raise RequestError(f"waveform = {waveform!r} is not a waveform{self._place(Op.PLAY)}")
        index = self.port_index(port)
        amp: Value = waveform.amp
        if amplitude is not None:
            amp = amplitude if isinstance(amp, float) and amp == 1.0 else amp * amplitude
        shape = Waveform(waveform.kind, waveform.params, 1.0, waveform.samples, waveform.rate_hz)
        number = self._waveform_index(shape)
        word = NONE if isinstance(amp, float) and amp == 1.0 else self.value_word(Op.PLAY, amp)
        self.emit(Op.PLAY, 0, index, number, word)

    def capture(
        self,
        port: str,
        weights: Waveform | None = None,
        into: str = "m",
        *,
        mode: CaptureMode | str = CaptureMode.IQ,
        duration_s: Value | None = None,
        bit: int | str | None = None,
        axes: Sequence[str] | None = None,
    ) -> None:
        """Record on a port or frame, into a result slot.

        Parameters
        ----------
        port : str
        weights : Waveform, optional
            Integration weights.
        into : str
            Name of the result.
        mode : CaptureMode or str
            ``iq``, ``raw`` or ``bit``.
        duration_s : float or Expression, optional
            Length, if no weights give it.
        bit : int or str, optional
            Bit that takes the discriminated state.
        axes : sequence of str, optional
            Axes of the result: ``shot`` and names of enclosing sweeps or named loops, by default all.
        """
        self._capture(Op.CAPTURE, port, weights, into, mode, duration_s, bit, axes)

    def image(
        self, port: str, into: str = "image", duration_s: Value | None = None, axes: Sequence[str] | None = None
    ) -> None:
        """Take a picture with a camera, into a result slot."""
        self._capture(Op.IMAGE, port, None, into, CaptureMode.IMAGE, duration_s, None, axes)

    def _capture(
        self, op: Op, port: str, weights: Any, into: str, mode: Any, duration_s: Any, bit: Any, axes: Any
    ) -> None:
        if weights is not None and not isinstance(weights, Waveform):
            raise RequestError(f"weights = {weights!r} is not a waveform{self._place(op)}")
        if not isinstance(into, str) or not into:
            raise RequestError(f"into = {into!r} is not a non-empty string{self._place(op)}")
        if duration_s is not None and not isinstance(duration_s, Expression):
            duration_s = constant_value(duration_s, "duration_s")
            if duration_s <= 0:
                raise RequestError(f"duration_s = {duration_s:g} is not above 0{self._place(op)}")
        try:
            kind = CaptureMode[mode.upper()] if isinstance(mode, str) else CaptureMode(mode)
        except (KeyError, ValueError):
            raise RequestError(f"mode = {mode!r} is none of {[m.name.lower() for m in CaptureMode]}") from None
        index = self.port_index(port)
        weights_index = -1 if weights is None else self._waveform_index(weights)
        if isinstance(duration_s, Expression):
            self.expression_index(duration_s)
        row = Capture(
            into,
            kind,
            duration_s,
            weights_index,
            -1 if bit is None else self.bit_index(bit),
            self._axes(axes),
        )
        if row not in self._captures:
            self._captures.append(row)
        self.emit(op, 0, index, self._captures.index(row))

    def _axes(self, axes: Sequence[str] | None) -> tuple[str, ...]:
        rows = [self._blocks[k] for k in self._open]
        names = [self._sweeps[r.sweep].name if r.kind is BlockKind.SWEEP else r.name for r in rows]
        around = [n for r, n in zip(rows, names, strict=True) if r.kind in (BlockKind.SWEEP, BlockKind.LOOP) and n]
        if axes is None:
            return ("shot", *around)
        for name in axes:
            if name != "shot" and name not in around:
                raise RequestError(f"axis = {name!r} is none of {['shot', *around]}{self._place(Op.CAPTURE)}")
        return tuple(axes)

    def _waveform_index(self, waveform: Waveform) -> int:
        for value in (*waveform.params, waveform.amp):
            if isinstance(value, Expression):
                self.expression_index(value)
        found = self._waveform_numbers.setdefault(waveform, len(self._waveforms))
        if found == len(self._waveforms):
            self._waveforms.append(waveform)
        return found

    def _tested(self, condition: Any, value: int) -> Expression:
        """Let the name of a capture's slot stand for a bit of that name."""
        if (
            isinstance(condition, str)
            and condition not in self._symbols.bits
            and any(c.slot == condition for c in self._captures)
        ):
            self.add_bits([condition])
            index = self.bit_index(condition)
            self._captures = [
                Capture(c.slot, c.mode, c.duration_s, c.weights, index, c.axes)
                if c.slot == condition and c.bit < 0
                else c
                for c in self._captures
            ]
        return super()._tested(condition, value)

    def shift_phase(self, port: str, phase_rad: Value) -> None:
        """Add to the phase of a port or frame."""
        self.emit_value(Op.SHIFT_PHASE, self.port_index(port), phase_rad)

    def set_phase(self, port: str, phase_rad: Value) -> None:
        """Set the phase of a port or frame."""
        self.emit_value(Op.SET_PHASE, self.port_index(port), phase_rad)

    def shift_frequency(self, port: str, frequency_hz: Value) -> None:
        """Add to the frequency of a port or frame."""
        self.emit_value(Op.SHIFT_FREQUENCY, self.port_index(port), frequency_hz)

    def set_frequency(self, port: str, frequency_hz: Value) -> None:
        """Set the frequency of a port or frame."""
        self.emit_value(Op.SET_FREQUENCY, self.port_index(port), frequency_hz)

    def ttl(self, port: str, level: bool) -> None:
        """Set a TTL line."""
        if level not in (0, 1):
            raise RequestError(f"level = {level!r} is neither 0 nor 1{self._place(Op.TTL)}")
        self.emit(Op.TTL, 0, self.port_index(port), int(level))

    def dds(self, port: str, frequency_hz: Value, phase_rad: Value = 0.0, amplitude: Value = 1.0) -> None:
        """Set frequency, phase and relative amplitude of a DDS."""
        self.emit_wide(Op.DDS, [self.port_index(port)], (frequency_hz, phase_rad, amplitude))

    def rydberg(
        self,
        duration_s: Value,
        rabi_hz: Value,
        detuning_hz: Value = 0.0,
        phase_rad: Value = 0.0,
        qubits: Sequence[int | str] = (),
    ) -> None:
        """Drive the Rydberg transition of these atoms, or of all."""
        words = [self.refuse_qubit(Op.RYDBERG, q) for q in qubits]
        self.emit_wide(Op.RYDBERG, words, (duration_s, rabi_hz, detuning_hz, phase_rad))

    def shuttle(self, qubits: Sequence[int | str], positions_m: Sequence[Sequence[Value]], duration_s: Value) -> None:
        """Move atoms or ions to new positions (x, y) in metres."""
        words = [self.refuse_qubit(Op.SHUTTLE, q) for q in qubits]
        if len(positions_m) != len(words) or any(len(xy) != 2 for xy in positions_m):
            raise RequestError(
                f"positions_m is not one (x, y) for each of {len(words)} qubits{self._place(Op.SHUTTLE)}"
            )
        self.emit_wide(Op.SHUTTLE, words, (duration_s, *(v for xy in positions_m for v in xy)))
