"""States in the middle of shots, kept by all that was played before: points often differ in their last pulse alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

from qctl.hil.physics.lines import Lines
from qctl.hil.physics.state import State
from qctl.hil.physics.windows import flux_within

__all__ = ["Beginnings", "played_before"]

_KEPT = 512


class Beginnings:
    """States at a sample of a shot, by what decides them; the one that was used longest ago goes first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, State] = OrderedDict()

    def find(self, key: Hashable) -> State | None:
        """Return a state of one's own, None if it is not known."""
        known = self._known.get(key)
        if known is None:
            return None
        self._known.move_to_end(key)
        return known.copy()

    def keep(self, key: Hashable, state: State) -> None:
        """Keep a state as it is now."""
        self._known[key] = state.copy()
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)


def played_before(lines: Lines, samples: Sequence[int]) -> list[Hashable]:
    """Return what all lines play before each of some samples, hashable; None where a drive is cut by the sample.

    A transmon that is driven at all in the shot hears less of the other lines, so that counts, too.
    """
    driven = tuple([bool(runs) for runs in lines.drive])
    runs = [(run.start, run.stop, q, run.volts.tobytes()) for q, runs in enumerate(lines.drive) for run in runs]
    found: list[Hashable] = []
    for at in samples:
        before = [run for run in runs if run[0] < at]
        if any(run[1] > at for run in before):
            found.append(None)
        else:
            found.append((at, driven, lines.drive_lo_hz, tuple(before), flux_within(lines.flux, 0, at)))
    return found
