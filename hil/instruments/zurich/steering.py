"""Shots in which table entries are chosen by what a readout channel has found: part by part, for all shots at once.

A channel's word is on the box's own bus 25 cycles at most after its integration ends: two bits for each integrator, of
which the lower one says whether the real part of the sum is over the discriminator's threshold. An entry that waits for
it takes the last one that was there. Shots that have found the same play the next part together.

Source: SHFQC user manual, release 24.07, Flexible feedback processing; zhinst-timing-models 26.7 (from the end of an
integration to its word, by the way inside); LabOne Q 26.7, simulator (an entry plays 3 cycles after it looks).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.zurich.acquiring import Acquired, integration_of
from qctl.hil.instruments.zurich.rendering import Track
from qctl.hil.instruments.zurich.sequence import LOOK, TRIGGER

if TYPE_CHECKING:
    from qctl.hil.instruments.zurich.playing import Run

__all__ = ["follows", "play_steered"]

_CYCLE, _AHEAD, _WAY = 8, 3, 200


def follows(tracks: Sequence[Track], bounds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], model: int) -> bool:
    """Say whether entries of a shot are chosen by results."""
    parts = zip(tracks, bounds, strict=True)
    return any(
        (track.rows["operation"][int(low[model]) : int(high[model])] == LOOK).any() for track, (low, high) in parts
    )


@dataclass(slots=True, eq=False)
class _Group:
    """Shots that have found the same so far.

    Attributes
    ----------
    party : int
        What the plant calls the shots that they are among; 0 before the first part.
    places : (n,) int64
        Which of the party's.
    shots : (n,) int64
        Which of all.
    words : list of (int, (n,) int64)
        From when each word is there, in samples of the shot, and what it is in each shot.
    chosen : dict of (int, int) to int
        Entries that were chosen in them, by track and row.
    """

    party: int
    places: NDArray[np.int64]
    shots: NDArray[np.int64]
    words: list[tuple[int, NDArray[np.int64]]] = field(default_factory=list)
    chosen: dict[tuple[int, int], int] = field(default_factory=dict)

    def found(self, read: int) -> NDArray[np.int64]:
        """Return the word that is there at a time, in each shot."""
        there = [word for since, word in self.words if since <= read]
        return there[-1] if there else np.zeros(len(self.shots), np.int64)

    def of(self, where: NDArray[np.bool_]) -> _Group:
        """Return some of the shots."""
        words = [(since, word[where]) for since, word in self.words]
        return _Group(self.party, self.places[where], self.shots[where], words, self.chosen)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A row that looks: of which track, when in samples of the shot, its first entry, shift, and bits."""

    track: int
    row: int
    time: int
    offset: int
    shift: int
    mask: int

    def entries(self, group: _Group) -> NDArray[np.int64]:
        """Return the entry that each shot plays."""
        word = group.found(self.time - _AHEAD * _CYCLE)
        return self.offset + (word >> self.shift & self.mask)


async def play_steered(run: Run, plant: Plant, model: int, n_shots: int) -> list[tuple[Acquired, NDArray[np.float64]]]:
    """Play so many shots of a kind, and return each acquisition with its sums, (n_shots, 2).

    Raises
    ------
    RequestError
        If they do what is not emulated, or an entry doesn't look when it has to.
    """
    choices = _choices(run, model)
    reading = [place for place in range(len(run.tracks)) if run.windows(place, model)]
    if len(reading) != 1:
        raise RequestError(f"{len(reading)} readout channels take part where entries look for results: not emulated")
    (place,) = reading
    track = run.tracks[place]
    rate_hz, found = track.device.rate_hz, list[tuple[Acquired, NDArray[np.float64]]]()
    groups = [_Group(0, np.arange(n_shots), np.arange(n_shots))]
    begin = 0
    for number, window in enumerate(run.windows(place, model)):
        integration, acquired = integration_of(track, place, [(number, window)], 0)
        stop = window.first + integration.weights.shape[2]
        now = [one for one in choices if begin <= one.time < stop]
        table = np.empty((n_shots, len(integration.weights)))
        after: list[_Group] = []
        for group in groups:
            for part, chosen in _split(group, now):
                outputs, fresh = run.outputs(model, begin / rate_hz, stop / rate_hz, chosen)
                await plant.waveforms(fresh)
                party, sums = await plant.steer(
                    outputs, integration, rate_hz, part.party, part.places, stop / rate_hz, run.rates_hz, run.tones
                )
                table[part.shots] = sums
                words = [*part.words, (stop + _WAY, _word(track, acquired, sums))]
                after.append(_Group(party, np.arange(len(part.shots)), part.shots, words, chosen))
        found += [(one, table[:, one.column : one.column + 2]) for one in acquired]
        groups, begin = after, stop
    return found


def _choices(run: Run, model: int) -> list[_Choice]:
    """Return what entries of a shot look for, in order of time."""
    found = []
    for place, track in enumerate(run.tracks):
        low, high = (int(ends[model]) for ends in run.shots.bounds[place])
        origin = int(run.shots.origins[place][model])
        rows = track.rows[low:high]
        for k in np.flatnonzero(rows["operation"] == LOOK).tolist():
            row = rows[k]
            triggers = track.rows["time"][: low + k][track.rows["operation"][: low + k] == TRIGGER]
            begin = int(row["time"]) - (int(triggers[-1]) if len(triggers) else 0)
            if (int(row["read"]) + _AHEAD) * _CYCLE != begin:
                raise RequestError(
                    f"{track.sequencer.place}: an entry at sample {begin} looks in cycle {int(row['read'])}, "
                    f"not {_AHEAD} cycles before"
                )
            shift, n_bits = int(row["b"]) >> 8, int(row["b"]) & 255
            found.append(_Choice(place, low + k, int(row["time"]) - origin, int(row["a"]), shift, (1 << n_bits) - 1))
    return sorted(found, key=lambda one: one.time)


def _split(group: _Group, choices: Sequence[_Choice]) -> Iterator[tuple[_Group, dict[tuple[int, int], int]]]:
    """Yield shots of a group that play the same entries, and all entries that were chosen in them."""
    if not choices:
        yield group, group.chosen
        return
    entries = np.stack([one.entries(group) for one in choices], axis=1)
    kinds, which = np.unique(entries, axis=0, return_inverse=True)
    for number, row in enumerate(kinds.tolist()):
        new = {(one.track, one.row): entry for one, entry in zip(choices, row, strict=True)}
        yield group.of(which.reshape(-1) == number), group.chosen | new


def _word(track: Track, acquired: Sequence[Acquired], sums: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the word of an integration in each shot."""
    word = np.zeros(len(sums), np.int64)
    place = f"qachannels/{track.sequencer.number}/readout/discriminators"
    for one in acquired:
        over = sums[:, one.column] >= float(track.device.tree.value(f"{place}/{one.integrator}/threshold"))
        word |= over.astype(np.int64) << 2 * one.integrator
    return word
