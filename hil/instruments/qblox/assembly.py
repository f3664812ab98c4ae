"""Q1ASM: from the text of a program to the table of numbers that `cext/q1_core.pyx` executes.

Source: the vendor's assemblers q1asm 1.1.1 (instruction set 1) and 1.4.1 (2), tried operand by operand; cycles of the
classical core as q1simulator 1.3.4 estimates them. The deprecated instructions of set 1 are known in set 2 too, which
expands them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RefusedError

__all__ = ["OPERATIONS", "assemble"]

OPERATIONS = (
    "illegal", "stop", "nop", "jmp", "jcc", "jlt1", "jge1", "loop1", "jlt2", "jge2", "loop2", "move", "not", "add",
    "sub", "cmp", "and", "test", "or", "xor", "asl", "asr", "lsr", "mulu16", "muls16", "mulu32", "muls32", "set_mrk",
    "reset_ph", "set_freq", "set_ph", "set_ph_delta", "set_awg_gain", "set_awg_offs", "set_cond", "upd_param", "play",
    "acquire", "acquire_weighed", "acquire_ttl", "set_latch_en", "latch_rst", "wait", "wait_sync", "wait_trigger",
)  # fmt: skip
"""In the order of the kernel's numbers."""

_CONDITIONS = ("jz", "jnz", "jo", "jno", "js", "jns", "jg", "jle", "jl", "jge", "ja", "jbe", "jb", "jae")

_RANGES = {
    "b": (0, 1), "i": (-(1 << 31), (1 << 32) - 1), "a": (0, 16_383), "f": (-(1 << 31), (1 << 31) - 1),
    "g": (-32_768, 32_767), "u": (0, (1 << 32) - 1), "s": (0, 65_535), "p": (0, 1_000_000_000), "m": (0, 15),
    "w": (0, 1023), "k": (0, 31), "n": (0, 16_777_215), "c": (0, 32_767), "o": (0, 7), "t": (4, 65_535),
    "T": (0, 65_535), "r": (1, 15),
}  # fmt: skip
"""Range of an immediate operand by its letter."""


class _Form(NamedTuple):
    """How an instruction is written.

    Attributes
    ----------
    operation : str
        One of `OPERATIONS`.
    operands : tuple of str
        A letter of `_RANGES` for an immediate; ``R`` a register, all of those that may be one or none; ``r`` a
        register, at least one of them; ``D`` a register that is written; ``L`` a label; ``?`` may be left out.
    duration : int
        Which operand the real-time core takes.
    """

    operation: str
    operands: tuple[str, ...] = ()
    duration: int = 0


def _forms(version: int) -> dict[tuple[str, int], _Form]:
    """Return the instructions of a set by name and number of operands."""
    two, wait = version == 2, "T" if version == 2 else "t"
    forms = {
        "illegal": _Form("illegal"),
        "nop": _Form("nop"),
        "jmp": _Form("jmp", ("aRL",)),
        "jlt": _Form("jlt2" if two else "jlt1", ("R", "u", "aRL")),
        "loop": _Form("loop2" if two else "loop1", ("D", "aRL")),
        "move": _Form("move", ("iRL", "D")),
        "not": _Form("not", ("iR", "D")),
        "set_mrk": _Form("set_mrk", ("mR",)),
        "reset_ph": _Form("reset_ph"),
        "set_freq": _Form("set_freq", ("fR",)),
        "set_ph": _Form("set_ph", ("pR",)),
        "set_ph_delta": _Form("set_ph_delta", ("pR",)),
        "set_awg_gain": _Form("set_awg_gain", ("gR", "gR")),
        "set_awg_offs": _Form("set_awg_offs", ("gR", "gR")),
        "set_cond": _Form("set_cond", ("bR", "cR", "oR", "s")),
        "upd_param": _Form("upd_param", (wait,), 0),
        "play": _Form("play", ("wR", "wR", wait), 2),
        "acquire": _Form("acquire", ("k", "nR", wait), 2),
        "acquire_weighed": _Form("acquire_weighed", ("k", "nR", "kR", "kR", wait), 4),
        "acquire_ttl": _Form("acquire_ttl", ("k", "nR", "b", wait), 3),
        "set_latch_en": _Form("set_latch_en", ("bR", wait), 1),
        "latch_rst": _Form("latch_rst", (wait + "R",), 0),
        "wait": _Form("wait", (wait + "R",), 0),
        "wait_sync": _Form("wait_sync", (wait + "R",), 0),
        "wait_trigger": _Form("wait_trigger", ("rR", wait + "R"), 1),
    }
    pair = ("ir", "ir", "D") if two else ("R", "iR", "D")
    forms |= {name: _Form(name, pair) for name in ("add", "sub", "and", "or", "xor", "asl")}
    forms["asr"] = _Form("asr" if two else "lsr", pair)
    table = {(name, len(form.operands)): form for name, form in forms.items()}
    table["stop", 0] = _Form("stop")
    table["jge", 3] = _Form("jge2" if two else "jge1", ("R", "u", "aRL"))
    if two:
        table["stop", 1] = _Form("stop", ("f",))
        table |= {(name, 1): _Form("jcc", ("aRL",)) for name in _CONDITIONS}
        table |= {(name, 3): _Form(name, pair) for name in ("lsr", "mulu16", "muls16")}
        table["lsl", 3] = _Form("asl", pair)
        table |= {(name, 2): _Form(name, ("ir", "ir")) for name in ("cmp", "test")}
        table["acquire_weighted", 5] = table["acquire_weighed", 5]
        for name in ("mulu32", "muls32"):
            table[name, 4] = _Form(name, ("ir", "ir", "D", "D"))
            table |= {(name + half, 3): _Form(name, ("ir", "ir", "D")) for half in "lh"}
    return table


