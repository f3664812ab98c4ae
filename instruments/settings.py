"""Settings: declared commands at work over a link: limits first, then sent, then the error queue, then read back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from qctl.device import Parameter
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.instruments.commands import Command
from qctl.instruments.confirm import confirm, parsed_float, parsed_int, printable, split_answers
from qctl.instruments.links.link import Link
from qctl.instruments.number_forms import hint_of_answer, hint_of_read_back, hint_of_refusal
from qctl.lab.rack import ParameterRule
from qctl.units import Limits, agree

__all__ = ["NO_TEXT", "Settings"]

_MAX_TEXT = 256
NO_TEXT = re.compile(r"""[^ -~]|[;"']""")
"""What a free text may not have: it could end the command that it stands in, and begin another one."""
_TRUE = {"1": True, "ON": True, "0": False, "OFF": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """The parameters of one instrument.

    Attributes
    ----------
    link : Link
        To the instrument.
    commands : tuple of Command
        The driver's table.
    numbers : tuple of int
        Connectors that lab.toml names; commands with ``{n}`` have a parameter for each.
    limits : mapping of str to Limits
        From lab.toml, by parameter; the narrower of these and the command's own holds.
    error_query : str
        What asks for the next error; empty for an instrument without error queue, whose settings are only read back.
    words : mapping of str to tuple of str
        From lab.toml, by parameter: the words of a command that may be set.
    closed : frozenset of str
        Parameters that can't be set, because lab.toml has to bound them and does not.
    answer : str
        What the instrument answers to a setting that it takes, ``*`` for anything; empty when it answers nothing.
    refusals : tuple of str
        What an answer begins with by which the instrument refuses, to settings and queries alike.
    forms : mapping of str to ParameterRule
        By parameter, where lab.toml says how its numbers are written: errors hint at it.
    joined : int
        Longest message of several queries that the instrument takes, in characters; 0 when it takes one at a time.
    """

    link: Link
    commands: tuple[Command, ...]
    numbers: tuple[int | str, ...] = ()
    limits: Mapping[str, Limits] = field(default_factory=dict)
    error_query: str = "SYST:ERR?"
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    answer: str = ""
    joined: int = 65_536
    refusals: tuple[str, ...] = ()
    forms: Mapping[str, ParameterRule] = field(default_factory=dict)

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        found: dict[str, Parameter] = {}
        for command, number in self._all():
            if command.kind is not type(None):
                found.setdefault(command.named(number), command.parameter(number))
        return list(found.values())

    def known(self) -> dict[str, Command]:
        """Return the commands of all that has a name, actions too; where two share one, the one that sets."""
        found: dict[str, Command] = {}
        for command, number in self._all():
            name = command.named(number)
            if name not in found or not found[name].settable:
                found[name] = command
        return found

    def get(self, name: str) -> Any:
        """Ask the instrument for one value.

        Raises
        ------
        RequestError
            If there is no such parameter, or it can't be asked.
        """
        command, number = self._find(name)
        if not command.askable:
            raise RequestError(f"{self.link.name}: {name} can't be asked for")
        return self._parsed(command, name, self._query(command.query(number), name))

    def _query(self, text: str, what: str = "") -> str:
        """Return the answer to a text, or refuse what it is about in the instrument's own words."""
        reply = self.link.query(text)
        if self.refusals and reply.strip().startswith(self.refusals):
            raise self._refusal(text, what, reply)
        return reply

    def _refusal(self, text: str, what: str, reply: str) -> RefusedError:
        words = printable(reply.strip())
        said = f"{what} ({text})" if what else text
        name, setting, _ = what.partition(" = ")
        hint = hint_of_refusal(self.forms[name], text) if setting and name in self.forms else ""
        return RefusedError(f"{self.link.name} refused {said}: {words}{hint}", instrument=self.link.name, words=words)

    def get_all(self) -> dict[str, Any]:
        """Ask for every value that can be asked for, in as few messages as the instrument takes.

        Parameters that share a query share its answer.

        Raises
        ------
        DeviceError
            If there are more or fewer answers than queries.
        """
        asked: dict[str, list[tuple[Command, str]]] = {}
        seen: set[str] = set()
        for command, number in self._all():
            name = command.named(number)
            if command.kind is not type(None) and command.askable and name not in seen:
                seen.add(name)
                asked.setdefault(command.query(number), []).append((command, name))
        found: dict[str, Any] = {}
        for texts in self._messages(list(asked)):
            message = texts[0] + "".join(f";{'' if text[0] in '*:' else ':'}{text}" for text in texts[1:])
            reply = self._query(message, ", ".join(name for text in texts for _, name in asked[text]))
            answers, n_due = split_answers(reply), sum(map(_n_answers, texts))
            if n_due == 1:
                answers = [reply]
            if len(answers) != n_due:
                raise DeviceError(
                    f"{self.link.name} gave {len(answers)} answers to {n_due} queries", instrument=self.link.name
                )
            for text in texts:
                n_own = _n_answers(text)
                answer, answers = ";".join(answers[:n_own]), answers[n_own:]
                found |= {name: self._parsed(command, name, answer) for command, name in asked[text]}
        return found

    def _messages(self, texts: list[str]) -> Iterator[list[str]]:
        """Yield queries by message; an identity may hold anything and comes last (IEEE 488.2, 10.14.3)."""
        message: list[str] = []
        length = 0
        for text in sorted(texts, key=lambda text: text == "*IDN?"):
            if message and length + len(text) + 2 > self.joined:
                yield message
                message, length = [], 0
            message.append(text)
            length += len(text) + 2
        if message:
            yield message

    def set(self, name: str, value: Any) -> None:
        """Check a value, send it, ask for errors and read it back.

        Raises
        ------
        LimitError
            If it is outside the limits; nothing has been sent.
        RefusedError
            If the instrument refuses, or reads back something else.
        """
        command, _ = self._find(name)
        checked = self.checked(name, value)
        self.send(name, checked)
        if self.error_query:
            confirm(self.link, f"{name} = {value!r}", self.error_query)
        if command.askable:
            self.read_back(name, checked)

    def checked(self, name: str, value: Any) -> Any:
        """Return a value as it may be sent.

        Raises
        ------
        LimitError, RequestError
            If it may not.
        """
        command, _ = self._find(name)
        if not command.settable:
            raise RequestError(f"{self.link.name}: {name} can't be set")
        if name in self.closed:
            raise LimitError(
                f"{self.link.name}: {name} = {value!r} was not sent: "
                f"instruments.{self.link.name}.parameter.{name} has no limits or words in lab.toml",
                instrument=self.link.name,
            )
        if command.kind is type(None):
            if value is not None:
                raise RequestError(f"{self.link.name}: {name} takes no value, not {value!r}")
            return None
        if command.kind is bool:
            if not isinstance(value, bool) and value not in (0, 1):
                raise RequestError(
                    f"{self.link.name}: {name} = {value!r} is not true or false", instrument=self.link.name
                )
            if name in self.limits:
                self._number(command, name, int(value))
            return bool(value)
        if command.kind is str:
            known = self.words.get(name, command.words)
            if not known:
                return self._text(name, value)
            word = str(value).upper()
            if word not in known:
                raise RequestError(f"{self.link.name}: {name} = {value!r} is not one of {', '.join(known)}")
            return word
        if command.kind is list:
            return self._list(command, name, value)
        return self._number(command, name, value)

    def _text(self, name: str, value: Any) -> str:
        """Return a text that no instrument can take for the end of the command, or for its end and another one."""
        reason = ""
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
            reason = f"is no text of 1 to {_MAX_TEXT} characters"
        elif bad := NO_TEXT.search(value):
            reason = f"has {bad[0]!r}, which may end a command"
        if reason:
            shown = repr(value) if len(repr(value)) <= _MAX_TEXT else f"{repr(value)[:_MAX_TEXT]}..."
            raise RequestError(f"{self.link.name}: {name} = {shown} {reason}", instrument=self.link.name)
        return str(value)

    def _list(self, command: Command, name: str, value: Any) -> list[float]:
        if isinstance(value, str):
            value = value.split(",")
        try:
            return [float(self._number(command, name, item)) for item in value]
        except TypeError:
            raise LimitError(f"{self.link.name}: {name} = {value!r} is not a list of numbers") from None

    def _number(self, command: Command, name: str, value: Any) -> float | int:
        bounds = [bound for bound in (self.limits.get(name), command.limits) if bound is not None]
        if isinstance(value, bool) or not bounds:
            reason = "is true or false, and a number is wanted" if bounds else "has no limits"
            raise LimitError(
                f"{self.link.name}: {name} = {value!r} {reason}; it was not sent", instrument=self.link.name
            )
        number = 0.0
        try:
            for bound in bounds:
                number = bound.check(value, f"{self.link.name}: {name}")
        except LimitError as error:
            error.details["instrument"] = self.link.name
            raise
        if command.kind is int:
            if not number.is_integer():
                raise LimitError(f"{self.link.name}: {name} = {value!r} is not a whole number")
            return int(number)
        return self._rounded(command, name, number, bounds) if command.step else number

    def _rounded(self, command: Command, name: str, number: float, bounds: list[Limits]) -> float:
        """Return what is sent of a number; refuse it if that is outside the bounds that the number is within."""
        sent = float(f"{round(number / command.step) * command.step:.12g}")
        for bound in bounds:
            if not bound.low <= sent <= bound.high:
                raise LimitError(
                    f"{self.link.name}: {name} = {number:.12g} would be sent as {sent:.12g}, in steps of "
                    f"{command.step:g}, outside [{bound.low:g}, {bound.high:g}]",
                    instrument=self.link.name,
                )
        return sent

    def send(self, name: str, checked: Any) -> None:
        """Send a checked value without confirming it; `confirm` is then the caller's."""
        command, number = self._find(name)
        value = None if checked is None else _shown(checked, command.digits)
        text = command.setting(number, command.codes[command.words.index(value)] if command.codes and value else value)
        if not self.answer:
            self.link.write(text)
            return
        what = name if checked is None else f"{name} = {checked!r}"
        reply = self._query(text, what)
        if not fnmatchcase(reply.strip(), self.answer.replace("[", "[[]")):
            raise self._refusal(text, what, reply)

    def pass_on(self, text: str) -> str | None:
        """Send a text that is no declared setting, and confirm it as a setting is; return what it is answered with."""
        if self.answer:
            return self._query(text)
        self.link.write(text)
        if self.error_query:
            confirm(self.link, text, self.error_query)
        return None

    def read_back(self, name: str, sent: Any) -> None:
        """Ask for a value that was set.

        Raises
        ------
        RefusedError
            If it is another one.
        """
        command, _ = self._find(name)
        got = self.get(name)
        if not self._same(command, sent, got):
            hint = hint_of_read_back(self.forms[name], sent, got) if name in self.forms else ""
            raise RefusedError(
                f"{self.link.name}: {name} was set to {_shown(sent)} but reads {_shown(got)}{hint}",
                instrument=self.link.name,
            )

    def agrees(self, name: str, value: Any, found: Any) -> bool:
        """Say whether a value that is read is the one that was set, by what its parameter can tell apart."""
        with suppress(RequestError, LimitError):  # what lab.toml would no longer take is compared as it is
            value = self.checked(name, value)
        return self._same(self._find(name)[0], value, found)

    @staticmethod
    def _same(command: Command, sent: Any, got: Any) -> bool:
        if command.kind is list and got is not None:
            return len(got) == len(sent) and all(map(partial(agree, resolution=command.resolution), sent, got))
        return agree(sent, got, command.resolution, command.share)

    def _all(self) -> Iterator[tuple[Command, int | str | None]]:
        for command in self.commands:
            if not command.name:
                continue
            if "{n}" in command.name:
                for number in command.numbers or self.numbers:
                    yield command, number
            else:
                yield command, None

    def _find(self, name: str) -> tuple[Command, int | str | None]:
        for command, number in self._all():
            if command.named(number) == name:
                return command, number
        raise RequestError(f"{self.link.name} has no parameter {name!r}", instrument=self.link.name)

    def _parsed(self, command: Command, name: str, reply: str) -> Any:
        if command.parser is not None:
            try:
                return command.parser(reply)
            except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
                raise DeviceError(
                    f"{self.link.name} answered {reply!r} where {name} was due", instrument=self.link.name
                ) from None
        text = command.valued(reply)
        try:
            if text is None:
                text = f"{self.link.name} answered {reply!r} where {name} was due"
                raise DeviceError(text, instrument=self.link.name)
            return self._of_kind(command, name, text)
        except DeviceError as error:
            hint = hint_of_answer(self.forms[name], reply) if name in self.forms else ""
            raise DeviceError(f"{error.message}{hint}", instrument=self.link.name) from None

    def _of_kind(self, command: Command, name: str, reply: str) -> Any:
        if command.kind is float:
            return parsed_float(self.link, reply, name)
        if command.kind is int:
            return parsed_int(self.link, reply, name)
        if command.kind is bool:
            if reply.upper() not in _TRUE:
                raise DeviceError(
                    f"{self.link.name} answered {reply!r} where {name} was due", instrument=self.link.name
                )
            return _TRUE[reply.upper()]
        if command.kind is list:
            return [parsed_float(self.link, item, name) for item in reply.split(",") if item.strip()]
        word = reply.strip().strip("\"'")
        if not command.words:
            return word
        if word in command.codes:
            return command.words[command.codes.index(word)]
        described = name in self.forms  # elsewhere a word may come in its long form
        for short in command.words:
            if word.upper() == short or (not described and word.upper().startswith(short)):
                return short
        raise DeviceError(f"{self.link.name} answered {reply!r} where {name} was due", instrument=self.link.name)


def _shown(value: Any, digits: int | None = None) -> str:
    if digits is not None and isinstance(value, float):
        return f"{value:.{digits}f}"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return ",".join(f"{item:.12g}" for item in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _n_answers(text: str) -> int:
    """Return how many answers a query has: a command may stand before it in the same message, to choose an output."""
    parts = text.split(";")
    return sum("?" in part for part in parts) or len(parts)
