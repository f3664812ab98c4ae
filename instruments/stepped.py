"""Lower straights to steps that a generator plays: words by content in the box's own coding, steps for each point."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number, usage
from qctl.instruments.dealing import Points
from qctl.instruments.feeds import Feed, feeds_of
from qctl.instruments.pieces import cuts_of, longest_shot_samples, looped_samples, padded
from qctl.instruments.rendering import Coding, Cut, Key, Made, Renderer, Words, firsts
from qctl.instruments.steps import Channel, Step, StepsBody
from qctl.lab import Instrument, Lab, Output
from qctl.lab.held import Same, kept
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["Stepped", "stepped", "unfit"]

Steps = tuple[Step, ...]


class Stepped(msgspec.Struct, frozen=True, eq=False):
    """What a generator plays, and what it was made of.

    Attributes
    ----------
    clock_hz : float
        Its clock.
    channels : dict of int to Channel
        Outputs that are used.
    played : tuple of tuple of Step
        Steps of each point; of one if all points are the same. None where a program is far over the memory.
    blobs : dict of str to array
        Words by digest.
    usage : tuple of Usage
        Rows of the report.
    n_padded, n_most_padded : int
        Most samples of silence that a shot was filled up with, to the box's shortest length and grid, and the most that
        any could be.
    work, points, cuts, made, place, check
        See `tektronix_awg5014.again.Trail`.
    """

    clock_hz: float
    channels: dict[int, Channel]
    played: tuple[Steps, ...]
    blobs: dict[str, np.ndarray]
    usage: tuple[Usage, ...]
    n_padded: int
    n_most_padded: int
    work: Renderer
    points: Points
    cuts: Sequence[Cut]
    made: dict[int, list[Made]]
    place: str
    check: Callable[[int, Collection[Words]], None]

    def program(
        self, instrument: Instrument, body: StepsBody, blobs: dict[str, np.ndarray], n_held: int = 0
    ) -> DeviceProgram:
        """Return the program of a generator that is not led by events, with the padding in its report.

        Parameters
        ----------
        n_held : int
            Samples that each output holds beside those of the points.

        Raises
        ------
        CompileError
            If lab.toml has an event input for it, which such a generator can't be led by.
        """
        if instrument.event is not None and len(self.played) > 1:
            raise CompileError(
                f"{instrument.name} ({instrument.model}) can't be led from point to point by pulses at an event input: "
                f"leave `event` out of lab.toml, and each point is selected"
            )
        samples, longest, *more = self.usage
        rows = (replace(samples, used=samples.used + n_held), longest, *more)
        if self.n_padded:
            place = "silence after the last pulse of a shot"
            rows = (*rows, Usage("padded samples", self.n_padded, self.n_most_padded, place))
        return DeviceProgram(instrument.name, instrument.model, body.to_bytes(), blobs, len(self.played), rows)


def unfit(instrument: Instrument, n_points: int, made: Stepped) -> DeviceProgram:
    """Return the program of so many points that is far over the memory: its report alone."""
    return DeviceProgram(instrument.name, instrument.model, b"", {}, n_points, made.usage)


def stepped(
    straights: Sequence[Straight],
    instrument: Instrument,
    lab: Lab,
    shots: Shots,
    capability: Capability,
    coding: Coding,
    elements: Callable[[Sequence[int]], int] = sum,
) -> Stepped:
    """Return what one generator plays; whoever calls holds `rendering.lowering`.

    A shot begins at time zero and ends with the last pulse of its point on any output, filled up to what the box plays.
    Where all outputs are silent for long, a short silent waveform is looped. Outputs without a pulse at any point stay
    off. Where the report shows that the program is far over the memory, it has no waveforms.

    Parameters
    ----------
    elements : function
        From the numbers of steps of all points to the elements that the box's limit is about.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    lead_s = shots.lead_s.get(instrument.name, 0.0)
    key = ("stepped", instrument.name, Same(capability), coding, lead_s)
    wired = kept(lab, key, lambda: _wired(instrument, lab, capability, coding, lead_s))
    feeds, channels, work = wired.feeds, wired.channels, wired.work
    points = work.points_of(straights, wired.silence)
    ends: list[int] = points.spans[:, 1].tolist()
    cuts = _cuts(capability, wired.longest_shot, points, ends, instrument)
    n_padded = _n_padded(ends, cuts)
    used = [k for k in range(len(feeds)) if points.uses(k)]
    keys = {k: work.keys(points, k, cuts) for k in used}
    distinct = {k: firsts(keys[k]) for k in used}
    longest, place = _longest(points, cuts)
    check_number(
        capability, "channels.output.length", longest or limit(capability, "channels.output.length").least, place
    )

    def check(n: int, held: Collection[Words]) -> None:
        _check_limits(instrument, n, channels[n], held, coding)

    asked = _asked(distinct, cuts, elements)
    if len(straights) > 1 and not asked.fits(capability):
        needed = (
            usage(capability, "waveforms.samples", asked.n_samples, f"up to {place}"),
            usage(capability, "sequence", asked.n_elements),
        )
        clock_hz = _given(instrument.clock_hz, instrument.name)
        return Stepped(
            clock_hz, {}, (), {}, needed, n_padded, wired.n_most_padded, work, points, cuts, {}, place, check
        )
    made = {k: work.render(points, k, keys[k], distinct[k]) for k in used}
    played = _points(cuts, made, feeds)
    held: dict[int, dict[str, Words]] = {}
    for k in used:
        pieces = [piece for at in distinct[k].values() for piece in made[k][at]]
        for column, n in enumerate(feeds[k].outputs):
            held[n] = {words[0]: words for words in [piece[column] for piece in pieces]}
    for n, table in held.items():
        check(n, table.values())
    blobs = {name: words for table in held.values() for name, words, _, _ in table.values()}
    sizes = {n: sum([len(words) for _, words, _, _ in table.values()]) for n, table in held.items()}
    fullest = max(sizes, key=sizes.__getitem__, default=0)
    rows = [
        usage(capability, "waveforms.samples", sizes.get(fullest, 0), f"output {fullest}, up to {place}"),
        usage(capability, "channels.output.length", longest, place, name="longest waveform"),
        usage(capability, "sequence", elements([len(steps) for steps in played])),
    ]
    if capability.waveforms is not None and capability.waveforms.count is not None:
        rows.append(usage(capability, "waveforms.count", len(blobs)))
    work.trim()
    channels = {n: channels[n] for n in sorted(held)}
    return Stepped(
        wired.clock_hz, channels, played, blobs, tuple(rows), n_padded, wired.n_most_padded, work, points, cuts,
        made, place, check,
    )  # fmt: skip


