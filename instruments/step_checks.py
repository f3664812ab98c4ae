"""Check a program of steps against a generator's and the lab's limits, before a byte leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.errors import LimitError, RequestError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.steps import Channel, StepsBody
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["check_steps"]


def check_steps(
    body: StepsBody,
    blobs: Mapping[str, NDArray[np.generic]],
    instrument: Instrument,
    table: Capability,
    dtype: np.dtype[np.generic],
    span: Callable[[Channel, NDArray[np.generic] | None], tuple[float, float]],
    elements: Callable[[list[int]], int] = sum,
) -> None:
    """Raise unless the program fits the box and every voltage it plays is within the outputs' limits.

    Parameters
    ----------
    body : StepsBody
        The program's body.
    blobs : mapping of str to (n_samples,)
        Waveforms by digest.
    instrument : Instrument
        The entry in lab.toml.
    table : Capability
        The model's.
    dtype : numpy.dtype
        Of waveforms.
    span : function
        Returns the lowest and highest voltage of a waveform on a channel; without a waveform, of all that there can be.
    elements : function
        From the number of steps of each point to that which the sequence's limit holds for.

    Raises
    ------
    LimitError
        With the value, the bound and the output.
    RequestError
        If the program contradicts itself.
    """
    name = instrument.name
    limit(table, "clocks.sample.hz").limits.check(body.clock_hz, f"{name}: clock_hz")
    steps = [step for point in body.points for step in point]
    n_elements = elements([len(point) for point in body.points])
    limit(table, "sequence").limits.check(n_elements, f"{name}: sequence elements")
    if not all(body.points):
        raise RequestError(f"{name}: a point has no step", instrument=name)
    if table.waveforms is not None and table.waveforms.count is not None:
        n_waveforms = len({digest for step in steps for digest in step.waveforms.values()})
        most = limit(table, "waveforms.count").most
        if n_waveforms > most:
            raise LimitError(f"{name}: {n_waveforms} waveforms are over {most}", instrument=name)
    length = limit(table, "channels.output.length").limits
    sizes = {digest: _checked_size(name, digest, words, length, dtype) for digest, words in blobs.items()}
    memory = limit(table, "waveforms.samples").most
    loops = limit(table, "loops.count").limits
    for number, channel in body.channels.items():
        output = instrument.output.get(number)
        if output is None:
            raise RequestError(f"{name}: output {number} is not in lab.toml", instrument=name)
        limit(table, "settings.amplitude_vpp").limits.check(
            channel.amplitude_vpp, f"{name}: output {number} amplitude_vpp"
        )
        limit(table, "settings.offset_v").limits.check(channel.offset_v, f"{name}: output {number} offset_v")
        Limits(*output.limits_v).check(channel.offset_v, f"{name}: output {number} offset_v")
        used = sorted({step.waveforms[number] for step in steps if number in step.waveforms})
        missing = [digest for digest in used if digest not in sizes]
        if missing:
            raise RequestError(f"{name}: the program has no waveform {missing[0]}", instrument=name)
        n_samples = sum(sizes[digest] for digest in used)
        if n_samples > memory:
            raise LimitError(
                f"{name}: output {number} waveforms = {n_samples} samples is over {memory}", instrument=name
            )
        low, high = output.limits_v
        widest = span(channel, None)
        if low <= widest[0] and widest[1] <= high:
            continue
        for digest in used:
            reached = span(channel, blobs[digest])
            if not (low <= reached[0] and reached[1] <= high):
                raise LimitError(
                    f"{name}: output {number} would reach {reached[0]:g} to {reached[1]:g} V, outside "
                    f"[{low:g}, {high:g}] V, in waveform {digest}",
                    instrument=name,
                )
    outputs = body.channels.keys()
    for index, step in enumerate(steps, 1):
        if not loops.low <= step.n_loops <= loops.high:
            loops.check(step.n_loops, f"{name}: element {index} loops")
        if step.waveforms.keys() != outputs:
            raise RequestError(f"{name}: element {index} does not have a waveform for each output", instrument=name)
        if len({sizes[digest] for digest in step.waveforms.values()}) > 1:
            raise RequestError(f"{name}: the waveforms of element {index} differ in length", instrument=name)


def _checked_size(
    name: str, digest: str, words: NDArray[np.generic], length: Limits, dtype: np.dtype[np.generic]
) -> int:
    """Return the samples of a waveform, if they are what a block can carry."""
    if words.dtype != dtype or words.ndim != 1 or not words.flags.c_contiguous:
        raise RequestError(f"{name}: waveform {digest} is not a contiguous row of {dtype.name}", instrument=name)
    n_samples = words.size
    if not length.low <= n_samples <= length.high:
        length.check(n_samples, f"{name}: waveform {digest} samples")
    return n_samples
