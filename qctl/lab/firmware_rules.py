"""What must hold for firmware that lab.toml describes: each parameter says how it is asked for and set."""

from __future__ import annotations

from qctl.lab.decoding import Problems, join
from qctl.lab.firmware import ParameterRule
from qctl.lab.rack import Instrument

__all__ = ["check_described", "check_shared"]

_SPEAKS = {"line-firmware": "lines", "modbus-firmware": "modbus"}
_MODULES = ("qblox-d5a", "qblox-s4g")
"""Models that sit in a rack, and share its controller's serial line."""
_CURRENT_SOURCE = "qblox-s4g"
_LAST_UNIT = 247
_DESCRIBING = ("kind", "unit", "label", "ask", "send", "reply", "register", "codes", "digits", "resolution")
_FOREIGN = {"line-firmware": ("register",), "modbus-firmware": ("ask", "send", "reply", "digits")}


def check_described(instrument: Instrument, path: str, problems: Problems) -> None:
    """Note what is wrong with the description of an instrument's firmware, or that there must be none."""
    for model, key in _SPEAKS.items():
        given, wanted = getattr(instrument, key) is not None, instrument.model == model
        if given and not wanted:
            problems.add(join(path, key), f"is for the model {model}, not for {instrument.model}")
        elif wanted and not given:
            problems.add(join(path, key), f"is missing; it says how {model} is spoken to")
    if (instrument.module is None) is (instrument.model in _MODULES):
        wrong = "is missing; it is the number that is set on the module"
        other = f"is for modules of a rack, {', '.join(_MODULES)}, not for {instrument.model}"
        problems.add(join(path, "module"), wrong if instrument.module is None else other)
    makes_currents = instrument.model == _CURRENT_SOURCE
    if instrument.current and not makes_currents:
        problems.add(join(path, "current"), f"is for {_CURRENT_SOURCE}, which makes currents")
    if instrument.output and makes_currents:
        text = f"is for voltages and waveforms; the currents of a {_CURRENT_SOURCE} are `current`"
        problems.add(join(path, "output"), text)
    described = instrument.model in _SPEAKS
    for name, rule in instrument.parameter.items():
        at = join(join(path, "parameter"), name)
        if described:
            _check_rule(rule, at, instrument.model, problems)
            continue
        for key in _DESCRIBING:
            if getattr(rule, key) not in (None, "", (), 0.0):
                problems.add(join(at, key), f"is for firmware that lab.toml describes: {', '.join(_SPEAKS)}")
    if described:
        _check_spoken(instrument, path, problems)
    if described and not instrument.parameter:
        problems.add(join(path, "parameter"), "has none: nothing could be asked of it or set")


def check_shared(instrument: Instrument, others: list[Instrument], kind: str, path: str, problems: Problems) -> None:
    """Note what keeps an instrument from sharing an address of some kind with others, as units of one line do."""
    said = instrument.modbus
    if said is not None and kind == "serial" and not 1 <= said.unit <= _LAST_UNIT:
        text = f"{said.unit} is not in [1, {_LAST_UNIT}], and on a serial line only these answer"
        problems.add(join(join(path, "modbus"), "unit"), text)
    if not others:
        return
    first, mine = others[0], _place(instrument)
    if mine is None or any(_kind(one) != _kind(instrument) for one in others):
        problems.add(join(path, "address"), f"{instrument.address} is the address of {first.name} too")
        return
    pairs = [(key, getattr(instrument, key), getattr(first, key)) for key in ("timeout_s", "baud", "also_at", "group")]
    if said is not None and first.modbus is not None:
        pairs.append(("modbus.parity", said.parity, first.modbus.parity))
    for key, one_way, other in pairs:
        if one_way != other:
            problems.add(f"{path}.{key}", f"{one_way!r} is not {other!r} as of {first.name}, whose line it shares")
    for one in others:
        if _place(one) == mine:
            problems.add(f"{path}.{mine[0]}", f"{mine[1]} is that of {one.name} on the same line")


