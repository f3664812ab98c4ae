"""Check what lab.toml says of a declared instrument's parameters: what would not hold on every path is refused."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from qctl.errors import RequestError
from qctl.instruments.commands import Command
from qctl.lab import Instrument
from qctl.lab.rack import ParameterRule

__all__ = ["check_rule", "place_of", "unknown_parameter"]


def place_of(instrument: Instrument, name: str) -> str:
    """Return the path of a parameter's rule in lab.toml."""
    return f"instruments.{instrument.name}.parameter.{name}"


def unknown_parameter(instrument: Instrument, name: str, known: Mapping[str, Command]) -> RequestError:
    """Return what refuses a rule for a parameter that isn't there: a misspelt limit would bound nothing."""
    close = get_close_matches(name, known, n=1)
    named = (one for one, command in known.items() if command.settable and command.kind is not type(None))
    hint = f", did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(named)) or 'none to set'}"
    return RequestError(f"{place_of(instrument, name)}: there is no such parameter{hint}", instrument=instrument.name)


def check_rule(instrument: Instrument, name: str, rule: ParameterRule, command: Command) -> None:
    """Refuse a rule of another kind than its parameter, which would open it and bound nothing.

    Raises
    ------
    RequestError
        With the rule's path in lab.toml.
    """
    problem = _problem(rule, command)
    if problem:
        raise RequestError(f"{place_of(instrument, name)}{problem}", instrument=instrument.name)


def _problem(rule: ParameterRule, command: Command) -> str:
    if command.kind is type(None):
        return ": it is an action, and has no value"
    if not command.settable:
        return "" if rule.ask or rule.register else ": it can't be set"
    if command.kind is bool:
        return ".words: it is true or false: limits = [0, 0] keeps it off" if rule.words else ""
    if command.kind is not str:
        return ".words: it is a number, and is bounded by limits" if rule.words else ""
    if rule.limits is not None:
        return ".limits: it is no number, and is bounded by words"
    strange = [word for word in rule.words if command.words and word.upper() not in command.words]
    return f".words: {strange[0]!r} is not one of {', '.join(command.words)}" if strange else ""
