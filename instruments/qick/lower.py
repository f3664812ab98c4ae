"""Lower straights to what a QICK board plays and reads: one assembly, all points in a shot; here for tProcessor v2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import ceil, lcm
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc
from qctl.errors import CompileError, TimingError
from qctl.instruments.checker import check_number, usage
from qctl.instruments.qick import readouts as reading
from qctl.instruments.qick import waves as words
from qctl.instruments.qick.board import RESETTING, Board, board_of, fabric_hz
from qctl.instruments.qick.body import Generator, QickBody, Readout
from qctl.instruments.qick.capabilities import CYCLES_PER_INSTRUCTION
from qctl.instruments.qick.feedback import FEEDBACK_NS, Steering
from qctl.instruments.qick.pace import MARGIN, head_of
from qctl.instruments.qick.results import FULL_SCALE_COUNTS
from qctl.instruments.qick.v1_program import program_v1
from qctl.instruments.rows import Rows, rows_of
from qctl.lab import Instrument, Lab, Port
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, rational_s

__all__ = ["LEAD_TICKS", "Work", "feedback_ns", "lower"]

Refusal = Callable[[int, str], NoReturn]
"""Raises for the play or capture of a number, with what is wrong with it."""
LEAD_TICKS = 8
"""From the start of a point, where carriers start anew, to its time zero."""
_HEAD = "REG_WR s12 imm #0\nREG_WR r2 imm #{last}\nTIME #{head} inc_ref\nREG_WR r0 imm #0\nshots:\n"
_TAIL = (
    "REG_WR s12 op -op(s12 + #1)\nREG_WR s15 label shots\nTEST -op(r0 - r2)\n"
    "JUMP [s15] -if(NZ) -wr(r0 op) -op(r0 + #1)\nREG_WR s15 label NEXT\nJUMP [s15]\n"
)
_AROUND = 5 + 6
"""Instructions before and after the points; the assembler puts one before all."""
_MOST_TICKS = 2**31 - 1
_LEAST_GRIDS = 1_000_000
"""Periods are whole cycles of all clocks where those meet this often in a second."""


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one board.

    All points are played in each shot, one after the other, each as long as the others. Starts are rounded to the
    timing clock, each for itself, and constant pulses and windows to their channel's.

    Raises
    ------
    CompileError
        If a pulse is over what its generator takes, or on top of another one.
    VersionError
        If the board's soccfg lacks what is needed.
    """
    board = board_of(instrument.board, instrument.name, instrument.model)
    rates = [part["fs"] * 1e6 for part in board.soccfg["gens"]]
    if instrument.clock_hz is None or not any(abs(instrument.clock_hz - rate) < 1 for rate in rates):
        known = ", ".join(f"{rate:.7g}" for rate in sorted(set(rates)))
        raise CompileError(
            f"instruments.{instrument.name}.clock_hz is no sample rate of the board's generators: {known}"
        )
    check_number(board.table, "loops.count", shots.n_shots, f"shots on {instrument.name}")
    rows = rows_of(straights, shots)
    steering = Steering.of(straights, rows, instrument.name, float(board.timing_hz))
    work = Work(board, instrument, rows, shots, steering)
    work.take(lab)
    return program_v1(work, len(straights)) if board.version == 1 else work.program(len(straights))


def feedback_ns(instrument: Instrument, lab: Lab) -> tuple[int, int] | None:
    """Return the time from the end of a capture to what it may decide, and that between two that decide, in ns."""
    return FEEDBACK_NS, 0


class _Line(NamedTuple):
    """The events of one channel: point, tick, and rows of wave memory."""

    port: int
    point: NDArray[np.int64]
    tick: NDArray[np.int64]
    waves: NDArray[np.int64]
    plays: NDArray[np.int64] | None = None


