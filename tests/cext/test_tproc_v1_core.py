"""The kernel that executes programs of a QICK tProcessor v1, beside a slow twin, and what it refuses."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

from qctl.cext import tproc_v1_core as kernel


def low(value: int) -> int:
    return (int(value) + 2**31) % 2**32 - 2**31


def half(value: int) -> int:
    return (value + 2**15) % 2**16 - 2**15


ALU = {
    "0000": operator.and_, "0001": operator.or_, "0010": operator.xor, "0011": lambda a, b: ~b,
    "0100": lambda a, b: a << b % 32, "0101": lambda a, b: a % 2**32 >> b % 32, "1000": operator.add,
    "1001": operator.sub, "1010": lambda a, b: half(a) * half(b),
}  # fmt: skip
CONDITIONS = dict(
    zip(
        ("0000", "0001", "0010", "0011", "0100", "0101"),
        (operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne),
        strict=True,
    )
)
NAMES = {
    "00010000": "pushi", "00010001": "popi", "00010010": "mathi", "00010110": "mathi", "00010011": "seti",
    "00011010": "seti", "00010100": "synci", "00010101": "waiti", "00010111": "memri", "00011000": "memwi",
    "00011001": "regwi", "00110000": "loopnz", "00110001": "condj", "00111111": "end", "01010000": "math",
    "01010101": "math", "01010001": "set", "01011000": "set", "01010010": "sync", "01010011": "read",
    "01010100": "wait", "01010110": "memr", "01010111": "memw",
}  # fmt: skip
"""Instructions by their first byte, as the comments of ctrl.sv have them."""


class Twin:
    """The processor, an instruction at a time, with queues as lists."""

    def __init__(self, code: Any, memory: Any, inputs: Any, room: int) -> None:
        self.code = [format(int(word), "064b") for word in code]
        self.memory, self.inputs, self.room = memory.tolist(), inputs.tolist(), room
        self.r = [[0] * 32 for _ in range(8)]
        self.stack: list[int] = []
        self.pc = self.cycles = self.zero = self.late = self.n_read = self.count = 0
        self.rows: list[list[int]] = []
        self.queues: list[list[tuple[int, int]]] = [[] for _ in range(8)]

    def run(self, most: int) -> int:
        while True:
            if len(self.rows) >= self.room:
                return kernel.FULL
            if self.count >= most:
                return kernel.TOO_MANY
            if self.pc >= len(self.code):
                return kernel.OUTSIDE
            word, at = self.code[self.pc], self.pc
            self.pc, self.count = at + 1, self.count + 1
            name = NAMES.get(word[:8])
            if name is None:
                self.pc = at
                return kernel.UNKNOWN
            if name == "end":
                return kernel.DONE
            self.own, self.channel, self.oper = self.r[int(word[8:11], 2)], int(word[11:14], 2), word[14:18]
            self.f = [int(word[k : k + 5], 2) for k in range(18, 58, 5)]
            self.address = int(word[48:], 2)
            self.imm = int(word[33:], 2) - (2**31 if word[33] == "1" else 0)
            if not getattr(self, name)():
                return kernel.OUTSIDE

    def write(self, value: int, cycles: int) -> bool:
        if self.f[0]:
            self.own[self.f[0]] = low(value)
        self.cycles += cycles
        return True

    def pushi(self) -> bool:
        if len(self.stack) == 16:
            return False
        self.stack.append(self.own[self.f[1]])
        return self.write(self.imm, 2)

    def popi(self) -> bool:
        return bool(self.stack) and self.write(self.stack.pop(), 4)

    def mathi(self) -> bool:
        return self.write(ALU.get(self.oper, lambda a, b: 0)(self.own[self.f[1]], self.imm), 5)

    def math(self) -> bool:
        return self.write(ALU.get(self.oper, lambda a, b: 0)(self.own[self.f[1]], self.own[self.f[2]]), 5)

    def regwi(self) -> bool:
        return self.write(self.imm, 2)

    def queue(self, due: int) -> int:
        queue = self.queues[self.channel]
        if len(queue) >= 15:
            self.cycles = max(self.cycles, queue[-15][0] + 1)
        taken = max(self.cycles + 1, queue[-1][1] + 2 if queue else 0)
        queue.append((taken, max(taken + 1, due)))
        return queue[-1][1]

    def played(self, time: int, words: list[int]) -> bool:
        due = self.zero + time % 2**32
        self.cycles += 3
        at = self.queue(due)
        self.cycles += 1
        self.late += at > due
        self.rows.append([at, kernel.SET, self.channel, *words])
        return True

    def seti(self) -> bool:
        return self.played(self.imm, [self.own[self.f[1]], 0, 0, 0, 0])

    def set(self) -> bool:
        return self.played(self.own[self.f[2]], [self.own[self.f[k]] for k in (1, 3, 4, 5, 6)])

    def forward(self, time: int) -> bool:
        self.zero += time % 2**32
        self.cycles += 3
        return True

    def synci(self) -> bool:
        return self.forward(self.imm)

    def sync(self) -> bool:
        return self.forward(self.own[self.f[2]])

    def awaited(self, time: int) -> bool:
        self.cycles += 3
        self.cycles = self.queue(self.zero + time % 2**32) + 2
        return True

    def waiti(self) -> bool:
        return self.awaited(self.imm)

    def wait(self) -> bool:
        return self.awaited(self.own[self.f[2]])

    def fetched(self, at: int) -> bool:
        return 0 <= at < len(self.memory) and self.write(self.memory[at], 4)

    def memri(self) -> bool:
        return self.fetched(self.imm)

    def memr(self) -> bool:
        return self.fetched(self.own[self.f[1]])

    def kept(self, at: int) -> bool:
        if not 0 <= at < len(self.memory):
            return False
        self.memory[at] = self.own[self.f[2]]
        self.cycles += 2
        return True

    def memwi(self) -> bool:
        return self.kept(self.imm)

    def memw(self) -> bool:
        return self.kept(self.own[self.f[1]])

    def loopnz(self) -> bool:
        if not self.own[self.f[1]]:
            self.cycles += 3
            return True
        self.pc = self.address
        return self.write(self.own[self.f[1]] - 1, 6)

    def condj(self) -> bool:
        jumps = self.oper in CONDITIONS and CONDITIONS[self.oper](self.own[self.f[1]], self.own[self.f[2]])
        self.pc = self.address if jumps else self.pc
        self.cycles += 4 + jumps
        return True

    def read(self) -> bool:
        k = self.n_read
        self.rows.append([self.cycles, kernel.READ, self.channel, k, 0, 0, 0, 0])
        self.n_read += 1
        return self.write(self.inputs[k][self.oper == "1010"] if k < len(self.inputs) else 0, 2)


def programs(random: np.random.Generator, n: int) -> Any:
    """Return n random instructions, most of which are known, jump nearby, and use few registers and addresses."""
    known = [int(name, 2) for name in NAMES if NAMES[name] != "end"]
    words = []
    for _ in range(n):
        kind = int(random.choice([*known, 0x3F, 0x77], p=[*[0.98 / len(known)] * len(known), 0.01, 0.01]))
        fields = [int(random.choice([0, 1, 2, 5, 31])) for _ in range(8)]
        word = kind << 56 | int(random.integers(0, 2)) << 53 | int(random.choice([0, 3, 7])) << 50
        word |= int(random.choice([0, 1, 2, 3, 4, 5, 8, 9, 10, 15])) << 46
        word |= sum(field << 41 - 5 * k for k, field in enumerate(fields))
        if kind < 0x40:
            imm = int(random.choice([*range(20), -1, 2**30 - 1, 100, 500]))
            word = word >> 31 << 31 | imm & 2**31 - 1
            if kind in (0x30, 0x31):
                word = word >> 16 << 16 | int(random.integers(0, n + 2))
        words.append(word)
    return np.array(words, np.uint64)


@pytest.mark.parametrize("seed", range(80))
def test_random_programs_do_what_the_twin_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    code = programs(random, int(random.choice([1, 2, 5, 20, 60])))
    memory = random.integers(-5, 50, int(random.choice([1, 40]))).astype(np.int64)
    room, most = int(random.choice([0, 1, 90])), int(random.choice([0, 1, 400]))
    registers, state = np.zeros(kernel.N_REGISTERS, np.int64), np.zeros(kernel.N_STATE, np.int64)
    rows = np.zeros((room, 8), np.int64)
    inputs = random.integers(-(2**40), 2**40, (int(random.choice([0, 1, 9])), 2))
    inputs = (inputs + 2**31) % 2**32 - 2**31
    twin = Twin(code, memory, inputs, room)
    assert kernel.run(code, memory, registers, state, rows, inputs, most) == twin.run(most)
    assert rows[: int(state[3])].tolist() == twin.rows
    assert registers.reshape(8, 32).tolist() == twin.r and memory.tolist() == twin.memory
    assert state[:8].tolist() == [
        twin.pc, twin.cycles, twin.zero, len(twin.rows), twin.count, twin.late, len(twin.stack), twin.n_read
    ]  # fmt: skip


def test_a_full_queue_holds_the_processor_up_and_what_is_late_is_counted() -> None:
    seti = 0x13 << 56 | 1 << 50
    code = np.array([*(seti | 1000 + 10 * k for k in range(20)), seti | 5, 0x3F << 56], np.uint64)
    state, rows = np.zeros(kernel.N_STATE, np.int64), np.zeros((32, 8), np.int64)
    registers, inputs = np.zeros(kernel.N_REGISTERS, np.int64), np.zeros((0, 2), np.int64)
    assert kernel.run(code, np.zeros(2, np.int64), registers, state, rows, inputs, 99) == kernel.DONE
    assert rows[:20, 0].tolist() == [1000 + 10 * k for k in range(20)]
    # The last one is due long before those in front of it in the same queue.
    assert rows[20, 0] == 1190 + 3 and state[5] == 1
    # Fifteen places and the one that is waited with: the 21st has room when the fifth has been carried out.
    assert 1040 < state[1] < 1060


def given(**changes: Any) -> tuple[Any, ...]:
    """Return arguments of which some are wrong."""
    fine = {
        "code": np.zeros(3, np.uint64), "memory": np.zeros(4, np.int64),
        "registers": np.zeros(kernel.N_REGISTERS, np.int64), "state": np.zeros(kernel.N_STATE, np.int64),
        "rows": np.zeros((4, 8), np.int64), "inputs": np.zeros((0, 2), np.int64), "most": 9,
    }  # fmt: skip
    return tuple((fine | changes).values())


def state_with(place: int, value: int) -> Any:
    state = np.zeros(kernel.N_STATE, np.int64)
    state[place] = value
    return state


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": np.zeros((4, 7), np.int64)}, "rows are 4 x 7"),
        ({"inputs": np.zeros((2, 3), np.int64)}, "inputs 2 x 3"),
        ({"registers": np.zeros(5, np.int64)}, "registers 5"),
        ({"state": np.zeros(5, np.int64)}, "state 5"),
        ({"memory": np.zeros(0, np.int64)}, "memory 0"),
        ({"state": state_with(6, 17)}, "state has 17 on its stack"),
        ({"state": state_with(3, -1)}, "-1 rows"),
        ({"state": state_with(24 + 17, -1)}, "the queue of channel 1 has taken -1 entries"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kernel.run(*given(**changes))


def test_strided_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        kernel.run(*given(code=np.zeros(6, np.uint64)[::2]))