def _place(instrument: Instrument) -> tuple[str, int] | None:
    """Return what an instrument is told apart by on a line that it shares, and the number; None if it shares none."""
    if instrument.modbus is not None:
        return "modbus.unit", instrument.modbus.unit
    return None if instrument.module is None else ("module", instrument.module)


def _kind(instrument: Instrument) -> str:
    place = _place(instrument)
    return "" if place is None else place[0]


def _check_spoken(instrument: Instrument, path: str, problems: Problems) -> None:
    """Note texts that would be more than one message, or none, and parameters that are the same."""
    for key, said in (("lines", instrument.lines), ("modbus", instrument.modbus)):
        if said is None:
            continue
        at = join(path, key)
        for name in ("identity", "begins", "answer", "prefix", "answer_prefix", "mark"):
            _check_text(getattr(said, name, ""), join(at, name), problems)
        for name in ("identity", "end"):
            if getattr(said, name, None) == "":
                problems.add(join(at, name), "is empty")
        if not getattr(said, "end", "").isascii():
            problems.add(join(at, "end"), f"{getattr(said, 'end', '')!r} has characters that are no ASCII")
        for k, text in enumerate(getattr(said, "refusals", ())):
            _check_text(text, f"{join(at, 'refusals')}[{k}]", problems, empty=False)
    first: dict[tuple[str, str], str] = {}
    for name, rule in instrument.parameter.items():
        at = join(join(path, "parameter"), name)
        if name == "identity" or not name.isidentifier():
            problems.add(at, "is no name for a parameter: letters, digits and _, and not identity")
        for key in ("send", "register"):
            text = getattr(rule, key)
            if text and first.setdefault((key, text), name) != name:
                problems.add(join(at, key), f"is that of {first[key, text]}")


def _check_text(text: str, at: str, problems: Problems, empty: bool = True) -> None:
    if not (text.isascii() and text.isprintable()):
        problems.add(at, f"{text!r} has characters that end messages or are no ASCII")
    elif not text and not empty:
        problems.add(at, "is empty")


def _check_rule(rule: ParameterRule, at: str, model: str, problems: Problems) -> None:
    for key in _FOREIGN[model]:
        if getattr(rule, key) not in ("", None):
            problems.add(join(at, key), f"is not for {model}")
    if model == "modbus-firmware":
        if not rule.register:
            problems.add(join(at, "register"), "is missing")
    elif not (rule.ask or rule.send):
        problems.add(join(at, "ask"), "is missing, and send too: nothing could be asked or set")
    for key in ("send", "reply"):
        text = getattr(rule, key)
        if text and (text.count("{value}") != 1 or set(text.replace("{value}", "")) & set("{}")):
            problems.add(
                join(at, key),
                f"{text!r} has {{value}} {text.count('{value}')} times, and needs it once, without other braces",
            )
    for key in ("ask", "send", "reply", "register"):
        _check_text(getattr(rule, key), join(at, key), problems)
    for key in ("words", "codes"):
        texts = getattr(rule, key)
        for k, text in enumerate(texts):
            _check_text(text, f"{join(at, key)}[{k}]", problems, empty=False)
        if len({text.upper() for text in texts}) < len(texts):
            problems.add(join(at, key), "has one of them twice")
    if rule.codes and len(rule.codes) != len(rule.words):
        problems.add(join(at, "codes"), f"has {len(rule.codes)} for {len(rule.words)} words")
    if rule.words and rule.kind not in (None, "text"):
        problems.add(join(at, "kind"), f"{rule.kind} has no words; bound it by limits")
    can_be_set = bool(rule.send) or rule.register.startswith(("holding", "coil"))
    if not can_be_set:
        for key in ("limits", "safe"):
            if getattr(rule, key) is not None:
                problems.add(join(at, key), "is for parameters that can be set, and this one can't")
