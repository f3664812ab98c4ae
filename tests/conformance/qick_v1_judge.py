"""Independent judges of programs of a tProcessor v1: QICK's parser, its compiler, and an interpreter of the words.

The interpreter decodes what QICK's parser made of the text, by the fields and cycles of ``ctrl.sv`` in QICK's firmware.
"""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

with redirect_stdout(StringIO()):
    from qick import QickConfig
    from qick.asm_v1 import QickProgram
    from qick.parser import parse_to_bin

__all__ = ["PlayedV1", "assemble_v1"]

_TOKEN = re.compile(r"[\w$@-]+|<<|[<=!]+|[+&|]")


def assemble_v1(text: str, soccfg: dict[str, Any]) -> list[int]:
    """Return the machine words of a program, which QICK's parser of text and its compiler agree on."""
    with TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        path = Path(folder) / "program.asm"
        path.write_text(text, "ascii")
        words = parse_to_bin(str(path))
        program = QickProgram(QickConfig(soccfg))
        for line in text.splitlines():
            label, _, rest = line.rpartition(": ")
            name, *parts = _TOKEN.findall(rest)
            if label:
                program.label(label)
            parts = [part.lstrip("$@") for part in parts]
            program.append_instruction(name, *(int(x) if x.lstrip("-").isdigit() else x for x in parts))
        program.compile()
        assert program.binprog == words
    return words


class PlayedV1:
    """What a program does, told by executing its words.

    Attributes
    ----------
    waves : list of (tick, channel, row)
        Five words sent to a generator, in ticks from the start of the program on.
    rows : (n, 6) int64
        Frequency, phase, address, gain, length and flags of each.
    words : list of (tick, port, word)
        One word sent to an output.
    first : int
        Start of the first point.
    late : float
        Most cycles by which an event's instruction ends after it is due, less the 6 that it is on its way.
    n_shots : int
        What data memory says when all is over.
    """

    def __init__(self, code: list[int], data: np.ndarray, n_places: int = 15, sums: Any = ()) -> None:
        answers = iter(sums)
        registers = np.zeros((8, 32), np.int64)
        memory = {2 + k: int(word) for k, word in enumerate(data)}
        self.waves: list[tuple[int, int, int]] = []
        self.words: list[tuple[int, int, int]] = []
        self.first, self.late, self.n_shots = 0, -np.inf, 0
        rows: list[list[int]] = []
        queues: list[list[int]] = [[] for _ in range(8)]
        at, zero, clock = 0, 0, 0
        while True:
            word = code[at]
            kind, page, channel, operation = word >> 56, word >> 53 & 7, word >> 50 & 7, word >> 46 & 15
            a, b, c, d, e, f, g = (word >> place & 31 for place in (41, 36, 31, 26, 21, 16, 11))
            own, imm = registers[page], (word & 0x7FFFFFFF) - (1 << 31) * (word >> 30 & 1)
            at += 1
            due, sent = None, [0] * 5
            if kind == 0x19:
                own[a], clock = imm, clock + 2
            elif kind == 0x12:
                assert operation == 8
                own[a], clock = (own[b] + imm) * (a != 0), clock + 5
            elif kind == 0x16:
                found = {0: own[b] & imm, 1: own[b] | imm, 4: own[b] << (imm & 31)}
                own[a], clock = found[operation], clock + 5
            elif kind == 0x53:
                assert operation == 5
                own[a], clock = next(answers), clock + 2
            elif kind == 0x31:
                holds = {2: own[b] < own[c], 4: own[b] == own[c], 5: own[b] != own[c]}
                at, clock = word & 0xFFFF if holds[operation] else at, clock + 5
            elif kind == 0x56:
                own[a], clock = memory[int(own[b])], clock + 4
            elif kind == 0x17:
                own[a], clock = memory[imm], clock + 4
            elif kind == 0x18:
                memory[imm], clock = int(own[c]), clock + 2
            elif kind == 0x14:
                zero, clock = zero + imm, clock + 3
                self.first = self.first or zero
            elif kind == 0x15:
                clock = max(clock + 4, zero + imm) + 4
            elif kind == 0x30:
                clock += 6
                if own[a]:
                    own[a], at = own[a] - 1, word & 0xFFFF
            elif kind == 0x13:
                due, sent = zero + imm, [int(own[b]), 0, 0, 0, 0]
            elif kind == 0x51:
                due, sent = zero + int(own[c]), [int(own[k]) for k in (b, d, e, f, g)]
            else:
                assert kind == 0x3F, hex(word)
                break
            own[a] = (own[a] + 2**31) % 2**32 - 2**31
            assert registers[page, 0] == 0
            if due is None:
                continue
            clock += 4
            queue = queues[channel]
            if len(queue) >= n_places:
                clock = max(clock, queue[-n_places] + 4)
            queue.append(due)
            assert len(queue) < 2 or due >= queue[-2] + 3 or (due, sent[1:]) == (queue[-2], [0] * 4)
            self.late = max(self.late, clock + 6 - due)
            if channel == 0:
                assert not any(sent[1:])
                self.words.append((due, 0, sent[0] % 2**32))
                continue
            freq, phase, address, gain, mode = sent
            self.waves.append((due, channel, len(rows)))
            rows.append([freq % 2**32, phase % 2**32, address, gain, mode & 0xFFFF, mode >> 16])
        self.rows = np.array(rows, np.int64).reshape(-1, 6)
        self.n_shots = memory.get(1, 0)
