"""Declared instruments: a table of commands is the whole driver; what else there is to know stands beside the table.

    BOX = Declaration((Command("SOURce:LEVel", "level_v", "Level", "V", limits=Limits(-30, 30)),), needs=("level_v",))
    COMMANDS, open_driver = BOX.commands, BOX.open

From it come `get` and `set` with limits, the snapshot in one message, raw texts that match it, and its page of
parameters. An instrument that does more (ramps, lists, programs) has a class of its own over the same `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import msgspec

from qctl.errors import LimitError, QctlError, RequestError
from qctl.instruments.commands import Command
from qctl.instruments.links.link import Dialect, Link, Port
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.parameter_rules import check_rule, place_of, unknown_parameter
from qctl.instruments.registry import model_of
from qctl.instruments.set_by_commands import Answering
from qctl.instruments.settings import Settings
from qctl.lab import Instrument, Lab
from qctl.units import Limits

__all__ = ["Declaration", "DeclaredInstrument"]


@dataclass(frozen=True, slots=True)
class DeclaredInstrument(Answering):
    """One instrument that is driven by its table.

    Attributes
    ----------
    link : Link
        To the instrument.
    instrument : Instrument
        Its entry in lab.toml: ``parameter.NAME`` has limits, words and safe values.
    declaration : Declaration
        Its table.
    """

    link: Link
    instrument: Instrument
    declaration: Declaration
    settings: Settings = field(init=False)
    LAB_LINES: ClassVar[tuple[str, ...]] = ()
    """What else an entry in lab.toml must have, as lines to fill in; parameters that it must bound are known."""

    def __post_init__(self) -> None:
        made, limits = self.declaration, self._limits()
        words = {name: tuple(map(str.upper, rule.words)) for name, rule in self.instrument.parameter.items()}
        words = {name: found for name, found in words.items() if found}
        closed = frozenset(name for _, name in made.expanded(made.needs)) - limits.keys() - words.keys()
        settings = Settings(
            self.link,
            made.commands,
            self._numbers(),
            limits,
            made.error_query,
            words,
            closed,
            made.answer,
            made.joined,
            made.refusals,
            self.instrument.parameter if self.instrument.lines is not None else {},
        )
        object.__setattr__(self, "settings", settings)
        self._check_rules()

    def _check_rules(self) -> None:
        """Refuse what lab.toml says of a parameter where it would not hold."""
        known = self.settings.known()
        for name, rule in self.instrument.parameter.items():
            if name not in known:
                raise unknown_parameter(self.instrument, name, known)
            check_rule(self.instrument, name, rule, known[name])
            try:
                if rule.safe is not None:
                    self.settings.checked(name, rule.safe)
            except (LimitError, RequestError) as error:
                at = place_of(self.instrument, name)
                raise RequestError(f"{at}.safe: {error.message}", instrument=self.instrument.name) from error

    def _limits(self) -> dict[str, Limits]:
        """Return the ranges of lab.toml by parameter."""
        ranges = {name: rule.limits for name, rule in self.instrument.parameter.items()}
        if self.instrument.limits is not None:
            ranges |= msgspec.structs.asdict(self.instrument.limits)
        return {name: Limits(*bounds) for name, bounds in ranges.items() if bounds is not None}

    def _numbers(self) -> tuple[int, ...]:
        """Return the connectors of lab.toml, for commands that don't name their own."""
        return ()

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query(self.declaration.dialect.identity_query)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        self.settings.set(name, value)

    def agrees(self, name: str, value: Any, found: Any) -> bool:
        """Say whether a value that is read is the one that was set."""
        return self.settings.agrees(name, value, found)

    def prepare(self) -> None:
        """Forget errors of before, where the instrument keeps any; settings stay as they are."""
        if self.declaration.error_query:
            self.link.write("*CLS")

    def safe(self) -> None:
        """Set the safe values of lab.toml, and the declared ones of all that lab.toml lets anybody set.

        Raises
        ------
        QctlError
            If one of them is refused, when all others have been tried.
        """
        values = dict(self._declared_safe())
        values |= {name: rule.safe for name, rule in self.instrument.parameter.items() if rule.safe is not None}
        refused: QctlError | None = None
        for name, value in values.items():
            try:
                self.set(name, value)
            except QctlError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _declared_safe(self) -> Iterator[tuple[str, Any]]:
        for template, name in self.declaration.expanded(tuple(self.declaration.safe)):
            if name not in self.settings.closed:
                yield name, self.declaration.safe[template]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a declared instrument is made from.

    Attributes
    ----------
    commands : tuple of Command
        Its table.
    needs : tuple of str
        Parameters that can warm a fridge or break something: without limits or words in lab.toml they can't be set.
        ``{n}`` stands for every connector.
    safe : mapping of str to value
        Safe state of whatever may be set; lab.toml's ``parameter.NAME.safe`` goes before it.
    error_query : str
        What asks for the next error; empty where there is no error queue, and settings are only read back.
    answer : str
        What the instrument answers to a setting that it takes, if it answers any; ``*`` stands for anything.
    refusals : tuple of str
        What answers begin with by which it refuses, where it says so in an answer.
    joined : int
        Longest message of several queries, in characters; 0 where only one query goes into a message.
    dialect : Dialect
        How it is spoken to: ends of messages, identity, serial line.
    device : type
        Class of the device, where a kind of instrument has more to it than its table.
    identity : pair of str
        What the first two comma fields of its identity begin with, where the registry doesn't say it.
    open_port : callable, optional
        Opens what it is reached by, from its entry, address and time-out, where that is no text over VISA.
    """

    commands: tuple[Command, ...]
    needs: tuple[str, ...] = ()
    safe: Mapping[str, Any] = field(default_factory=dict)
    error_query: str = "SYST:ERR?"
    answer: str = ""
    joined: int = 65_536
    dialect: Dialect = field(default_factory=Dialect)
    device: type[DeclaredInstrument] = DeclaredInstrument
    refusals: tuple[str, ...] = ()
    identity: tuple[str, str] = ("", "")
    open_port: Callable[[Instrument, str, float], Port] | None = None

    def over(self, link: Link, instrument: Instrument) -> DeclaredInstrument:
        """Return the device over an open link; nothing is sent."""
        return self.device(link, instrument, self)

    def open(self, instrument: Instrument, lab: Lab) -> DeclaredInstrument:
        """Open the link, check the identity, and prepare the device."""
        dialect = self.dialect
        if instrument.baud is not None:
            dialect = replace(dialect, serial=replace(dialect.serial, baud=instrument.baud))
        expected = self.identity if any(self.identity) else model_of(instrument.model).identity
        link = open_visa_link(
            instrument.name,
            instrument.address,
            instrument.timeout_s,
            expected,
            dialect=dialect,
            open_port=None if self.open_port is None else partial(self.open_port, instrument),
        )
        try:
            device = self.over(link, instrument)
            device.prepare()
        except BaseException:
            link.close()
            raise
        return device

    def expanded(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield each name with the parameters that it stands for."""
        for command in self.commands:
            if command.name in names:
                for number in command.numbers or (None,):
                    yield command.name, command.named(number)

    def lab_lines(self) -> Iterator[str]:
        """Yield what lab.toml must say of an instrument before all of it can be set, as lines to fill in."""
        yield from self.device.LAB_LINES
        for command in self.commands:
            if command.name in self.needs and not any(command.name in line for line in self.device.LAB_LINES):
                first, *others = command.numbers or (None,)
                words = ", ".join(f'"{word}"' for word in command.words)
                bounds = {str: f"words = [{words}]", bool: "limits = [0, 1]"}.get(command.kind, "limits = [low, high]")
                likewise = f"; likewise for {', '.join(map(str, others))}" if others else ""
                yield f"parameter.{command.named(first)}.{bounds}    # needed before it can be set{likewise}"

    def page(self) -> str:
        """Return its parameters as a table in Markdown."""
        lines = ["| parameter | unit | range | set | asked |", "|---|---|---|---|---|"]
        seen: set[tuple[Any, ...]] = set()
        for command in self.commands:
            if not command.name or (command.name, command.numbers) in seen:
                continue
            seen.add((command.name, command.numbers))
            bounds = (
                f"{command.limits.low:g} to {command.limits.high:g}" if command.limits else ", ".join(command.words)
            )
            send = (
                f"`{command.setting('{n}' if '{n}' in command.name else None, '{value}')}`" if command.settable else ""
            )
            ask = f"`{command.query('{n}' if '{n}' in command.name else None)}`" if command.askable else ""
            must = " (lab.toml must bound it)" if command.name in self.needs else ""
            which = f" ({', '.join(map(str, command.numbers))})" if command.numbers else ""
            lines.append(f"| `{command.name}`{which} | {command.unit} | {bounds}{must} | {send} | {ask} |")
        return "\n".join(lines)
