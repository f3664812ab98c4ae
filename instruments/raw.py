"""Raw texts of existing scripts, matched against the driver's declared commands: limits hold on this path too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qctl.errors import NotAllowedError
from qctl.instruments.commands import Command, Matched, match_command, parsed_value
from qctl.lab import Instrument

__all__ = ["speak"]


def speak(device: Any, instrument: Instrument, text: str, commands: Sequence[Command]) -> str | None:
    """Carry out a raw message; return the answer to a query, None for a setting.

    Parameters
    ----------
    device : Device
        The open device.
    instrument : Instrument
        Its entry in lab.toml.
    text : str
        One message, or several joined with ``;``: all are matched before the first is carried out.
    commands : sequence of Command
        What the driver declares.

    Raises
    ------
    NotAllowedError
        If it matches no declared command and lab.toml does not say ``allow_raw = true``.
    LimitError
        If a value is outside its limits; it was not sent.
    """
    pieces = [piece for piece in text.strip().split(";") if piece.strip()]
    matched = [match_command(piece, commands) for piece in pieces]
    if any(found is None for found in matched):
        if instrument.allow_raw and hasattr(device, "link"):
            return _pass_on(device, text.strip())
        unknown = next(piece for piece, found in zip(pieces, matched, strict=True) if found is None)
        raise NotAllowedError(
            f"{instrument.name}: {unknown.strip()!r} matches no command that its driver declares; "
            f"allow_raw = true in lab.toml passes it on without limits",
            instrument=instrument.name,
        )
    found_all = [found for found in matched if found is not None]
    values = [None if found.query else parsed_value(found) for found in found_all]
    answers = []
    for found, value in zip(found_all, values, strict=True):
        if found.query:
            answers.append(_worded(device, found))
        else:
            device.set(found.parameter, value)
    return ";".join(answers) if answers else None


def _worded(device: Any, found: Matched) -> str:
    """Return a value as the instrument itself words it."""
    if found.command.header.upper() == "*IDN":
        return str(device.identify())
    value = device.get(found.parameter)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list | tuple):
        return ",".join(f"{item!r}" for item in value)
    return str(value)


def _pass_on(device: Any, text: str) -> str | None:
    try:
        if "?" in text:
            return str(device.link.query(text))
        device.link.write(text)
        return None
    finally:
        if hasattr(device, "forget"):
            device.forget()