class _Wired(NamedTuple):
    """What lab.toml and the capability table decide of one generator."""

    rate_hz: Fraction
    clock_hz: float
    silence: int
    longest_shot: int
    n_most_padded: int
    feeds: tuple[Feed, ...]
    channels: dict[int, Channel]
    work: Renderer


def _wired(instrument: Instrument, lab: Lab, capability: Capability, coding: Coding, lead_s: float) -> _Wired:
    clock_hz = _given(instrument.clock_hz, f"{instrument.name}: clock_hz")
    check_number(capability, "clocks.sample.hz", clock_hz, instrument.name)
    rate_hz = rational_hz(clock_hz)
    feeds = feeds_of(lab, instrument.name)
    channels = {n: _channel(capability, instrument, n, f, k) for f in feeds for k, n in enumerate(f.outputs)}
    half_v = {n: channel.amplitude_vpp / 2 for n, channel in channels.items()}
    work = Renderer(feeds, rate_hz, half_v, coding, to_ticks(lead_s, rate_hz).ticks)
    return _Wired(
        rate_hz, float(rate_hz), looped_samples(capability), longest_shot_samples(capability),
        padded(capability, 1) - 1, feeds, channels, work,
    )  # fmt: skip


def _n_padded(ends: Sequence[int], cuts: Sequence[Cut]) -> int:
    most = 0
    for end, cut in zip(ends, cuts, strict=True):
        last = cut[-1]
        if end and last[0] + last[1] - end > most:
            most = last[0] + last[1] - end
    return most


def _cuts(
    table: Capability, bound: int, points: Points, ends: Sequence[int], instrument: Instrument
) -> list[Cut]:  # fmt: skip
    """Return how each point's shot is cut.

    Raises
    ------
    CompileError
        If a pulse is before time zero, or later than any shot ends.
    """
    k = points.early
    if k >= 0:
        starts, _, places = points.named(k)
        which = int(np.flatnonzero(starts < 0)[0])
        raise CompileError(
            f"{points.label(k, places[which])} starts {-int(starts[which])} samples before time zero of the shot on "
            f"{instrument.name}: delay the whole sequence"
        )
    if ends and max(ends) > bound:
        k = ends.index(max(ends))
        label = points.label(k, points.last(k, 0, ends[k] + 1))
        raise CompileError(
            f"{label} ends {ends[k]} samples after the trigger; {instrument.name} ({instrument.model}) plays "
            f"at most {bound} in one shot",
            pulse=label,
            samples=ends[k],
            bound=bound,
        )
    gaps = points.gaps[: points.gap_bounds[-1]]
    return cuts_of(table, ends, gaps.tolist(), points.gap_bounds.tolist() if len(gaps) else ())


