"""Shots in which table entries are chosen by what a readout channel has found: part by part, for all shots at once.

A channel's word is on the box's own bus 25 cycles at most after its integration ends: two bits for each integrator, of
which the lower one says whether the real part of the sum is over the discriminator's threshold. A PQSC has registers
of one bit for each integrator, and sends each box a message of pairs of bits of them. An entry that waits for either
takes the last one that was there. Shots that have found the same play the next part together.

Source: SHFQC user manual, release 24.07, Flexible feedback processing; zhinst-timing-models 26.7 (from the end of an
integration to its word, by the way inside and by a PQSC's register forwarding, at most); LabOne Q 26.7, simulator (an
entry plays 3 cycles after it looks); zhinst-toolkit, examples ``active_qubit_reset.md`` and
``bell_state_stabilization.md`` (messages of a PQSC).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.zurich.acquiring import Acquired, integration_of
from qctl.hil.instruments.zurich.rendering import Track
from qctl.hil.instruments.zurich.sequence import HUB, LOOK, TRIGGER

if TYPE_CHECKING:
    from qctl.hil.instruments.zurich.device import Device
    from qctl.hil.instruments.zurich.playing import Run
    from qctl.hil.instruments.zurich.shots import Shots

__all__ = ["check_holdoff", "follows", "play_steered"]

_CYCLE, _AHEAD, _WAY = 8, 3, 200
_HUB_WAY = {"hd": 796, "sg": 768}
"""Samples at 2 GSa/s from the end of an integration to a PQSC's message in a generator, at most."""
_HUB_RATE_HZ = 2.0e9


def check_holdoff(device: Device, tracks: Sequence[Track], shots: Shots) -> None:
    """Refuse a run in which a PQSC ends to take results before the last ones come.

    Raises
    ------
    RequestError
        If entries look at its messages, and its hold-off is shorter than the run.
    """
    rows = [track.rows for track in tracks]
    looks = any(((one["operation"] == LOOK) & (one["b"] >= HUB)).any() for one in rows)
    if device.kind.n_zsync and looks and len(shots.stops_s):
        holdoff_s, ends_s = float(device.tree.value("execution/holdoff")), float(shots.stops_s[-1])
        if holdoff_s < ends_s:
            raise RequestError(f"{device.name} takes results for {holdoff_s:g} s; the run lasts {ends_s:g} s")


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
        From when each word of the box's own is there, in samples of the shot, and what it is in each shot.
    banks : list of (int, dict of int to (n,) int64)
        When each integration ended, and what a PQSC's registers have then in each shot; others have 0.
    chosen : dict of (int, int) to int
        Entries that were chosen in them, by track and row.
    """

    party: int
    places: NDArray[np.int64]
    shots: NDArray[np.int64]
    words: list[tuple[int, NDArray[np.int64]]] = field(default_factory=list)
    banks: list[tuple[int, dict[int, NDArray[np.int64]]]] = field(default_factory=list)
    chosen: dict[tuple[int, int], int] = field(default_factory=dict)

    def found(self, read: int) -> NDArray[np.int64]:
        """Return the word that is there at a time, in each shot."""
        there = [word for since, word in self.words if since <= read]
        return there[-1] if there else np.zeros(len(self.shots), np.int64)

    def message(self, pairs: Sequence[tuple[int, int, int]], until: int) -> NDArray[np.int64]:
        """Return what a PQSC makes of its registers as they are when an integration may have ended last."""
        there = [bank for end, bank in self.banks if end <= until]
        found = np.zeros(len(self.shots), np.int64)
        for place, register, index in pairs if there else ():
            if register in there[-1]:
                found |= (there[-1][register] >> 2 * index & 3) << 2 * place
        return found

    def of(self, where: NDArray[np.bool_]) -> _Group:
        """Return some of the shots."""
        words = [(since, word[where]) for since, word in self.words]
        banks = [(end, {register: bits[where] for register, bits in bank.items()}) for end, bank in self.banks]
        return _Group(self.party, self.places[where], self.shots[where], words, banks, self.chosen)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A row that looks.

    Attributes
    ----------
    track, row : int
        Which one it is.
    time, read : int
        When it plays, and looks, in the reading box's samples of the shot.
    offset, shift, mask : int
        Its first entry, and the part of the word that is added.
    way : int
        Samples that a PQSC's message takes to it; 0 where it looks at the word of its own box.
    pairs : tuple of (int, int, int)
        What the message has: the place of each pair of bits, its register, and its index there.
    """

    track: int
    row: int
    time: int
    read: int
    offset: int
    shift: int
    mask: int
    way: int = 0
    pairs: tuple[tuple[int, int, int], ...] = ()

    def entries(self, group: _Group) -> NDArray[np.int64]:
        """Return the entry that each shot plays."""
        word = group.message(self.pairs, self.read - self.way) if self.way else group.found(self.read)
        return self.offset + (word >> self.shift & self.mask)


