"""What timing knows of a processor, as arrays: lines, lengths, waveforms and amplitudes of its qubits and couplers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, pi, tan
from typing import cast

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.lines import Lines, lines_of
from qctl.compiler.times import Times
from qctl.errors import TimingError
from qctl.lab import Lab, TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.program.tables import Waveform
from qctl.units import common_grid_s, rational_s

__all__ = ["FINEST", "Tables", "hold_slope_s", "tables_of", "whole", "wide"]

FINEST = 10**24
"""Units of time in a second at most: what is finer is rounded to them, long before it could move a tick."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """A processor as the kernels of timing see it; `cext/straight.pyx` says what the columns are.

    Attributes
    ----------
    lab, values
        What it was made of.
    lines : Lines
        Its ports.
    names : tuple of str
        Its qubits.
    qubit_lines, qubits, couplers, pairs, line_table : int32
        Indices.
    pair_names : tuple of str
        Its couplers.
    volts, pair_values, carriers, states_hz : float64
        Numbers.
    lengths_s : tuple of Fraction
        What the indices of lengths name.
    units : int
        Units of time in a second that make all of `lengths_s` and the clocks' grids whole.
    waveforms : tuple of Waveform
        Unit envelopes of gates and readout.
    """

    lab: Lab
    values: Values
    lines: Lines
    names: tuple[str, ...]
    qubit_lines: NDArray[np.int32]
    qubits: NDArray[np.int32]
    couplers: NDArray[np.int32]
    pairs: NDArray[np.int32]
    line_table: NDArray[np.int32]
    pair_names: tuple[str, ...]
    volts: NDArray[np.float64]
    pair_values: NDArray[np.float64]
    carriers: NDArray[np.float64]
    states_hz: NDArray[np.float64]
    lengths_s: tuple[Fraction, ...]
    units: int
    waveforms: tuple[Waveform, ...]

    def qubit(self, q: int) -> TransmonQubit:
        """Return a qubit's values."""
        return cast(TransmonQubit, self.values.qubits[self.names[q]])


