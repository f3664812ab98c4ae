"""Feeds: the ports that a generator plays, with the outputs of each."""

from __future__ import annotations

from dataclasses import dataclass

from qctl.errors import CompileError
from qctl.lab import Lab, Mixer

__all__ = ["Feed", "feeds_of"]


@dataclass(frozen=True, slots=True)
class Feed:
    """One output, or the pair of outputs of an IQ mixer, and the ports that they feed.

    Attributes
    ----------
    outputs : tuple of int
        I and Q, or one output.
    ports : tuple of str
        Names in lab.toml.
    mixer : Mixer
        Correction of the pair.
    """

    outputs: tuple[int, ...]
    ports: tuple[str, ...]
    mixer: Mixer


def feeds_of(lab: Lab, instrument: str) -> tuple[Feed, ...]:
    """Return the feeds of a generator; ports of one feedline share one."""
    found: dict[tuple[int, ...], Feed] = {}
    for port in lab.ports.values():
        refs = port.outputs
        if not refs or refs[0].instrument != instrument:
            continue
        if any(ref.instrument != instrument for ref in refs):
            raise CompileError(f"port {port.name}: I and Q are outputs of two instruments")
        key = tuple(ref.output for ref in refs)
        old = found.get(key)
        found[key] = Feed(key, (*(old.ports if old else ()), port.name), port.mixer)
    return tuple(found.values())
