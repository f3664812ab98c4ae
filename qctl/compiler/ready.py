"""Ready: a run that is compiled, and the line of runs that are patched from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from qctl.compiler.changes import changes_of_bodies, changes_of_sequences
from qctl.compiler.compiled import Compiled, Origin
from qctl.compiler.known import Known
from qctl.compiler.patch import Node, Patch, Patcher
from qctl.compiler.sequences import Sequences
from qctl.compiler.timing import Timing
from qctl.compiler.together import Together
from qctl.errors import CompileError
from qctl.lab.snapshot import Snapshot
from qctl.program.body import Body
from qctl.program.device_program import DeviceProgram
from qctl.program.lowered import Lowered
from qctl.program.program import Program, expect_program
from qctl.program.straights import Straights
from qctl.program.timeline import Timeline

__all__ = ["Given", "Line", "Made", "Ready", "given_of", "shape_of"]

Given = Sequences | tuple[Body, ...]
"""What is compiled, frozen: programs may be edited afterwards."""


class Made(NamedTuple):
    """All that a compile makes: what is played, and what a patch starts from."""

    compiled: Sequence[Compiled]
    straights: Straights
    lowered: Lowered
    nodes: Sequence[Node]
    timing: Timing | None
    """How all of it was timed; None if that was not done together."""


def given_of(programs: Program | Sequence[Program] | Sequences) -> Given:
    """Return what is compiled as it is now.

    Raises
    ------
    RequestError
        If something is no program.
    """
    if isinstance(programs, Sequences):
        return programs
    line = [programs] if isinstance(programs, Program) else programs
    return tuple(expect_program(program).body for program in line)


def shape_of(given: Given) -> bytes:
    """Return the hash of programs without their numbers: runs of one shape may be patched from each other."""
    digest = blake2b(digest_size=32)
    tables = [given.rows] if isinstance(given, Sequences) else [body.instructions for body in given]
    if isinstance(given, Sequences):
        digest.update(repr((given.n_qubits, given.names)).encode() + given.bounds.tobytes())
    else:
        digest.update(repr([(body.symbols, len(body.operands)) for body in given]).encode())
    for rows in tables:
        digest.update(len(rows).to_bytes(8, "little") + rows.view(np.uint64)[::2].tobytes())
    return digest.digest()


_SAME: Any = object()


class Ready:
    """Programs that are ready to be played.

    Attributes
    ----------
    lowered : Lowered
        Device programs, batches and resource report.
    patch : Patch
        How it was made from the run before it.
    snapshot : Snapshot or None
        Calibrated values that hold.
    outlines : sequence of Compiled
        One for each program, of which only layouts, counts and lengths hold: a patch takes over those of the run that
        was compiled.
    """

    def __init__(
        self, line: Line, given: Given, snapshot: Snapshot | None, lowered: Lowered, patch: Patch,
        outlines: Sequence[Compiled],
    ) -> None:  # fmt: skip
        self.outlines = outlines
        self._line = line
        self._given = given
        self.snapshot = snapshot
        self.lowered = lowered
        self.patch = patch

    @cached_property
    def _timed(self) -> tuple[Sequence[Compiled], Straights]:
        """Return timelines and points; a patch needs none, so they are made when they are asked for."""
        return self._line.time(self._given, self.snapshot)

    @property
    def compiled(self) -> Sequence[Compiled]:
        """Return timeline and layout of each program; nothing for sequences."""
        return self._timed[0]

    @property
    def straights(self) -> Straights:
        """Return all pulses and captures of each point."""
        return self._timed[1]

    @property
    def timeline(self) -> Timeline:
        """Return the timeline of the first program."""
        return self.compiled[0].timeline

    @property
    def n_bytes(self) -> int:
        """Return about how many bytes all of it holds."""
        return 4000 + sum(program.n_bytes for program in self.programs) + 3 * self._line.n_bytes

    @property
    def programs(self) -> tuple[DeviceProgram, ...]:
        """Return the device programs of all batches."""
        return tuple(program for batch in self.lowered.batches for program in batch.programs)

    def patched(
        self, programs: Program | Sequence[Program] | Sequences | None = None, *, snapshot: Snapshot | None = _SAME
    ) -> Ready:
        """Return the run with other programs or calibrated values; what they don't touch is not made again.

        It equals what `compile` makes of the same, bit for bit. Angles of the same gates cost what they touch; with
        other calibrated values all is timed anew, and device programs and words that they don't reach are kept; with
        anything else all is compiled. `Ready.patch` says which it was.

        Parameters
        ----------
        programs : Program, sequence of Program, or Sequences, optional
            Those of this run by default.
        snapshot : Snapshot or None, optional
            That of this run by default; None are the design values.

        Raises
        ------
        CompileError
            What `compile` raises; this run stays as it is.
        """
        given = self._given if programs is None else given_of(programs)
        return self._line.next(given, self.snapshot if snapshot is _SAME else snapshot)


@dataclass(eq=False)
class Line:
    """The latest of a line of runs that were patched one from the other; it is patched for the next one.

    Attributes
    ----------
    make : function
        Compiles programs with a snapshot; device programs that are known already are taken.
    time : function
        Returns the timelines and the points of programs with a snapshot.
    start : function
        Makes the patcher of a run.
    """

    make: Callable[[Given, Snapshot | None, Known | None], Made]
    time: Callable[[Given, Snapshot | None], tuple[Sequence[Compiled], Straights]]
    start: Callable[[Made], Patcher]
    given: Given = ()
    snapshot: Snapshot | None = None
    made: Made | None = None
    origins: Sequence[Origin | None] | None = None
    """Of the latest programs; None before they are looked at."""
    patcher: Patcher | None = None
    n_bytes: int = 0
    lock: Lock = field(default_factory=Lock)

    def next(self, given: Given, snapshot: Snapshot | None) -> Ready:
        """Return a run with these programs and values, patched from the latest one if that is possible."""
        with self.lock:
            if self.made is None:
                return self._compiled(given, snapshot, None, "the first, or an error came before")
            if snapshot is not self.snapshot and snapshot != self.snapshot:
                return self._recalibrated(given, snapshot)
            found = self._changes(given)
            if isinstance(found, str):
                return self._compiled(given, snapshot, None, found)
            changes, origins = found
            patcher, self.patcher = self.patcher, None  # after an error it is not to be used again
            made, self.made = self.made, None
            try:
                if patcher is None:
                    assert made is not None
                    patcher = self.start(made)
                turned = patcher.turned(changes)
            except (CompileError, ValueError) as problem:  # the whole compile says it in its own words
                return self._compiled(given, snapshot, None, str(problem))
            if turned is None:
                return self._compiled(given, snapshot, None, "a device's memory is asked for in another way")
            self.patcher, self.made, self.given, self.origins = patcher, made, given, origins
            return Ready(self, given, snapshot, *turned, made.compiled)

    def _same(self, given: Given) -> bool:
        """Say whether these are the latest programs, with the same content."""
        old = self.given
        if isinstance(old, Sequences) or isinstance(given, Sequences):
            return old is given
        if len(old) == len(given) and all(a is b for a, b in zip(old, given, strict=True)):
            return True
        found = self._changes(given)
        return not isinstance(found, str) and not len(found[0].gates)

    def _changes(self, given: Given) -> tuple[Any, Sequence[Origin | None]] | str:
        old = self.given
        if self.made is None or self.made.timing is None:
            return "it was not timed together"
        if isinstance(old, Sequences) and isinstance(given, Sequences):
            changes = changes_of_sequences(old, given)
            return changes if isinstance(changes, str) else (changes, ())
        if isinstance(old, Sequences) or isinstance(given, Sequences):
            return "sequences and programs"
        return changes_of_bodies(old, given, self._origins())

    def _origins(self) -> Sequence[Origin | None]:
        if self.origins is None:
            assert self.made is not None
            found = self.made.compiled
            self.origins = found.origins if isinstance(found, Together) else [one.origin for one in found]
        return self.origins

    def _recalibrated(self, given: Given, snapshot: Snapshot | None) -> Ready:
        """Compile with other values what the line has already."""
        known = None
        if self.made is not None and self._same(given):
            straights, nodes = self.made.straights, self.made.nodes
            if self.patcher is not None:
                straights, nodes = replace(straights, plays=self.patcher.plays), self.patcher.nodes
            known = Known(straights, self.made.lowered.captures, nodes)
        return self._compiled(given, snapshot, known, "other programs and other values")

    def _compiled(self, given: Given, snapshot: Snapshot | None, known: Known | None, why: str) -> Ready:
        made = self.make(given, snapshot, known)
        old = set() if known is None else {id(program) for program in known.programs.values()}
        self.given, self.snapshot, self.made, self.patcher = given, snapshot, made, None
        self.origins = None
        self.n_bytes = made.straights.plays.nbytes + made.straights.captures.nbytes
        patch = Patch(why)
        if known is not None:
            n_new = sum(id(p) not in old for batch in made.lowered.batches for p in batch.programs)
            patch = Patch("" if known.changed is not None else "other times", known.n_points, known.n_plays, n_new)
        ready = Ready(self, given, snapshot, made.lowered, patch, made.compiled)
        ready.__dict__["_timed"] = (made.compiled, made.straights)
        return ready
