"""What the writers of program texts share: registers, numbers and conditions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qctl.cext.gate_lines import number_text as kernel_number_text
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.expressions import Expression
from qctl.program.opcodes import OPCODES, Op

__all__ = ["RESERVED", "BitTest", "Naming", "named_registers", "number_text", "refusal", "tested_bits"]

_NAME = re.compile(r"([a-z][A-Za-z0-9_]*)(?:\[(0|[1-9][0-9]{0,8})\])?")
_KEYWORDS = """
include qreg creg gate opaque barrier measure reset if pi sin cos tan exp ln sqrt asin acos atan def cal defcal let
break continue else end return for while in switch case default pragma input output const readonly mutable qubit void
bit bool int uint float angle complex array duration stretch gphase inv pow ctrl negctrl dim delay box durationof
sizeof true false im tau euler extern defcalgrammar arcsin arccos arctan ceiling floor log mod popcount
rotl rotr real imag dt ns us ms s
"""
RESERVED = frozenset(_KEYWORDS.split())


@dataclass(frozen=True, slots=True)
class Naming:
    """Registers as a text declares them, and how it names each of their members.

    `registers` has name and size, size 0 for one without an index; `members` one text for each index.
    """

    registers: tuple[tuple[str, int], ...]
    members: tuple[str, ...]


def named_registers(names: Sequence[str], fallback: str, taken: Iterable[str], may_be_single: bool) -> Naming:
    """Return the registers that the names spell, or a single one called `fallback` if they can't be a text's.

    Parameters
    ----------
    names : sequence of str
        ``q[0]``, ``q[1]``, ``r``, …
    fallback : str
    taken : iterable of str
        Names that are something else already.
    may_be_single : bool
        Whether the language has members without an index.
    """
    refused = RESERVED | set(taken)
    sizes: dict[str, int] = {}
    last = ""
    for name in names:
        match = _NAME.fullmatch(name)
        stem, index = match.groups() if match else ("", None)
        fits = bool(stem) and stem not in refused
        if index is None:
            fits = fits and may_be_single and stem not in sizes
            sizes[stem] = 0
        else:
            known = sizes.get(stem, 0)
            fits = fits and int(index) == known and (stem == last if known else stem not in sizes)
            sizes[stem] = known + 1
        last = stem
        if not fits:
            while fallback in refused:
                fallback += "_"
            return Naming(((fallback, len(names)),), tuple(f"{fallback}[{i}]" for i in range(len(names))))
    return Naming(tuple(sizes.items()), tuple(names))


def number_text(value: float, pi: bool = True) -> str:
    """Return a number as a text that is read back to the same bits; with `pi` multiples of pi as such.

    Raises
    ------
    RequestError
        If it is not finite.
    """
    if not math.isfinite(value):
        raise RequestError(f"{value} is not a number that a text can have")
    text = kernel_number_text(value, pi)
    if text is None:  # compilers without 128 bits
        text = repr(value)
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


@dataclass(frozen=True, slots=True)
class BitTest:
    """The condition that some bits, the first one lowest, are a number."""

    bits: tuple[int, ...]
    value: int


def tested_bits(condition: Expression, index: dict[str, int]) -> BitTest | None:
    """Return a condition as a test of bits, if it is one; `index` has each bit's position."""
    code = list(condition.code)
    if len(code) == 1 and code[0][0] == "bit":
        return BitTest((index[str(code[0][1])],), 1)
    if len(code) == 2 and code[0][0] == "bit" and code[1][0] == "not":
        return BitTest((index[str(code[0][1])],), 0)
    if len(code) < 3 or code[-1][0] != "eq" or code[-2][0] != "const":
        return None
    value, terms = float(code[-2][1] or 0), code[:-2]
    bits = []
    for k in range((len(terms) + 3) // 4):
        words = terms[:1] if k == 0 else terms[4 * k - 3 : 4 * k + 1]
        wanted = ["bit"] if k == 0 else ["bit", "const", "mul", "add"]
        if [word for word, _ in words] != wanted or (k and words[1][1] != 2.0**k):
            return None
        bits.append(index[str(words[0][1])])
    if not value.is_integer() or not 0 <= value < 2 ** len(bits):
        return None
    return BitTest(tuple(bits), int(value))


def refusal(body: Body, i: int, language: str) -> RequestError:
    """Return the error that an instruction can't be said in a language."""
    op = Op(int(body.instructions[i]["op"]))
    return RequestError(f"instruction {i} ({OPCODES[op].name}) can't be written as {language}")
