"""Lower straights to what a Qblox QCM or QRM plays: Q1ASM and memories of each sequencer, all points in a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import events as kernel
from qctl.cext import q1asm
from qctl.errors import CompileError
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.body import Acquisition, QbloxBody, Sequencer
from qctl.instruments.qblox.memory import Memory
from qctl.instruments.qblox.rows import Rows, rows_of
from qctl.lab import Instrument, Lab, Port
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.timeline import CAPTURE, PLAY, Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["EVENT", "LOOP_FROM_NS", "lower"]

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

LOOP_FROM_NS = 100
"""Distance from which on equal pulses are played in a loop: the classical core is done with it in good time."""

_WORDS = {
    "gap": f"less than {can.GAP_NS} ns after the one before it on the same sequencer",
    "overlap": "before the one before it has ended, on the same sequencer",
    "acquisitions": f"less than {can.ACQUISITION_GAP_NS} ns after the acquisition before it",
    "end": "too late for the period",
    "order": "before time zero of the shot, or out of order",
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
    module = can.MODULES[instrument.model]
    if instrument.clock_hz != can.CLOCK_HZ:
        raise CompileError(f"{instrument.name}: clock_hz = {instrument.clock_hz} is not {can.CLOCK_HZ:g}")
    rows = rows_of(straights, shots)
    period_ns = max(to_ticks(shots.period_s, _NS).ticks, rows.length_ns + 2 * kernel.LEAD_NS)
    work = _Work(instrument, module, rows, shots, period_ns)
    made = [work.sequencer(port, k) for k, port in enumerate(_ports(lab, instrument, rows))]
    work.check_sums()
    body = QbloxBody(tuple(one for one, _ in made), len(straights), shots.n_shots, shots.averaged, period_ns)
    fullest = max(made, key=lambda pair: pair[1].n_instructions, default=None)
    usage = [Usage("bins", work.n_bins, can.MAX_BINS)] if work.n_bins else []
    if fullest is not None:
        sizes = [size for _, size in made]
        largest = max(made, key=lambda pair: pair[1].n_samples)
        usage += [
            Usage("instructions", fullest[1].n_instructions, module.max_instructions, fullest[0].port),
            Usage("waveform samples", largest[1].n_samples, can.WAVEFORM_SAMPLES, largest[0].port),
            Usage("waveforms", max(size.n_waveforms for size in sizes), can.MAX_WAVEFORMS),
            Usage("weight samples", max(size.n_weights for size in sizes), can.WEIGHT_SAMPLES),
        ]
    fits = all(row.fits for row in usage)
    return DeviceProgram(
        instrument.name, instrument.model, body.to_bytes() if fits else b"", work.blobs, len(straights), tuple(usage)
    )


def _ports(lab: Lab, instrument: Instrument, rows: Rows) -> list[Port]:
    """Return the ports that this module plays on or acquires from; each takes a sequencer."""
    name = instrument.name
    played = set(np.flatnonzero(np.bincount(rows.plays["port"])).tolist())
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
    if len(found) > can.N_SEQUENCERS:
        raise CompileError(
            f"{name}: {len(found)} ports ({', '.join(port.name for port in found)}) need as many sequencers; "
            f"{instrument.model} has {can.N_SEQUENCERS}",
            instrument=name,
        )
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

    def __init__(self, instrument: Instrument, module: can.Module, rows: Rows, shots: Shots, period_ns: int) -> None:
        self.instrument = instrument
        self.module = module
        self.rows = rows
        self.shots = shots
        self.period_ns = period_ns
        self.lead_ns = to_ticks(shots.lead_s.get(instrument.name, 0.0), _NS).ticks
        self.blobs: dict[str, NDArray[np.generic]] = {}
        self.n_bins = 0
        self.peaks: dict[int, dict[str, float]] = {}

    def sequencer(self, port: Port, number: int) -> tuple[Sequencer, _Size]:
        """Return what one sequencer plays and acquires for its port."""
        name = self.instrument.name
        outputs = tuple(ref.output for ref in port.outputs if ref.instrument == name)
        inputs = tuple(ref.input for ref in port.inputs if ref.instrument == name)
        self._check_connectors(outputs, inputs)
        modulated = len(outputs) == 2 or len(inputs) == 2
        full_scale_v = self.module.full_scale_v * (can.MODULATED_SCALE if modulated else 1.0)
        index = self.rows.ports[port.name]
        memory = Memory(self.rows, index, full_scale_v, len(outputs), len(inputs) > 0)
        events, bounds = self._events(port, index, memory, bool(outputs), bool(inputs))
        if len(events):
            peak_v = (
                max(int(events["gain"].max()), -int(events["gain"].min())) / can.FULL_SCALE * full_scale_v * memory.peak
            )
            self._check_range(port, outputs, peak_v)
        acquisitions, counted = self._acquisitions(memory)
        text, n_instructions = self._text(events, bounds, counted)
        self.blobs.update(memory.blobs)
        mixer = port.mixer
        offset_v = tuple(self.instrument.output[n].offset_v for n in outputs)
        if len(outputs) == 2:
            offset_v = (offset_v[0] + mixer.offset_v[0], offset_v[1] + mixer.offset_v[1])
        sequencer = Sequencer(
            number, port.name, outputs, inputs, modulated, mixer.gain, mixer.phase_rad, offset_v,
            memory.integration_ns, text, memory.waveforms, memory.weights, acquisitions,
        )  # fmt: skip
        return sequencer, _Size(n_instructions, memory.n_samples, len(memory.waveforms), memory.n_weights)

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

    def _text(self, events: NDArray, bounds: NDArray[np.int64], counted: bool) -> tuple[str, int]:
        """Return the Q1ASM and its number of instructions; no text if there are too many."""
        head = f"wait_sync 4\nmove {self.shots.n_shots},R0\n" + ("move 0,R1\n" if counted else "") + "shots: "
        tail = "loop R0,@shots\nstop\n"
        n_around = head.count("\n") + tail.count("\n")
        places = np.empty(len(events), np.int64)
        sizes = np.zeros(2, np.int64)
        # An instruction has at least 9 characters: what needs more room than all of them is not written whole anyway.
        text = np.empty(min(64 * len(events) + 128 * len(bounds), 40 * self.module.max_instructions), np.uint8)
        q1asm.emit(events, bounds, self.period_ns, LOOP_FROM_NS, not counted, text, places, sizes)
        n_instructions = int(sizes[1]) + n_around
        if n_instructions > self.module.max_instructions:
            return "", n_instructions
        if sizes[0] > len(text):
            text = np.empty(int(sizes[0]), np.uint8)
            q1asm.emit(events, bounds, self.period_ns, LOOP_FROM_NS, not counted, text, places, sizes)
        return head + text[: sizes[0]].tobytes().decode("ascii") + tail, n_instructions

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

    def _check_connectors(self, outputs: tuple[int, ...], inputs: tuple[int, ...]) -> None:
        name, module = self.instrument.name, self.module
        for numbers, count, kind in ((outputs, module.n_outputs, "output"), (inputs, module.n_inputs, "input")):
            if any(n > count for n in numbers):
                raise CompileError(f"{name}: {kind} {max(numbers)} is over the {count} of a {self.instrument.model}")
        if len(outputs) == 2 and outputs not in ((1, 2), (3, 4)):
            raise CompileError(f"{name}: I and Q on outputs {outputs[0]} and {outputs[1]}, not on 1 and 2 or 3 and 4")
        for n in outputs:
            given = self.instrument.output[n].amplitude_vpp
            if given != 2 * module.full_scale_v:
                raise CompileError(
                    f"{name}: output {n} amplitude_vpp = {given} is not the {2 * module.full_scale_v:g} V of a "
                    f"{self.instrument.model}"
                )

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
            if sum(peaks.values()) > self.module.full_scale_v:
                raise CompileError(
                    f"{', '.join(peaks)} together reach {sum(peaks.values()):.4g} V on output {output} of "
                    f"{self.instrument.name}, over {self.module.full_scale_v:g} V"
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
                raise CompileError(
                    f"{what} on {port.name}: {play['amplitude']:.4g} V is over what {name} reaches, "
                    f"{self.module.full_scale_v * (can.MODULATED_SCALE if len(port.outputs) == 2 else 1):.4g} V",
                    volts=float(play["amplitude"]),
                )
            if fault == "frequency":
                raise CompileError(
                    f"{what} on {port.name}: {play['frequency_hz']:.6g} Hz is over the "
                    f"{can.FREQUENCY_HZ.high:g} Hz of the NCO of {name}"
                )
        raise CompileError(
            f"{what} on {port.name} at {start} ns of point {point}, {name}: it comes {_WORDS[fault]}",
            instrument=name,
            point=point,
        )
