"""What wires of lab.toml mean for a run: which instruments a port uses, and how late each is triggered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from qctl.lab import Instrument, Lab, Port, Processor
from qctl.lab.held import kept

__all__ = ["Occupied", "leads_of", "occupied_by", "uses"]


class Occupied(NamedTuple):
    """What a run on a processor occupies, and what each instrument adds to its times."""

    processor: Processor
    instruments: tuple[Instrument, ...]
    lead_s: dict[str, float]


def occupied_by(lab: Lab, processor: str) -> Occupied:
    """Return what a run on a processor occupies."""

    def make() -> Occupied:
        instruments = lab.instruments_of(processor)
        return Occupied(lab.processor(processor), instruments, leads_of(instruments))

    return kept(lab, ("occupied", processor), make)


def leads_of(instruments: Sequence[Instrument]) -> dict[str, float]:
    """Return what each triggered instrument must add so that all share the time zero of the last one.

    What triggers one that is triggered itself passes its own delay on.
    """
    known = {instrument.name: instrument for instrument in instruments}
    delays: dict[str, float] = {}
    for instrument in instruments:
        wire, seen = instrument.trigger, {instrument.name}
        while wire is not None:
            delays[instrument.name] = delays.get(instrument.name, 0.0) + wire.delay_s
            source = known.get(wire.source) if wire.source not in seen else None
            seen.add(wire.source)
            wire = source.trigger if source is not None else None
    latest = max(delays.values(), default=0.0)
    return {name: latest - delay for name, delay in delays.items()}


def uses(port: Port, instrument: str) -> bool:
    """Say whether a port is wired to an instrument."""
    names = [ref.instrument for ref in port.outputs] + [ref.instrument for ref in port.inputs]
    return instrument in names