def tables_of(lab: Lab, values: Values) -> Tables:
    """Return the tables of a processor with its calibrated values.

    Raises
    ------
    CompileError
        If a port's instruments have no clock.
    """
    lines = lines_of(lab, values)
    names = tuple(values.qubits)
    n_lines = len(lines.lines)
    lengths: dict[Fraction, int] = {Fraction(0): 0}
    waveforms: dict[Waveform, int] = {}

    def length(seconds: float | Fraction) -> int:
        return lengths.setdefault(rational_s(seconds), len(lengths))

    def waveform(kind: str, *params: float) -> int:
        return waveforms.setdefault(Waveform(kind, params), len(waveforms))

    line_table = np.full((n_lines, 3), -1, np.int32)
    for k, line in enumerate(lines.lines):
        line_table[k] = n_lines + k if line.record_hz is not None else -1, -1, length(line.delay_s)
    occupied: list[int] = []
    qubits = np.zeros((len(names), 9), np.int32)
    volts = np.zeros((len(names), 2))
    for q, name in enumerate(names):
        found = values.qubits[name]
        ports = lines.of_qubit[q]
        first = len(occupied)
        occupied += [*ports, *(n_lines + k for k in ports if lines.lines[k].record_hz is not None)]
        role = lines.role[q]
        line_table[list(ports), 1] = q
        drive_line, readout_line = role.get("drive", -1), role.get("readout", -1)
        qubits[q, :4] = first, len(occupied), drive_line, readout_line
        if not isinstance(found, TransmonQubit):
            continue
        drive, readout = found.drive, found.readout
        beta_s = drive.beta_s
        if drive_line >= 0:
            line = lines.lines[drive_line]
            beta_s -= hold_slope_s(found.frequency_hz - line.lo_hz, float(line.rate_hz))
        qubits[q, 4:] = (
            length(drive.length_s),
            length(rational_s(readout.delay_s) + rational_s(readout.length_s)),
            length(readout.delay_s),
            waveform("drag", drive.length_s, drive.sigma_s, beta_s),
            waveform("constant", readout.length_s),
        )
        volts[q] = drive.amplitude_v, readout.amplitude_v
    couplers = np.full((len(names), len(names)), -1, np.int32)
    pair_names: list[str] = []
    pairs: list[tuple[int, ...]] = []
    pair_values: list[tuple[float, ...]] = []
    for key, coupler in values.couplers.items():
        if not isinstance(coupler, TransmonCoupler):
            continue
        low, high = (names.index(end) for end in key.partition("-")[::2])
        couplers[low, high] = couplers[high, low] = len(pairs)
        cz = coupler.cz
        flux_line = lines.role[names.index(coupler.flux_qubit)].get("flux", -1)
        pairs.append((length(cz.length_s), flux_line, waveform("flat_top", cz.length_s, cz.rise_s), low, high))
        turns = (cz.phase_rad.get(names[low], 0.0), cz.phase_rad.get(names[high], 0.0))
        pair_values.append((cz.amplitude_v, *turns))
        pair_names.append(coupler.name)
    grids = [common_grid_s([x.rate_hz, *([] if x.record_hz is None else [x.record_hz])]) for x in lines.lines]
    steps = [grid or Fraction(1) / line.rate_hz for grid, line in zip(grids, lines.lines, strict=True)]
    return Tables(
        lab, values, lines, names,
        np.array(occupied, np.int32), qubits, couplers, np.array(pairs, np.int32).reshape(-1, 5), line_table,
        tuple(pair_names), volts, np.array(pair_values, np.float64).reshape(-1, 3),
        np.array([(x.lo_hz, float(x.rate_hz), x.lo_hz > 0) for x in lines.lines], np.float64).reshape(-1, 3),
        np.array([x.frequency_hz for x in lines.lines], np.float64),
        tuple(lengths), min(lcm(*(x.denominator for x in (*lengths, *steps))), FINEST), tuple(waveforms),
    )  # fmt: skip


def wide(times: Sequence[Fraction] | Times, units: int) -> NDArray[np.int64]:
    """Return times in units, rounded half to even, as whole numbers of 128 bits: (n, 2) int64, low half first.

    Raises
    ------
    TimingError
        If one is so long that sums and ticks would not fit.
    """
    if isinstance(times, Times):
        ratio = Fraction(units, times.denominator)
        numbers = [round(n * ratio) for n in times.numerators.tolist()]
    else:
        numbers = [round(time * units) for time in times]
    if max(map(abs, numbers), default=0) >> 104:
        raise TimingError(f"time_s = {max(map(abs, numbers)) / units:g} is over what is timed")
    return np.frombuffer(b"".join(n.to_bytes(16, "little", signed=True) for n in numbers), "<i8").reshape(-1, 2)


def whole(pairs: NDArray[np.int64]) -> list[int]:
    """Return whole numbers of 128 bits as Python's."""
    low, high = pairs[:, 0], pairs[:, 1]
    if np.array_equal(high, low >> 63):
        return [int(x) for x in low.tolist()]
    return [(h << 64) + (x & (2**64 - 1)) for x, h in zip(low.tolist(), high.tolist(), strict=True)]


def hold_slope_s(if_hz: float, rate_hz: float) -> float:
    """Return the derivative quadrature that a DAC adds by holding its samples, in seconds.

    A hold of one period multiplies the spectrum by sinc(f / rate). Around the intermediate frequency this is a level
    and a slope over frequency, and a slope over frequency is a derivative in time. It is taken from a DRAG pulse's own,
    so that beta_s in lab.toml is what the qubit sees.
    """
    x = pi * if_hz / rate_hz
    if abs(x) < 1e-3:
        return -x / 3 / (2 * rate_hz)
    return (1 / tan(x) - 1 / x) / (2 * rate_hz)
