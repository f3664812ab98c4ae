"""What must hold for firmware that lab.toml describes: each parameter says how it is asked for and set."""

from __future__ import annotations

from qctl.lab.decoding import Problems, join
from qctl.lab.firmware import ParameterRule
from qctl.lab.rack import Instrument

__all__ = ["check_described"]

_SPEAKS = {"line-firmware": "lines", "modbus-firmware": "modbus"}
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
    described = instrument.model in _SPEAKS
    for name, rule in instrument.parameter.items():
        at = join(join(path, "parameter"), name)
        if described:
            _check_rule(rule, at, instrument.model, problems)
            continue
        for key in _DESCRIBING:
            if getattr(rule, key) not in (None, "", (), 0.0):
                problems.add(join(at, key), f"is for firmware that lab.toml describes: {', '.join(_SPEAKS)}")
    if described and not instrument.parameter:
        problems.add(join(path, "parameter"), "has none: nothing could be asked of it or set")


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
        if text and text.count("{value}") != 1:
            problems.add(join(at, key), f"{text!r} has {{value}} {text.count('{value}')} times, and needs it once")
    if rule.codes and len(rule.codes) != len(rule.words):
        problems.add(join(at, "codes"), f"has {len(rule.codes)} for {len(rule.words)} words")
    if rule.words and rule.kind not in (None, "text"):
        problems.add(join(at, "kind"), f"{rule.kind} has no words; bound it by limits")
    can_be_set = bool(rule.send) or rule.register.startswith(("holding", "coil"))
    if not can_be_set:
        for key in ("limits", "safe"):
            if getattr(rule, key) is not None:
                problems.add(join(at, key), "is for parameters that can be set, and this one can't")
