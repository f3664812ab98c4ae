"""Lower straights to what an AWG5014C plays: 14-bit words by content, steps for each point."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number, usage
from qctl.instruments.rendering import Cut, Feed, Key, Made, Points, Renderer, Words, feeds_of, lowering
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014 import pieces
from qctl.instruments.tektronix_awg5014.body import AwgBody, Channel, Step
from qctl.instruments.tektronix_awg5014.pieces import cuts_of, longest_shot_samples
from qctl.lab import Instrument, Lab, Output
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["lower"]

Steps = tuple[Step, ...]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one generator.

    A shot begins at time zero and ends with the last pulse of its point on any output, or with the shortest length that
    the box plays. Where all outputs are silent for long, a short silent waveform is looped. Outputs without a pulse at
    any point stay off. Where the report shows that the program is far over the memory, it has no waveforms.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    with lowering:
        return _lower(straights, instrument, lab, shots)


def _lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    capability = can.TABLES[instrument.model]
    clock_hz = _given(instrument.clock_hz, f"{instrument.name}: clock_hz")
    check_number(capability, "clocks.sample.hz", clock_hz, instrument.name)
    rate_hz = rational_hz(clock_hz)
    feeds = feeds_of(lab, instrument.name)
    channels = {n: _channel(instrument, n, feed, k) for feed in feeds for k, n in enumerate(feed.outputs)}
    half_v = {n: channel.amplitude_vpp / 2 for n, channel in channels.items()}
    lead_ticks = to_ticks(shots.lead_s.get(instrument.name, 0.0), rate_hz).ticks
    work = Renderer(feeds, rate_hz, half_v, lead_ticks)
    points = work.points_of(straights, pieces.LOOPED_SAMPLES)
    cuts = _cuts(points, instrument)
    used = [k for k in range(len(feeds)) if points.uses(k)]
    keys = {k: work.keys(points, k, cuts) for k in used}
    longest, place = _longest(points, cuts)
    check_number(
        capability, "channels.output.length", longest or limit(capability, "channels.output.length").least, place
    )
    asked = _asked({k: dict.fromkeys(keys[k]) for k in used}, cuts)
    if len(straights) > 1 and not asked.fits(capability):
        needed = (
            usage(capability, "waveforms.samples", asked.n_samples, f"up to {place}"),
            usage(capability, "sequence", asked.n_elements),
        )
        return DeviceProgram(instrument.name, instrument.model, b"", {}, len(straights), needed)
    made = {k: work.render(points, k, keys[k]) for k in used}
    played = _points(cuts, made, feeds)
    held = {n: _held(made[k], place) for k in used for place, n in enumerate(feeds[k].outputs)}
    event = instrument.event is not None and len(played) > 1
    body = AwgBody(float(rate_hz), {n: channels[n] for n in sorted(held)}, played, event=event)
    for n, table in held.items():
        _check_limits(instrument, n, channels[n], table.values())
    blobs = {digest: words for table in held.values() for digest, words, *_ in table.values()}
    sizes = {n: sum(len(words) for _, words, *_ in table.values()) for n, table in held.items()}
    fullest = max(sizes, key=lambda n: sizes[n], default=0)
    rows = (
        usage(capability, "waveforms.samples", sizes.get(fullest, 0), f"output {fullest}, up to {place}"),
        usage(capability, "channels.output.length", longest, place, name="longest waveform"),
        usage(capability, "sequence", sum(len(steps) for steps in played)),
        usage(capability, "waveforms.count", len(blobs)),
    )
    work.trim()
    return DeviceProgram(instrument.name, instrument.model, body.to_bytes(), blobs, len(played), rows)


def _cuts(points: Points, instrument: Instrument) -> list[Cut]:
    """Return how each point's shot is cut.

    Raises
    ------
    CompileError
        If a pulse is before time zero, or later than any shot ends.
    """
    early = np.flatnonzero(points.spans[:, 0] < 0)
    if len(early):
        k = int(early[0])
        starts, _, places = points.named(k)
        which = int(np.flatnonzero(starts < 0)[0])
        raise CompileError(
            f"{points.label(k, places[which])} starts {-int(starts[which])} samples before time zero of the shot on "
            f"{instrument.name}: delay the whole sequence"
        )
    bound = longest_shot_samples()
    k = int(np.argmax(points.spans[:, 1])) if len(points) else 0
    if len(points) and points.spans[k, 1] > bound:
        _, ends, places = points.named(k)
        label = points.label(k, places[int(np.argmax(ends))])
        raise CompileError(
            f"{label} ends {int(ends.max())} samples after the trigger; {instrument.name} ({instrument.model}) plays "
            f"at most {bound} in one shot",
            pulse=label,
            samples=int(ends.max()),
            bound=bound,
        )
    gaps = points.gaps[: points.gap_bounds[-1]]
    return cuts_of(points.spans[:, 1].tolist(), gaps.tolist(), points.gap_bounds.tolist())


def _longest(points: Points, cuts: Sequence[Cut]) -> tuple[int, str]:
    """Return the samples of the longest waveform, and the label of the pulse that ends it."""
    longest, where, label = 0, -1, ""
    for k, cut in enumerate(cuts):
        for piece in cut:
            if piece.n_samples > longest:
                longest, first, where = piece.n_samples, piece.first, k
    if where >= 0:
        starts, ends, places = points.named(where)
        inside = np.flatnonzero((starts >= first) & (starts < first + longest))
        label = points.label(where, places[inside[np.argmax(ends[inside])]]) if len(inside) else ""
    return longest, label


class _Asked(NamedTuple):
    """What a program would need, seen before it is rendered; equal waveforms of unequal pulses count twice."""

    n_samples: int
    n_elements: int

    def fits(self, table: Capability) -> bool:
        """Say whether it is worth rendering."""
        most = limit(table, "waveforms.samples").most, limit(table, "sequence").most
        return self.n_samples <= 2 * most[0] and self.n_elements <= most[1]


def _asked(keys: Mapping[int, Mapping[Key, None]], cuts: Iterable[Cut]) -> _Asked:
    n_samples = max(
        (sum(piece.n_samples for _, cut, _ in table for piece in cut if piece.n_loops == 1) for table in keys.values()),
        default=0,
    )
    counts = [len(cut) for cut in cuts]
    return _Asked(n_samples, sum(counts) if any(len(table) > 1 for table in keys.values()) else counts[0])


def _points(cuts: Sequence[Cut], made: Mapping[int, Sequence[Made]], feeds: Sequence[Feed]) -> tuple[Steps, ...]:
    """Return the steps of each point; of one if all points are the same."""
    outputs = [n for k in made for n in feeds[k].outputs]
    known: dict[tuple[object, ...], Steps] = {}
    points = []
    for k, cut in enumerate(cuts):
        rows = [table[k] for table in made.values()]
        key = (cut, *map(id, rows))
        steps = known.get(key)
        if steps is None:
            steps = known[key] = tuple(
                Step(dict(zip(outputs, [one[0] for row in rows for one in row[p]], strict=True)), piece.n_loops)
                for p, piece in enumerate(cut)
            )
        points.append(steps)
    return tuple(points[:1] if all(steps == points[0] for steps in points) else points)


def _held(made: Sequence[Made], place: int) -> dict[str, Words]:
    """Return the distinct waveforms of one output."""
    distinct = {id(one): one for one in made}
    return {piece[place][0]: piece[place] for one in distinct.values() for piece in one}


def _channel(instrument: Instrument, number: int, feed: Feed, place: int) -> Channel:
    output = _output(instrument, number)
    amplitude_vpp = _given(output.amplitude_vpp, f"{instrument.name}: output {number} amplitude_vpp")
    offset_v = output.offset_v + (feed.mixer.offset_v[place] if len(feed.outputs) == 2 else 0.0)
    capability, name = can.TABLES[instrument.model], f"{instrument.name} output {number}"
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


def _check_limits(instrument: Instrument, number: int, channel: Channel, held: Collection[Words]) -> None:
    """Refuse waveforms whose voltage leaves the limits of lab.toml; most ranges can't, and are not looked at."""
    low, high = _output(instrument, number).limits_v
    half_v = channel.amplitude_vpp / 2
    if low <= channel.offset_v - half_v and channel.offset_v + half_v <= high:
        return
    codes = np.array([min(low for *_, low, _ in held), max(high for *_, high in held)])
    reached = can.code_voltages(channel.amplitude_vpp, channel.offset_v, codes)
    if not (low <= reached[0] and reached[1] <= high):
        raise CompileError(
            f"output {number} of {instrument.name} would reach {reached[0]:.4g} to {reached[1]:.4g} V, "
            f"outside [{low:g}, {high:g}] V",
            output=number,
        )
