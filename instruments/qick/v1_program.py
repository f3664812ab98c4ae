"""Write the program of a QICK board with tProcessor v1: assembly with loops over shots and points, and data memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qctl.errors import CompileError
from qctl.instruments.checker import usage
from qctl.instruments.qick import readouts as reading
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.v1_code import MOST_IMMEDIATE
from qctl.instruments.qick.v1_feedback import steered_lines
from qctl.instruments.qick.v1_lines import event_lines, write_lines
from qctl.instruments.qick.v1_plan import DATA_ADDRESS, N_WORDS, Events, Plan, plan_of, signed, writes
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
    events, plays = _events(work)
    plan = plan_of(events, n_points, n_data, name)
    period = work.period(plan.head, MOST_IMMEDIATE)
    n_instructions = plan.n_instructions + _AROUND + 2 * len(plan.ends)
    points: list[str] = []
    if work.steering:
        points = steered_lines(plan, work.steering, plays, period)
        n_instructions = len(points) + _AROUND + sum(writes(value) for *_, value in plan.registers.once)
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
        points = points or list(_points(plan, period))
        text = "".join(f"{line}\n" for line in _lines(plan, work.shots.n_shots, points))
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


def _events(work: Work) -> tuple[Events, list[int]]:
    """Return the events of all points, in order of time, and the play of each, or -1."""
    found = [np.zeros((0, 5 + N_WORDS), np.int64)]
    for line in work.lines:
        freq, phase, address, gain, length, conf = line.waves.T
        n = len(line.tick)
        own, long = np.full(n, line.port), np.zeros(n, np.int64)
        words = (freq, phase, address, gain, conf << 16 | length)
        plays = np.full(n, -1) if line.plays is None else line.plays
        found.append(np.column_stack([line.point, line.tick, own, long, *words, plays]))
    edges = np.array(reading.edges(work.triggers), np.int64).reshape(-1, 5)
    levels = np.zeros((len(edges), 5 + N_WORDS), np.int64)
    levels[:, [0, 1, 2, 4]], levels[:, 3], levels[:, -1] = edges[:, [0, 1, 3, 4]], 1, -1
    rows = np.concatenate([*found, levels])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    values = np.column_stack([signed(rows[:, 4:-1]), rows[:, 1]])
    plays = rows[:, -1].tolist()
    unsure = np.zeros(len(rows), bool)
    if work.steering:
        unsure[:] = [work.steering.when(p, k) is not None for p, k in zip(rows[:, 0].tolist(), plays, strict=True)]
    return Events(rows[:, 0], rows[:, 2], rows[:, 3] == 1, values, unsure), plays


def _lines(plan: Plan, n_shots: int, points: list[str]) -> Iterator[str]:
    """Yield the instructions around those of the points, and these."""
    yield f"regwi 0, ${_COUNTED}, 0;"
    yield f"regwi 0, ${_SHOTS}, {n_shots - 1};"
    for channel, column, value in plan.registers.once:
        yield from (text for text, _ in write_lines(channel, column + 1, value))
    # Up to 12 cycles for each register that is written, after which the lead of a point begins.
    yield f"synci {plan.head + 12 * len(plan.registers.once)};"
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
    k = 0
    for end in plan.ends:
        while k < end:
            yield from event_lines(plan, k)
            k += 1
        yield f"waiti 0, {period - plan.head};"
        yield f"synci {period};"
