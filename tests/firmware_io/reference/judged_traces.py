"""Compares what a device says that it did, and what its outputs did, with what the interpreter says."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from asking import Asker
from programs import Case, expected

from qctl.firmware_io.kinds import Kind
from qctl.hil.sequencer.interpreter import Played

__all__ = ["MAX_TRACE", "differences", "log_differences", "no_watchdog", "run_case"]

MAX_TRACE = 512
Trace = list[tuple[int, int, int, int]]


def run_case(asker: Asker, case: Case, block: int, before_start: Callable[[], None] = lambda: None) -> Trace:
    """Run a block to its end from low lines; return its trace."""
    asker.ask(Kind.SAFE)
    asker.upload(case.program)
    asker.arm(block, case.n_shots, case.period)
    before_start()
    asker.start(block)
    asker.event(Kind.DONE)
    return asker.trace()


def differences(asker: Asker, case: Case, trace: Trace, latest: int) -> list[str]:
    """Return what is wrong with a trace, or with the results."""
    played = expected(case)
    found = []
    wanted = played.traced()[:MAX_TRACE]
    if [row[:3] for row in trace] != wanted:
        place = next((at for at, (a, b) in enumerate(zip(trace, wanted, strict=False)) if a[:3] != b), len(trace))
        found.append(
            f"event {place} of {len(trace)} is {trace[place : place + 1]}; "
            f"{wanted[place : place + 1]} of {len(wanted)} wanted"
        )
    late = [written - scheduled for _, _, scheduled, written in trace]
    if late and not 0 <= min(late) <= max(late) <= latest:
        found.append(f"{min(late)} to {max(late)} ticks late")
    if (results := asker.results()) != played.results:
        found.append(f"results {results}, {played.results} wanted")
    return found


def log_differences(played: Played, lines: Sequence[tuple[int, int]], latest: int) -> list[str]:
    """Compare writes of the lines' register, (tick from the block's start, levels), with those wanted."""
    wanted = [(event.tick, event.value) for event in played.events if event.output == "lines"]
    found = []
    if [levels for _, levels in lines] != [levels for _, levels in wanted]:
        found.append(f"levels {lines[:20]}, {wanted[:20]} wanted")
    found += [
        f"level at {tick}, {want} wanted"
        for (tick, _), (want, _) in zip(lines, wanted, strict=False)
        if not 0 <= tick - want <= latest
    ]
    return found


def no_watchdog(asker: Asker) -> None:
    """Let the device run on without a word from the host, as virtual time needs."""
    asker.ask(Kind.SET_WATCHDOG, struct.pack("<I", 0))
