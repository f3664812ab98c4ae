"""Lower straights to what a Qblox module plays: Q1ASM and memories of each sequencer, all points in a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import events as kernel
from qctl.cext import q1asm
from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number, refuse, usage
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.again import LOOP_FROM_NS, Part, Trail, patched
from qctl.instruments.qblox.body import Acquisition, QbloxBody, Sequencer
from qctl.instruments.qblox.connectors import check_connectors, rf_settings
from qctl.instruments.qblox.memory import Memory
from qctl.instruments.qblox.pace import check_late
from qctl.instruments.rows import Rows, rows_of
from qctl.lab import Instrument, Lab, Port
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import CAPTURE, PLAY, Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["EVENT", "LOOP_FROM_NS", "lower", "patched"]

EVENT = np.dtype(
    [
        ("start", "<i8"),
        ("length", "<i4"),
        ("gain", "<i4"),
        ("steps", "<i4"),
        ("phase", "<i4"),
        ("i", "<i4"),
        ("q", "<i4"),
        ("acquisition", "<i4"),
        ("weights", "<i4"),
    ]
)
"""One play or acquisition in the sequencer's numbers; see `cext/events.pyx`."""

_WORDS = {
    "gap": "less than {gap} ns after the one before it on the same sequencer: delay it",
    "overlap": "before the one before it has ended, on the same sequencer: delay it",
    "acquisitions": "less than {acquisitions} ns after the acquisition before it: delay it",
    "end": "too late for the period: lengthen shot_period_s in lab.toml",
    "order": "before time zero of the shot, or out of order: delay the whole sequence",
}


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one module.

    All sequencers start together and play all points in each shot; a point takes the same time on all of them, the
    period rounded up to whole nanoseconds. Where there are more instructions than the memory takes, there is no text.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range, comes too early after another one, or needs one sequencer too many.
    """
    table = can.TABLES[instrument.model]
    if instrument.clock_hz is None:
        raise CompileError(f"{instrument.name}: clock_hz is not given in lab.toml")
    check_number(table, "clocks.sample.hz", instrument.clock_hz, instrument.name)
    rows = rows_of(straights, shots)
    period_ns = max(to_ticks(shots.period_s, _NS).ticks, rows.length_ns + 2 * kernel.LEAD_NS)
    check_number(table, "loops.count", max(period_ns // limit(table, "wait").most, 1), f"waits of {instrument.name}")
    work = _Work(instrument, table, rows, shots, period_ns)
    made = [work.sequencer(port, k) for k, port in enumerate(_ports(lab, instrument, table, rows))]
    work.check_sums()
    body = QbloxBody(tuple(one for one, _ in made), len(straights), shots.n_shots, shots.averaged, period_ns)
    fullest = max(made, key=lambda pair: pair[1].n_instructions, default=None)
    report = [usage(table, "bins", work.n_bins)] if work.n_bins else []
    if fullest is not None:
        sizes = [size for _, size in made]
        largest = max(made, key=lambda pair: pair[1].n_samples)
        report += [
            usage(table, "instructions.count", fullest[1].n_instructions, fullest[0].port),
            usage(table, "waveforms.samples", largest[1].n_samples, largest[0].port),
            usage(table, "waveforms.count", max(size.n_waveforms for size in sizes)),
        ]
        if table.weights is not None:
            report.append(usage(table, "weights.samples", max(size.n_weights for size in sizes)))
    fits = all(row.fits for row in report)
    trail = Trail(rows, work.parts, work.lead_ns, period_ns, work.max_instructions)
    return DeviceProgram(
        instrument.name, instrument.model, body.to_bytes() if fits else b"", work.blobs, len(straights), tuple(report),
        trail,
    )  # fmt: skip


def _ports(lab: Lab, instrument: Instrument, table: Capability, rows: Rows) -> list[Port]:
    """Return the ports that this module plays on or acquires from; each takes a sequencer."""
    name = instrument.name
    played = set(np.flatnonzero(rows.counts.any(axis=1)).tolist())
    captured = set(np.flatnonzero(np.bincount(rows.captures["port"])).tolist())
    found = []
    for port in lab.ports.values():
        k = rows.ports.get(port.name)
        if (k in played and any(ref.instrument == name for ref in port.outputs)) or (
            k in captured and any(ref.instrument == name for ref in port.inputs)
        ):
            found.append(port)
        if len({ref.instrument for ref in port.outputs}) > 1:
            raise CompileError(f"port {port.name}: I and Q are outputs of two instruments")
    if found:
        check_number(table, "sequencers", len(found), f"{name} for {', '.join(port.name for port in found)}")
    return found


_NS = rational_hz(can.CLOCK_HZ)
_NO_PLAYS = np.empty(0, PLAY)
_NO_CAPTURES = np.empty(0, CAPTURE)


class _Size(NamedTuple):
    """What one sequencer uses."""

    n_instructions: int
    n_samples: int
    n_waveforms: int
    n_weights: int


class _Work:
    """The state while one module is lowered."""

    def __init__(self, instrument: Instrument, table: Capability, rows: Rows, shots: Shots, period_ns: int) -> None:
        self.instrument = instrument
        self.table = table
        self.rf = instrument.model in can.RF
        self.max_instructions = limit(table, "instructions.count").most
        self.rows = rows
        self.shots = shots
        self.period_ns = period_ns
        self.lead_ns = to_ticks(shots.lead_s.get(instrument.name, 0.0), _NS).ticks
        self.blobs: dict[str, NDArray[np.generic]] = {}
        self.n_bins = 0
        self.peaks: dict[int, dict[str, float]] = {}
        self.parts: list[Part] = []

    def sequencer(self, port: Port, number: int) -> tuple[Sequencer, _Size]:
        """Return what one sequencer plays and acquires for its port."""
        name = self.instrument.name
        outputs = tuple(ref.output for ref in port.outputs if ref.instrument == name)
        inputs = tuple(ref.input for ref in port.inputs if ref.instrument == name)
        check_connectors(self.instrument, self.table, outputs, inputs)
        modulated = self.rf or len(outputs) == 2 or len(inputs) == 2
        full_scale_v = self._full_scale_v(outputs, modulated)
        index = self.rows.ports[port.name]
        n_paths = 2 if outputs and self.rf else len(outputs)
        memory = Memory(self.rows, index, self.table, full_scale_v, n_paths, len(inputs) > 0)
        events, bounds = self._events(port, index, memory, bool(outputs), bool(inputs))
        if len(events):
            peak_v = (
                max(int(events["gain"].max()), -int(events["gain"].min())) / can.FULL_SCALE * full_scale_v * memory.peak
            )
            self._check_range(port, outputs, peak_v)
        acquisitions, counted = self._acquisitions(memory)
        part = Part(
            port.name, index, bool(outputs), bool(inputs), memory, events, bounds, counted, *self._around(counted),
            np.empty((len(bounds) - 1, 2), np.int64),
        )  # fmt: skip
        self.parts.append(part)
        text = self._text(part)
        if text:
            part.tight = check_late(
                events, bounds, self.period_ns, self.table, f"{port.name}, {name}", turned=modulated, counted=counted
            )
        self.blobs.update(memory.blobs)
        mixer = port.mixer
        offset_v = tuple(self.instrument.output[n].offset_v for n in outputs)
        if len(outputs) == 2:
            offset_v = (offset_v[0] + mixer.offset_v[0], offset_v[1] + mixer.offset_v[1])
        elif outputs and self.rf:
            offset_v = mixer.offset_v
        sequencer = Sequencer(
            number, port.name, outputs, inputs, modulated, mixer.gain, mixer.phase_rad, offset_v,
            memory.integration_ns, text, memory.waveforms, memory.weights, acquisitions,
            *rf_settings(self.instrument, self.table, outputs, inputs),
        )  # fmt: skip
        return sequencer, _Size(part.n_instructions, memory.n_samples, len(memory.waveforms), memory.n_weights)

    def _events(
        self, port: Port, index: int, memory: Memory, plays: bool, captures: bool
    ) -> tuple[NDArray, NDArray[np.int64]]:
        """Return what the sequencer does, point by point and in order of time."""
        rows = self.rows
        none = np.zeros_like(rows.bounds)
        events = np.empty(len(rows.plays) * plays + len(rows.captures) * captures, EVENT)
        bounds = np.empty(len(rows.bounds), np.int64)
        fault = np.zeros(3, np.int64)
        kernel.gather(
            rows.plays if plays else _NO_PLAYS, rows.bounds if plays else none,
            rows.captures if captures else _NO_CAPTURES, rows.capture_bounds if captures else none,
            index, memory.table, memory.steps_per_v, memory.acquisitions, self.lead_ns, self.period_ns,
            events, bounds, fault,
        )  # fmt: skip
        if fault[0]:
            self._refuse(port, kernel.FAULTS[int(fault[0])], int(fault[1]), int(fault[2]))
        return events[: bounds[-1]], bounds

    def _around(self, counted: bool) -> tuple[bytes, bytes]:
        """Return the text before and behind the points."""
        head = f"wait_sync 4\nmove {self.shots.n_shots},R0\n" + ("move 0,R1\n" if counted else "") + "shots: "
        return head.encode(), b"loop R0,@shots\nstop\n"

    def _text(self, part: Part) -> str:
        """Return the Q1ASM, and note where its points end; no text if there are too many instructions."""
        events, bounds = part.events, part.bounds
        places = np.empty(len(events), np.int64)
        sizes = np.zeros(2, np.int64)
        # An instruction has at least 9 characters: what needs more room than all of them is not written whole anyway.
        text = np.empty(min(64 * len(events) + 128 * len(bounds), 40 * self.max_instructions), np.uint8)
        given = (events, bounds, self.period_ns, LOOP_FROM_NS, not part.counted)
        q1asm.emit(*given, text, places, sizes, part.ends)
        if part.n_instructions > self.max_instructions:
            return ""
        if sizes[0] > len(text):
            text = np.empty(int(sizes[0]), np.uint8)
            q1asm.emit(*given, text, places, sizes, part.ends)
        return (part.head + text[: sizes[0]].tobytes() + part.tail).decode("ascii")

    def _acquisitions(self, memory: Memory) -> tuple[dict[str, Acquisition], bool]:
        """Return the acquisitions by slot, and whether register R1 counts the bins."""
        if not memory.slots:
            return {}, False
        n_points = len(self.rows.bounds) - 1
        counted = not self.shots.averaged
        # R1 goes up with every acquisition of the sequencer, whatever its slot.
        each = memory.n_captures if counted else n_points
        n_bins = each * self.shots.n_shots if counted else each
        self.n_bins += n_bins * len(memory.slots)
        return {
            slot: Acquisition(index, n_bins, memory.weights_of[slot]) for slot, index in memory.slots.items()
        }, counted

    # --- checks -------------------------------------------------------------------------------------

    def _full_scale_v(self, outputs: tuple[int, ...], modulated: bool) -> float:
        """Return the amplitude that a full gain gives; behind an attenuator it is what lab.toml says."""
        top = limit(self.table, "channels.output.amplitude").limits.high
        if self.rf and outputs:
            top = (self.instrument.output[outputs[0]].amplitude_vpp or 0.0) / 2
        return top * (can.MODULATED_SCALE if modulated else 1.0)

    def _check_range(self, port: Port, outputs: tuple[int, ...], peak_v: float) -> None:
        for n in outputs:
            low, high = self.instrument.output[n].limits_v
            offset_v = self.instrument.output[n].offset_v
            if not (low <= offset_v - peak_v and offset_v + peak_v <= high):
                raise CompileError(
                    f"output {n} of {self.instrument.name} would reach {offset_v + peak_v:.4g} V for {port.name}, "
                    f"outside [{low:g}, {high:g}] V",
                    output=n,
                )
            self.peaks.setdefault(n, {})[port.name] = peak_v

    def check_sums(self) -> None:
        """Refuse ports that share an output and could go over its range together."""
        for output, peaks in sorted(self.peaks.items()):
            full_scale_v = self._full_scale_v((output,), False)
            if sum(peaks.values()) > full_scale_v:
                raise CompileError(
                    f"{', '.join(peaks)} together reach {sum(peaks.values()):.4g} V on output {output} of "
                    f"{self.instrument.name}, over {full_scale_v:g} V: lower them, or play one after the other"
                )

    def _refuse(self, port: Port, fault: str, point: int, row: int) -> None:
        rows, name = self.rows, self.instrument.name
        if row < 0:
            capture = rows.captures[rows.capture_bounds[point] - 1 - row]
            what, start = f"capture into {rows.specs[int(capture['capture'])].slot!r}", int(capture["start"])
        else:
            play = rows.plays[rows.bounds[point] + row]
            what, start = f"{rows.waveforms[int(play['waveform'])].kind} pulse", int(play["start"])
            if fault == "gain":
                modulated = self.rf or len(port.outputs) == 2
                top_v = self._full_scale_v(tuple(ref.output for ref in port.outputs), modulated)
                raise CompileError(
                    f"{what} on {port.name}: {play['amplitude']:.4g} V is over what {name} reaches, {top_v:.4g} V: "
                    "lower it, or take attenuation out of the line",
                    volts=float(play["amplitude"]),
                )
            if fault == "frequency":
                refuse(
                    self.table,
                    "channels.output.frequency",
                    float(play["frequency_hz"]),
                    f"{what} on {port.name}, {name}",
                )
        gaps = {key: limit(self.table, f"gaps.{key}.ticks").low for key in self.table.gaps}
        words = _WORDS[fault].format(gap=gaps["real-time"], acquisitions=gaps.get("acquisitions"))
        raise CompileError(
            f"{what} on {port.name} at {start} ns of point {point}, {name}: it comes {words}",
            instrument=name,
            point=point,
        )
