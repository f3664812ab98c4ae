"""Lower straights to what an AWG5014C plays: 14-bit words by content, one sequence element a point."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.errors import CompileError
from qctl.instruments.rendering import Feed, Renderer, feeds_of
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.body import AwgBody, Channel, Step
from qctl.lab import Instrument, Lab, Output
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["lower"]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one generator.

    A waveform begins at time zero of the shot and ends with the last pulse of its point on any output, padded with
    silence to the shortest length that the box plays. Outputs without a pulse at any point stay off.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    rate_hz = rational_hz(_given(instrument.clock_hz, f"{instrument.name}: clock_hz"))
    feeds = feeds_of(lab, instrument.name)
    channels = {n: _channel(instrument, n, feed, k) for feed in feeds for k, n in enumerate(feed.outputs)}
    half_v = {n: channel.amplitude_vpp / 2 for n, channel in channels.items()}
    lead_ticks = to_ticks(shots.lead_s.get(instrument.name, 0.0), rate_hz).ticks
    work = Renderer(feeds, rate_hz, half_v, lead_ticks)
    used: set[int] = set()
    for straight in straights:
        work.attend(straight)
        used |= {k for k in range(len(feeds)) if work.uses(k)}
    elements: list[dict[int, str]] = []
    samples: dict[int, dict[str, int]] = {n: {} for k in used for n in feeds[k].outputs}
    longest, longest_label = 0, ""
    for straight in straights:
        work.attend(straight)
        n_samples, label = _length(work, straight, instrument)
        if n_samples > longest:
            longest, longest_label = n_samples, label
        element: dict[int, str] = {}
        for k in sorted(used):
            try:
                digests = work.words(straight, k, n_samples)
            except ValueError as error:
                raise CompileError(f"{instrument.name}: a pulse starts before time zero of the shot: {error}") from None
            for n, digest in zip(feeds[k].outputs, digests, strict=True):
                element[n] = digest
                samples[n][digest] = n_samples
        elements.append(element)
    if all(element == elements[0] for element in elements):
        elements = elements[:1]
    points = tuple((Step(element),) for element in elements)
    event = instrument.event is not None and len(points) > 1
    body = AwgBody(float(rate_hz), {n: channels[n] for n in sorted(samples)}, points, event=event)
    blobs = {digest: work.blob(digest) for table in samples.values() for digest in table}
    for n, table in samples.items():
        _check_limits(instrument, n, channels[n], {d: blobs[d] for d in table}, straights)
    fullest = max(samples, key=lambda n: sum(samples[n].values()), default=0)
    usage = (
        Usage(
            "waveform samples",
            sum(samples.get(fullest, {}).values()),
            can.MEMORY_SAMPLES,
            f"output {fullest}, up to {longest_label}",
        ),
        Usage("longest waveform", longest, int(can.LENGTH_SAMPLES.high), longest_label),
        Usage("sequence elements", len(elements), can.MAX_ELEMENTS),
        Usage("waveforms", len(blobs), can.MAX_WAVEFORMS),
    )
    work.trim()
    return DeviceProgram(instrument.name, instrument.model, body.to_bytes(), blobs, len(elements), usage)


def _length(work: Renderer, straight: Straight, instrument: Instrument) -> tuple[int, str]:
    """Return the samples of one point's waveforms, and the label of the pulse that ends last."""
    end, label = work.end_of(straight)
    if end > can.LENGTH_SAMPLES.high:
        raise CompileError(
            f"{label} ends {end} samples after the trigger; {instrument.name} ({instrument.model}) plays at most "
            f"{int(can.LENGTH_SAMPLES.high)} in one shot",
            pulse=label,
            samples=end,
            bound=int(can.LENGTH_SAMPLES.high),
        )
    n_samples = max(end, int(can.LENGTH_SAMPLES.low))
    return -(-n_samples // can.MULTIPLE_SAMPLES) * can.MULTIPLE_SAMPLES, label


def _channel(instrument: Instrument, number: int, feed: Feed, place: int) -> Channel:
    output = _output(instrument, number)
    amplitude_vpp = _given(output.amplitude_vpp, f"{instrument.name}: output {number} amplitude_vpp")
    offset_v = output.offset_v + (feed.mixer.offset_v[place] if len(feed.outputs) == 2 else 0.0)
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
    instrument: Instrument, number: int, channel: Channel, blobs: dict, straights: Sequence[Straight]
) -> None:
    """Refuse waveforms whose voltage leaves the limits of lab.toml; most ranges can't, and are not looked at."""
    low, high = _output(instrument, number).limits_v
    half_v = channel.amplitude_vpp / 2
    if low <= channel.offset_v - half_v and channel.offset_v + half_v <= high:
        return
    for words in blobs.values():
        reached = can.code_voltages(channel.amplitude_vpp, channel.offset_v, words)
        if not (low <= reached.min() and reached.max() <= high):
            label = max((p for s in straights for p in s.labels), key=len, default="a pulse")
            raise CompileError(
                f"{label}: output {number} of {instrument.name} would reach {reached.min():.4g} to "
                f"{reached.max():.4g} V, outside [{low:g}, {high:g}] V",
                output=number,
            )
