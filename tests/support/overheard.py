"""What an AWG5014C would play, from the bytes that were sent to it; and QuTiP's account of two transmons driven by it.

Shares nothing with driver, emulator or the virtual lab's physics but the hidden parameters.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import qutip
from numpy.typing import NDArray

__all__ = ["Generator", "populations_of_pair"]

TWO_PI = 2 * np.pi
_BLOCK = re.compile(rb"#(\d)")


class Generator:
    """One generator: its waveforms, sequence and levels, kept up to date with `hear`."""

    def __init__(self) -> None:
        self._pending = b""
        self._path = ""
        self.waveforms: dict[str, NDArray[np.uint16]] = {}
        self.elements: dict[int, dict[str, str]] = {}
        self.values: dict[str, float] = {}

    def hear(self, data: bytes) -> None:
        """Take what was sent."""
        self._pending += data
        while (message := self._next()) is not None:
            text, block = message
            for part in re.split(r";(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", text):
                self._obey(part.strip().removeprefix(":"), block)

    def _next(self) -> tuple[str, bytes] | None:
        end = self._pending.find(b"\n")
        found = _BLOCK.search(self._pending)
        if found is not None and (end < 0 or found.start() < end):
            digits = int(found[1])
            head = found.end() + digits
            if len(self._pending) < head:
                return None
            stop = head + int(self._pending[found.end() : head])
            if len(self._pending) < stop + 1:
                return None
            text, block = self._pending[: found.start()], self._pending[head:stop]
            self._pending = self._pending[stop + 1 :]
            return text.decode(), block
        if end < 0:
            return None
        text, self._pending = self._pending[:end], self._pending[end + 1 :]
        return text.decode("latin-1"), b""

    def _obey(self, part: str, block: bytes) -> None:
        header, _, argument = part.partition(" ")
        if "?" in header:
            return
        if header == "WLIS:WAV:NEW":
            name, size, _ = argument.split(",")
            self.waveforms[name.strip('"')] = np.zeros(int(size), np.uint16)
        elif header == "WLIS:WAV:DATA":
            name, start, size, *_ = argument.split(",")
            words = np.frombuffer(block, "<u2")
            assert words.size == int(size)
            self.waveforms[name.strip('"')][int(start) : int(start) + words.size] = words
        elif header == "SEQ:LENG":
            self.elements = {k: v for k, v in self.elements.items() if k <= int(argument)}
        elif found := re.fullmatch(r"SEQ:ELEM(\d+):(.+)", header):
            self.elements.setdefault(int(found[1]), {})[found[2]] = argument.strip('"')
        elif re.fullmatch(r"(SOUR|OUTP)\d.*", header):
            self.values[header] = float(argument) if argument[:1] in "+-0123456789." else 0.0

    def volts(self, output: int) -> NDArray[np.float64]:
        """Return what one output plays at a trigger at the first point of its sequence."""
        if not self.values.get(f"OUTP{output}"):
            return np.zeros(0)
        parts, at = [], 1
        while True:
            element = self.elements[at]
            name = element.get(f"WAV{output}", "")
            codes = (self.waveforms[name] & 0x3FFF).astype(float) if name else np.zeros(0)
            parts += [codes] * int(element.get("LOOP:COUN", "1"))
            at = int(element["GOTO:IND"]) if element.get("GOTO:STAT") == "1" else at + 1
            if at not in self.elements or self.elements[at].get("TWA") == "1":
                break
        half_v = self.values.get(f"SOUR{output}:VOLT", 1.0) / 2
        return np.asarray(self.values.get(f"SOUR{output}:VOLT:OFFS", 0.0) + half_v * (np.concatenate(parts) / 8191 - 1))


def _tuned_hz(true: Any, fast_v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Koch et al., Phys. Rev. A 76, 042319 (2007), eq. 2.18: an asymmetric SQUID under flux."""

    def bend(flux: Any) -> Any:
        return (np.cos(np.pi * flux) ** 2 + true.asymmetry**2 * np.sin(np.pi * flux) ** 2) ** 0.25

    top = true.frequency_hz - true.anharmonicity_hz
    moved = bend(true.flux_offset + true.flux_per_v * fast_v) / bend(true.flux_offset)
    return np.asarray(top * moved + true.anharmonicity_hz)


def populations_of_pair(
    processor: Any,
    lo_hz: float,
    rate_hz: float,
    drives: list[NDArray[np.complex128]],
    flux: list[NDArray[np.float64]],
    relaxing: bool = True,
) -> NDArray[np.float64]:
    """Return the (3, 3) populations of a coupled pair after these samples, by `qutip.mesolve` on three levels each.

    From the ground state, with T1 and T2: thermal excitation is in the readout matrix of truth.json.
    """
    n_samples = drives[0].size
    times = np.arange(n_samples + 1) / rate_hz
    lower = [qutip.tensor(qutip.destroy(3), qutip.qeye(3)), qutip.tensor(qutip.qeye(3), qutip.destroy(3))]
    number = [a.dag() * a for a in lower]

    def sampled(values: NDArray[Any]) -> Any:
        return qutip.coefficient(np.append(values, values[-1]), tlist=times, order=0)

    crosstalk = np.asarray(processor.crosstalk, float) @ np.array([1, 1j])
    still: Any = 0
    moving, collapse = [], []
    for k, true in enumerate(processor.transmons):
        still += TWO_PI * (true.frequency_hz - lo_hz) * number[k]
        still += TWO_PI * true.anharmonicity_hz / 2 * number[k] * (number[k] - 1)
        if flux[k].any():
            moving.append([number[k], sampled(TWO_PI * (_tuned_hz(true, flux[k]) - true.frequency_hz))])
        omega = TWO_PI * true.drive_hz_per_v * np.conj(sum(crosstalk[k, j] * drives[j] for j in range(2)))
        moving += [[lower[k].dag() / 2, sampled(omega)], [lower[k] / 2, sampled(omega.conj())]]
        if relaxing:
            pure = max(0.0, 1 / true.t2_s - 0.5 / true.t1_s)
            collapse += [np.sqrt(1 / true.t1_s) * lower[k], np.sqrt(2 * pure) * number[k]]
    for c in processor.couplers:
        hop = lower[c.low].dag() * lower[c.high]
        still += TWO_PI * (c.coupling_hz * (hop + hop.dag()) + c.cross_kerr_hz * number[c.low] * number[c.high])
    _, vectors = np.linalg.eigh(still.full())
    dressed = vectors[:, np.argsort(np.argmax(np.abs(vectors) ** 2, axis=0))]
    dims = [[3, 3], [1, 1]]
    ground = qutip.Qobj(dressed[:, :1], dims=dims)
    options = {"atol": 1e-8, "rtol": 1e-8, "max_step": 0.5 / rate_hz, "nsteps": 10**6}
    end = qutip.mesolve([still, *moving], ground * ground.dag(), times, c_ops=collapse, options=options).states[-1]
    return np.asarray(np.diag(dressed.conj().T @ end.full() @ dressed).real.reshape(3, 3))
