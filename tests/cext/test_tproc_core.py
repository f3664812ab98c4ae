"""The kernel that executes programs of a QICK tProcessor v2, beside a slow twin, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qctl.cext import tproc_core as kernel

_ALU = (
    ("add", 0), ("sub", 2), ("and", 4), ("asr", 6), ("abs", 8), ("msh", 10), ("lsh", 12), ("swp", 14), ("not", 1),
    ("or", 3), ("xor", 5), ("cat", 7), ("par", 11), ("sl", 13), ("sr", 15),
)  # fmt: skip
JUMP_CYCLES = 4


def low(value: int) -> int:
    return (int(value) + 2**31) % 2**32 - 2**31


def computed(which: int, a: int, b: int) -> int:
    x, y = a % 2**32, b % 2**32
    name = {number: name for name, number in _ALU}.get(which, "sr")
    return low(
        {
            "add": a + b, "sub": a - b, "and": a & b, "asr": a >> (b % 32), "abs": abs(b), "msh": x >> 16,
            "lsh": x % 65536, "swp": x << 16 | x >> 16, "not": ~a, "or": a | b, "xor": a ^ b,
            "cat": x << 16 | y % 65536, "par": x.bit_count() % 2, "sl": x << (y % 16), "sr": x >> (y % 16),
        }[name]
    )  # fmt: skip


class Twin:
    """The processor, an instruction at a time."""

    def __init__(
        self, code: Any, memory: Any, waves: Any, held: Any, inputs: Any, per: int, of: int, room: int
    ) -> None:
        self.inputs, self.n_read = inputs.tolist(), 0
        self.code, self.memory, self.held = code.tolist(), memory.tolist(), held.tolist()
        self.waves, self.room_waves = [list(map(int, row)) for row in waves], len(waves)
        self.n_waves = 0
        self.r = [0] * kernel.N_REGISTERS
        self.pc = self.cycles = self.reference = self.count = self.late = 0
        self.z = self.s = self.f = False
        self.rows: list[list[int]] = []
        self.per, self.of, self.room = per, of, room
        self.stack: list[int] = []
        self.fault = False

    def now(self) -> int:
        return self.cycles * self.per // self.of

    def reg(self, k: int) -> int:
        return 0 if k == 0 else low(self.now() - self.reference) if k == 11 else self.r[k]

    def short(self, k: int) -> int:
        return self.reg(k % 32 + 32 * (k >> 5 & 1))

    def result(self, line: list[int], full: bool) -> int:
        _, form, _, how, _, _, data, _, _ = line
        if form == 0:
            return 0
        if form == 3:
            found = low(data)
        else:
            a = self.reg(data >> 24 & 127)
            b = (data % 2**24 + 2**23) % 2**24 - 2**23 if form == 2 else self.reg(data >> 16 & 127)
            found = computed(how & 15 if full else 2 * (how & 3), a, b)
        if how >> 4 & 1:
            self.z, self.s = found == 0, found < 0
        return found

    def number(self, line: list[int]) -> int:
        return low(line[6]) if line[1] == 3 else (line[6] % 65536 + 2**15) % 2**16 - 2**15

    def side(self, line: list[int]) -> None:
        found = self.result(line, False)
        if line[3] >> 3 & 1:
            self.r[line[7]] = self.number(line) if line[3] >> 2 & 1 else found

    def holds(self, line: list[int]) -> bool:
        return (True, self.z, self.s, not self.z, not self.s, self.f, not self.f, False)[line[2]]

    def place(self, line: list[int], size: int, summed: bool) -> int:
        at = line[4] if line[8] else self.short(line[4])
        at += self.short(line[5]) if summed else 0
        if 0 <= at < size:
            return at
        self.fault = True
        return 0

    def put(self, line: list[int], kind: int, port: int, value: int, told: bool) -> None:
        time = self.reference + (low(line[6]) if told else self.r[14])
        self.late += self.now() > time
        self.rows.append([max(time, self.now()), kind, port, value])

    def keep(self) -> int:
        self.waves[self.n_waves] = self.r[64:70]
        self.n_waves += 1
        return self.n_waves - 1

    def run(self, most: int) -> int:
        while True:
            if len(self.rows) >= self.room or self.n_waves >= self.room_waves:
                return kernel.FULL
            if self.count >= most:
                return kernel.TOO_MANY
            if not 0 <= self.pc < len(self.code) or self.fault:
                return kernel.OUTSIDE
            line, at = self.code[self.pc], self.pc
            self.pc, self.cycles, self.count = at + 1, self.cycles + 1, self.count + 1
            why = self.step(line, at)
            if why is not None:
                return why

    def step(self, line: list[int], at: int) -> int | None:
        kind, form, cond, how, address, port, data, destination, is_number = line
        timed = how >> 5 & 1
        if kind == 0:
            if form and self.holds(line):
                self.side(line)
        elif kind == 1:
            if not self.holds(line):
                return None
            if how >> 5 == 3:
                if not self.stack:
                    return kernel.OUTSIDE
                self.pc, self.cycles = self.stack.pop(), self.cycles + JUMP_CYCLES - 1
                return None
            wanted = address if is_number else self.r[15]
            if wanted == at and cond == 0:
                self.pc = at
                return kernel.DONE
            if wanted == at and cond == 2 and form and data >> 24 & 127 == 11:
                b = (data % 2**24 + 2**23) % 2**24 - 2**23 if form == 2 else self.reg(data >> 16 & 127)
                self.cycles = max(self.cycles + JUMP_CYCLES - 1, -(-(b + self.reference) * self.of // self.per))
                self.s = False
                return None
            if how >> 5 == 2:
                self.stack.append(self.pc)
            self.side(line)
            self.pc, self.cycles = wanted, self.cycles + JUMP_CYCLES - 1
        elif kind == 2:
            if not self.holds(line):
                return None
            value = low(data) if form == 3 else self.reg(data >> 16 & 127)
            if how == 8:
                self.reference += value
            elif how == 4:
                self.reference = value
            elif how >> 4 == 1 and how & 15 in (1, 2, 4):
                self.f = {1: True, 2: False, 4: not self.f}[how & 15]
            else:
                self.pc = at
                return kernel.UNKNOWN
        elif kind == 4:
            if how >> 5 == 2:
                k = self.held[self.place(line, len(self.held), False)]
                self.r[64:70] = self.waves[k]
                if cond & 1:
                    self.put(line, kernel.WAVE, port, k, False)
                self.side(line)
            elif self.holds(line):
                if how >> 5 == 0:
                    self.r[destination] = self.result(line, True)
                elif how >> 5 == 1:
                    self.r[destination] = self.memory[self.place(line, len(self.memory), True)]
                else:
                    self.r[destination] = self.result(line, False)
        elif kind == 5:
            if how >> 6:
                k = self.place(line, len(self.held), False)
                self.held[k] = self.keep()
                if cond & 1:
                    self.put(line, kernel.WAVE, port, self.held[k], bool(timed))
                if not timed:
                    self.side(line)
            elif self.holds(line):
                found = self.result(line, False)
                self.memory[self.place(line, len(self.memory), True)] = self.number(line) if timed else found
                if how >> 3 & 1:
                    self.r[destination] = self.number(line) if how >> 2 & 1 else found
        elif kind == 6:
            if how >> 6:
                if cond & 2:
                    k = self.keep()
                    if cond & 4:
                        self.held[self.place(line, len(self.held), False)] = k
                else:
                    k = self.held[self.place(line, len(self.held), False)]
                self.put(line, kernel.WAVE, port, k, bool(timed))
            elif cond & 1:
                value = address if is_number else self.short(address)
                self.put(line, kernel.TRIGGER if port >> 5 else kernel.WORD, port % 32, value, bool(timed))
            else:
                k = self.n_read
                self.r[8], self.r[9] = map(low, self.inputs[k] if k < len(self.inputs) else (0, 0))
                self.n_read += 1
                self.rows.append([self.now(), kernel.READ, port, k])
                return None
            if not timed:
                self.side(line)
        else:
            self.pc = at
            return kernel.UNKNOWN
        return None


def programs(random: np.random.Generator, n: int) -> np.ndarray:
    """Return n random instructions, most of which are allowed and stay near one another."""
    code = np.zeros((n, 9), np.int64)
    code[:, 0] = random.choice([0, 1, 2, 4, 5, 6, 3], n, p=[0.2, 0.12, 0.1, 0.28, 0.12, 0.17, 0.01])
    code[:, 1] = random.integers(0, 4, n)
    code[:, 2] = random.choice(8, n, p=[0.6, *[0.4 / 7] * 7])
    code[:, 3] = random.integers(0, 128, n)
    times = random.random(n) < 0.9
    code[(code[:, 0] == 2) & times, 3] = random.choice([8, 4, 17, 18, 20])
    code[:, 4] = random.integers(0, n + 2, n) % 40
    code[:, 5] = random.integers(0, 64, n)
    registers = random.choice([0, 1, 11, 12, 14, 15, 33, 34, 64, 66], (n, 2))
    code[:, 6] = registers[:, 0] << 24 | registers[:, 1] << 16 | random.integers(0, 1 << 16, n)
    code[:, 7] = random.choice([1, 12, 14, 15, 32, 33, 34, 64, 65, 69, 127], n)
    code[:, 8] = random.random(n) < 0.7
    return code


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_do_what_the_twin_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.choice([1, 2, 5, 20, 60]))
    code = programs(random, n)
    memory = random.integers(-5, 50, int(random.choice([1, 40]))).astype(np.int64)
    n_held, n_waves, room = 30, int(random.choice([31, 45])), int(random.choice([0, 1, 40]))
    waves = random.integers(0, 100, (n_waves, 6)).astype(np.int64)
    held, per, of = np.arange(n_held, dtype=np.int64), int(random.integers(1, 40)), int(random.integers(1, 20))
    registers, state = np.zeros(kernel.N_REGISTERS, np.int64), np.zeros(kernel.N_STATE, np.int64)
    state[4] = n_held
    rows = np.zeros((room, 4), np.int64)
    inputs = random.integers(-(2**40), 2**40, (int(random.choice([0, 1, 9])), 2))
    twin = Twin(code, memory, waves, held, inputs, per, of, room)
    twin.n_waves = n_held
    most = int(random.choice([0, 1, 200]))
    why = kernel.run(code, memory, waves, held, registers, state, rows, inputs, per, of, most)
    assert why == twin.run(most)
    assert rows[: int(state[3])].tolist() == twin.rows
    assert registers.tolist() == twin.r and memory.tolist() == twin.memory and held.tolist() == twin.held
    assert waves[: int(state[4])].tolist() == twin.waves[: twin.n_waves]
    flags = twin.s * 1 | twin.z * 2 | twin.f * 4
    assert state[:8].tolist() == [
        twin.pc, twin.cycles, twin.reference, len(twin.rows), twin.n_waves, twin.count, flags, twin.late
    ]  # fmt: skip
    assert state[265] == twin.n_read


def test_a_run_that_waited_for_room_knows_where_its_call_returns_to() -> None:
    call, stop = [1, 0, 0, 64, 2, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0, 0, 0, 1]
    code = np.array([call, stop, [6, 0, 1, 32, 5, 0, 0, 0, 1], [1, 0, 0, 96, 0, 0, 0, 0, 0]], np.int64)
    registers, state = np.zeros(kernel.N_REGISTERS, np.int64), np.zeros(kernel.N_STATE, np.int64)
    state[4] = 1
    others = np.zeros(4, np.int64), np.zeros((8, 6), np.int64), np.zeros(1, np.int64)
    rows, inputs = np.zeros((8, 4), np.int64), np.zeros((0, 2), np.int64)
    assert kernel.run(code, *others, registers, state, rows[:1], inputs, 1, 1, 1000) == kernel.FULL
    assert kernel.run(code, *others, registers, state, rows, inputs, 1, 1, 1000) == kernel.DONE
    assert state[3] == 1


def state_with(place: int, value: int) -> np.ndarray[Any, Any]:
    state = np.zeros(kernel.N_STATE, np.int64)
    state[place] = value
    return state


def given(**changes: Any) -> tuple[Any, ...]:
    """Return arguments of which some are wrong."""
    fine = {
        "code": np.zeros((3, 9), np.int64), "memory": np.zeros(4, np.int64), "waves": np.zeros((4, 6), np.int64),
        "held": np.zeros(2, np.int64), "registers": np.zeros(kernel.N_REGISTERS, np.int64),
        "state": np.zeros(kernel.N_STATE, np.int64), "rows": np.zeros((4, 4), np.int64),
        "inputs": np.zeros((0, 2), np.int64), "per": 1, "of": 1, "most": 9,
    }  # fmt: skip
    return tuple((fine | changes).values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": np.zeros((3, 8), np.int64)}, "code is 3 x 8"),
        ({"waves": np.zeros((4, 5), np.int64)}, "waves 4 x 5"),
        ({"rows": np.zeros((4, 3), np.int64)}, "rows 4 x 3"),
        ({"registers": np.zeros(5, np.int64)}, "registers 5"),
        ({"state": np.zeros(5, np.int64)}, "state 5"),
        ({"held": np.zeros(0, np.int64)}, "held 0"),
        ({"memory": np.zeros(0, np.int64)}, "memory 0"),
        ({"of": 0}, "1 per 0"),
        ({"held": np.array([0, 9])}, "entry 1 of wave memory has wave 9"),
        ({"state": state_with(3, -1)}, "state has -1 rows"),
        ({"state": state_with(8, 257)}, "state has 257 open calls"),
        ({"inputs": np.zeros((2, 3), np.int64)}, "inputs are 2 x 3"),
        ({"state": state_with(265, -1)}, "-1 have been read"),
        ({"code": np.full((1, 9), 128)}, "instruction 0 has destination 128"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kernel.run(*given(**changes))


def test_strided_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        kernel.run(*given(code=np.zeros((3, 18), np.int64)[:, ::2]))
