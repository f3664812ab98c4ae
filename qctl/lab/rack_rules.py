"""What must hold among instruments: bounds in order, safe states inside them, addresses and triggers that exist."""

from __future__ import annotations

import re
from difflib import get_close_matches

from qctl.lab.addresses import Address, parse_address
from qctl.lab.decoding import Problems, join
from qctl.lab.firmware_rules import check_described, check_shared
from qctl.lab.lab import Lab
from qctl.lab.rack import EventWire, Instrument, Output, TriggerWire

__all__ = ["NAME", "check_instruments", "is_dc", "unknown"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def unknown(kind: str, name: str, known: list[str] | dict[str, object]) -> str:
    """Return the words that refuse a name, with the closest one that exists."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"there is no {kind} {name!r}" + (f", did you mean {close[0]!r}?" if close else "")


def is_dc(output: Output) -> bool:
    """Say whether an output holds a voltage rather than playing waveforms."""
    return output.amplitude_vpp is None


def check_instruments(lab: Lab, problems: Problems) -> None:
    """Note what is wrong with the instruments, each by itself and one against another."""
    seen: dict[tuple[str, str, str, str], list[Instrument]] = {}
    for name, instrument in lab.instruments.items():
        path = join("instruments", name)
        if not NAME.fullmatch(name):
            problems.add(path, "a name has letters, digits and _ only, and starts with a letter")
        _address(instrument, path, seen, problems)
        _outputs(instrument, path, problems)
        _currents(instrument, path, problems)
        _inputs(instrument, path, problems)
        _source(instrument, path, problems)
        _parameters(instrument, path, problems)
        check_described(instrument, path, problems)
        _trigger(lab, instrument, path, problems)
        _event(lab, instrument, join(path, "event"), problems)


def _address(
    instrument: Instrument, path: str, seen: dict[tuple[str, str, str, str], list[Instrument]], problems: Problems
) -> None:
    address = parse_address(instrument.address)
    if not isinstance(address, Address):
        problems.add(join(path, "address"), address)
        return
    check_shared(instrument, seen.setdefault(address.identity, []), address.kind, path, problems)
    seen[address.identity].append(instrument)


def _ordered(bounds: tuple[float, float], path: str, problems: Problems) -> bool:
    if bounds[0] <= bounds[1]:
        return True
    problems.add(path, f"[{bounds[0]:g}, {bounds[1]:g}] is not in order, the lower bound comes first")
    return False


def _inside(value: float, bounds: tuple[float, float], path: str, unit: str, problems: Problems) -> None:
    if not bounds[0] <= value <= bounds[1]:
        problems.add(path, f"{value:g} {unit}".rstrip() + f" is outside [{bounds[0]:g}, {bounds[1]:g}]")


def _outputs(instrument: Instrument, path: str, problems: Problems) -> None:
    taken: dict[int, int] = {}
    for number, output in instrument.output.items():
        at = join(join(path, "output"), number)
        for tone in output.tones:
            if tone < 1 or taken.setdefault(tone, number) != number or output.tones.count(tone) > 1:
                problems.add(join(at, "tones"), f"names synthesiser {tone}: each is from 1 on, and in one output once")
                break
        if not _ordered(output.limits_v, join(at, "limits_v"), problems):
            continue
        if is_dc(output):
            if instrument.clock_hz is not None:
                problems.add(join(at, "amplitude_vpp"), "is missing; an output with a clock plays waveforms")
                continue
            for key, value in (("slew_v_per_s", output.slew_v_per_s), ("safe_v", output.safe_v)):
                if value is None:
                    problems.add(join(at, key), "is missing; nothing about a DC output has a default")
            if output.safe_v is not None:
                _inside(output.safe_v, output.limits_v, join(at, "safe_v"), "V", problems)
            for key in ("lo_hz", "attenuation_db"):
                if getattr(output, key) is not None:
                    problems.add(join(at, key), "is for waveform outputs; a DC output has neither LO nor attenuator")
            if output.offset_v != 0:
                problems.add(join(at, "offset_v"), "is for waveform outputs; a DC output has safe_v")
            continue
        assert output.amplitude_vpp is not None
        for key, value in (("slew_v_per_s", output.slew_v_per_s), ("safe_v", output.safe_v)):
            if value is not None:
                problems.add(join(at, key), "is for DC outputs; this one has amplitude_vpp")
        half = output.amplitude_vpp / 2
        low, high = output.limits_v
        if output.offset_v - half < low or output.offset_v + half > high:
            problems.add(
                join(at, "amplitude_vpp"),
                f"{output.amplitude_vpp:g} Vpp around {output.offset_v:g} V goes outside limits_v [{low:g}, {high:g}]",
            )
    if any(not is_dc(output) for output in instrument.output.values()):
        _needs(instrument, path, ("clock_hz", "reference"), problems)
        if instrument.safe is None or instrument.safe.outputs is None:
            problems.add(join(join(path, "safe"), "outputs"), "is missing; a generator must have a safe state")


def _currents(instrument: Instrument, path: str, problems: Problems) -> None:
    for number, output in instrument.current.items():
        at = join(join(path, "current"), number)
        if number in instrument.output:
            problems.add(at, "is an output, too: a number is one or the other")
        if output.range_a <= 0:
            problems.add(join(at, "range_a"), f"{output.range_a:g} A is not above 0")
        elif _ordered(output.limits_a, join(at, "limits_a"), problems):
            for value in output.limits_a:
                _inside(value, (-output.range_a, output.range_a), join(at, "limits_a"), "A", problems)
            _inside(output.safe_a, output.limits_a, join(at, "safe_a"), "A", problems)


def _inputs(instrument: Instrument, path: str, problems: Problems) -> None:
    if instrument.input:
        _needs(instrument, path, ("clock_hz", "reference"), problems)


def _needs(instrument: Instrument, path: str, keys: tuple[str, ...], problems: Problems) -> None:
    for key in keys:
        if getattr(instrument, key) is None:
            problems.add(join(path, key), "is missing; a synchronised instrument must have it")


def _source(instrument: Instrument, path: str, problems: Problems) -> None:
    limits, safe = instrument.limits, instrument.safe
    keys = ("frequency_hz", "power_dbm")
    if limits is None and all(getattr(instrument, key) is None for key in keys):
        if safe is not None and (safe.output is not None or safe.power_dbm is not None):
            problems.add(join(path, "safe"), "output and power_dbm are for sources, which have frequency_hz")
        return
    for key in keys:
        value = getattr(instrument, key)
        bounds = getattr(limits, key) if limits is not None else None
        at = join(join(path, "limits"), key)
        if value is None:
            problems.add(join(path, key), "is missing; a source must have it")
        if bounds is None:
            problems.add(at, "is missing; nothing that can warm a fridge has a default")
        elif _ordered(bounds, at, problems) and value is not None:
            _inside(value, bounds, join(path, key), "Hz" if key == "frequency_hz" else "dBm", problems)
    if safe is None or (safe.output is None and safe.power_dbm is None):
        problems.add(join(path, "safe"), "is missing; a source must say output or power_dbm")
    elif safe.power_dbm is not None and limits is not None and limits.power_dbm is not None:
        _inside(safe.power_dbm, limits.power_dbm, join(join(path, "safe"), "power_dbm"), "dBm", problems)


def _parameters(instrument: Instrument, path: str, problems: Problems) -> None:
    for name, rule in instrument.parameter.items():
        at = join(join(path, "parameter"), name)
        if instrument.limits is not None and getattr(instrument.limits, name, None) is not None:
            problems.add(at, f"{name} has its bounds in {join(path, 'limits')} already")
        if rule.limits is not None and _ordered(rule.limits, join(at, "limits"), problems):
            if rule.words:
                problems.add(join(at, "words"), "is for parameters that are no numbers; this one has limits")
            if isinstance(rule.safe, bool) and set(rule.limits) <= {0, 1}:
                _inside(float(rule.safe), rule.limits, join(at, "safe"), "", problems)
            elif isinstance(rule.safe, bool | str):
                problems.add(join(at, "safe"), f"{rule.safe!r} is no number; the parameter has limits")
            elif rule.safe is not None:
                _inside(rule.safe, rule.limits, join(at, "safe"), "", problems)
        elif rule.words and rule.safe is not None and rule.safe not in rule.words:
            problems.add(join(at, "safe"), f"{rule.safe!r} is not one of {', '.join(rule.words)}")
    hosted = ":" in instrument.model
    for name, rule in instrument.parameter.items():
        bounded = rule.limits is not None or bool(rule.words)
        if hosted and not bounded and isinstance(rule.safe, int | float) and not isinstance(rule.safe, bool):
            at = join(join(path, "parameter"), name)
            problems.add(join(at, "limits"), f"is missing; {name} could not be set to its safe value {rule.safe:g}")
    opened = [rule for rule in instrument.parameter.values() if rule.limits is not None or rule.words]
    if hosted and opened and all(rule.safe is None for rule in instrument.parameter.values()):
        problems.add(
            join(path, "parameter"), "no parameter has a safe value; a hosted driver that sets any must have one"
        )
    if instrument.init and not hosted:
        problems.add(join(path, "init"), f"is for hosted drivers; {instrument.model} takes no arguments")


def _trigger(lab: Lab, instrument: Instrument, path: str, problems: Problems) -> None:
    if instrument.line:
        _needs(instrument, path, ("clock_hz",), problems)
    wire = instrument.trigger
    if wire is None:
        return
    _line(lab, instrument, wire, join(path, "trigger"), problems)


def _event(lab: Lab, instrument: Instrument, path: str, problems: Problems) -> None:
    wire = instrument.event
    if wire is None:
        return
    if all(is_dc(output) for output in instrument.output.values()):
        problems.add(path, "is for generators, which have outputs with amplitude_vpp")
    elif _line(lab, instrument, wire, path, problems):
        fired = _fired_by(lab, instrument)
        if fired and wire.source != fired:
            problems.add(join(path, "source"), f"{wire.source} does not know when a block is over: {fired} fires it")
        for name, other in lab.instruments.items():
            if other.trigger is not None and (other.trigger.source, other.trigger.line) == (wire.source, wire.line):
                problems.add(join(path, "line"), f"{wire.source} line {wire.line} triggers {name} each shot")
                break


def _line(lab: Lab, instrument: Instrument, wire: TriggerWire | EventWire, path: str, problems: Problems) -> bool:
    """Note what is wrong with the end of a wire, and say whether nothing is."""
    source = lab.instruments.get(wire.source)
    if source is None:
        problems.add(join(path, "source"), unknown("instrument", wire.source, list(lab.instruments)))
    elif source is instrument:
        problems.add(join(path, "source"), "an instrument can't trigger itself")
    elif wire.line not in source.line:
        known = ", ".join(map(str, source.line)) or "none"
        problems.add(join(path, "line"), f"{wire.source} has no line {wire.line}; it has {known}")
    else:
        return True
    return False


def _fired_by(lab: Lab, instrument: Instrument) -> str:
    """Return the instrument at the beginning of an instrument's trigger wires, or nothing."""
    seen: list[str] = []
    at: Instrument | None = instrument
    while at is not None and at.name not in seen:
        seen.append(at.name)
        at = lab.instruments.get(at.trigger.source) if at.trigger is not None else None
    return seen[-1] if len(seen) > 1 else ""
