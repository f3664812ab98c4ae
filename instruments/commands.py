"""Declared commands: one line for each text command of a driver, in the manual's notation, with parameter and range.

The same line makes the parameter that clients see, the text that is sent, and the pattern that raw text is matched
against (short and long forms, optional nodes, any case), so that no path goes round the limits.

Source: SCPI-1999 volume 1, chapters 5 and 6 (header notation), IEEE 488.2 section 7.7.2 (decimal numbers).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from qctl.device import Parameter
from qctl.errors import LimitError, RequestError
from qctl.units import Limits

__all__ = ["DIGITS_SHARE", "Command", "Matched", "match_command", "parsed_value", "planned", "short_form"]

_NODE = re.compile(r"([A-Z]+)([a-z]*)(\{n\})?")
# Possessive: nothing is tried twice, so no text takes longer than it is long.
_NUMBER = re.compile(r"([+-]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?+)\s*+([A-Za-z]*+)", re.ASCII)
_MAX_NUMBER = 64
_MAX_HEADER = 256
_MAX_DIGITS = 9
_UNITS: Mapping[str, Mapping[str, float]] = {
    "V": {"V": 1.0, "MV": 1e-3, "UV": 1e-6},
    "Hz": {"HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9},
    "s": {"S": 1.0, "MS": 1e-3, "US": 1e-6, "NS": 1e-9},
    "dBm": {"DBM": 1.0},
    "rad": {"RAD": 1.0},
    "°": {"DEG": 1.0},
}
_ON_OFF = {"ON": True, "OFF": False, "1": True, "0": False}


DIGITS_SHARE = 1e-6
"""Share of a number that instruments round away when they tell it as text."""


@dataclass(frozen=True, slots=True)
class Command:
    """One text command.

    Attributes
    ----------
    header : str
        As the manual prints it: capitals are the short form, brackets are optional, ``{n}`` is a connector's number.
        The setting is the header, a space and the value, the query the header and ``?``, where the two templates below
        don't say otherwise.
    name : str
        The parameter it sets and asks for (``{n}`` likewise), or empty when it is an action.
    label, unit : str
        For people; the unit also says which suffixes raw text may have.
    kind : type
        float, int, bool, str, list (of float, sent with commas), or NoneType for an action, which has no value
        and is no parameter, but is run by `set` with None.
    settable, askable : bool
        Which forms there are.
    words : tuple of str
        What a str may be, in the short form that the instrument answers.
    limits : Limits, optional
        The instrument's own range; lab.toml may be narrower, never wider.
    resolution : float
        How far a read-back may be from what was sent.
    share : float
        What is added to it, as a share of what was sent: for the digits that an instrument tells.
    send, ask : str
        Whole texts of the setting and of the query for instruments that don't keep to SCPI's form, with ``{n}`` and
        ``{value}`` in their places: ``SETP {n},{value}``, ``SETP? {n}``. Of several queries joined with ``;``, raw text
        is the first.
    reply : str
        What the reply is, with ``{value}`` in its place, where it is not just the value: ``DAC {n} = {value} V``.
    parser : callable, optional
        From the reply to the value, where no such text says it.
    codes : tuple of str
        What is sent and answered for each of `words`, where it isn't the word.
    digits : int, optional
        Digits behind the point that a number is sent with, where it may have no exponent.
    step : float
        What a number is sent as a multiple of, the nearest one; 0 sends any.
    numbers : tuple of int or str
        The connectors that an instrument of this model has; empty: those that lab.toml names.
    """

    header: str
    name: str = ""
    label: str = ""
    unit: str = ""
    kind: type = float
    settable: bool = True
    askable: bool = True
    words: tuple[str, ...] = ()
    limits: Limits | None = None
    resolution: float = 0.0
    send: str = ""
    ask: str = ""
    parser: Callable[[str], Any] | None = None
    codes: tuple[str, ...] = ()
    numbers: tuple[int | str, ...] = ()
    reply: str = ""
    digits: int | None = None
    step: float = 0.0
    share: float = DIGITS_SHARE

    def parameter(self, number: int | str | None = None) -> Parameter:
        """Return what `instruments list` shows, for one connector where it has a number."""
        label = self.label if number is None else f"{self.label} {number}"
        return Parameter(self.named(number), label, self.unit, self.kind, self.settable)

    def named(self, number: int | str | None = None) -> str:
        """Return the parameter's name, for one connector where it has a number."""
        return self.name if number is None else self.name.replace("{n}", str(number).lower())

    def setting(self, number: int | str | None = None, value: str | None = None) -> str:
        """Return the text that is sent to set a value, or to act where there is none; in short form."""
        text = self.send or (short_form(self.header) + ("" if value is None else " {value}"))
        return _filled(text, number).replace("{value}", value or "")

    def query(self, number: int | str | None = None) -> str:
        """Return the text that is sent to ask for the value; in short form."""
        return _filled(self.ask or f"{short_form(self.header)}?", number)

    def valued(self, reply: str) -> str | None:
        """Return the value's text in a reply; None where the reply is another one."""
        if not self.reply:
            return reply
        found = _template_pattern(self.reply).fullmatch(reply.strip())
        return None if found is None else found["value"].strip()


