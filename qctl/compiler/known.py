"""What is known of a run whose calibrated values change: device programs that they don't touch are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.patch import Node
from qctl.program.device_program import DeviceProgram
from qctl.program.straights import Straights, copied
from qctl.program.tables import Waveform
from qctl.program.timeline import CaptureSpec

__all__ = ["Known"]


class Known:
    """The device programs of a run, and what they were made from.

    Parameters
    ----------
    straights : Straights
        All points; its plays are those that the programs play.
    captures : sequence of CaptureSpec
        Of all parts.
    nodes : sequence of Node
        What was lowered.
    """

    def __init__(self, straights: Straights, captures: Sequence[CaptureSpec], nodes: Sequence[Node]) -> None:
        self.straights = straights
        self.captures = [_content(spec) for spec in captures]
        self.programs = {
            (node.first, node.n_points, node.n_shots, program.instrument): program
            for node in nodes
            for program in node.programs
        }
        self.changed: frozenset[str] | None = None
        self.n_plays = self.n_points = 0
        self.captured = False

    def compare(self, straights: Straights, captures: Sequence[CaptureSpec]) -> None:
        """Find what differs in a run of the same programs: ports with other plays, and whether captures differ."""
        old, new = self.straights, straights
        self.captured = self.captures == [_content(spec) for spec in captures]
        self.n_plays, self.n_points = len(new.plays), len(new)
        fits = (
            [(port.name, port.rate_hz) for port in old.ports] == [(port.name, port.rate_hz) for port in new.ports]
            and np.array_equal(old.bounds, new.bounds)
            and np.array_equal(old.lengths_s, new.lengths_s)
            and np.array_equal(old.capture_bounds, new.capture_bounds)
            and old.captures.tobytes() == new.captures.tobytes()
            and list(old.targets) == list(new.targets)
            and _moved(old) == _moved(new)
        )
        if not fits:
            return
        numbers: dict[Waveform, int] = {}
        tables = [_words(one, numbers) for one in (old, new)]
        differs = (tables[0] != tables[1]).any(axis=1)
        ports = np.unique(np.concatenate([one.plays["port"][differs] for one in (old, new)])).tolist()
        self.changed = frozenset(new.ports[k].name for k in ports)
        self.n_plays = int(np.count_nonzero(differs))
        points = np.searchsorted(new.bounds, np.flatnonzero(differs), "right")
        self.n_points = len(np.unique(points))

    def program(
        self, instrument: str, ports: Sequence[str], records: bool, first: int, end: int, n_shots: int
    ) -> DeviceProgram | None:
        """Return what an instrument plays and records in a range of points, or None if it must be lowered anew.

        Parameters
        ----------
        instrument : str
            Its name.
        ports : sequence of str
            Those that it plays on.
        records : bool
            Whether captures decide what it does.
        first, end, n_shots : int
            The range.
        """
        if self.changed is None or (records and not self.captured) or not self.changed.isdisjoint(ports):
            return None
        return self.programs.get((first, end - first, n_shots, instrument))


def _moved(straights: Straights) -> list[tuple[int, bytes]]:
    return [(first, table.tobytes()) for first, table in straights.moves]


def _content(spec: CaptureSpec) -> tuple[Any, ...]:
    """Return what devices see of a capture."""
    arrays = (spec.starts_s, spec.ifs_hz, spec.weights)
    return (
        spec.port, spec.slot, spec.bit, spec.instrument, spec.inputs, spec.if_hz, spec.start_s, spec.length_s,
        spec.mode, spec.first_point, spec.n_points, *(None if x is None else x.tobytes() for x in arrays),
    )  # fmt: skip


def _words(straights: Straights, numbers: dict[Waveform, int]) -> NDArray[np.uint64]:
    """Return plays as (n, 5) words, with numbers of waveforms that two runs have in common."""
    plays = copied(straights.plays)
    table = np.array([numbers.setdefault(wave, len(numbers)) for wave in straights.waveforms], np.uint32)
    plays["waveform"] = table[plays["waveform"]] if len(table) else 0
    return plays.view(np.uint64).reshape(-1, 5)