def _longest(points: Points, cuts: Sequence[Cut]) -> tuple[int, str]:
    """Return the samples of the longest waveform, and the label of the pulse that ends it."""
    longest, where, label, first = 0, -1, "", 0
    for k, cut in enumerate(cuts):
        for begin, n_samples, _ in cut:
            if n_samples > longest:
                first, longest, where = begin, n_samples, k
    if where >= 0:
        play = points.last(where, first, longest)
        label = points.label(where, play) if play >= 0 else ""
    return longest, label


class _Asked(NamedTuple):
    """What a program would need, seen before it is rendered; equal waveforms of unequal pulses count twice."""

    n_samples: int
    n_elements: int

    def fits(self, table: Capability) -> bool:
        """Say whether it is worth rendering."""
        most = limit(table, "waveforms.samples").most, limit(table, "sequence").most
        return self.n_samples <= 2 * most[0] and self.n_elements <= most[1]


def _asked(
    keys: Mapping[int, Mapping[Key, int]], cuts: Iterable[Cut], elements: Callable[[Sequence[int]], int]
) -> _Asked:
    n_samples = max(
        [sum([n for _, cut, _ in table for _, n, n_loops in cut if n_loops == 1]) for table in keys.values()], default=0
    )
    counts = [len(cut) for cut in cuts]
    counts = counts if any(len(table) > 1 for table in keys.values()) else counts[:1]
    return _Asked(n_samples, elements(counts))


def _points(cuts: Sequence[Cut], made: Mapping[int, Sequence[Made]], feeds: Sequence[Feed]) -> tuple[Steps, ...]:
    """Return the steps of each point; of one if all points are the same."""
    outputs = [n for k in made for n in feeds[k].outputs]
    tables = tuple(made.values())
    points: list[Steps]
    if tables and max(map(len, cuts)) == 1:
        names = [[one[0][place][0] for one in made[k]] for k in made for place in range(len(feeds[k].outputs))]
        points = [(Step(dict(zip(outputs, row, strict=True))),) for row in zip(*names, strict=True)]
    else:
        points = [
            tuple(
                Step(dict(zip(outputs, [one[0] for row in rows for one in row[p]], strict=True)), piece.n_loops)
                for p, piece in enumerate(cut)
            )
            for cut, *rows in zip(cuts, *tables, strict=True)
        ]
    return tuple(points[:1] if all(steps == points[0] for steps in points) else points)


def _channel(capability: Capability, instrument: Instrument, number: int, feed: Feed, place: int) -> Channel:
    output = _output(instrument, number)
    amplitude_vpp = _given(output.amplitude_vpp, f"{instrument.name}: output {number} amplitude_vpp")
    offset_v = output.offset_v + (feed.mixer.offset_v[place] if len(feed.outputs) == 2 else 0.0)
    name = f"{instrument.name} output {number}"
    check_number(capability, "channels.output.number", number, name)
    check_number(capability, "settings.amplitude_vpp", amplitude_vpp, name)
    check_number(capability, "settings.offset_v", offset_v, name)
    return Channel(amplitude_vpp, offset_v)


def _output(instrument: Instrument, number: int) -> Output:
    found = instrument.output.get(number)
    if found is None:
        raise CompileError(f"{instrument.name}: output {number} is not in lab.toml")
    return found


def _given(value: float | None, what: str) -> float:
    if value is None:
        raise CompileError(f"{what} is not given in lab.toml")
    return value


def _check_limits(
    instrument: Instrument, number: int, channel: Channel, held: Collection[Words], coding: Coding
) -> None:
    """Refuse waveforms whose voltage leaves the limits of lab.toml; most ranges can't, and are not looked at."""
    low, high = _output(instrument, number).limits_v
    half_v = channel.amplitude_vpp / 2
    if low <= channel.offset_v - half_v and channel.offset_v + half_v <= high:
        return
    codes = np.array([min(low for *_, low, _ in held), max(high for *_, high in held)])
    reached = channel.offset_v + half_v * (codes - coding.zero) / coding.top
    if not (low <= reached[0] and reached[1] <= high):
        raise CompileError(
            f"output {number} of {instrument.name} would reach {reached[0]:.4g} to {reached[1]:.4g} V, "
            f"outside [{low:g}, {high:g}] V",
            output=number,
        )
