"""Independent judges of a QICK board's programs: the vendor's assembler, and a small interpreter of the assembly."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO

import numpy as np

with redirect_stdout(StringIO()):
    from qick.tprocv2_assembler import Assembler

__all__ = ["Played", "assemble"]


def assemble(text: str) -> list:
    """Return the machine words of a program, after its list form has given the same words and the same text."""
    with redirect_stdout(StringIO()):
        binary = Assembler.str_asm2bin(text)[1]
        listed, labels = Assembler.str_asm2list(text)
        assert Assembler.list2bin(listed, labels)[1] == binary
        again = Assembler.list2asm(*Assembler.str_asm2list(text))
    lines = [line.strip() for line in again.splitlines() if line.strip()]
    assert lines[0] == "NOP" and lines[1:] == text.splitlines()
    return binary


_LINE = re.compile(
    r"(?P<label>\w+):|REG_WR (?P<imm>\w+) imm #(?P<number>-?\d+)|REG_WR s12 op -op\(s12 \+ #1\)"
    r"|TIME #(?P<ticks>\d+) inc_ref|WPORT_WR p(?P<wport>\d+) wmem \[&(?P<wave>\d+)\] @(?P<wtime>\d+)"
    r"|DPORT_WR p(?P<dport>\d+) imm (?P<word>\d+) @(?P<dtime>\d+)"
    r"|TRIG p(?P<trigger>\d+) (?P<edge>set|clr) @(?P<ttime>\d+)"
    r"|REG_WR s15 label (?P<target>\w+)|TEST -op\((?P<left>\w+) - (?P<right>#?\w+)\)"
    r"|JUMP \[s15\] -if\(NZ\) -wr\((?P<counter>\w+) op\) -op\(\w+ \+ #1\)|JUMP \[s15\](?P<stop>)"
    r"|WAIT \[s15\] @(?P<wait>-?\d+) time"
)


@dataclass
class Played:
    """What a program does, told by running its text.

    Attributes
    ----------
    waves : list of (tick, port, entry)
        Ticks of the timing clock from the start of the program on.
    words : list of (tick, port, word)
        Of data ports; of trigger lines, word 1 or 0 on port -1 - line.
    first : int
        Start of the first point.
    late : float
        Most ticks by which an event is reached after it is due, at two core cycles for each instruction,
        and eight for a jump.
    """

    text: str
    ticks_per_cycle: float
    waves: list = field(default_factory=list)
    words: list = field(default_factory=list)
    first: int = 0
    late: float = -np.inf

    def __post_init__(self) -> None:
        lines = [line for line in self.text.splitlines() if line]
        labels = {line[:-1]: k for k, line in enumerate(lines) if line.endswith(":")}
        registers = {"s12": 0}
        at, zero, clock, target, unequal, n = 0, 0, 0.0, "", False, 0
        while at < len(lines):
            match = _LINE.fullmatch(lines[at])
            assert match, lines[at]
            one = match.groupdict()
            at += 1
            if one["label"]:
                continue
            n += 1
            assert n < 2_000_000
            clock += 2 * self.ticks_per_cycle
            due = None
            if one["imm"]:
                registers[one["imm"]] = int(one["number"])
            elif one["ticks"]:
                zero += int(one["ticks"])
                self.first = self.first or zero
            elif one["wport"]:
                due = zero + int(one["wtime"])
                self.waves.append((due, int(one["wport"]), int(one["wave"])))
            elif one["dport"]:
                due = zero + int(one["dtime"])
                self.words.append((due, int(one["dport"]), int(one["word"])))
            elif one["trigger"]:
                due = zero + int(one["ttime"])
                self.words.append((due, -1 - int(one["trigger"]), int(one["edge"] == "set")))
            elif one["target"]:
                target = one["target"]
            elif one["left"]:
                right = one["right"]
                unequal = registers[one["left"]] != (int(right[1:]) if right[0] == "#" else registers[right])
            elif one["counter"]:
                if unequal:
                    registers[one["counter"]] += 1
                    at = labels[target]
                    clock += 6 * self.ticks_per_cycle
            elif one["stop"] is not None:
                assert target == "NEXT" and at == len(lines)
                break
            elif one["wait"]:
                assert target == "SKIP"
                clock = max(clock, zero + int(one["wait"]))
            elif "s12" in lines[at - 1]:
                registers["s12"] += 1
            if due is not None:
                self.late = max(self.late, clock - due)
        self.n_shots = registers["s12"]