@dataclass(frozen=True, slots=True)
class Matched:
    """What a raw text was found to be.

    Attributes
    ----------
    command : Command
        The declaration.
    number : int, str or None
        The connector, where the command has one.
    query : bool
        Whether it asks.
    argument : str
        What follows the header.
    """

    command: Command
    number: int | str | None
    query: bool
    argument: str

    @property
    def parameter(self) -> str:
        """Return the name for `get` and `set`; empty for an action."""
        return self.command.named(self.number)


@cache
def short_form(header: str) -> str:
    """Return the header that is sent: short nodes, optional ones left out, the suffix ``{n}`` kept."""
    plain = re.sub(r"\[[^\]]*\]", "", header)
    return re.sub(r"([A-Z])[a-z]+", r"\1", plain).lstrip(":")


@cache
def _pattern(header: str) -> re.Pattern[str]:
    if header.startswith("*"):
        return re.compile(re.escape(header), re.IGNORECASE | re.ASCII)
    text = header.replace("[", "(?:").replace("]", ")?")
    text = re.sub(r"^\(\?:([A-Za-z]+(?:\{n\})?):\)\?", r"(?:\1:)?", text)

    def node(match: re.Match[str]) -> str:
        long = f"(?:{match[2]})?" if match[2] else ""
        return f"{match[1]}{long}" + (r"(?P<n>\d*)" if match[3] else "")

    return re.compile(":?" + _NODE.sub(node, text.lstrip(":")), re.IGNORECASE | re.ASCII)


def _filled(text: str, number: int | str | None) -> str:
    return text if number is None else text.replace("{n}", str(number))


@cache
def _template_pattern(template: str) -> re.Pattern[str]:
    """Return what matches a whole text of a template, any case, with or without spaces at its commas."""
    text = re.escape(template.lstrip(":")).replace(r"\ ", r"\s++").replace(",", r"\s*+,\s*+")
    value, last = r"(?P<value>.*?)", r"(?P<value>.*+)"
    text = re.sub(r"\\{value\\}$", lambda _: last, text.replace(r"\{n\}", r"(?P<n>\w++)"))
    text = text.replace(r"\{value\}", value)
    return re.compile(":?" + text, re.IGNORECASE | re.ASCII)


def match_command(text: str, commands: Sequence[Command]) -> Matched | None:
    """Return which declared command a raw message is, or None.

    Parameters
    ----------
    text : str
        One message: a header, ``?`` or not, and its argument. Not a list joined with ``;``.
    commands : sequence of Command
        From `registry.declared_commands`.

    Raises
    ------
    RequestError
        If its header, or the number in it, is longer than any instrument's.
    """
    header, argument = [*text.split(None, 1), "", ""][:2]
    if len(header) > _MAX_HEADER:
        raise RequestError(f"the header {_start(header)} has {len(header)} characters, over {_MAX_HEADER}")
    query = "?" in header
    for command, asks in ((command, asks) for command in commands for asks in (query, not query)):
        if not (command.askable if asks else command.settable):
            continue
        template = command.ask.partition(";")[0] if asks else command.send
        if template:
            found = _template_pattern(template).fullmatch(text.strip())
        else:
            found = _pattern(command.header).fullmatch(header.removesuffix("?")) if asks is query else None
        if found:
            parts = found.groupdict()
            number = _number_of(command, parts["n"] or "1", header) if "n" in parts else None
            said = parts.get("value", "") if template else argument
            return Matched(command, number, asks, said.strip())
    return None


