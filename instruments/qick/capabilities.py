"""What a QICK board can do, from the configuration (soccfg) that it says itself, never from constants.

Memories, clocks and converters are the firmware's, and differ from build to build; a key that is missing is refused
with the version that the board names. What no soccfg says is the instruction set's.

Source: qick 0.2.436 (``qick_asm.py``, ``asm_v1.py``, ``asm_v2.py``: keys of soccfg, pulse lengths, immediates);
soccfg of a ZCU216 with tProcessor v2 in QICK's own test bench (0.2.367), and with v1 in qibosoq's tests (0.2.370);
docs/topics/timing.rst.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from qctl.errors import VersionError
from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Firmware,
    Instructions,
    Loops,
    Memory,
    Range,
    Reports,
    Restriction,
    Scope,
    Standing,
    Table,
    Upload,
)

__all__ = ["CYCLES_PER_INSTRUCTION", "TABLES", "capability_of_board"]

CYCLES_PER_INSTRUCTION = 2
"""Core cycles that an instruction of a tProcessor v2 is reckoned with; its pipeline takes one if not stalled."""
_QUEUE = 256
"""Events that a port's queue is taken to hold where soccfg doesn't say it."""
TABLES: dict[str, Capability] = {}
"""None before a board has spoken: see `capability_of_board`."""

_PROCESSORS = {"axis_tproc64x32_x8": "v1", "qick_processor": "v2"}
_STANDING = {
    "v1": Standing(None, "qick's parser and compiler", "programs are made, and not driven yet"),
    "v2": Standing(3, "qick's assembler and client", "emulated: API, not wire; no real board yet"),
}
_V1_QUEUE = Restriction(
    "15 events of a channel wait for their time at most; the processor stands still while one more is to join them"
)
_WINDOW = "accumulated windows, of some firmware: qick asm; decimated ones are bounded by scope.samples"
_OLDEST = "0.2.367"
"""The oldest QICK whose soccfg was read for this."""


def capability_of_board(soccfg: Mapping[str, Any]) -> Capability:
    """Return the table of a board.

    Parameters
    ----------
    soccfg : mapping
        The board's configuration, as `QickConfig` takes it.

    Raises
    ------
    VersionError
        If a key is missing or of another kind, naming it, the board and its version of QICK.
    """
    board = _Board(soccfg)
    processor = board.first("tprocs", "a tProcessor")
    kind = _PROCESSORS.get(str(board.of(processor, "type", str, "tprocs[0]")))
    if kind is None:
        known = ", ".join(_PROCESSORS)
        raise VersionError(f"{board.name}: tProcessor {processor['type']!r} is none of {known}; update qctl")
    said = f"soccfg of {board.name}"

    def number(key: str) -> int:
        return int(board.of(processor, key, int, "tprocs[0]"))

    clocks = {"timing": Clock(_mhz(board.of(processor, "f_time", float, "tprocs[0]"), said))}
    if kind == "v2":
        clocks["core"] = Clock(_mhz(board.of(processor, "f_core", float, "tprocs[0]"), said), "board")
    channels = {
        **{f"generator{k}": _generator(board, k, one, clocks, said) for k, one in board.rows("gens")},
        **{f"readout{k}": _readout(board, k, one, clocks, said) for k, one in board.rows("readouts")},
    }
    readouts = [one for _, one in board.rows("readouts")]
    envelopes = [n for _, one in board.rows("gens") if (n := int(one["maxlen"]))]
    return Capability(
        model=f"qick-{kind}",
        title=f"QICK tProcessor {kind} on {board.of(soccfg, 'board', str, 'soccfg')}",
        sources=(said, "qick 0.2.436"),
        clocks=clocks,
        channels=channels,
        waveforms=Memory(
            Range(0, number("wmem_size"), "wave entries", source=said) if kind == "v2" else None,
            Range(0, min(envelopes, default=0), "complex samples", source=said),
            "one generator, the smallest of them",
        ),
        instructions=_instructions(processor, number("pmem_size"), kind, said),
        table=Table(Range(0, number("dmem_size"), "entries", source=said), ("32-bit words of data memory",)),
        scope=Scope(
            samples=Range(
                0, min((int(one["buf_maxlen"]) for one in readouts), default=0), "samples", source=f"decimated: {said}"
            ),
            records=Range(
                0,
                min((int(one["avg_maxlen"]) for one in readouts), default=0),
                "records",
                source=f"accumulated: {said}",
            ),
        ),
        loops=Loops(
            Range(
                1,
                2**31 - 1 if kind == "v2" else 2**30,
                "times",
                source="registers and immediates: qick asm",
                unverified="high",
            ),
            Range(0, 255 if kind == "v2" else 8, "loops", source="qick asm", unverified="high"),
            ("gain", "phase", "frequency", "time"),
        ),
        restrictions={
            "late": Restriction(
                "a late instruction is played late, without an error: the head start must be long enough"
            ),
            **({"queue": _V1_QUEUE} if kind == "v1" else {}),
            "clocks": Restriction(
                "timing, generator and readout clocks differ: each time is rounded for its kind of channel"
            ),
        },
        errors=Reports(sync=("assembler's messages",), async_log=("nothing tells of late instructions",)),
        upload=Upload("Pyro4, pickles", "little", "int16", None, "envelope, program"),
        firmware=Firmware(_OLDEST, "", "keys of soccfg"),
        standing=_STANDING[kind],
    )


def _instructions(processor: Mapping[str, Any], count: int, kind: str, said: str) -> Instructions:
    """Return the program memory; a tProcessor v2 is reckoned slower than its pipeline is, and ahead by one queue."""
    size = Range(1, count, "instructions", source=said)
    if kind == "v1":
        return Instructions(size, source="cycles of each instruction: qick ctrl.sv")
    depth = processor.get("fifo_depth")
    known = isinstance(depth, int) and depth > 0
    source = said if known else "a queue's events, where soccfg has no fifo_depth"
    ahead = Range(depth if known else _QUEUE, None, "instructions", source=source, unverified="" if known else "low")
    return Instructions(size, {"instruction": 1}, ahead, f"{CYCLES_PER_INSTRUCTION} core cycles each, unverified")


def _generator(board: _Board, k: int, one: Mapping[str, Any], clocks: dict[str, Clock], said: str) -> Channel:
    place = f"gens[{k}]"
    clocks[f"generator{k}"] = Clock(_mhz(board.of(one, "f_fabric", float, place), said), "board")
    top = int(board.of(one, "maxv", int, place))
    dds_hz = board.of(one, "f_dds", float, place) * 1e6
    board.of(one, "maxlen", int, place)
    return Channel(
        clock=f"generator{k}",
        number=Range(1, 1, source=said),
        length=Range(3, 65_535, "fabric cycles", 1, source="qick asm"),
        pad="zero",
        amplitude=Range(-1.0, 1.0, "of full scale", resolution=1 / top, source=f"gain of {top}: {said}"),
        frequency=Range(
            -dds_hz / 2, dds_hz / 2, "Hz", resolution=dds_hz / 2 ** board.of(one, "b_dds", int, place), source=said
        ),
        phase=None if one.get("has_phase") is False else _phase(board, one, place, said),
        bits=math.ceil(math.log2(top)) + 1,
    )


def _phase(board: _Board, one: Mapping[str, Any], place: str, said: str) -> Range:
    return Range(None, None, "turns", resolution=2.0 ** -board.of(one, "b_phase", int, place), source=said)


def _readout(board: _Board, k: int, one: Mapping[str, Any], clocks: dict[str, Clock], said: str) -> Channel:
    place = f"readouts[{k}]"
    clocks[f"readout{k}"] = Clock(_mhz(board.of(one, "f_fabric", float, place), said), "board")
    dds_hz = board.of(one, "f_dds", float, place) * 1e6
    board.of(one, "avg_maxlen", int, place)
    board.of(one, "buf_maxlen", int, place)
    return Channel(
        clock=f"readout{k}",
        number=Range(1, 1, source=said),
        length=Range(3, 2**32 - 1, "fabric cycles", 1, source=_WINDOW, unverified="high"),
        frequency=Range(
            -dds_hz / 2, dds_hz / 2, "Hz", resolution=dds_hz / 2 ** board.of(one, "b_dds", int, place), source=said
        ),
        overlaps=True,
    )


def _mhz(rate_mhz: float, source: str) -> Range:
    return Range(rate_mhz * 1e6, rate_mhz * 1e6, "Hz", source=source)


class _Board:
    """A soccfg that is asked for its keys, and refuses those that it lacks."""

    def __init__(self, soccfg: Mapping[str, Any]) -> None:
        if not isinstance(soccfg, Mapping):
            raise VersionError(f"soccfg is a {type(soccfg).__name__}, not the object that a QICK board answers")
        self.soccfg = soccfg
        self.version = str(soccfg.get("sw_version", "unknown"))
        self.name = f"{soccfg.get('board', 'a board')} with QICK {self.version}"

    def rows(self, key: str) -> list[tuple[int, Mapping[str, Any]]]:
        return list(enumerate(self.of(self.soccfg, key, list, "soccfg")))

    def first(self, key: str, what: str) -> Mapping[str, Any]:
        rows = self.rows(key)
        if not rows:
            raise VersionError(f"{self.name}: soccfg names no {what.removeprefix('a ')}; load a bitstream that has one")
        return rows[0][1]

    def of(self, table: Mapping[str, Any], key: str, kind: type, place: str) -> Any:
        found = table.get(key) if isinstance(table, Mapping) else None
        wanted = (int, float) if kind is float else kind
        if found is None or not isinstance(found, wanted) or isinstance(found, bool):
            told = "is missing" if found is None else f"is {found!r}"
            raise VersionError(
                f"{self.name}: {place}.{key} {told}; qctl reads soccfg of QICK {_OLDEST} and later, whose boards name "
                "it: update the board's QICK, or qctl",
                version=self.version,
                key=f"{place}.{key}",
            )
        return found
