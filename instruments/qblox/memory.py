"""The memories of one sequencer: waveforms and weights by content, acquisitions by slot, and tables that name them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number
from qctl.instruments.qblox import capabilities as can
from qctl.program.sampling import envelope_samples
from qctl.program.tables import Waveform
from qctl.program.timeline import CaptureSpec
from qctl.units import rational_hz, to_ticks

__all__ = ["Memory"]

_RATE_HZ = rational_hz(can.CLOCK_HZ)
_TOP = can.FULL_SCALE - 1


@lru_cache(maxsize=1024)
def _unit(waveform: Waveform, n_outputs: int) -> tuple[NDArray[np.int16], tuple[str, ...], float, float]:
    """Return the words of I and Q, their digests, the largest sample before scaling, and magnitude after."""
    # The lines carry the complex conjugate of what turns the qubit (see PLAY).
    samples = np.conj(envelope_samples(waveform, _RATE_HZ))
    if n_outputs == 1:
        samples = samples.real + 0j
    top = max(float(np.abs(samples.real).max(initial=0)), float(np.abs(samples.imag).max(initial=0)))
    words = np.rint(np.stack([samples.real, samples.imag]) * (_TOP / (top or 1.0))).astype(np.int16)
    words.setflags(write=False)
    digests = tuple(blake2b(part.tobytes(), digest_size=20).hexdigest() for part in words)
    return words, digests, top, float(np.abs(words[0] + 1j * words[1]).max(initial=0)) / can.FULL_SCALE


class Memory:
    """What a sequencer holds beside its program; nobody changes it, so that programs of the same pulses share one.

    Parameters
    ----------
    waveforms : sequence of Waveform
        Of all rows.
    played : sequence of int
        Those that the sequencer plays.
    specs : sequence of CaptureSpec
        Kinds of captures of all rows.
    caught : sequence of int
        Those that the sequencer acquires.
    table : Capability
        Of the module.
    full_scale_v : float
        Amplitude of full gain.
    n_outputs : int
        Paths that are played: 0, 1 or 2.

    Raises
    ------
    CompileError
        If a capture can't be integrated so.

    Attributes
    ----------
    table : (n_waveforms, 3) int32
        For each of the rows' waveforms: index of I, index of Q, samples; those of other ports are 0.
    steps_per_v : (n_waveforms,) float64
        Steps of gain for an amplitude of 1 V.
    acquisitions : (n_specs, 4) int32
        For each of the rows' captures: index of the acquisition, of the first weights or -1, length in ns, quarters of
        a hertz.
    waveforms, weights : dict of int to str
        Index → digest.
    slots : dict of str to int
        Slot → index of its acquisition.
    weights_of : dict of str to int
        Slot → index of its first weights, or -1.
    blobs : dict of str to (n,) int16
        Samples by digest, in 1/32768 of full scale.
    peak : float
        Largest magnitude of a waveform, full scale being 1.
    """

    def __init__(
        self, waveforms: Sequence[Waveform], played: Sequence[int], specs: Sequence[CaptureSpec], caught: Sequence[int],
        table: Capability, full_scale_v: float, n_outputs: int,
    ) -> None:  # fmt: skip
        self.can = table
        self.blobs: dict[str, NDArray[np.generic]] = {}
        self.waveforms: dict[int, str] = {}
        self.weights: dict[int, str] = {}
        self.slots: dict[str, int] = {}
        self.weights_of: dict[str, int] = {}
        self.n_samples = self.n_weights = 0
        self.integration_ns = 4
        self.peak = 0.0
        self._index: dict[str, int] = {}
        self.table = np.zeros((len(waveforms), 3), np.int32)
        self.steps_per_v = np.zeros(len(waveforms))
        self.acquisitions = np.zeros((len(specs), 4), np.int32)
        for k in played:
            self._play(waveforms[k], k, full_scale_v, n_outputs)
        if caught:
            self._captures([(k, specs[k]) for k in caught])

    def _play(self, waveform: Waveform, k: int, full_scale_v: float, n_outputs: int) -> None:
        """Hold I and Q of a unit envelope, scaled to the whole range, and take its gain accordingly."""
        words, digests, top, peak = _unit(waveform, n_outputs)
        i = self._hold(words[0], digests[0])
        self.table[k] = i, i if n_outputs == 1 else self._hold(words[1], digests[1]), len(words[0])
        self.steps_per_v[k] = top / full_scale_v * can.FULL_SCALE**2 / _TOP
        self.peak = max(self.peak, peak)

    def _hold(self, words: NDArray[np.int16], digest: str) -> int:
        index = self._index.setdefault(digest, len(self._index))
        if index not in self.waveforms:
            self.waveforms[index] = digest
            self.blobs[digest] = words
            self.n_samples += len(words)
        return index

    def _captures(self, specs: list[tuple[int, CaptureSpec]]) -> None:
        lengths = {to_ticks(spec.length_s, _RATE_HZ).ticks for _, spec in specs if spec.weights is None}
        boxes = len(lengths) > 1  # the integration length is one for all acquisitions of a sequencer
        if lengths and not boxes:
            self.integration_ns = lengths.copy().pop()
            square = limit(self.can, "channels.input.length")
            boxes = bool(self.integration_ns % (square.step or 1)) or not (
                square.least <= self.integration_ns <= square.most
            )
        for k, spec in specs:
            if spec.mode == "raw":
                raise CompileError(f"the capture into {spec.slot!r} is raw: a QRM is compiled for integrated ones only")
            if spec.ifs_hz is not None:
                raise CompileError(f"the capture into {spec.slot!r} has a swept frequency: not compiled for a QRM")
            length = to_ticks(spec.length_s, _RATE_HZ).ticks
            weights = -1
            if spec.weights is not None:
                weights = self._weights(spec.weights, spec.slot)
                length = len(spec.weights)
            elif boxes:
                check_number(self.can, "channels.input.length", -(-length // 4) * 4, f"the capture into {spec.slot!r}")
                weights = self._weights(np.ones(length, np.complex128), spec.slot)
            acquisition = self.slots.setdefault(spec.slot, len(self.slots))
            check_number(self.can, "acquisitions", acquisition + 1, f"the results of {spec.port}")
            if self.weights_of.setdefault(spec.slot, weights) != weights:
                raise CompileError(f"the captures into {spec.slot!r} have different weights: give them different names")
            steps = round(spec.if_hz * can.FREQUENCY_STEPS_PER_HZ)
            self.acquisitions[k] = acquisition, weights, length, steps

    def _weights(self, weights: NDArray[np.complex128], slot: str) -> int:
        """Hold the weights of I and of Q, one after the other; return the first index.

        Real weights count for both; a sequencer integrates I and Q each with its own, and knows no complex product.
        """
        if not weights.imag.any():
            weights = np.asarray(weights.real * (1 + 1j), np.complex128)
        top = float(max(np.abs(weights.real).max(initial=0), np.abs(weights.imag).max(initial=0), 1e-300))
        words = np.rint(np.stack([weights.real, weights.imag]) * (_TOP / top)).astype(np.int16)
        digests = [blake2b(b"weights" + part.tobytes(), digest_size=20).hexdigest() for part in words]
        for index in self.weights:
            if [self.weights[index], self.weights.get(index + 1)] == digests:
                return index
        index = len(self.weights)
        check_number(self.can, "weights.count", index + 2, f"the weights of {slot!r}")
        for k, (digest, part) in enumerate(zip(digests, words, strict=True)):
            self.weights[index + k] = digest
            self.blobs[digest] = part
            self.n_weights += len(part)
        return index