def _number_of(command: Command, digits: str, header: str) -> int | str:
    """Return a connector as it was typed; those with letters are looked up in any case."""
    if len(digits) > _MAX_DIGITS:
        raise RequestError(f"the number in {_start(header)} has {len(digits)} digits, over {_MAX_DIGITS}")
    if digits.isdigit():
        return int(digits)
    return next((known for known in command.numbers if str(known).upper() == digits.upper()), digits)


def parsed_value(matched: Matched) -> Any:
    """Return the argument of a raw setting as `set` takes it.

    Raises
    ------
    LimitError
        If it is no number, or a word like MAX that would hide one.
    RequestError
        If it is not one of the words that the command takes.
    """
    command, text = matched.command, matched.argument
    name = matched.parameter or command.header
    if command.kind is type(None):
        if text:
            raise RequestError(f"{name} takes no value, not {_start(text)}")
        return None
    if command.kind is bool:
        if text.upper() not in _ON_OFF:
            raise RequestError(f"{name} = {_start(text)} is not ON or OFF")
        return _ON_OFF[text.upper()]
    if command.kind is str:
        word = text.strip("\"'")
        return command.words[command.codes.index(word)] if word in command.codes else word
    if command.kind is list:
        return [_parsed_number(command, name, item.strip()) for item in text.split(",")]
    return _parsed_number(command, name, text)


def planned(device: Any, runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Check all settings of a request before the first is sent, with the values that would hold by then.

    Whether a value may be set can depend on others (an amplitude on the offset): a driver that has ``plan(values,
    pending)`` is asked for each run, with what the runs before will have set. Settings of one run that are fine
    together are accepted in any order; they come back in an order in which none of them leaves the limits. Runs stay
    in order, since what stands between them (a query) sees what holds there.

    Parameters
    ----------
    device : Device
        The open device; it is only asked, nothing is set.
    runs : sequence of mapping
        Values by parameter, to be set one run after another.

    Returns
    -------
    list of mapping
        The same runs, each in the order to set it in.

    Raises
    ------
    LimitError, RequestError
        If anything may not be set.
    """
    settings, plan = getattr(device, "settings", None), getattr(device, "plan", None)
    if settings is not None:
        runs = [{name: settings.checked(name, value) for name, value in run.items()} for run in runs]
    if plan is None:
        return list(runs)
    found: list[Mapping[str, Any]] = []
    pending: dict[str, Any] = {}
    for run in runs:
        found.append(plan(run, dict(pending)))
        for name, value in run.items():
            pending.pop(name, None)
            pending[name] = value
    return found


def _start(text: str) -> str:
    return repr(text) if len(text) <= _MAX_NUMBER else f"{text[:_MAX_NUMBER]!r}..."


def _parsed_number(command: Command, name: str, text: str) -> float | int:
    if len(text) > _MAX_NUMBER:
        raise LimitError(f"{name} = {_start(text)} has {len(text)} characters, over the {_MAX_NUMBER} of a number")
    found = _NUMBER.fullmatch(text)
    scales = _UNITS.get(command.unit, {})
    if not found or (found[2] and found[2].upper() not in scales):
        raise LimitError(f"{name} = {text!r} is not a number in {command.unit or 'plain digits'}")
    number = float(found[1]) * scales.get(found[2].upper(), 1.0)
    if command.kind is int:
        if not number.is_integer():
            raise LimitError(f"{name} = {text!r} is not a whole number")
        return int(number)
    return number
