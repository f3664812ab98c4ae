"""Raw texts of existing scripts, matched against the driver's declared commands: limits hold on this path too.

Source: IEEE 488.2 section 10 (common commands), SCPI-1999 volume 1, 6.2.4 (headers after a semicolon begin where the
header before stopped).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qctl.errors import LimitError, NotAllowedError, RequestError
from qctl.instruments.commands import Command, Matched, match_command, parsed_value, planned
from qctl.instruments.confirm import confirm
from qctl.lab import Instrument

__all__ = ["speak"]

COMMON = (
    Command("*IDN", kind=str, settable=False),
    Command("*CLS", kind=type(None), askable=False),
    Command("*OPC", kind=type(None)),
    Command("*WAI", kind=type(None), askable=False),
    Command("*ESR", kind=int, settable=False),
    Command("*STB", kind=int, settable=False),
    Command("SYSTem:ERRor[:NEXT]", kind=str, settable=False),
    Command("SYSTem:VERSion", kind=str, settable=False),
)
"""What every script may say to what knows SCPI: none of these changes a setting."""
_IDENTITY_ALONE = COMMON[:1]
"""Of firmware that lab.toml describes: it need not know any of the others."""

_PIECES = re.compile(r"""(?:[^;\n\r"']|"[^"]*"|'[^']*'|["'])+|[;\n\r]""")
_BOUND = re.compile(r"MIN(IMUM)?|MAX(IMUM)?|DEF(AULT)?", re.IGNORECASE | re.ASCII)
_MAX_TEXT = 1 << 20
"""Holds the longest list of a source: 65,536 voltages."""
_MAX_PIECES = 1024


@dataclass(frozen=True, slots=True)
class _Piece:
    """One command of a message, with its whole header, and what it was found to be."""

    text: str
    found: Matched | None
    common: bool = False


def speak(
    device: Any,
    instrument: Instrument,
    text: str,
    commands: Sequence[Command],
    block: bytes | memoryview | None = None,
    timeout_s: float | None = None,
) -> str | bytes | None:
    """Carry out a raw message; return the answer to a query, None for a setting.

    What matches a declared command goes the driver's way, whatever lab.toml allows; only the rest may be passed on.

    All settings of the message are checked before the first is sent, with the values that would hold by then.
    Settings in a row, each of another parameter, count together: a pair that is fine together but not one after the
    other (more amplitude before less offset) is accepted, and the driver makes it in the order that is fine. A query
    or another command between them divides them, as it sees what holds there. What is passed on may change anything:
    each setting after it is checked once more, against the instrument, when its turn comes.

    Parameters
    ----------
    device : Device
        The open device.
    instrument : Instrument
        Its entry in lab.toml.
    text : str
        One message, or several joined with ``;``: all are matched and checked before the first is carried out. ASCII,
        at most 1 MiB and 1024 commands.
    commands : sequence of Command
        What the driver declares.
    block : bytes, optional
        Content of a definite block that ends the message.
    timeout_s : float, optional
        How long an answer may take; lab.toml's time-out is the least.

    Returns
    -------
    str, bytes or None
        Bytes are a definite block, its head included.

    Raises
    ------
    NotAllowedError
        If it matches no declared command and lab.toml does not say ``allow_raw = true``.
    LimitError
        If a value is outside its limits; nothing of the message was sent.
    RequestError
        If the text is too long or not ASCII; nothing was sent.
    """
    _check_text(instrument.name, text)
    try:
        described = instrument.lines is not None or instrument.modbus is not None
        pieces = list(_pieces(text, commands, _IDENTITY_ALONE if described else COMMON))
    except RequestError as error:
        raise RequestError(f"{instrument.name}: {error.message}", instrument=instrument.name) from error
    if block is not None and pieces:
        pieces[-1] = _Piece(pieces[-1].text + text[len(text.rstrip()) :], None)
    unknown = [piece for piece in pieces if piece.found is None]
    if unknown and not (instrument.allow_raw and hasattr(device, "link")):
        raise NotAllowedError(
            f"{instrument.name}: {unknown[0].text!r} matches no command that its driver declares; "
            f"allow_raw = true in lab.toml passes it on without limits",
            instrument=instrument.name,
        )
    steps = _steps(device, instrument.name, pieces)
    longest_s = None if timeout_s is None else max(timeout_s, instrument.timeout_s)
    answers: list[str | bytes] = []
    for place, piece in enumerate(steps):
        answer: str | bytes | None = None
        if not isinstance(piece, _Piece):
            for name, value in piece.items():
                device.set(name, value)
        elif piece.found is None:
            answer = _pass_on(device, piece.text, block if place == len(steps) - 1 else None, longest_s)
        elif piece.found.query:
            answer = _asked(device, piece, longest_s)
        else:
            _link(device, piece.text).write(piece.found.command.setting())
        if answer is not None:
            answers.append(answer)
    return _joined(answers)


def _check_text(name: str, text: str) -> None:
    """Refuse what no instrument reads, before any of it is looked at."""
    if len(text) > _MAX_TEXT:
        raise RequestError(f"{name}: a text of {len(text)} characters is over {_MAX_TEXT}", instrument=name)
    if not text.isascii():
        place = next(k for k, letter in enumerate(text) if not letter.isascii())
        raise RequestError(f"{name}: {text[place]!r}, character {place + 1} of the text, is not ASCII", instrument=name)


def _steps(device: Any, name: str, pieces: Sequence[_Piece]) -> list[_Piece | Mapping[str, Any]]:
    """Return what to do in order, settings in a row as one mapping; refused here if one of them would be."""
    runs: list[dict[str, Any]] = []
    steps: list[_Piece | int] = []
    for piece in pieces:
        found = piece.found
        if found is None or found.query or piece.common:
            steps.append(piece)
            continue
        value = _checked(device, name, found)
        if not steps or isinstance(steps[-1], _Piece) or found.parameter in runs[-1]:
            steps.append(len(runs))
            runs.append({})
        runs[-1][found.parameter] = value
    ready = planned(device, runs)
    return [step if isinstance(step, _Piece) else ready[step] for step in steps]


def _pieces(text: str, commands: Sequence[Command], common: Sequence[Command]) -> Iterator[_Piece]:
    """Yield the commands of a message with whole headers, each matched."""
    path, n_found = "", 0
    for part in _PIECES.finditer(text):
        raw = part[0]
        if raw in "\n\r":
            path = ""
        word = raw.strip()
        if not word or word == ";":
            continue
        n_found += 1
        if n_found > _MAX_PIECES:
            raise RequestError(f"a text of more than {_MAX_PIECES} commands is refused; send it in parts")
        forms = [f"{path}:{word}", word] if path and word[0] not in ":*" else [word]
        piece = next((piece for form in forms if (piece := _matched(form, commands, common)).found), None)
        piece = piece or _Piece(forms[0], None)
        if word[0] != "*":
            path = piece.text.split(None, 1)[0].rpartition(":")[0]
        yield piece


def _matched(text: str, commands: Sequence[Command], common: Sequence[Command]) -> _Piece:
    found = match_command(text, commands)
    if found is None:
        found = match_command(text, common)
        usable = found is not None and not found.argument
        return _Piece(text, found if usable else None, common=True)
    if found.query and found.argument and not _BOUND.fullmatch(found.argument):
        return _Piece(text, None)
    return _Piece(text, found)


def _checked(device: Any, name: str, found: Matched) -> Any:
    """Return the value of a setting, refused here if its own limits refuse it: before the first text is sent."""
    settings = getattr(device, "settings", None)
    try:
        value = parsed_value(found)
        return value if settings is None else settings.checked(found.parameter, value)
    except (LimitError, RequestError) as error:
        if name in error.message:
            raise
        raise type(error)(f"{name}: {error.message}", **{**error.details, "instrument": name}) from error


def _asked(device: Any, piece: _Piece, timeout_s: float | None) -> str:
    """Return the answer to a query in the instrument's own words."""
    found = piece.found
    assert found is not None
    if found.command.header == "*IDN":
        return str(device.identify())
    if piece.common:
        return str(_link(device, piece.text).query(found.command.query(), timeout_s))
    if found.parameter not in {item.name for item in device.parameters()}:
        raise RequestError(f"{piece.text!r} asks for {found.parameter}, which lab.toml does not name")
    if hasattr(device, "link"):
        asked = found.command.query(found.number).partition(";")[0]
        return str(device.link.query(f"{asked} {found.argument}".rstrip(), timeout_s))
    value = device.get(found.parameter)
    if isinstance(value, list | tuple):
        return ",".join(f"{item!r}" for item in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _link(device: Any, text: str) -> Any:
    if not hasattr(device, "link"):
        raise NotAllowedError(f"{text!r} needs an instrument that speaks text")
    return device.link


def _pass_on(device: Any, text: str, block: bytes | memoryview | None, timeout_s: float | None) -> str | bytes | None:
    """Send what is not declared, confirmed as the driver confirms; what it knew of the instrument may be wrong then."""
    settings = getattr(device, "settings", None)
    error_query = "SYST:ERR?" if settings is None else settings.error_query
    try:
        if block is not None:
            device.link.write_block(text, block)
        elif "?" in text:
            answer: str | bytes = device.link.query_any(text, timeout_s)
            return answer
        elif settings is not None:
            told: str | None = settings.pass_on(text)
            return told
        else:
            device.link.write(text)
        if error_query:
            confirm(device.link, text, error_query)
        return None
    finally:
        if hasattr(device, "forget"):
            device.forget()


def _joined(answers: Sequence[str | bytes]) -> str | bytes | None:
    """Return several answers as one message, as an instrument would send them."""
    if not answers:
        return None
    if all(isinstance(answer, str) for answer in answers):
        return ";".join(str(answer) for answer in answers)
    return b";".join(answer.encode("latin-1") if isinstance(answer, str) else answer for answer in answers)
