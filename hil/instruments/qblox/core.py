"""One sequencer's processor: it runs the assembled program to the end, and knows what it did and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.cext import q1_core
from qctl.hil.instruments.qblox.assembly import OPERATIONS

__all__ = ["ACQUIRES", "KNOWN", "MOST_ROWS", "PLAY", "ROW", "Core", "Settings", "run_together"]

ROW = np.dtype(
    [
        ("time", "<i8"),
        *((name, "<i4") for name in ("operation", "a", "b", "c", "d", "gain0", "gain1", "offs0", "offs1", "freq")),
        ("phase", "<u4"),
        ("marker", "<i4"),
    ]
)
"""What the real-time core does at a time in ns, and the settings in effect from then on: frequency in quarters of a
hertz, phase of the NCO in 1/4e9 of a turn. a and b are waveforms, or acquisition and bin; c and d weights."""

PLAY = OPERATIONS.index("play")
_UPDATE = OPERATIONS.index("upd_param")
ACQUIRES = tuple(OPERATIONS.index(name) for name in ("acquire", "acquire_weighed", "acquire_ttl"))

_SYNC_NS = 200
"""How long synchronisation takes; q1simulator."""
_FIRST_ROWS = 1 << 12
MOST_ROWS = 1 << 20
"""Rows of a sequencer that are held at a time, about: a long run is worked off in parts."""
_MOST_INSTRUCTIONS = 1 << 28
_DONE, _FULL, _SYNC, _UNKNOWN = 0, 1, 2, 9
KNOWN = 1 << 61
_ENDS = {
    3: ("SEQUENCE PROCESSOR RT EXEC COMMAND UNDERFLOW", "the classical core was too slow"),
    4: ("SEQUENCE PROCESSOR Q1 ILLEGAL INSTRUCTION", "no instruction that can be executed"),
    5: ("UNKNOWN", "a register is read right behind the instruction that writes it"),
    6: ("", "the program does not come to an end"),
    7: ("SEQUENCE PROCESSOR RT EXEC ILLEGAL INSTRUCTION", "a duration outside 4 to 65535 ns"),
    8: ("", "the trigger that the program waits for does not come"),
}
"""By what the kernel returns: the flag, empty where the sequencer just goes on for ever, and the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a sequencer begins with.

    Attributes
    ----------
    freq : int
        Of the NCO, in quarters of a hertz.
    phase : int
        Phase offset of the NCO, in 1e-9 of a turn.
    gain, offset : tuple of int
        Of both paths, in 1/32768 of full scale.
    counts, inverts : tuple of int
        Count from which on a trigger address is set, and whether that is inverted; of the addresses 1 to 15.
    synchronised : bool
        Whether wait_sync waits for the other sequencers.
    """

    freq: int = 0
    phase: int = 0
    gain: tuple[int, int] = (32_767, 32_767)
    offset: tuple[int, int] = (0, 0)
    counts: tuple[int, ...] = (1,) * 15
    inverts: tuple[int, ...] = (0,) * 15
    synchronised: bool = False


@dataclass(slots=True)
class Core:
    """A program under way.

    Attributes
    ----------
    code : (n, 9) int64
        As `assemble` returns it.
    settings : Settings
        What it begins with.
    triggers : (n, 2) int64
        Time in ns and address of the triggers that come.
    registers : (64,) uint32
        They outlive a run.
    flag, log : str
        What went wrong, if anything did.
    endless : bool
        Whether it would go on for ever.
    exit_code : int
        Of the instruction stop.
    end_ns : int
        When the real-time core was done.
    synced_ns : int
        When the last synchronisation was over.
    n_instructions : int
        Executed so far.
    waits, ended, asks : bool
        Whether it waits for the others to synchronise, does nothing more, or can't go on without triggers that are not
        known yet; with none of these, it pauses as its rows are as many as are held at a time.
    known_ns : int
        Until when all triggers are known.
    """

    code: NDArray[np.int64]
    settings: Settings = Settings()
    triggers: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    registers: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(64, np.uint32))
    flag: str = ""
    log: str = ""
    endless: bool = False
    exit_code: int = 0
    end_ns: int = 0
    synced_ns: int = 0
    n_instructions: int = 0
    waits: bool = False
    ended: bool = False
    asks: bool = False
    known_ns: int = KNOWN
    _parts: list[NDArray] = field(default_factory=list)
    _state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(40, np.int64))
    _queue: NDArray[np.int64] = field(default_factory=lambda: np.zeros(32, np.int64))
    _latches: NDArray[np.int64] = field(default_factory=lambda: np.zeros(15, np.int64))

    def __post_init__(self) -> None:
        q1_core.begin(self._state, self.settings.freq, self.settings.phase, *self.settings.gain, *self.settings.offset)

    @property
    def rows(self) -> NDArray:
        """Return all that the real-time core did, as ROW in order of time."""
        if len(self._parts) != 1:
            self._parts = [np.concatenate(self._parts) if self._parts else np.empty(0, ROW)]
        return self._parts[0]

    def proceed(self) -> None:
        """Run until the program ends, waits for the others, or has as many rows as are held at a time."""
        if self.waits or self.ended:
            return
        thresholds = np.array([self.settings.counts, self.settings.inverts], np.int64)
        n_rows = sum(map(len, self._parts))
        room, end = _FIRST_ROWS, _FULL
        while end == _FULL and n_rows < MOST_ROWS:
            rows = np.empty(room, ROW)
            end, n = q1_core.run(
                self.code, self._state, self.registers, self._queue, self._latches, thresholds, self.triggers, rows,
                _MOST_INSTRUCTIONS, self.known_ns,
            )  # fmt: skip
            if n:
                self._parts.append(rows[:n])
            n_rows += n
            room = min(2 * room, 1 << 18)
        self.end_ns, self.n_instructions, code, at = q1_core.clocks(self._state)
        self.waits, self.asks = end == _SYNC, end == _UNKNOWN
        self.ended = end not in (_SYNC, _FULL, _UNKNOWN)
        if end == _DONE:
            self.exit_code = code
        elif self.ended:
            self.flag, self.log = _ENDS[end]
            self.log += f" (instruction {at}, after {self.n_instructions} of them, at {self.end_ns} ns)"
            self.endless = not self.flag

    def forget(self, n_rows: int) -> None:
        """Drop the first rows: what they say has been played. The last of them stays as an update of settings."""
        left = self.rows[max(n_rows - 1, 0) :].copy()
        if n_rows:
            left["operation"][0] = _UPDATE
        self._parts = [left]

    def synchronise(self, time_ns: int) -> None:
        """Go on behind wait_sync at a time."""
        q1_core.synchronise(self._state, time_ns)
        self.waits = False
        self.end_ns, self.n_instructions, *_ = q1_core.clocks(self._state)
        self.synced_ns = self.end_ns


def run_together(cores: Sequence[Core]) -> bool:
    """Run the programs of sequencers that were started, those that synchronise wait for each other.

    Returns
    -------
    bool
        Whether all have ended; if not, it is to be called again when rows have been forgotten.
    """
    while True:
        for core in cores:
            core.proceed()
            while core.waits and not core.settings.synchronised:
                core.synchronise(core.end_ns)
                core.proceed()
        waiting = [core for core in cores if core.waits]
        if any(not core.ended and not core.waits for core in cores):
            return False
        if not waiting:
            return True
        at_ns = max(core.end_ns for core in waiting) + _SYNC_NS
        for core in waiting:
            core.synchronise(at_ns)
