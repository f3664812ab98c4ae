"""Drive firmware that lab.toml describes: its entry becomes the same table of commands as a declared instrument's.

Source: the entry itself; docs/existing-firmware.md says what may stand in it.
"""

from __future__ import annotations

import re

from qctl.errors import RequestError
from qctl.instruments.commands import DIGITS_SHARE, Command
from qctl.instruments.declared import Declaration, DeclaredInstrument
from qctl.instruments.links.link import Dialect, SerialLine
from qctl.instruments.links.modbus_words import ACCEPTED, IDENTIFICATION, REFUSED, Register, parse_register
from qctl.instruments.parameter_rules import place_of
from qctl.lab import Instrument, Lab
from qctl.lab.rack import ParameterRule
from qctl.units import Limits

__all__ = ["declaration_of", "open_driver"]

_KINDS: dict[str, type] = {"number": float, "whole": int, "switch": bool, "text": str}
_ANY = Limits(-1e300, 1e300)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def open_driver(instrument: Instrument, lab: Lab) -> DeclaredInstrument:
    """Open the link, check the identity, and return the device."""
    return declaration_of(instrument).open(instrument, lab)


def declaration_of(instrument: Instrument) -> Declaration:
    """Return what an entry of lab.toml declares; nothing is opened.

    Raises
    ------
    RequestError
        If it declares something that can't be, with the path in lab.toml.
    """
    rules = instrument.parameter.values()
    if instrument.modbus is not None:
        return _by_modbus(instrument, [_register(instrument, rule) for rule in rules])
    if instrument.lines is None:
        raise RequestError(f"instruments.{instrument.name}.lines: is missing", instrument=instrument.name)
    said = instrument.lines
    commands = [
        _command(
            rule,
            _kind(rule),
            ask=rule.ask,
            send=rule.send,
            settable=bool(rule.send),
            codes=rule.codes or rule.words,
            step=0.0 if rule.digits is None else 10.0**-rule.digits,
        )
        for rule in rules
    ]
    return Declaration(
        (Command("", "identity", "Identity", kind=str, settable=False, ask=said.identity), *commands),
        needs=_settable(commands),
        error_query="",
        answer=said.answer,
        refusals=said.refusals,
        joined=0,
        identity=_begins(said.begins),
        dialect=Dialect(
            said.end,
            said.answer_end,
            identity_query=said.identity,
            greets=said.wakes_s > 0,
            wakes_s=said.wakes_s,
            echoes=said.echoes,
            prefix=said.prefix,
            answer_prefix=said.answer_prefix,
            checksum=said.checksum,
            mark=said.mark,
        ),
    )


def _by_modbus(instrument: Instrument, registers: list[tuple[ParameterRule, Register]]) -> Declaration:
    said = instrument.modbus
    assert said is not None
    if said.identity != IDENTIFICATION and isinstance(parse_register(said.identity), str):
        raise RequestError(
            f"instruments.{instrument.name}.modbus.identity: {said.identity!r} is neither {IDENTIFICATION!r} nor a "
            f"register to read",
            instrument=instrument.name,
        )
    from qctl.instruments.links.modbus_port import ModbusPort

    _check_apart(instrument, registers)
    commands = [_modbus_command(instrument, rule, register) for rule, register in registers]
    line = SerialLine(instrument.baud or 9600, 8, said.parity)
    return Declaration(
        (Command("", "identity", "Identity", kind=str, settable=False, ask=said.identity), *commands),
        needs=_settable(commands),
        error_query="",
        answer=ACCEPTED,
        refusals=(REFUSED,),
        joined=0,
        identity=_begins(said.begins),
        dialect=Dialect(identity_query=said.identity, serial=line, station=f"unit {said.unit}"),
        open_port=lambda _, address, timeout_s: ModbusPort(address, timeout_s, said.unit, said.word_order, line),
    )


def _register(instrument: Instrument, rule: ParameterRule) -> tuple[ParameterRule, Register]:
    found = parse_register(rule.register)
    if isinstance(found, str):
        raise RequestError(f"{place_of(instrument, rule.name)}.register: {found}", instrument=instrument.name)
    return rule, found


def _check_apart(instrument: Instrument, registers: list[tuple[ParameterRule, Register]]) -> None:
    """Refuse two names of one register: what one of them bounds, the other one sets."""
    for k, (rule, register) in enumerate(registers):
        for other, its in registers[:k]:
            if both := register.shares(its):
                which = f"{register.table} {' and '.join(map(str, both))}"
                raise RequestError(
                    f"{place_of(instrument, rule.name)}.register: {which} of {rule.register!r} is also in "
                    f"{other.register!r} of {other.name}",
                    instrument=instrument.name,
                )


def _modbus_command(instrument: Instrument, rule: ParameterRule, register: Register) -> Command:
    text = str(register)
    low, high = register.bounds
    for code in rule.codes:
        if not _NUMBER.fullmatch(code) or not low <= float(code) <= high:
            raise RequestError(
                f"{place_of(instrument, rule.name)}.codes: {code!r} is no number from {low:g} to {high:g}, as "
                f"{rule.register} holds them",
                instrument=instrument.name,
            )
    return _command(
        rule,
        bool if register.is_bit and not rule.words else _kind(rule),
        ask=text,
        send=f"{text} = {{value}}",
        settable=register.is_writable and (rule.limits is not None or bool(rule.words)),
        codes=rule.codes or tuple(map(str, range(len(rule.words)))),
        own=None if register.is_bit else Limits(*register.bounds),
        step=register.step,
        share=register.share,
    )


def _kind(rule: ParameterRule) -> type:
    return _KINDS[rule.kind] if rule.kind is not None else str if rule.words else float


def _command(
    rule: ParameterRule,
    kind: type,
    ask: str,
    send: str,
    settable: bool,
    codes: tuple[str, ...],
    step: float,
    own: Limits | None = None,
    share: float = DIGITS_SHARE,
) -> Command:
    return Command(
        "",
        rule.name,
        rule.label or rule.name,
        rule.unit,
        kind,
        settable,
        bool(ask),
        tuple(word.upper() for word in rule.words),
        (own or _ANY) if kind in (float, int) else None,
        rule.resolution or step / 2,
        send,
        ask,
        codes=codes,
        reply=rule.reply,
        digits=rule.digits,
        step=step if kind is float else 0.0,
        share=share,
    )


def _settable(commands: list[Command]) -> tuple[str, ...]:
    return tuple(command.name for command in commands if command.settable)


def _begins(text: str) -> tuple[str, str]:
    first, _, second = text.partition(",")
    return first.strip(), second.strip()
