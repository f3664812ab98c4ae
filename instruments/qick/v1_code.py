"""Machine code of a tProcessor v1 for the assembly that `v1_program` writes: one 64-bit word for each instruction.

Source: qick (``firmware/ip/axis_tproc64x32_x8_v1/src/ctrl.sv``: fields of the word). Only what this package writes is
known; qick's own parser and compiler are held against it by ``make conformance``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError

__all__ = ["MOST_IMMEDIATE", "machine_code"]

MOST_IMMEDIATE = 2**30 - 1
"""Immediates have 31 bits, and are signed."""
_KIND, _PAGE, _CHANNEL, _OPERATION = 56, 53, 50, 46
_A, _B, _C, _D, _E, _F, _G = 41, 36, 31, 26, 21, 16, 11
"""Where registers begin, counted from the lowest bit."""
_PLUS, _SHIFT = 0b1000 << _OPERATION, 0b0100 << _OPERATION


def _immediate(value: str) -> int:
    found = int(value)
    if not -MOST_IMMEDIATE - 1 <= found <= MOST_IMMEDIATE:
        raise CompileError(f"{found} is over the 31 bits of its place in an instruction")
    return found & (2**31 - 1)


def _one(name: str, bits: int) -> int:
    found = int(name)
    if found >= 1 << bits:
        raise CompileError(f"{found} is over the {bits} bits of its place in an instruction")
    return found


def _word(kind: int, page: str = "0", channel: str = "0", **registers: str) -> int:
    """Return an instruction of a kind, with its registers each at its place."""
    word = kind << _KIND | _one(page, 3) << _PAGE | _one(channel, 3) << _CHANNEL
    for place, name in registers.items():
        word |= _one(name, 5) << _PLACES[place]
    return word


_PLACES = {"a": _A, "b": _B, "c": _C, "d": _D, "e": _E, "f": _F, "g": _G}
_N, _R, _I = r"(\d+)", r"\$(\d+)", r"(-?\d+)"
_FORMS: tuple[tuple[re.Pattern[str], Callable[..., int]], ...] = tuple(
    (re.compile(form), act)
    for form, act in (
        (rf"set {_N}, {_N}, {_R}, {_R}, {_R}, {_R}, {_R}, {_R};",
         lambda ch, p, b, d, e, f, g, t: _word(0x51, p, ch, b=b, c=t, d=d, e=e, f=f, g=g)),
        (rf"regwi {_N}, {_R}, {_I};", lambda p, r, value: _word(0x19, p, a=r) | _immediate(value)),
        (rf"seti {_N}, {_N}, {_R}, {_I};", lambda ch, p, r, t: _word(0x13, p, ch, b=r) | _immediate(t)),
        (rf"bitwi {_N}, {_R}, {_R} << {_I};",
         lambda p, to, r, by: _word(0x16, p, a=to, b=r) | _SHIFT | _immediate(by)),
        (rf"bitwi {_N}, {_R}, {_R} ([&|]) {_I};",
         lambda p, to, r, how, by: _word(0x16, p, a=to, b=r) | (how == "|") << _OPERATION | _immediate(by)),
        (rf"read {_N}, {_N}, lower {_R};",
         lambda ch, p, to: _word(0x53, p, ch, a=to) | 0b0101 << _OPERATION),
        (rf"mathi {_N}, {_R}, {_R} \+ {_I};",
         lambda p, to, r, by: _word(0x12, p, a=to, b=r) | _PLUS | _immediate(by)),
        (rf"memr {_N}, {_R}, {_R};", lambda p, to, at: _word(0x56, p, a=to, b=at)),
        (rf"memri {_N}, {_R}, {_I};", lambda p, to, at: _word(0x17, p, a=to) | _immediate(at)),
        (rf"memwi {_N}, {_R}, {_I};", lambda p, r, at: _word(0x18, p, c=r) | _immediate(at)),
        (rf"synci {_I};", lambda ticks: _word(0x14) | _immediate(ticks)),
        (rf"waiti {_N}, {_I};", lambda ch, ticks: _word(0x15, channel=ch) | _immediate(ticks)),
        (r"end ;", lambda: _word(0x3F)),
    )
)  # fmt: skip
_LOOP = re.compile(rf"loopnz {_N}, {_R}, @(\w+);")
_JUMP = re.compile(rf"condj {_N}, {_R} (<|==|!=) {_R}, @(\w+);")
_CONDITIONS = {"<": 0b0010, "==": 0b0100, "!=": 0b0101}


def machine_code(text: str) -> NDArray[np.uint64]:
    """Return the content of program memory.

    Parameters
    ----------
    text : str
        Assembly, as `v1_program` writes it.

    Returns
    -------
    (n_instructions,) uint64
        From address 0 on.

    Raises
    ------
    CompileError
        If a line is none that is written here, or a number is over its place.
    """
    words: list[int] = []
    labels: dict[str, int] = {}
    later: list[tuple[int, str]] = []
    for k, line in enumerate(text.splitlines(), 1):
        label, _, rest = line.rpartition(": ")
        if label:
            labels[label] = len(words)
        match, jump = _LOOP.fullmatch(rest), _JUMP.fullmatch(rest)
        if match is not None:
            later.append((len(words), match[3]))
            words.append(_word(0x30, match[1], a=match[2], b=match[2]) | _PLUS)
        elif jump is not None:
            later.append((len(words), jump[5]))
            words.append(_word(0x31, jump[1], b=jump[2], c=jump[4]) | _CONDITIONS[jump[3]] << _OPERATION)
        else:
            words.append(_coded(rest, k))
    for at, name in later:
        if name not in labels:
            raise CompileError(f"label {name} stands nowhere in the program")
        words[at] |= labels[name]
    return np.array(words, np.uint64)


def _coded(line: str, number: int) -> int:
    for form, act in _FORMS:
        match = form.fullmatch(line)
        if match is not None:
            return act(*match.groups())
    raise CompileError(f"line {number}: {line!r} is no instruction that programs for QICK boards have")
