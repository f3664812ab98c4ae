"""Write the program of a QICK board with tProcessor v1: assembly with loops over shots and points, and data memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.checker import usage
from qctl.instruments.qick import readouts as reading
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.v1_code import MOST_IMMEDIATE
from qctl.instruments.qick.v1_plan import DATA_ADDRESS, N_WORDS, TIME, Events, Plan, plan_of, signed, writes
from qctl.program.device_program import DeviceProgram

if TYPE_CHECKING:
    from qctl.instruments.qick.lower import Work

__all__ = ["program_v1"]

_GENERATORS = ("axis_signal_gen_v4", "axis_signal_gen_v5", "axis_signal_gen_v6")
"""Full-speed generators: frequency, phase, address, gain and mode are five words."""
_POINTER = 7
"""Register of each page that says where its part of data memory is read next; words and time are those before it."""
_COUNTED, _SHOTS, _POINTS = 13, 14, 15
"""Registers of page 0: shots that are over, and those and points that are still to come."""
_AROUND = 7
"""Instructions before the first point and behind the last one."""


def program_v1(work: Work, n_points: int) -> DeviceProgram:
    """Return the device program of all that has been taken.

    Raises
    ------
    CompileError
        If a generator or a readout is of a kind that isn't compiled for.
    TimingError
        If an event would be late.
    """
    _check(work)
    table, name = work.board.table, work.instrument.name
    n_data = int(work.board.soccfg["tprocs"][0]["dmem_size"])
    plan = plan_of(_events(work), n_points, n_data, name)
    period = work.period(plan.head, MOST_IMMEDIATE)
    n_instructions = plan.n_instructions + _AROUND + 2 * len(plan.ends)
    if plan.n_turns > 1:
        n_instructions += 2 + len(plan.begins)
    report = [
        usage(table, "instructions.count", n_instructions),
        usage(table, "table.entries", DATA_ADDRESS + len(plan.data)),
        usage(table, "waveforms.samples", *work.n_samples),
    ]
    if work.n_records:
        report.append(usage(table, "scope.records", work.n_records))
    body = b""
    if all(row.fits for row in report):
        text = "".join(f"{line}\n" for line in _lines(plan, work.shots.n_shots, period))
        body = QickBody(
            text, work.hold(np.zeros((0, 6), np.int64)), tuple(work.generators), tuple(work.readouts), n_points,
            work.shots.n_shots, work.shots.averaged, period, work.start_error_s, work.hold(plan.data),
        ).to_bytes()  # fmt: skip
    return DeviceProgram(name, work.instrument.model, body, work.blobs, n_points, tuple(report))


def _check(work: Work) -> None:
    """Refuse what these programs have no words for."""
    for one in work.generators:
        generator = work.board.soccfg["gens"][one.number]
        where = f"output {one.number + 1} of {work.instrument.name}"
        if generator["type"] not in _GENERATORS:
            raise CompileError(
                f"{where}: a {generator['type']} behind a tProcessor v1 is not compiled for; take an output with one "
                f"of {', '.join(_GENERATORS)}"
            )
        if "tmux_ch" in generator:
            raise CompileError(f"{where}: it shares a channel of the tProcessor; take one that has its own")
    for readout in work.readouts:
        if "tproc_ctrl" in work.board.soccfg["readouts"][readout.number]:
            raise CompileError(
                f"input {readout.number + 1} of {work.instrument.name}: its frequency is set by the tProcessor v1, "
                "which is not compiled for; take one whose frequency is set by the board's server"
            )


def _events(work: Work) -> Events:
    """Return the events of all points, in order of time."""
    found = [np.zeros((0, 4 + N_WORDS), np.int64)]
    for line in work.lines:
        freq, phase, address, gain, length, conf = line.waves.T
        n = len(line.tick)
        own, long = np.full(n, line.port), np.zeros(n, np.int64)
        found.append(
            np.column_stack([line.point, line.tick, own, long, freq, phase, address, gain, conf << 16 | length])
        )
    edges = np.array(reading.edges(work.triggers), np.int64).reshape(-1, 5)
    words = np.zeros((len(edges), 4 + N_WORDS), np.int64)
    words[:, [0, 1, 2, 4]], words[:, 3] = edges[:, [0, 1, 3, 4]], 1
    rows = np.concatenate([*found, words])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    values = np.column_stack([signed(rows[:, 4:]), rows[:, 1]])
    return Events(rows[:, 0], rows[:, 2], rows[:, 3] == 1, values)


def _lines(plan: Plan, n_shots: int, period: int) -> Iterator[str]:
    """Yield the instructions."""
    yield f"regwi 0, ${_COUNTED}, 0;"
    yield f"regwi 0, ${_SHOTS}, {n_shots - 1};"
    for channel, column, value in plan.registers.once:
        yield from _write(channel, column, value)
    # Up to 12 cycles for each register that is written, after which the lead of a point begins.
    yield f"synci {plan.head + 12 * len(plan.registers.once)};"
    points = list(_points(plan, period))
    if plan.n_turns > 1:
        points[0] = f"POINTS: {points[0]}"
        before = [f"regwi {channel}, ${_POINTER}, {at};" for channel, at in plan.begins.items()]
        points = [f"regwi 0, ${_POINTS}, {plan.n_turns - 1};", *before, *points, f"loopnz 0, ${_POINTS}, @POINTS;"]
    yield f"SHOTS: {points[0]}"
    yield from points[1:]
    yield f"mathi 0, ${_COUNTED}, ${_COUNTED} + 1;"
    yield f"memwi 0, ${_COUNTED}, {DATA_ADDRESS - 1};"
    yield f"loopnz 0, ${_SHOTS}, @SHOTS;"
    yield "end ;"


def _points(plan: Plan, period: int) -> Iterator[str]:
    """Yield the instructions of the points, each with its end."""
    ends = list(plan.ends)
    values: NDArray[np.int64] = plan.registers.values[0]
    k = 0
    for end in ends:
        while k < end:
            yield from _event(plan, k, values[k])
            k += 1
        yield f"waiti 0, {period - plan.head};"
        yield f"synci {period};"


def _event(plan: Plan, k: int, values: NDArray[np.int64]) -> Iterator[str]:
    found = plan.registers
    channel = int(found.channel[k])
    for column in np.flatnonzero(found.loaded[k]).tolist():
        if found.read[k, column]:
            yield f"memr {channel}, ${column + 1}, ${_POINTER};"
            yield f"mathi {channel}, ${_POINTER}, ${_POINTER} + 1;"
        elif (at := plan.held.get(int(values[column]))) is not None:
            yield f"memri {channel}, ${column + 1}, {at};"
        else:
            yield from _write(channel, column, int(values[column]))
    names = [f"${column + 1}" if used else "$0" for column, used in enumerate(found.used[k].tolist())]
    if found.short[k]:
        yield f"seti {channel}, {channel}, {names[0]}, {values[TIME]};"
    else:
        yield f"set {channel}, {channel}, {', '.join(names)};"


def _write(channel: int, column: int, value: int) -> Iterator[str]:
    register = f"{channel}, ${column + 1}"
    if writes(value) == 1:
        yield f"regwi {register}, {value};"
        return
    yield f"regwi {register}, {value >> 2};"
    yield f"bitwi {register}, ${column + 1} << 2;"
    if value % 4:
        yield f"mathi {register}, ${column + 1} + {value % 4};"
