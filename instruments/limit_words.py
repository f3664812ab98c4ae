"""How a limit of a capability table is said to a physicist: what is counted, and what to do where it is exceeded."""

from __future__ import annotations

import math
from functools import cache

from qctl.instruments.capability import Capability, Number, Range

__all__ = ["NAMES", "refusal", "remedy_of", "resource_of"]

NAMES = {
    "waveforms.count": "waveforms",
    "waveforms.samples": "waveform samples",
    "weights.count": "weights",
    "weights.samples": "weight samples",
    "instructions.count": "instructions",
    "instructions.ahead": "ticks of head start",
    "table.entries": "table entries",
    "sequence": "sequence elements",
    "bins": "bins",
    "acquisitions": "acquisitions",
    "sequencers": "sequencers",
    "markers": "marker mask",
    "wait": "wait",
    "scope.samples": "samples",
    "scope.records": "records",
    "scope.averages": "averages",
    "loops.count": "loop count",
    "loops.depth": "nested loops",
    "conditions.addresses": "trigger address",
    "upload.size": "bytes of one block",
}
"""What is counted at a path, in words."""
_CHANNEL = {
    "number": "number",
    "length": "length",
    "start": "start",
    "amplitude": "amplitude",
    "frequency": "frequency",
    "phase": "phase",
}
_NEARER = "move the LO nearer to the tone (frequency_hz of its source, or lo_hz of the output)"
_OVER = {
    "waveforms.count": "use fewer different envelopes, or run the points in several jobs",
    "waveforms.samples": "shorten the waveforms, sweep amplitudes rather than shapes, or run fewer points at a time",
    "weights.count": "let several captures share their weights",
    "weights.samples": "shorten the captures or share their weights",
    "instructions.count": "use loops and sweeps rather than written-out repetitions, or run fewer points at a time",
    "instructions.ahead": "leave more time between the pulses, or loop over equal ones",
    "table.entries": "play fewer different amplitudes, phases and frequencies, or sweep fewer points at a time",
    "sequence": "use loops rather than written-out repetitions, or run fewer points at a time",
    "bins": "average the shots, or run fewer points or shots at a time",
    "acquisitions": "read fewer results into their own slots",
    "sequencers": "move a port to another module",
    "wait": "split it into a loop of shorter waits",
    "scope.samples": "shorten the captures or take fewer shots at a time",
    "scope.records": "take fewer shots at a time, or average",
    "scope.averages": "take fewer shots at a time",
    "loops.count": "nest two loops, or run fewer repetitions at a time",
    "loops.depth": "unroll the innermost loop",
    "upload.size": "split the block",
    "length": "split the pulse, or shorten it to {high}",
    "amplitude": "lower it to {high} at most, or take attenuation out of the line",
    "frequency": _NEARER,
    "start": "start it earlier",
    "number": "wire the port to one of {low} … {high}",
}
_UNDER = {
    "length": "lengthen it to {low}",
    "wait": "lengthen it to {low}, or leave it out",
    "start": "delay the whole sequence, so that nothing comes before time zero",
    "amplitude": "raise it to {low} at least",
    "frequency": _NEARER,
    "instructions.ahead": "leave more time between the pulses",
}


def _key(path: str) -> str:
    return path.split(".")[-1] if path.startswith("channels.") else path


@cache
def resource_of(path: str) -> str:
    """Return what is counted at a path: ``waveform samples``, ``length of output``, ``clock_hz`` …"""
    parts = path.split(".")
    if parts[0] == "channels":
        return f"{_CHANNEL.get(parts[2], parts[2])} on {parts[1]}"
    if path in NAMES:
        return NAMES[path]
    if parts[0] == "clocks":
        return "clock_hz" if parts[1] in ("sample", "tick") else f"{parts[1]} clock_hz"
    if parts[0] in ("gaps", "restrictions", "settings"):
        return parts[1].replace("-", " ")
    return " ".join(parts).replace("_", " ").replace("-", " ")


def remedy_of(resource: str) -> str:
    """Return what to do where a program needs too much of a resource that is counted, or nothing."""
    return next((_OVER[path] for path, name in NAMES.items() if name == resource and path in _OVER), "")


def _said(value: Number | None, unit: str) -> str:
    if value is None:
        return "anything"
    number = f"{value:,}".replace(",", "") if isinstance(value, int) else f"{float(value):.12g}"
    return f"{number} {unit}".rstrip()


def refusal(can: Capability, path: str, found: Range, need: Number, place: str = "", pad: str = "") -> str:
    """Return the sentence that refuses a value: where, what, how much, the bound, its source, and the remedy."""
    unit = found.unit
    over = found.high is not None and not need <= found.high  # NaN is over
    under = not over and found.low is not None and need < found.low
    bound, word = (found.high, "over") if over else (found.low, "below")
    head = f"{place}: " if place else ""
    words = resource_of(path).lower().replace("_", " ").split()
    what = f"{resource_of(path)} = {_said(need, unit if unit.lower() not in words else '')}"
    key = _key(path)
    filled = {"low": _said(found.low, unit), "high": _said(found.high, unit)}
    doubt = f", {found.unverified} unverified" if found.unverified else ""
    source = f" ({found.source}{doubt})" if found.source else ""
    if not math.isfinite(need):
        return f"{head}{what} is not a finite number; a {can.model} takes {filled['low']} to {filled['high']}"
    if over or under:
        told = (
            f"{head}{what} is {word} {_said(bound, unit)}, the {'most' if over else 'least'} of a {can.model}{source}"
        )
        kept = "set it to {low}" if found.low == found.high else "keep it within {low} to {high}"
        remedy = (_OVER if over else _UNDER).get(key, kept)
        padded = f", or set pad={pad!r}" if under and key == "length" and pad not in ("", "refuse") else ""
        return f"{told}: {remedy.format(**filled)}{padded}"
    if found.choices:
        near = min(found.choices, key=lambda one: abs(float(one) - float(need)))
        told = f"{head}{what} is none of the {len(found.choices)} values that a {can.model} takes{source}"
        return f"{told}: take {_said(near, unit)}"
    told = f"{head}{what} is not a whole multiple of {_said(found.step, unit)}, as a {can.model} wants{source}"
    step = found.step or 1
    below, above = need // step * step, (need // step + 1) * step
    if key == "length":
        padded = f", or set pad={pad!r}" if pad not in ("", "refuse") else ""
        return f"{told}: lengthen it to {_said(above, unit)}{padded}"
    return f"{told}: take {_said(below, unit)} or {_said(above, unit)}"
