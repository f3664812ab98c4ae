"""What a parameter may be, and how firmware that lab.toml describes, by lines of text or Modbus, is spoken to."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["Lines", "Modbus", "ParameterRule"]

WakesS = Annotated[float, Meta(ge=0.0, le=60.0, extra={"hint": "times are in seconds"})]


class Lines(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How firmware is spoken to that takes and answers lines of text.

    Attributes
    ----------
    identity : str
        What it answers with who it is, and always with the same.
    begins : str
        What that answer begins with.
    end, answer_end : str
        What ends a message to it, and the character that its answers end in.
    answer : str
        What it answers to a setting that it takes, ``*`` for anything; nothing where it is empty.
    refusals : list of str
        What an answer begins with by which it refuses.
    prefix, answer_prefix : str
        What stands before each message to it, and before each of its answers.
    checksum : str
        What stands behind `mark` at the end of messages and answers, of the text between prefix and mark: all bytes
        joined by exclusive or, their sum, or Modbus' CRC, in hex digits.
    mark : str
        What stands before a checksum.
    echoes : bool
        Whether it sends each message back before it answers.
    wakes_s : float
        How long it may take to greet a new connection, as a board does that the connection resets; 0 where it says
        nothing.
    """

    identity: str = "*IDN?"
    begins: str = ""
    end: str = "\n"
    answer_end: Literal["\n", "\r", ";", ">", "#"] = "\n"
    answer: str = ""
    refusals: tuple[str, ...] = ()
    prefix: str = ""
    answer_prefix: str = ""
    checksum: Literal["", "xor", "sum", "crc16"] = ""
    mark: str = "*"
    echoes: bool = False
    wakes_s: WakesS = 0.0


class Modbus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a controller is spoken to by Modbus: RTU on a serial line, TCP on a socket.

    Attributes
    ----------
    identity : str
        Who it is: a register whose value never changes (``input 100``), or ``identification``, which asks for its
        vendor, product and revision.
    begins : str
        What that answer begins with.
    unit : int
        Its number on the line.
    word_order : str
        Which half of a value of two registers comes first.
    parity : str
        Of a serial line.
    """

    identity: str
    begins: str = ""
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    word_order: Literal["big", "little"] = "big"
    parity: Literal["none", "odd", "even"] = "none"


class ParameterRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one parameter of an instrument may be; a hosted driver's can't be set without an entry here.

    Attributes
    ----------
    name : str
        Its key in lab.toml: the parameter, as `qctl instruments get` lists it.
    limits : pair of float, optional
        Lowest and highest value of a number.
    words : list of str, optional
        What a parameter that isn't a number may be set to.
    safe : number, bool or str, optional
        What it is set to when nobody holds the instrument, in the order of the file.
    kind : str, optional
        What it is, of firmware that lab.toml describes: a number by default, a text where it has words, a switch where
        it is a coil.
    unit, label : str
        Its SI unit, and what people call it; of firmware that lab.toml describes.
    ask, send : str
        What asks for it and what sets it, with ``{value}``; of firmware that speaks lines.
    reply : str
        What the answer to `ask` is, with ``{value}``, where it is more than the value.
    register : str
        Where it is, by Modbus: ``holding``, ``input``, ``coil`` or ``discrete``, the address from 0, the type, and what
        it is divided by, as in ``holding 10 int16 / 10``. It can be set where it has limits or words.
    codes : list of str
        What is sent and answered for each of `words`, where it isn't the word.
    digits : int, optional
        Digits behind the point that a number is sent with, of firmware that reads no exponents.
    resolution : float
        How far what is read back may be from what was set; half of the last digit where `digits` or a register's
        divisor says it.
    """

    name: str
    limits: tuple[float, float] | None = None
    words: tuple[str, ...] = ()
    safe: float | bool | str | None = None
    kind: Literal["number", "whole", "switch", "text"] | None = None
    unit: str = ""
    label: str = ""
    ask: str = ""
    send: str = ""
    reply: str = ""
    register: str = ""
    codes: tuple[str, ...] = ()
    digits: Annotated[int, Meta(ge=0, le=15)] | None = None
    resolution: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