class Work:
    """The state while one board's program is made: what it plays and reads, whatever its tProcessor."""

    def __init__(self, board: Board, instrument: Instrument, rows: Rows, shots: Shots, steering: Steering) -> None:
        self.steering = steering
        self.board, self.instrument, self.rows, self.shots = board, instrument, rows, shots
        assert instrument.clock_hz is not None
        self.clock_hz = rational_hz(instrument.clock_hz)
        self.lead = Fraction(rational_s(shots.lead_s.get(instrument.name, 0.0))) * board.timing_hz
        self.blobs: dict[str, NDArray[np.generic]] = {}
        self.lines: list[_Line] = []
        self.triggers: list[tuple[Mapping[str, Any], NDArray[np.int64], NDArray[np.int64]]] = []
        self.generators: list[Generator] = []
        self.readouts: list[Readout] = []
        self.n_samples = (0, "")
        self.n_records = 0
        self.end = LEAD_TICKS
        self.grids = [1]
        self.start_error_s = 0.0

    def take(self, lab: Lab) -> None:
        """Take the plays and captures of all ports of the board."""
        name, rows = self.instrument.name, self.rows
        played: dict[int, list[Port]] = {}
        read: dict[int, list[Port]] = {}
        has_captures = np.bincount(rows.captures["port"], minlength=len(rows.ports))
        for port in lab.ports.values():
            k = rows.ports.get(port.name)
            if k is None:
                continue
            outputs = [ref.output for ref in port.outputs if ref.instrument == name]
            inputs = [ref.input for ref in port.inputs if ref.instrument == name]
            if len(outputs) > 1 or len(inputs) > 1:
                raise CompileError(f"port {port.name}: a channel of {name} carries I and Q on one connector; name one")
            if outputs and rows.counts[k].any():
                played.setdefault(outputs[0], []).append(port)
            if inputs and has_captures[k]:
                read.setdefault(inputs[0], []).append(port)
        for number, ports in sorted(played.items()):
            self._generator(number, ports)
        for number, ports in sorted(read.items()):
            self._readout(number, ports)

    # --- generators ---------------------------------------------------------------------------------

    def _generator(self, number: int, ports: list[Port]) -> None:
        name, rows, board = self.instrument.name, self.rows, self.board
        where = f"{', '.join(port.name for port in ports)} ({name}:{number})"
        generator = board.generator(number, where)
        if "n_tones" in generator or generator.get("has_dds") is False:
            raise CompileError(
                f"{where}: a {generator['type']} is not compiled for; take an output with one full carrier"
            )
        output = self.instrument.output[number]
        if output.offset_v:
            raise CompileError(
                f"output {number} of {name}: a board has no offset, and lab.toml says {output.offset_v:g} V"
            )
        index = [rows.ports[port.name] for port in ports]
        mine = np.flatnonzero(np.isin(rows.plays["port"], index))
        plays = rows.plays[mine]
        point = np.searchsorted(rows.bounds, mine, side="right").astype(np.int64) - 1

        def refused(k: int, words: str) -> NoReturn:
            play = plays[k]
            port = next(p.name for p in ports if rows.ports[p.name] == play["port"])
            kind = rows.waveforms[int(play["waveform"])].kind
            at_ns = float(play["start"] / self.clock_hz) * 1e9
            raise CompileError(
                f"{kind} pulse on {port} at {at_ns:.4g} ns of point {point[k]}, output {number} of {name}: {words}",
                instrument=name,
                point=int(point[k]),
            )

        envelopes = words.Envelopes(board, number, generator, len(rows.waveforms), where)
        for k in np.flatnonzero(np.bincount(plays["waveform"])).tolist():
            envelopes.add(k, rows.waveforms[k])
        tick = self._ticks(plays["start"], refused)
        shape = envelopes.table[plays["waveform"]]
        gain = words.gains(
            generator, plays["amplitude"], envelopes.top[plays["waveform"]], (output.amplitude_vpp or 0.0) / 2, refused
        )
        mixer_hz = output.lo_hz if generator.get("has_mixer") else None
        frequency_hz = plays["frequency_hz"] + (0.0 if mixer_hz is not None else output.lo_hz or 0.0)
        inputs = sorted({ref.input for port in ports for ref in port.inputs if ref.instrument == name})
        readout = board.readout(inputs[0], where) if inputs else None
        if readout is not None and mixer_hz is not None:
            raise CompileError(f"{where}: a readout behind a generator with a mixer is not compiled for")
        frequency, made_hz = words.frequency_words(board, generator, readout, frequency_hz)
        # Time from a point's zero on: phases follow the frame's frequency, whatever grid the carrier's is on.
        time_s = (tick - LEAD_TICKS - float(self.lead)) / float(board.timing_hz)
        turns = (frequency_hz - made_hz) * time_s - plays["phase_rad"] / (2 * np.pi)
        # The frame's phase is that of a sample's middle, like the envelope's value; the carrier's is that of its begin.
        turns += frequency_hz * (0.5 / (float(fabric_hz(generator)) * int(generator["samps_per_clk"])))
        resets = generator["type"] in RESETTING and readout is None
        if resets:
            turns -= made_hz * ((LEAD_TICKS + float(self.lead)) / float(board.timing_hz))
        if inputs:
            turns -= self.steering.angle(index) / (2 * np.pi)  # I tells its states apart
        phase = words.phase_words(generator, turns)
        order = np.lexsort((tick, point))
        self._check_busy(generator, point[order], tick[order], shape[order, 1], order, refused)
        waves = np.column_stack([frequency, phase, shape[:, 0], gain, shape[:, 1], shape[:, 2]])
        port_number = int(generator["tproc_ch"])
        if resets:
            first = np.unique(point)
            none = np.zeros(len(first), np.int64)
            self.lines.append(
                _Line(port_number, first, none, np.tile(np.array(words.RESET, np.int64), (len(first), 1)))
            )
        self.lines.append(_Line(port_number, point, tick, waves, mine))
        memory = envelopes.memory()
        one = Generator(
            number - 1,
            words.zone_of(generator, frequency_hz + (mixer_hz or 0.0), refused),
            mixer_hz,
            self.hold(memory) if len(memory) else "",
            envelopes.length_error_s,
        )  # fmt: skip
        self.generators.append(one)
        self.n_samples = max(self.n_samples, (envelopes.n_samples, where))

    def _ticks(self, start: NDArray, refused: Refusal) -> NDArray[np.int64]:
        """Return starts in ticks of the timing clock from the start of the point on."""
        ratio = self.board.timing_hz / self.clock_hz
        n, d = ratio.numerator, ratio.denominator
        if len(start) and int(np.abs(start).max()) * n >= 2**60:
            start = start.astype(object)
        base = self.lead + LEAD_TICKS
        scaled = start * n * base.denominator + base.numerator * d
        d *= base.denominator
        tick = (2 * scaled + d) // (2 * d)
        error = (np.asarray(tick * d - scaled, np.float64) / d) / float(self.board.timing_hz)
        self.start_error_s = max(self.start_error_s, float(np.abs(error).max(initial=0.0)))
        found = np.asarray(tick, np.int64)
        early = np.flatnonzero(found < LEAD_TICKS)
        if len(early):
            refused(int(early[0]), "it comes before time zero of the shot: delay the whole sequence")
        return found

    def _check_busy(
        self, generator: Mapping[str, Any], point: NDArray[np.int64], tick: NDArray[np.int64],
        length: NDArray[np.int64], order: NDArray[np.int64], refused: Refusal,
    ) -> None:  # fmt: skip
        """Refuse pulses that begin before the one before them has ended: a generator would play them late.

        A tick is forgiven, by which rounding may bring pulses together that touch.
        """
        per_cycle = float(self.board.timing_hz / fabric_hz(generator))
        span = float(_MOST_TICKS)
        lasts = length * per_cycle
        played = np.cumsum(lasts)
        free = np.maximum.accumulate(tick + point * span - (played - lasts)) + played
        late = np.flatnonzero(free[:-1] - (tick[1:] + point[1:] * span) > 1.0 + 1e-3)
        if len(late):
            k = int(late[0]) + 1
            by_ns = (free[k - 1] - tick[k] - point[k] * span) / float(self.board.timing_hz) * 1e9
            refused(
                int(order[k]),
                f"it comes {by_ns:.4g} ns before the ones before it have ended, whose lengths are whole cycles of "
                f"{1e9 / float(fabric_hz(generator)):.4g} ns: delay it, or give pulses a length that is a little less "
                "than a whole number of cycles",
            )
        if len(tick):
            self.end = max(self.end, ceil(float((free - point * span).max())))
        self.grids.append((self.board.timing_hz / fabric_hz(generator)).numerator)

    # --- readouts -----------------------------------------------------------------------------------

    def _readout(self, number: int, ports: list[Port]) -> None:
        name, rows, board = self.instrument.name, self.rows, self.board
        where = f"{', '.join(port.name for port in ports)} ({name}:{number})"
        readout = board.readout(number, where)
        if "pfb_port" in readout:
            raise CompileError(f"{where}: a multiplexed readout is not compiled for; take one with a full carrier")
        index = [rows.ports[port.name] for port in ports]
        mine = np.flatnonzero(np.isin(rows.captures["port"], index))
        captures = rows.captures[mine]
        point = np.searchsorted(rows.capture_bounds, mine, side="right").astype(np.int64) - 1
        used = np.flatnonzero(np.bincount(captures["capture"])).tolist()
        spec = reading.spec_of((rows.specs[k] for k in used), where)

        def refused(k: int, words: str) -> NoReturn:
            slot = rows.specs[int(captures["capture"][k])].slot
            raise CompileError(f"capture into {slot!r} of point {point[k]}, input {number} of {name}: {words}")

        tick = self._ticks(captures["start"], refused)
        order = np.lexsort((tick, point))
        point, tick, captures = point[order], tick[order], captures[order]
        found = reading.window(board, number, readout, spec, where)
        output_hz = rational_hz(readout["f_output"] * 1e6)
        lasts = float(found.ticks * board.timing_hz / output_hz)
        over = np.flatnonzero(
            (point[1:] == point[:-1]) & (tick[1:] < tick[:-1] + max(lasts, reading.TRIGGER_TICKS + 1))
        )
        if len(over):
            refused(int(over[0]) + 1, f"the window before it, of {spec.length_s * 1e9:g} ns, has not ended: delay it")
        self.end = max(self.end, ceil(int(tick.max()) + lasts))
        self.grids.append((board.timing_hz / output_hz).numerator)
        (output, *_) = [ref.output for port in ports for ref in port.outputs if ref.instrument == name] or [0]
        generator = board.generator(output, where) if output else None
        lo_hz = (self.instrument.output[output].lo_hz or 0.0) if output else 0.0
        word, made_hz = words.frequency_words(board, readout, generator, np.array([spec.if_hz + lo_hz]))
        if "tproc_ctrl" in readout:
            # Down-conversion turns the other way (qick: FLIP_DOWNCONVERSION).
            wave = (-int(word[0]) % 2 ** int(readout["b_dds"]), 0, 0, 0, 3, reading.STATIC_CONF)
            firsts = np.unique(point)
            waves = np.tile(np.array(wave, np.int64), (len(firsts), 1))
            self.lines.append(_Line(int(readout["tproc_ctrl"]), firsts, np.zeros(len(firsts), np.int64), waves))
        self.triggers.append((readout, point, tick))
        volts_per_count = self.instrument.input[number].range_v / 2 / FULL_SCALE_COUNTS / found.ticks
        ticks = dict(zip(mine[order].tolist(), tick.tolist(), strict=True))
        self.steering.take(index, ticks, lasts, readout.get("tproc_ch"), 1 / volts_per_count)
        self.n_records = max(self.n_records, len(tick))
        one = Readout(
            number - 1,
            ports[0].name,
            found.ticks,
            float(made_hz[0]),
            output - 1,
            tuple(rows.specs[int(k)].slot for k in captures["capture"]),
            found.error_s,
            self.steering.angle(index),
        )  # fmt: skip
        self.readouts.append(one)

    # --- the whole ----------------------------------------------------------------------------------

    def program(self, n_points: int) -> DeviceProgram:
        """Return the device program of all that has been taken."""
        table, name = self.board.table, self.instrument.name
        waves, events, plays, bounds = self._events(n_points)
        pace = float(self.board.timing_hz) * CYCLES_PER_INSTRUCTION / (self.board.soccfg["tprocs"][0]["f_core"] * 1e6)
        done, sizes = np.empty(len(events), np.int64), np.zeros(2, np.int64)
        tproc.emit(events, bounds, 0, 0, pace, np.empty(0, np.uint8), done, sizes)
        head = head_of(events, bounds, done, pace, table, name)
        period = self.period(head, _MOST_TICKS)
        tproc.emit(events, bounds, period, period - head, pace, np.empty(0, np.uint8), done, sizes)
        n_instructions, steered = int(sizes[1]) + _AROUND, ""
        if self.steering:
            steered, n = self.steering.text(np.column_stack([events, plays]), bounds, period, head, pace)
            n_instructions = n + _AROUND
        report = [
            usage(table, "instructions.count", n_instructions),
            usage(table, "waveforms.count", len(waves)),
            usage(table, "waveforms.samples", *self.n_samples),
        ]
        if self.n_records:
            report.append(usage(table, "scope.records", self.n_records))
        body = b""
        if all(row.fits for row in report):
            text = np.empty(int(sizes[0]), np.uint8)
            tproc.emit(events, bounds, period, period - head, pace, text, done, sizes)
            around = _HEAD.format(last=self.shots.n_shots - 1, head=head + ceil(MARGIN * pace)), _TAIL
            points = steered or text.tobytes().decode("ascii")
            body = QickBody(
                around[0] + points + around[1], self.hold(waves), tuple(self.generators), tuple(self.readouts),
                n_points, self.shots.n_shots, self.shots.averaged, period, self.start_error_s,
            ).to_bytes()  # fmt: skip
        return DeviceProgram(name, self.instrument.model, body, self.blobs, n_points, tuple(report))

    def _events(self, n_points: int) -> tuple[NDArray[np.int64], ...]:
        """Return wave memory, the events of all points in order of time, their plays, and where each point's begin."""
        every = [line.waves for line in self.lines] or [np.zeros((0, 6), np.int64)]
        waves, index = np.unique(np.concatenate(every), axis=0, return_inverse=True)
        found = [np.zeros((0, 6), np.int64)]
        at = 0
        for line in self.lines:
            n = len(line.tick)
            kinds, ports = np.full(n, tproc.WAVE), np.full(n, line.port)
            own = np.full(n, -1) if line.plays is None else line.plays
            found.append(np.column_stack([line.point, line.tick, kinds, ports, index.reshape(-1)[at : at + n], own]))
            at += n
        edges = np.array(reading.edges(self.triggers), np.int64).reshape(-1, 5)
        found.append(np.column_stack([edges, np.full(len(edges), -1)]))
        events = np.concatenate(found)
        events = events[np.lexsort((events[:, 1], events[:, 0]))]
        bounds = np.searchsorted(events[:, 0], np.arange(n_points + 1)).astype(np.int64)
        return waves, np.ascontiguousarray(events[:, 1:5]), events[:, 5], bounds

    def period(self, head: int, most: int) -> int:
        """Return the ticks from point to point: whole cycles of all clocks, so that all shots are alike."""
        wanted = max(ceil(rational_s(self.shots.period_s) * self.board.timing_hz), self.end + head)
        grid = lcm(*self.grids)
        if grid * _LEAST_GRIDS <= self.board.timing_hz:
            wanted = -(-wanted // grid) * grid
        if wanted > most:
            raise TimingError(
                f"a shot of {float(wanted / self.board.timing_hz):.4g} s on {self.instrument.name} is over "
                f"2**{most.bit_length()} ticks of its timing clock: shorten shot_period_s"
            )
        return wanted

    def hold(self, blob: NDArray[np.generic]) -> str:
        """Take an array up, and return its digest."""
        digest = blake2b(blob.tobytes(), digest_size=20).hexdigest()
        self.blobs[digest] = blob
        return digest