_SETS = {version: _forms(version) for version in (1, 2)}
_LINE = re.compile(r"(?:(\w+)\s*:)?\s*(?:(\w+)(?:\s+(.*?))?)?\s*")


def assemble(program: str, version: int = 2) -> NDArray[np.int64]:
    """Return a program as the (n_instructions, 9) table that the kernel takes.

    Parameters
    ----------
    program : str
        Q1ASM; ``#`` begins a comment.
    version : int
        Instruction set, 1 or 2.

    Raises
    ------
    RefusedError
        With the line, if it can't be read.
    """
    found: list[tuple[int, str, list[str]]] = []
    labels: dict[str, int] = {}
    for number, line in enumerate(program.split("\n"), 1):
        match = _LINE.fullmatch(line.partition("#")[0].strip())
        if match is None:
            raise _refused(number, line, "is no instruction")
        label, name, rest = match.groups()
        if label:
            if label in labels:
                raise _refused(number, line, f"label {label} is there twice")
            labels[label] = len(found)
        if name:
            found.append((number, name, [word.strip() for word in rest.split(",")] if rest else []))
    code = np.zeros((len(found), 9), np.int64)
    forms = _SETS[version]
    for row, (number, name, words) in zip(code, found, strict=True):
        form = forms.get((name, len(words)))
        try:
            if form is None:
                known = any(other == name for other, _ in forms)
                raise _odd(f"{name} with {len(words)} operands" if known else f"unknown instruction {name}")
            _fill(row, form, name, words, labels)
        except RefusedError as error:
            raise _refused(number, f"{name} {','.join(words)}", error.message) from None
    return code


def _odd(why: str) -> RefusedError:
    return RefusedError(why, number=-300)


def _refused(number: int, line: str, why: str) -> RefusedError:
    return RefusedError(f"line {number}: {why}: {line.strip()}", number=-300)


def _fill(row: NDArray[np.int64], form: _Form, name: str, words: list[str], labels: Mapping[str, int]) -> None:
    """Fill one line of the table."""
    kinds: list[str] = []
    n_registers = 0
    for place, (word, allowed) in enumerate(zip(words, form.operands, strict=True)):
        value, kind = _operand(word, allowed, labels)
        row[1 + place] = value
        if kind == "R":
            row[6] |= 1 << place
            n_registers += 1
        if "R" in allowed and len(allowed) > 1:
            kinds.append(kind)
        if "r" in allowed and allowed != "rR" and kind == "I":
            kinds.append("i")
    if {"R", "I"} <= set(kinds) or kinds.count("i") > 1:
        raise _odd("this mixture of registers and immediates is not supported")
    row[0] = OPERATIONS.index(form.operation)
    row[7], row[8] = max(1, n_registers), form.duration
    if form.operation == "jcc":
        row[5] = _CONDITIONS.index(name)
    elif form.operation in ("mulu32", "muls32") and len(words) == 3:
        row[3], row[4] = (row[3], 64) if name.endswith("l") else (64, row[3])


def _operand(word: str, allowed: str, labels: Mapping[str, int]) -> tuple[int, str]:
    """Return an operand's number, and whether it is a register that is read (R), one that is written (D), or none."""
    if word.startswith("R") and word[1:].isdigit():
        if int(word[1:]) > 63:
            raise _odd(f"there is no register {word}")
        if allowed == "D":
            return int(word[1:]), "D"
        if allowed[0] == "R" or "R" in allowed[1:] or "r" in allowed[1:]:
            return int(word[1:]), "R"
        raise _odd(f"{word} is a register where an immediate has to be")
    if word.startswith("@"):
        if "L" not in allowed:
            raise _odd(f"{word} is a label where none can be")
        if word[1:] not in labels:
            raise _odd(f"label {word[1:]} is not there")
        return labels[word[1:]], "I"
    if allowed in ("D", "R"):
        raise _odd(f"{word} is no register")
    try:
        value = int(word)
    except ValueError:
        raise _odd(f"{word!r} is no number") from None
    low, high = _RANGES[allowed[0]]
    if not low <= value <= high:
        raise _odd(f"{value} is outside [{low}, {high}]")
    return value & 0xFFFFFFFF if allowed[0] in "ifg" else value, "I"
