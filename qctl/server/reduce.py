"""From records to results: complex IQ values, states and counts of each program of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext.demodulate import count_strings, demodulate, discriminate
from qctl.errors import DeviceError, InternalError
from qctl.server.orders import BatchOrder, SumsPart, TracePart
from qctl.server.prepare import Prepared, Window
from qctl.units import rational_hz, to_ticks

if TYPE_CHECKING:
    from qctl.lowering import Part
    from qctl.program.timeline import CaptureSpec

__all__ = ["Reduction", "integration_weights"]

ArrayKey = tuple[int, str, str]


def integration_weights(spec: CaptureSpec, rate_hz: float, first_s: float, n_samples: int) -> NDArray[np.complex128]:
    """Return the weights that bring a capture to complex volts at zero frequency.

    Parameters
    ----------
    spec : CaptureSpec
        The capture.
    rate_hz : float
        Sample rate.
    first_s : float
        Time of the first sample after the trigger, in seconds: phases refer to the trigger.
    n_samples : int
        Samples of the capture.

    Returns
    -------
    (n_samples,) complex128
        A tone ``A exp(2 pi i if_hz t + i phi)`` on I + jQ gives ``A exp(i phi)``; with one input only, so does
        ``A cos(2 pi if_hz t + phi)``.
    """
    times_s = first_s + np.arange(n_samples) / rate_hz
    if spec.weights is None:
        shape = np.ones(n_samples, np.complex128)
    else:
        shape = np.asarray(spec.weights)[np.arange(n_samples) * len(spec.weights) // n_samples]
    gain = 2.0 if len(spec.inputs) == 1 else 1.0
    turned: NDArray[np.complex128] = shape * np.exp(-2j * np.pi * spec.if_hz * times_s) * (gain / np.abs(shape).sum())
    return turned


def _weighed(n_points: int, pieces: Sequence[tuple[int, int, NDArray[np.float32]]]) -> NDArray[np.float64]:
    """Return the mean record of each point over averages by batch, (first point, shots, records); NaN where none is."""
    shape = pieces[0][2].shape[2:]
    total, weight = np.zeros((n_points, *shape)), np.zeros((n_points, *(1 for _ in shape)))
    for begin, n_shots, volts in pieces:
        total[begin : begin + len(volts)] += volts[:, 0].astype(np.float64) * n_shots
        weight[begin : begin + len(volts)] += n_shots
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


@dataclass(slots=True)
class _Slot:
    """What one capture has gathered: values by shot and point, and how many shots of each point."""

    values: NDArray[np.complex128]
    filled: NDArray[np.int64]
    weight: NDArray[np.float64]


def _names(captures: Sequence[CaptureSpec]) -> list[str]:
    """Return a name for the values of each capture of a program."""
    names: list[str] = []
    for place, spec in enumerate(captures):
        name = spec.slot or spec.qubit or f"capture{place}"
        names.append(f"{name}.{place}" if name in names else name)
    return names


def _readout(spec: CaptureSpec) -> dict[str, Any]:
    """Return the qubit of a capture, and the IQ points of its states in volts, null where none was calibrated."""
    centers = {"center0_v": spec.center0, "center1_v": spec.center1}
    pairs = {key: None if point is None else [point.real, point.imag] for key, point in centers.items()}
    return {"qubit": spec.qubit} | pairs


class Reduction:
    """Gather a job's batches into arrays and counts.

    Parameters
    ----------
    prepared : Prepared
        Parts and captures.
    keep_records : bool
        Keep every record, not only those of captures in mode ``raw``.
    """

    def __init__(self, prepared: Prepared, keep_records: bool) -> None:
        self._prepared = prepared
        self._keep = keep_records
        self._slots: dict[tuple[int, int], _Slot] = {}
        self._records: dict[tuple[int, str], list[tuple[int, int, NDArray[np.float32]]]] = {}
        self._averaged = any(batch.averaged for batch in prepared.batches)
        self.n_points_done = 0

    def take(
        self,
        batch: BatchOrder,
        windows: Mapping[str, Window],
        traces: tuple[TracePart, ...],
        n_points: int,
        sums: tuple[SumsPart, ...] = (),
    ) -> None:
        """Add the finished points of one batch, and remove its record files."""
        self.n_points_done += n_points
        for one in sums:
            self._take_sums(batch, one, n_points)
        for trace in traces:
            path = Path(trace.path)
            codes = np.fromfile(path, np.int16, count=int(np.prod(trace.shape))).reshape(trace.shape)
            path.unlink()
            scale = (np.asarray(trace.volts_per_code, np.float64), np.asarray(trace.offset_v, np.float64))
            for number, part in enumerate(self._prepared.parts):
                first = max(part.first_point, batch.first_point)
                end = min(part.first_point + part.n_points, batch.first_point + n_points)
                if first >= end:
                    continue
                chosen = codes[first - batch.first_point : end - batch.first_point]
                for place, spec in enumerate(part.captures):
                    if spec.instrument == trace.instrument:
                        slot = self._slot(number, place, part)
                        self._integrate(slot, spec, part, first, chosen, trace, scale, windows[trace.instrument], batch)
                if self._keep or any(spec.mode == "raw" for spec in part.captures):
                    volts = chosen * scale[0][:, None] + scale[1][:, None]
                    kept = self._records.setdefault((number, trace.instrument), [])
                    kept.append((first - part.first_point, batch.n_shots, volts.astype(np.float32)))

    def _take_sums(self, batch: BatchOrder, sums: SumsPart, n_points: int) -> None:
        """Add what a recorder integrated by itself: its columns are the captures of a shot in order of time."""
        path = Path(sums.path)
        flat = np.fromfile(path, np.complex128)
        path.unlink()
        at = 0
        for port, result, n_records, n_columns in sums.results:
            values = flat[at : at + n_records * n_columns].reshape(n_records, n_columns)
            at += n_records * n_columns
            wanted = self._columns(batch, n_points, sums.instrument, port, result)
            if len(wanted) != n_columns:
                raise DeviceError(
                    f"{sums.instrument} measured {n_columns} values of {result} on {port} in a shot, not {len(wanted)}",
                    instrument=sums.instrument,
                )
            for column, (number, place, point) in enumerate(wanted):
                part = self._prepared.parts[number]
                slot = self._slot(number, place, part)
                self._put(slot, point - part.first_point, values[None, :, column], batch.n_shots)

    def _columns(
        self, batch: BatchOrder, n_points: int, instrument: str, port: str, result: str
    ) -> list[tuple[int, int, int]]:
        """Return (program, capture, point of the run) of each capture into a result, in order of time."""
        found = []
        for number, part in enumerate(self._prepared.parts):
            specs = [
                (place, spec)
                for place, spec in enumerate(part.captures)
                if (spec.instrument, spec.port, spec.slot) == (instrument, port, result)
            ]
            first = max(part.first_point, batch.first_point)
            end = min(part.first_point + part.n_points, batch.first_point + n_points)
            for point in range(first, end):
                starts = sorted((spec.start_at(point), place) for place, spec in specs)
                found += [(number, place, point) for _, place in starts]
        return found

    def _slot(self, number: int, place: int, part: Part) -> _Slot:
        key = (number, place)
        if key not in self._slots:
            n_rows = 1 if self._averaged else part.n_shots
            values = np.full((n_rows, part.n_points), np.nan + 0j, np.complex128)
            self._slots[key] = _Slot(values, np.zeros(part.n_points, np.int64), np.zeros(part.n_points))
        return self._slots[key]

    def _integrate(
        self,
        slot: _Slot,
        spec: CaptureSpec,
        part: Part,
        first: int,
        codes: NDArray[np.int16],
        trace: TracePart,
        scale: tuple[NDArray[np.float64], NDArray[np.float64]],
        window: Window,
        batch: BatchOrder,
    ) -> None:
        n_points, n_records, n_inputs, n_samples = codes.shape
        rows = [window.inputs.index(number) for number in spec.inputs]
        n_weights = max(1, round(spec.length_s * trace.rate_hz))
        groups = [(0, n_points)] if spec.starts_s is None else [(point, point + 1) for point in range(n_points)]
        for begin, end in groups:
            start_s = spec.start_at(first + begin)
            # Rounded as the recorder's program was, which ends with the last capture.
            start = to_ticks(start_s, rational_hz(trace.rate_hz)).ticks - round(window.delay_s * trace.rate_hz)
            if start < 0 or start + n_weights > n_samples:
                raise InternalError(
                    f"the capture {spec.slot} from {start_s:.9g} s, {spec.length_s:.9g} s long, is outside the record "
                    f"of {trace.instrument} ({window.delay_s:.9g} s, {n_samples} samples at {trace.rate_hz:g} Hz)"
                )
            weights = integration_weights(spec, trace.rate_hz, window.delay_s + start / trace.rate_hz, n_weights)
            records = np.ascontiguousarray(codes[begin:end]).reshape(-1, n_inputs, n_samples)
            iq = np.empty(len(records), np.complex128)
            second = rows[1] if len(rows) > 1 else -1
            demodulate(records, scale[0], scale[1], rows[0], second, start, weights, iq)
            values = iq.reshape(end - begin, n_records)
            self._put(slot, first + begin - part.first_point, values, batch.n_shots)

    def _put(self, slot: _Slot, first: int, values: NDArray[np.complex128], n_shots: int) -> None:
        """Add the (n_points, n_records) values of some points, from one on."""
        if self._averaged:
            points = slice(first, first + len(values))
            before, after = slot.weight[points], slot.weight[points] + n_shots
            old = np.where(before > 0, slot.values[0, points], 0.0) * before
            slot.values[0, points] = (old + values.mean(axis=1) * n_shots) / after
            slot.weight[points] = after
            slot.filled[points] = np.rint(after)
            return
        for point, row in enumerate(values, first):
            begin = int(slot.filled[point])
            end = min(begin + len(row), len(slot.values))
            slot.values[begin:end, point] = row[: end - begin]
            slot.filled[point] = end

    def results(self) -> tuple[list[dict[str, Any]], dict[ArrayKey, NDArray[Any]]]:
        """Return one JSON-like result for each program, and all arrays by (program, kind, slot)."""
        arrays: dict[ArrayKey, NDArray[Any]] = {}
        programs = []
        for number, part in enumerate(self._prepared.parts):
            shape = tuple(len(axis.values) for axis in part.axes)
            names = _names(part.captures)
            self._put_arrays(number, part, names, shape, arrays)
            counts, n_done = self._counts(number, part)
            programs.append(
                {
                    "counts": counts[0] if counts and not shape else counts,
                    "axes": [
                        {"name": axis.name, "unit": axis.unit, "values": axis.values.tolist()} for axis in part.axes
                    ],
                    "bits": list(part.bits),
                    "shots": part.n_shots,
                    "shots_done": min(n_done, default=0),
                    "averaged": self._averaged,
                    "readout": dict(zip(names, map(_readout, part.captures), strict=True)),
                    **self._prepared.programs[number],
                }
            )
        return programs, arrays

    def _put_arrays(
        self, number: int, part: Part, names: list[str], shape: tuple[int, ...], arrays: dict[ArrayKey, NDArray[Any]]
    ) -> None:
        for place, name in enumerate(names):
            slot = self._slots.get((number, place))
            if slot is None:
                continue
            values = slot.values[0].reshape(shape) if self._averaged else slot.values.reshape(-1, *shape)
            arrays[(number, "iq", name)] = values
        for (program, instrument), pieces in self._records.items():
            if program != number:
                continue
            first = pieces[0][2]
            if self._averaged:
                whole = _weighed(part.n_points, pieces).astype(np.float32)
                arrays[(number, "records", instrument)] = whole.reshape(*shape, *first.shape[2:])
                continue
            shots = np.full((part.n_shots, part.n_points, *first.shape[2:]), np.nan, np.float32)
            filled = np.zeros(part.n_points, np.int64)
            for begin, _, volts in pieces:
                for offset, rows in enumerate(volts):
                    point = begin + offset
                    end = min(int(filled[point]) + len(rows), part.n_shots)
                    shots[int(filled[point]) : end, point] = rows[: end - int(filled[point])]
                    filled[point] = end
            arrays[(number, "records", instrument)] = shots.reshape(part.n_shots, *shape, *first.shape[2:])

    def _counts(self, number: int, part: Part) -> tuple[list[dict[str, int]], list[int]]:
        """Return the counts and the finished shots of each point."""
        slots = [(spec, self._slots.get((number, place))) for place, spec in enumerate(part.captures)]
        done = [
            min((int(slot.filled[point]) if slot else 0 for _, slot in slots), default=0)
            for point in range(part.n_points)
        ]
        measured = [(spec, slot) for spec, slot in slots if spec.bit >= 0 and slot is not None]
        if self._averaged or not measured:
            return [], done
        counts = []
        for point, n_done in enumerate(done):
            bits = np.zeros((n_done, len(part.bits)), np.uint8)
            for spec, slot in measured:
                states = _states(spec, slot, point, n_done)
                if spec.keeps is not None:
                    others = [_states(*slots[k], point, n_done) for k in spec.keeps.captures]
                    states = np.where(spec.keeps.held(others), states, bits[:, spec.bit])
                bits[:, spec.bit] = states
            counts.append(count_strings(bits))
        return counts, done


def _states(spec: CaptureSpec, slot: _Slot | None, point: int, n_shots: int) -> NDArray[np.uint8]:
    """Return the state that a capture found in each of so many shots; 0 where nothing was gathered."""
    states = np.zeros(n_shots, np.uint8)
    if slot is not None:
        discriminate(np.ascontiguousarray(slot.values[:n_shots, point]), spec.angle_rad, spec.threshold, states)
    return states
