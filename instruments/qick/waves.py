"""Pulses of one generator as words of wave memory: envelopes, gains, frequencies and phases on the board's grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.checker import check_number
from qctl.instruments.qick.board import Board, fabric_hz
from qctl.program.sampling import envelope_length, envelope_samples
from qctl.program.tables import Waveform
from qctl.units import rational_hz, to_ticks

__all__ = ["CONSTANT", "ENVELOPE", "RESET", "Envelopes", "frequency_words", "gains", "phase_words", "zone_of"]

ENVELOPE, CONSTANT = 0b01000, 0b01001
"""Of a wave: envelope times carrier, or the carrier alone; zero after it (qick: AbsRegisterManager.cfg2reg)."""
RESET = (0, 0, 0, 0, 3, 0b010000)
"""Wave that starts the carrier anew and is silent (qick: QickPulse.SPECIAL_WAVEFORMS)."""


class Envelopes:
    """The envelope memory of one generator.

    Attributes
    ----------
    table : (n_waveforms, 3) int64
        For each waveform: address and length in fabric cycles, and flags of its wave.
    top : (n_waveforms,) float64
        Largest sample, by which a gain is larger than its amplitude.
    n_samples : int
        Complex samples that are taken.
    length_error_s : float
        Largest rounding of a constant pulse's length, either way.
    """

    def __init__(self, board: Board, number: int, generator: Mapping[str, Any], n_waveforms: int, where: str) -> None:
        self._board, self._number, self._generator, self._where = board, number, generator, where
        self._fabric_hz = fabric_hz(generator)
        self._per_cycle = int(generator["samps_per_clk"])
        self._room = int(generator["maxlen"])
        self._parts: list[NDArray[np.int16]] = []
        self._known: dict[Waveform, int] = {}
        self.table = np.zeros((n_waveforms, 3), np.int64)
        self.top = np.ones(n_waveforms)
        self.n_samples = 0
        self.length_error_s = 0.0

    def add(self, k: int, waveform: Waveform) -> None:
        """Take a waveform up; a constant one needs no memory.

        Lengths are whole cycles and starts whole ticks of another clock, so where it begins does not change it.
        """
        waveform = replace(waveform, ticks=None)
        known = self._known.setdefault(waveform, k)
        if known != k:
            self.table[k], self.top[k] = self.table[known], self.top[known]
            return
        what = f"{waveform.kind} pulse of {float(waveform.duration_s):g} s on {self._where}"  # type: ignore[arg-type]
        if waveform.kind == "constant":
            length, error_s = to_ticks(float(waveform.duration_s), self._fabric_hz)  # type: ignore[arg-type]
            self.length_error_s = max(self.length_error_s, abs(error_s))
            self.table[k] = 0, length, CONSTANT
        else:
            n_samples = envelope_length(waveform, self._fabric_hz * self._per_cycle)
            length = -(-n_samples // self._per_cycle)
        check_number(self._board.table, f"channels.generator{self._number - 1}.length", length, what)
        if waveform.kind == "constant":
            return
        self.table[k] = self.n_samples // self._per_cycle, length, ENVELOPE
        self.n_samples += length * self._per_cycle
        # What memory has no room for is counted and not rendered: it is refused, or cut into batches.
        if self.n_samples <= self._room:
            self._render(k, waveform, length, what)
        else:
            self.top[k] = 0.0

    def _render(self, k: int, waveform: Waveform, length: int, what: str) -> None:
        # The line carries the complex conjugate of what turns the qubit (see PLAY).
        samples = np.conj(envelope_samples(waveform, self._fabric_hz * self._per_cycle))
        if self._generator.get("complex_env") is False and np.any(samples.imag):
            raise CompileError(f"{what}: the generator has no Q envelope; take a pulse without derivative")
        top = float(max(np.abs(samples.real).max(initial=0), np.abs(samples.imag).max(initial=0))) or 1.0
        highest = int(self._generator["maxv"]) * Fraction(self._generator.get("maxv_scale", 1.0))
        words = np.zeros((length * self._per_cycle, 2), np.int16)
        scale = float(highest) / top
        words[: len(samples), 0] = np.rint(samples.real * scale)
        words[: len(samples), 1] = np.rint(samples.imag * scale)
        self.top[k] = top
        self._parts.append(words)

    def memory(self) -> NDArray[np.int16]:
        """Return all samples, (n_samples, 2): I and Q."""
        return np.concatenate(self._parts) if self._parts else np.zeros((0, 2), np.int16)


def gains(
    generator: Mapping[str, Any],
    amplitude_v: NDArray[np.float64],
    top: NDArray[np.float64],
    full_scale_v: float,
    refused: Callable[[int, str], NoReturn],
) -> NDArray[np.int64]:
    """Return int16 gains, rounded to the nearest; an envelope or constant of gain `maxv` reaches the full scale."""
    most = int(generator["maxv"])
    found = np.rint(amplitude_v * top * (most / full_scale_v))
    bad = np.flatnonzero(~(np.abs(found) <= most))
    if len(bad):
        k = int(bad[0])
        refused(k, f"{amplitude_v[k] * top[k]:.4g} V is over what it reaches, {full_scale_v:.4g} V: lower it, or "
                   "take attenuation out of the line")  # fmt: skip
    return found.astype(np.int64)


def frequency_words(
    board: Board, channel: Mapping[str, Any], other: Mapping[str, Any] | None, frequency_hz: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return words, and the frequencies that they stand for; on the grid that a channel has in common with another."""
    multiple = board.steps_together(channel, other)
    step_hz = board.step_hz(channel)
    steps: NDArray[np.int64] = np.rint(frequency_hz / (step_hz * multiple)).astype(np.int64) * multiple
    return steps % (1 << int(channel["b_dds"])), steps.astype(np.float64) * step_hz


def phase_words(generator: Mapping[str, Any], turns: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return words of phases, the nearest ones."""
    size = 2 ** int(generator["b_phase"])
    found: NDArray[np.int64] = np.rint((turns - np.floor(turns)) * size).astype(np.int64) % size
    return found


def zone_of(
    generator: Mapping[str, Any], frequency_hz: NDArray[np.float64], refused: Callable[[int, str], NoReturn]
) -> int:
    """Return the Nyquist zone of a generator's carriers, which is one for all of them."""
    half_hz = float(rational_hz(generator["fs"] * 1e6)) / 2
    interpolated = generator.get("interpolation", 1) != 1
    zones = 1 + np.floor(np.abs(frequency_hz) / half_hz)
    bad = np.flatnonzero(~(zones <= (1 if interpolated else 2)))
    if len(bad):
        k = int(bad[0])
        zone = "half" if interpolated else "all"
        refused(k, f"{frequency_hz[k]:.7g} Hz is over {zone} of its sample rate, {half_hz * 2:.7g} Hz")
    bad = np.flatnonzero(zones != zones[:1])
    if len(bad):
        k = int(bad[0])
        refused(k, f"{frequency_hz[k]:.7g} Hz is in another Nyquist zone than {frequency_hz[0]:.7g} Hz before it, and "
                   f"an output has one at a time ({half_hz:.7g} Hz wide): keep them on one side")  # fmt: skip
    return int(zones[0])