async def play_steered(run: Run, plant: Plant, model: int, n_shots: int) -> list[tuple[Acquired, NDArray[np.float64]]]:
    """Play so many shots of a kind, and return each acquisition with its sums, (n_shots, 2).

    Raises
    ------
    RequestError
        If they do what is not emulated, or an entry doesn't look when it has to.
    """
    reading = [place for place in range(len(run.tracks)) if run.windows(place, model)]
    if len(reading) != 1:
        raise RequestError(f"{len(reading)} readout channels take part where entries look for results: not emulated")
    (place,) = reading
    track = run.tracks[place]
    rate_hz = track.device.rate_hz
    choices, found = _choices(run, model, rate_hz), list[tuple[Acquired, NDArray[np.float64]]]()
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
                over = _over(track, acquired, sums)
                words = [*part.words, (stop + _WAY, _packed(over, 2))]
                register = int(track.rows["read"][window.row])
                before = part.banks[-1][1] if part.banks else {}
                banks = [*part.banks, (stop, {**before, register: _packed(over, 1)})]
                after.append(_Group(party, np.arange(len(part.shots)), part.shots, words, banks, chosen))
        found += [(one, table[:, one.column : one.column + 2]) for one in acquired]
        groups, begin = after, stop
    return found


def _choices(run: Run, model: int, rate_hz: float) -> list[_Choice]:
    """Return what entries of a shot look for, in order of time; times in samples at the rate of what reads."""
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
            shift, n_bits = int(row["b"]) >> 8 & 255, int(row["b"]) & 255
            ratio, at = rate_hz / track.device.rate_hz, int(row["time"]) - origin
            times = round(at * ratio), round((at - _AHEAD * _CYCLE) * ratio)
            way, pairs = _by_hub(track) if int(row["b"]) & HUB else (0, ())
            found.append(_Choice(place, low + k, *times, int(row["a"]), shift, (1 << n_bits) - 1, way, pairs))
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


def _by_hub(track: Track) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    """Return how long a PQSC's message takes to a sequencer, and what it has; nothing where none is sent.

    Raises
    ------
    RequestError
        If there is no PQSC, or its messages are others than those of its registers.
    """
    device, one = track.device, track.sequencer
    if device.hub is None or one.kind not in _HUB_WAY or device.rate_hz != _HUB_RATE_HZ:
        raise RequestError(f"{one.place} looks for a PQSC's message at {device.rate_hz:g} samples/s: not emulated")
    hub, port = device.hub
    output = f"zsyncs/{port}/output"
    if hub.tree.value(f"{output}/source"):
        raise RequestError(f"{hub.name}: {output} sends what its decoder makes: not emulated")
    pairs = []
    for place in range(8) if hub.tree.value(f"{output}/enable") else ():
        at = f"{output}/registerbank/sources/{place}"
        if hub.tree.value(f"{at}/enable"):
            pairs.append((place, int(hub.tree.value(f"{at}/register")), int(hub.tree.value(f"{at}/index"))))
    return _HUB_WAY[one.kind], tuple(pairs)


def _over(track: Track, acquired: Sequence[Acquired], sums: NDArray[np.float64]) -> dict[int, NDArray[np.int64]]:
    """Return by integrator whether it is over its threshold, in each shot."""
    place = f"qachannels/{track.sequencer.number}/readout/discriminators"
    return {
        one.integrator: (
            sums[:, one.column] >= float(track.device.tree.value(f"{place}/{one.integrator}/threshold"))
        ).astype(np.int64)
        for one in acquired
    }


def _packed(over: Mapping[int, NDArray[np.int64]], n_bits: int) -> NDArray[np.int64]:
    """Return words in which each integrator has so many bits."""
    return np.asarray(sum(bits << n_bits * integrator for integrator, bits in over.items()))
