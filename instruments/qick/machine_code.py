"""Machine code of a tProcessor v2 for the assembly that `lower` writes: three 32-bit words for each instruction.

Source: qick 0.2.436 (``tprocv2_assembler.py``): fields of the 72 bits, address 0 is a NOP, WAIT takes two instructions.
Only what this package writes is known; qick's own assembler is held against it by ``make conformance``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError

__all__ = ["machine_code"]

_AHEAD = 10
"""Ticks that WAIT ends before its time (qick: Assembler.WAIT_TIME_OFFSET)."""
_DATA, _PORT, _ADDRESS, _OUT, _CONDITION, _SOURCE, _IMMEDIATE, _KIND = 7, 39, 45, 56, 63, 66, 68, 69
"""Where fields begin, counted from the lowest bit."""
_WORD = (1 << 32) - 1
_FLAGS = 1 << 4 + _OUT
_MINUS = 1 << _OUT
_FROM_WORD, _FROM_NUMBER = 3 << _SOURCE, 2 << _SOURCE
_IF_NEGATIVE, _IF_UNEQUAL = 2 << _CONDITION, 3 << _CONDITION
_CONDITIONS = {"Z": 1, "S": 2, "NZ": 3, "NS": 4}
_TEST, _JUMP, _CONTROL, _REGISTER, _OUTPUT = (kind << _KIND for kind in (0, 1, 2, 4, 6))
_TIMED = _OUTPUT | _FROM_WORD | 1 << 5 + _OUT
_NAMES = {"HERE": 0, "NEXT": 1, "SKIP": 2}


def _register(name: str) -> int:
    """Return the number of a register: s0 … s15, and r0 … r31 behind them."""
    return int(name[1:]) + 32 * (name[0] == "r")


def _number(value: str, bits: int = 32) -> int:
    """Return a whole number as two's complement of so many bits."""
    found = int(value)
    if not -(1 << bits - 1) <= found < 1 << bits - 1:
        raise CompileError(f"{found} is over the {bits} bits of its place in an instruction")
    return found & ((1 << bits) - 1)


def _with(name: str, other: str) -> int:
    """Return the data of an operation of a register with a number, or with another register."""
    first = _register(name) << 24 + _DATA
    if other[0] == "#":
        return _FROM_NUMBER | first | _number(other[1:], 24) << _DATA
    return 1 << _SOURCE | first | _register(other) << 16 + _DATA


def _wait(ticks: str) -> list[int]:
    data = _with("s11", f"#{int(ticks) - _AHEAD}") | _FLAGS | _MINUS
    return [_TEST | data, _JUMP | _IF_NEGATIVE | data]


def _imm(name: str, value: str) -> list[int]:
    return [_REGISTER | _FROM_WORD | 3 << 5 + _OUT | _number(value) << _DATA | _register(name)]


def _add(name: str, other: str) -> list[int]:
    return [_REGISTER | _with(name, other) | _register(name)]


def _and(name: str, other: str, bits: str) -> list[int]:
    return [_REGISTER | 4 << _OUT | _with(other, bits) | _register(name)]


def _time(ticks: str) -> list[int]:
    return [_CONTROL | _FROM_WORD | 8 << _OUT | _number(ticks) << _DATA]


def _wave(port: str, entry: str, time: str) -> list[int]:
    wave = 1 << _IMMEDIATE | 1 << _CONDITION | 1 << 6 + _OUT | _number(entry, 11) << _ADDRESS
    return [_TIMED | wave | int(port) << _PORT | _number(time) << _DATA]


def _word(port: int, value: str, time: str) -> list[int]:
    word = 1 << _IMMEDIATE | 3 << _CONDITION | _number(value, 11) << _ADDRESS
    return [_TIMED | word | port << _PORT | _number(time) << _DATA]


def _loop(counter: str, again: str, step: str) -> list[int]:
    return [_JUMP | _IF_UNEQUAL | 1 << 3 + _OUT | _with(again, step) | _register(counter)]


_NAME, _INT = r"([sr]\d+)", r"(-?\d+)"
_FORMS: tuple[tuple[re.Pattern[str], Callable[..., list[int]]], ...] = tuple(
    (re.compile(form), act)
    for form, act in (
        (rf"WPORT_WR p(\d+) wmem \[&(\d+)\] @{_INT}", _wave),
        (rf"DPORT_WR p(\d+) imm (\d+) @{_INT}", lambda port, value, time: _word(int(port), value, time)),
        (rf"TRIG p(\d+) set @{_INT}", lambda port, time: _word(32 + int(port), "1", time)),
        (rf"TRIG p(\d+) clr @{_INT}", lambda port, time: _word(32 + int(port), "0", time)),
        (rf"TIME #{_INT} inc_ref", _time),
        (rf"WAIT \[s15\] @{_INT} time", _wait),
        (rf"REG_WR {_NAME} imm #{_INT}", _imm),
        (rf"REG_WR {_NAME} op -op\(\1 \+ (#\d+)\)", _add),
        (rf"TEST -op\({_NAME} - (#?\w+)\)", lambda a, b: [_TEST | _FLAGS | _MINUS | _with(a, b)]),
        (rf"JUMP \[s15\] -if\(NZ\) -wr\({_NAME} op\) -op\({_NAME} \+ (#\d+)\)", _loop),
        (r"JUMP \[s15\]", lambda: [_JUMP | _FROM_WORD]),
        (r"JUMP \[s15\] -if\((Z|S|NZ|NS)\)", lambda flag: [_JUMP | _FROM_WORD | _CONDITIONS[flag] << _CONDITION]),
        (rf"TEST -op\({_NAME} AND (#\d+)\)", lambda a, b: [_TEST | _FLAGS | 2 << _OUT | _with(a, b)]),
        (
            rf"REG_WR {_NAME} op -op\({_NAME} AND (#\d+)\)",
            _and,
        ),
        (r"DPORT_RD p(\d+)", lambda port: [_OUTPUT | _FROM_WORD | int(port) << _PORT]),
    )
)
_LABELLED = re.compile(rf"REG_WR {_NAME} label (\w+)")


def machine_code(text: str) -> NDArray[np.int32]:
    """Return the content of program memory.

    Parameters
    ----------
    text : str
        Assembly, as `lower` writes it.

    Returns
    -------
    (n_instructions, 8) int32
        Lowest word first; a board takes eight words for each instruction, of which three are used.

    Raises
    ------
    CompileError
        If a line is none that is written here, or a number is over its place.
    """
    words: list[int] = [0]
    labels: dict[str, int] = {}
    later: list[tuple[int, str]] = []
    for k, line in enumerate(text.splitlines(), 1):
        if line.endswith(":"):
            labels[line[:-1]] = len(words)
            continue
        match = _LABELLED.fullmatch(line)
        if match is not None:
            later.append((len(words), match[2]))
            words.append(_REGISTER | _FROM_WORD | 3 << 5 + _OUT | _register(match[1]))
            continue
        words += _coded(line, k)
    for at, name in later:
        target = at + _NAMES[name] if name in _NAMES else labels.get(name)
        if target is None:
            raise CompileError(f"label {name} stands nowhere in the program")
        words[at] |= target << _DATA
    memory = np.zeros((len(words), 8), np.uint32)
    for column in range(3):
        memory[:, column] = [word >> 32 * column & _WORD for word in words]
    return memory.view(np.int32)


def _coded(line: str, number: int) -> list[int]:
    for form, act in _FORMS:
        match = form.fullmatch(line)
        if match is not None:
            return act(*match.groups())
    raise CompileError(f"line {number}: {line!r} is no instruction that programs for QICK boards have")
