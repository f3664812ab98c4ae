"""Which racks follow what they measure, and how fast: asked of each instrument's family, before a program is timed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from qctl.compiler.feedback import Feedback
from qctl.errors import CompileError
from qctl.instruments.registry import lowering_of, model_of
from qctl.lab import Instrument, Lab, Processor
from qctl.program.timeline import Timeline

__all__ = ["check_followers", "feedback_of"]

_NS = Fraction(1, 10**9)
_KINDS = ("player", "recorder", "transceiver")


def feedback_of(lab: Lab, processor: Processor) -> Feedback:
    """Return how a processor's rack follows what it measures.

    A family whose `lower` has `feedback_ns` plays under conditions: it returns, for a box that does, the nanoseconds
    from the end of a capture to what it may decide, and the least between the ends of two such captures.
    """
    boxes = [one for one in lab.instruments_of(processor.name) if model_of(one.model).kind in _KINDS]
    without = _without(boxes, lab)
    follows = {found for one in boxes if (found := _feedback_ns(one, lab)) is not None}
    if without and not follows:
        return Feedback(f"{without[0].name} ({without[0].model})")
    families = {model_of(one.model).family for one in boxes}
    if len(families) != 1:
        names = ", ".join(f"{one.name} ({one.model})" for one in boxes)
        return Feedback(f"a rack of several makes ({names})" if boxes else "this target")
    latency_ns, apart_ns = (max(column) for column in zip(*follows, strict=True))
    return Feedback("", latency_ns * _NS, apart_ns * _NS)


def check_followers(timelines: Sequence[Timeline], instruments: Sequence[Instrument], lab: Lab) -> None:
    """Refuse conditions on plays of instruments that don't follow what is measured.

    Raises
    ------
    CompileError
        Naming the instrument, the play and the bits.
    """
    if not any(timeline.conditions for timeline in timelines):
        return
    without = {one.name: one for one in _without(instruments, lab)}
    for timeline in timelines:
        for k, when in enumerate(timeline.conditions):
            port = lab.port(timeline.ports[int(timeline.plays["port"][0, k])].name)
            box = next((without[ref.instrument] for ref in port.outputs if ref.instrument in without), None)
            if when is not None and box is not None:
                bits = when.text([spec.slot for spec in timeline.specs])
                raise CompileError(
                    f"{box.name} ({box.model}) can't play by measured bits: {timeline.labels[k]} happens if {bits}",
                    instrument=box.name,
                )


def _without(instruments: Sequence[Instrument], lab: Lab) -> list[Instrument]:
    found = [one for one in instruments if model_of(one.model).kind in _KINDS]
    return [one for one in found if _feedback_ns(one, lab) is None]


def _feedback_ns(instrument: Instrument, lab: Lab) -> tuple[int, int] | None:
    follow = getattr(lowering_of(instrument.model), "feedback_ns", None)
    found: tuple[int, int] | None = None if follow is None else follow(instrument, lab)
    return found
