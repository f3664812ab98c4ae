"""From the words of waves to what a line carries: envelope times gain on a carrier, as I and Q of a mixer's tone.

Source: qick 0.2.436 (``asm_v2.py``: conf of a wave; ``generator.py``): phase is counted in samples since the carrier
was started anew; in the second Nyquist zone the image of a carrier goes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["RATE_HZ", "Play", "carrier_hz", "rendered", "tone_hz"]

RATE_HZ = 2.0e9
"""At which the plant gets I and Q; converters are faster, and their carriers far above it."""
_TONES_HZ = 1e8
_PRODUCT, _CONSTANT, _SILENT = 0, 1, 3
_PERIODIC, _STOPS = 0b100, 0b1000


class Play(NamedTuple):
    """A wave of a generator in a shot: its six words, first sample, and the sample that its phase counts from."""

    words: NDArray[np.int64]
    first: int
    reset: int


def carrier_hz(generator: Mapping[str, Any], zone: int, mixer_hz: float, word: int) -> tuple[float, bool]:
    """Return the frequency of a carrier at the connector, and whether it is a mirrored one."""
    rate_hz = float(generator["fs"]) * 1e6
    size = 1 << int(generator["b_dds"])
    word %= size
    digital_hz = (word - size if word >= size // 2 else word) / size * (float(generator["f_dds"]) * 1e6)
    found = digital_hz + (mixer_hz if generator.get("has_mixer") else 0.0)
    if zone == 1:
        return abs(found), found < 0
    return (found + rate_hz, False) if found < 0 else (rate_hz - found, True)


def tone_hz(frequency_hz: float) -> float:
    """Return the mixer's tone that a carrier is told by: the next multiple of 100 MHz, 0 for what has no carrier."""
    return round(frequency_hz / _TONES_HZ) * _TONES_HZ


def rendered(
    generator: Mapping[str, Any], zone: int, mixer_hz: float, memory: NDArray[np.int16], plays: Sequence[Play],
    at_hz: float, n: int,
) -> NDArray[np.complex128]:  # fmt: skip
    """Return (n,) samples at RATE_HZ from the start of the shot, in parts of full scale, about a tone at `at_hz`.

    Raises
    ------
    RequestError
        If a wave is one that is not emulated.
    """
    out = np.zeros(n, complex)
    rate_hz = float(generator["fs"]) * 1e6
    per_cycle, most = int(generator["samps_per_clk"]), float(generator["maxv"])
    size = 1 << int(generator["b_dds"])
    free = 0
    for words, begin, reset in plays:
        freq, phase, address, gain, length, conf = (int(word) for word in words)
        begin = max(begin, free)
        n_samples = (length & 0xFFFF) * per_cycle
        free = begin + n_samples
        gain = (gain & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
        if not gain or conf & 3 == _SILENT:
            continue
        if conf & _PERIODIC or not conf & _STOPS or conf & 3 not in (_PRODUCT, _CONSTANT):
            raise RequestError(f"a wave of kind {conf:#07b} is not emulated: it goes on, or is no product")
        start = max(0, int(np.ceil(begin / rate_hz * RATE_HZ - 0.5)))
        stop = min(n, int(np.ceil(free / rate_hz * RATE_HZ - 0.5)))
        if stop <= start:
            continue
        time_s = (np.arange(start, stop) + 0.5) / RATE_HZ
        sample = np.clip(np.floor(time_s * rate_hz).astype(np.int64) - begin, 0, n_samples - 1)
        height: Any = 1.0
        if conf & 3 == _PRODUCT:
            part = memory[address * per_cycle : address * per_cycle + n_samples]
            if len(part) < n_samples:
                raise RequestError(f"a wave of {n_samples} samples from {address * per_cycle} on leaves its memory")
            height = (part[:, 0] + 1j * part[:, 1])[sample] / most
        made_hz, mirrored = carrier_hz(generator, zone, mixer_hz, freq)
        signed = freq % size - (size if freq % size >= size // 2 else 0)
        first_turns = (signed * (begin - reset) + phase) % size / size
        if mirrored:
            height, first_turns = np.conj(height), -first_turns
        # Held samples are the carrier half a sample late.
        turns = first_turns + made_hz * (time_s - (begin + 0.5) / rate_hz) - at_hz * time_s
        out[start:stop] += height * (gain / most) * np.exp(2j * np.pi * turns)
    return out
