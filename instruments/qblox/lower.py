"""Lower straights to what a Qblox module plays: Q1ASM and memories of each sequencer, all points in a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import events as kernel
from qctl.cext import q1asm, recycled
from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number, refuse, usage
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.again import LOOP_FROM_NS, Part, Trail, patched
from qctl.instruments.qblox.body import Acquisition, QbloxBody, Sequencer, with_programs
from qctl.instruments.qblox.lines import Line, full_scale_v_of, lines_of
from qctl.instruments.qblox.memory import Memory
from qctl.instruments.qblox.pace import check_late
from qctl.instruments.qblox.steering import Steering
from qctl.instruments.qblox.triggered import N_WAIT_LINES, is_triggered, refuse_conditions, waiting, waits_ns
from qctl.instruments.rows import Rows, rows_of
from qctl.lab import Instrument, Lab
from qctl.lab.held import Same, kept
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import CAPTURE, PLAY, Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["EVENT", "LOOP_FROM_NS", "feedback_ns", "lower", "patched"]

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
    triggered = is_triggered(lab, instrument)
    steering = Steering(straights, rows, lab, shots, period_ns)
    work = _Work(instrument, table, lab, rows, shots, period_ns, triggered, steering)
    made = [work.sequencer(line) for line in lines_of(lab, instrument, table, rows)]
    work.check_sums()
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
    body = b""
    if fits:
        sequencers = tuple(one for one, _ in made)
        whole = QbloxBody(sequencers, len(straights), shots.n_shots, shots.averaged, period_ns, triggered)
        body = with_programs(whole, [work.text(part) for part in work.parts])
    trail = None if triggered else Trail(rows, work.parts, work.lead_ns, period_ns, work.max_instructions)
    return DeviceProgram(
        instrument.name, instrument.model, body, work.blobs, len(straights), tuple(report), trail
    )  # fmt: skip


def feedback_ns(instrument: Instrument, lab: Lab) -> tuple[int, int]:
    """Return the time from the end of an acquisition to what it may decide, and that between two that decide, in ns."""
    return can.FEEDBACK_NS, can.TRIGGER_NS + can.TRIGGER_GRID_NS


_MOST_KEPT = 64
"""Waveforms of a sequencer whose memories are kept for the next time."""
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

    def __init__(
        self,
        instrument: Instrument,
        table: Capability,
        lab: Lab,
        rows: Rows,
        shots: Shots,
        period_ns: int,
        triggered: bool,
        steering: Steering,
    ) -> None:
        self.steering = steering
        self.instrument = instrument
        self.table = table
        self.lab = lab
        self.max_instructions = limit(table, "instructions.count").most
        self.rows = rows
        self.shots = shots
        self.triggered = triggered
        self.lead_ns = to_ticks(shots.lead_s.get(instrument.name, 0.0), _NS).ticks
        length_ns = rows.length_ns + self.lead_ns + 2 * kernel.LEAD_NS
        self.period_ns = waits_ns(length_ns, period_ns, instrument.name) if triggered else period_ns
        self.blobs: dict[str, NDArray[np.generic]] = {}
        self.n_bins = 0
        self.peaks: dict[int, dict[str, float]] = {}
        self.full_scales_v: dict[int, float] = {}
        self.parts: list[Part] = []

    def sequencer(self, line: Line) -> tuple[Sequencer, _Size]:
        """Return what one sequencer plays and acquires for its port, without its program."""
        port, mixer, index = line.port, line.port.mixer, self.rows.ports[line.port.name]
        plays, captures = bool(line.outputs), bool(line.inputs)
        memory = self._memory(line, index)
        events, bounds, top = self._events(line, index, memory)
        if len(events):
            self._check_range(line, top / can.FULL_SCALE * line.full_scale_v * memory.peak)
        acquisitions, counted = self._acquisitions(memory, index)
        steered = self.steering.sequencer(port, index, events, bounds, self.lead_ns) if plays else None
        if steered is not None:
            if self.triggered:
                refuse_conditions(port.name, self.instrument.name)
            events, bounds = steered.events, steered.bounds
        part = Part(
            port.name, index, plays, captures, memory, events, bounds, counted,
            *self._around(counted, steered is not None, line.switch), np.zeros((len(bounds) - 1, 2), np.int64),
            None if steered is None else steered.steers,
        )  # fmt: skip
        self.parts.append(part)
        if steered is None:
            q1asm.count(events, bounds, self.period_ns, LOOP_FROM_NS, not counted, part.ends)
        else:
            self.text(part)  # which counts, too
        if self.triggered:
            part.ends[:, 1] += N_WAIT_LINES * np.arange(1, len(part.ends) + 1)
        if steered is None and part.n_instructions <= self.max_instructions:
            place = f"{port.name}, {self.instrument.name}"
            part.tight = check_late(
                events, bounds, self.period_ns, self.table, place, turned=line.modulated, counted=counted
            )
        self.blobs.update(memory.blobs)
        sequencer = Sequencer(
            line.number, port.name, line.outputs, line.inputs, line.modulated, mixer.gain, mixer.phase_rad,
            line.offset_v, memory.integration_ns, "", memory.waveforms, memory.weights, acquisitions, *line.settings,
            **self._sends(index, line.inputs), follows=steered is not None,
            inverted=() if steered is None else steered.inverted,
            point_captures=self._point_captures(index) if self.triggered and counted else (),
        )  # fmt: skip
        return sequencer, _Size(part.n_instructions, memory.n_samples, len(memory.waveforms), memory.n_weights)

    def _memory(self, line: Line, index: int) -> Memory:
        """Return a sequencer's memories; those of the same pulses and captures are made once for a lab."""
        rows = self.rows
        played = rows.waves[index] if line.outputs else ()
        caught = rows.kinds[index] if line.inputs else ()
        given = (rows.waveforms, played, rows.specs, caught, self.table, line.full_scale_v, line.n_paths)
        specs = [rows.specs[k] for k in caught]
        if len(played) > _MOST_KEPT or any(spec.weights is not None or spec.ifs_hz is not None for spec in specs):
            return Memory(*given)
        key = (
            "qblox memory", self.instrument.name, Same(self.table), line.port.name, len(rows.waveforms), played,
            tuple(rows.waveforms[k] for k in played), len(rows.specs), caught,
            tuple((spec.slot, spec.mode, spec.length_s, spec.if_hz) for spec in specs),
        )  # fmt: skip
        return kept(self.lab, key, lambda: Memory(*given))

    def _events(self, line: Line, index: int, memory: Memory) -> tuple[NDArray, NDArray[np.int64], int]:
        """Return what the sequencer does, point by point and in order of time, and its largest gain."""
        rows, plays, captures = self.rows, bool(line.outputs), bool(line.inputs)
        none = np.zeros(len(rows.bounds), np.int64)
        n = rows.n_plays[index] * plays + rows.n_captures[index] * captures
        events = recycled.empty(n, EVENT)
        bounds = np.empty(len(rows.bounds), np.int64)
        fault, reach = np.zeros(3, np.int64), np.empty(2, np.int64)
        kernel.gather(
            rows.plays if plays else _NO_PLAYS, rows.bounds if plays else none,
            rows.captures if captures else _NO_CAPTURES, rows.capture_bounds if captures else none,
            index, memory.table, memory.steps_per_v, memory.acquisitions, self.lead_ns, self.period_ns,
            events, bounds, reach, fault,
        )  # fmt: skip
        if fault[0]:
            self._refuse(line, kernel.FAULTS[int(fault[0])], int(fault[1]), int(fault[2]))
        return events, bounds, max(-int(reach[0]), int(reach[1]))

    def _sends(self, index: int, inputs: tuple[int, ...]) -> dict[str, Any]:
        """Return where a readout sequencer sends its results, and what tells them apart."""
        found = self.steering.decider(index) if inputs else None
        if found is None:
            return {}
        address, spec = found
        own: dict[str, Any] = {"sends": address, "sends_zero": address in self.steering.zeros, "decides": spec.slot}
        return {**own, "angle_rad": spec.angle_rad, "threshold_v": spec.threshold}

    def _around(self, counted: bool, follows: bool, switch: int) -> tuple[bytes, bytes]:
        """Return the text before and behind the points; RF outputs are switched on and off there."""
        head = f"set_mrk {switch}\nupd_param 4\n" if switch else ""
        tail = ("set_mrk 0\nupd_param 4\n" if switch else "") + "stop\n"
        head += "set_latch_en 1,4\n" if follows else ""
        if self.triggered:
            return (head + "wait_sync 4\n" + ("move 0,R1\n" if counted else "")).encode(), tail.encode()
        head += f"wait_sync 4\nmove {self.shots.n_shots},R0\n" + ("move 0,R1\n" if counted else "") + "shots: "
        return head.encode(), b"loop R0,@shots\n" + tail.encode()

    def text(self, part: Part) -> tuple[bytes, bytes | memoryview, bytes]:
        """Return the Q1ASM in parts, and note where its points end."""
        events, bounds = part.events, part.bounds
        places = recycled.empty(len(events), np.int64)
        sizes = np.zeros(2, np.int64)
        given = (events, bounds, self.period_ns, LOOP_FROM_NS, not part.counted)
        # Conditions come on top of what any mix of instructions has.
        room = 48 * part.n_instructions if part.steers is None else 128 * (len(events) + len(bounds))
        text = recycled.empty(room, np.uint8)
        q1asm.emit(*given, text, places, sizes, part.ends, 0, part.steers)
        if sizes[0] > room:
            text = np.empty(int(sizes[0]), np.uint8)
            q1asm.emit(*given, text, places, sizes, part.ends, 0, part.steers)
        points = text[: sizes[0]].data
        return part.head, waiting(points, part.ends, self.shots.n_shots) if self.triggered else points, part.tail

    def _acquisitions(self, memory: Memory, index: int) -> tuple[dict[str, Acquisition], bool]:
        """Return the acquisitions by slot, and whether register R1 counts the bins."""
        if not memory.slots:
            return {}, False
        n_points = len(self.rows.bounds) - 1
        counted = not self.shots.averaged
        # R1 goes up with every acquisition of the sequencer, whatever its slot.
        each = self.rows.n_captures[index] if counted else n_points
        n_bins = each * self.shots.n_shots if counted else each
        self.n_bins += n_bins * len(memory.slots)
        return {
            slot: Acquisition(index, n_bins, memory.weights_of[slot]) for slot, index in memory.slots.items()
        }, counted

    def _point_captures(self, index: int) -> tuple[int, ...]:
        """Return how many captures of a port each point has."""
        mine = self.rows.captures["port"] == index
        before = np.concatenate([[0], np.cumsum(mine)])
        counts: list[int] = np.diff(before[self.rows.capture_bounds]).tolist()
        return tuple(counts)

    # --- checks -------------------------------------------------------------------------------------

    def _check_range(self, line: Line, peak_v: float) -> None:
        port = line.port
        for n, full_scale_v in zip(line.outputs, line.outputs_v, strict=True):
            self.full_scales_v[n] = full_scale_v
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
            full_scale_v = self.full_scales_v[output]
            if sum(peaks.values()) > full_scale_v:
                raise CompileError(
                    f"{', '.join(peaks)} together reach {sum(peaks.values()):.4g} V on output {output} of "
                    f"{self.instrument.name}, over {full_scale_v:g} V: lower them, or play one after the other"
                )

    def _refuse(self, line: Line, fault: str, point: int, row: int) -> None:
        rows, name, port = self.rows, self.instrument.name, line.port
        if row < 0:
            capture = rows.captures[rows.capture_bounds[point] - 1 - row]
            what, start = f"capture into {rows.specs[int(capture['capture'])].slot!r}", int(capture["start"])
        else:
            play = rows.plays[rows.bounds[point] + row]
            what, start = f"{rows.waveforms[int(play['waveform'])].kind} pulse", int(play["start"])
            if fault == "gain":
                modulated = self.instrument.model in can.RF or len(port.outputs) == 2
                connectors = tuple(ref.output for ref in port.outputs)
                top_v = full_scale_v_of(self.instrument, self.table, connectors, modulated)
                unit = rows.waveforms[int(play["waveform"])]
                peak = 1.0 if unit.samples is None else float(np.abs(unit.samples).max(initial=0.0))
                volts = float(play["amplitude"]) * peak
                raise CompileError(
                    f"{what} on {port.name}: {volts:.6g} V is over what {name} reaches, {top_v:.6g} V: "
                    "lower it, or take attenuation out of the line",
                    volts=volts,
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
