"""What must hold for a run to start and go on: readings inside their bounds, and one tree of reference clocks."""

from __future__ import annotations

from qctl.lab.decoding import Problems, join
from qctl.lab.lab import Lab
from qctl.lab.rack import Instrument
from qctl.lab.rack_rules import unknown

__all__ = ["check_safeguards", "clock_root"]


def clock_root(lab: Lab, name: str) -> str:
    """Return the instrument whose own clock an instrument follows in the end; itself where no source is named."""
    seen = [name]
    while (source := lab.instruments[seen[-1]].clock_source) in lab.instruments and source not in seen:
        seen.append(source)
    return seen[-1]


def check_safeguards(lab: Lab, problems: Problems) -> None:
    """Note interlocks of what is not there, and clocks that come from nowhere or from two sources."""
    for name, interlock in lab.interlocks.items():
        path = join("interlocks", name)
        if interlock.instrument not in lab.instruments:
            text = unknown("instrument", interlock.instrument, list(lab.instruments))
            problems.add(join(path, "instrument"), text)
        if interlock.min is None and interlock.max is None:
            problems.add(path, "has neither min nor max, so nothing would be refused")
        elif interlock.min is not None and interlock.max is not None and interlock.min > interlock.max:
            problems.add(path, f"min = {interlock.min:g} is above max = {interlock.max:g}")
    sound = [_clock(lab, one, join("instruments", name), problems) for name, one in lab.instruments.items()]
    if all(sound):
        for name in lab.processors:
            _one_tree(lab, name, problems)


def _clock(lab: Lab, instrument: Instrument, path: str, problems: Problems) -> bool:
    source, at = instrument.clock_source, join(path, "clock_source")
    if not source:
        return True
    if source not in lab.instruments:
        problems.add(at, unknown("instrument", source, list(lab.instruments)))
    elif instrument.reference != "external":
        problems.add(join(path, "reference"), f"is not external, and clock_source = {source!r}")
    elif lab.instruments[clock_root(lab, instrument.name)].clock_source:
        problems.add(at, "the clocks go in a circle")
    else:
        return True
    return False


def _one_tree(lab: Lab, processor: str, problems: Problems) -> None:
    """Note instruments of one processor whose clocks come from different sources: their phases would drift apart."""
    if lab.processor(processor).trigger not in lab.instruments:
        return
    try:
        instruments = [one for one in lab.instruments_of(processor) if one.clock_source]
    except LookupError:
        return
    roots: dict[str, str] = {}
    for one in instruments:
        roots.setdefault(clock_root(lab, one.name), one.name)
    if len(roots) > 1:
        words = " and ".join(f"{name} to {root}" for root, name in roots.items())
        text = f"its instruments are locked to different clocks, {words}: pulses of one would drift against the other's"
        problems.add(join("processors", processor), text)
