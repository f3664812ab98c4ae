"""The kernel that executes Q1ASM against a slow twin, on random tables of instructions, and its refusals."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from qctl.cext import q1_core
from qctl.hil.instruments.qblox.assembly import OPERATIONS, assemble
from qctl.hil.instruments.qblox.core import ROW

TURN = 4_000_000_000
M32 = (1 << 32) - 1
OP = {name: k for k, name in enumerate(OPERATIONS)}
DONE, FULL, SYNC, UNDERFLOW, BAD_INSTRUCTION, BAD_READ, TOO_MANY, BAD_TIME, NO_TRIGGER = range(9)


def signed(value, bits=32):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Twin:
    """The same processor, one instruction at a time, in Python's own numbers."""

    def __init__(self, code, freq=0, phase=0, gain=(32767, 32767), offset=(0, 0), counts=(1,) * 15, triggers=()):
        self.code = code.tolist()
        self.counts, self.triggers = counts, deque(triggers)
        self.r = [0] * 64
        self.active = [*gain, *offset, 0]
        self.new = list(self.active)
        self.freq = self.new_freq = freq
        self.turned_at, self.turned, self.relative, self.delta = 0, 0, phase * 4 % TURN, 0
        self.reset, self.new_phase, self.new_delta = False, None, 0
        self.pc = self.time = self.exit = self.n = 0
        self.core, self.queue, self.hazard = -40, deque(), None
        self.flags = (False, False, False, False)  # zero, negative, overflow, carry
        self.condition, self.latches, self.latching = None, [0] * 15, False
        self.rows = []

    def schedule(self):
        if self.time < self.core:
            return False
        while self.queue and self.queue[0] < self.core:
            self.queue.popleft()
        if len(self.queue) == 32:
            self.core = self.queue.popleft()
        self.queue.append(self.time)
        return True

    def take(self):
        while self.triggers and self.triggers[0][0] <= self.time:
            _, address = self.triggers.popleft()
            self.latches[address - 1] += self.latching

    def skipped(self):
        if self.condition is None:
            return False
        self.take()
        mask, op, _ = self.condition
        bits = [self.latches[k] >= self.counts[k] for k in range(15) if mask >> k & 1]
        met = [any(bits), all(bits), sum(bits) % 2 == 1][min(op // 2, 2)]
        return met == bool(op & 1)

    def update(self):
        changed = self.reset or self.new_phase is not None or self.new_freq != self.freq or self.new_delta != 0
        if self.reset:
            self.turned_at, self.turned, self.relative, self.delta, self.reset = self.time, 0, 0, 0, False
        if self.new_phase is not None:
            self.relative, self.new_phase = self.new_phase * 4 % TURN, None
        if self.new_freq != self.freq:
            self.turned = (self.turned + self.freq * (self.time - self.turned_at)) % TURN
            self.turned_at, self.freq = self.time, self.new_freq
        self.delta, self.new_delta = (self.delta + 4 * self.new_delta) % TURN, 0
        changed = changed or self.new != self.active
        self.active = list(self.new)
        return changed

    def note(self, op, v):
        phase = (self.turned + self.freq * (self.time - self.turned_at) + self.relative + self.delta) % TURN
        g0, g1, o0, o1, marker = self.active
        self.rows.append((self.time, op, *map(signed, v[:4]), g0, g1, o0, o1, self.freq, phase, marker))

    def compute(self, name, x, y):
        carry = overflow = False
        if name in ("add", "sub", "cmp"):
            sign = 1 if name == "add" else -1
            wide, exact = x + sign * y, signed(x) + sign * signed(y)
            carry, overflow = not 0 <= wide <= M32, exact != signed(exact)
            z = wide & M32
        elif name in ("and", "test", "or", "xor"):
            z = {"or": x | y, "xor": x ^ y}.get(name, x & y)
        elif name == "asl":
            z, carry = x << y & M32, bool(x << y >> 32 & 1)
            overflow = z >> 31 != x >> 31
        elif name == "asr":
            z, carry = signed(x) >> y & M32, y > 0 and bool(signed(x) >> (y - 1) & 1)
        elif name == "lsr":
            z, carry = x >> y, y > 0 and bool(x >> (y - 1) & 1)
        elif name == "mulu16":
            z = (x & 0xFFFF) * (y & 0xFFFF) & M32
        else:
            z = signed(x, 16) * signed(y, 16) & M32
        self.flags = (z == 0, bool(z >> 31), overflow, carry)
        return z

    def holds(self, k):
        zero, negative, overflow, carry = self.flags
        less = negative != overflow
        tests = [zero, not zero, overflow, not overflow, negative, not negative, not zero and not less, zero or less,
                 less, not less, not zero and not carry, zero or carry, carry, not carry]  # fmt: skip
        return tests[k]

    def run(self, most=1 << 30, room=1 << 30):
        while True:
            if len(self.rows) >= room:
                return FULL
            if not 0 <= self.pc < len(self.code):
                return BAD_INSTRUCTION
            if self.n >= most:
                return TOO_MANY
            op, *v, mask, ticks, duration = self.code[self.pc]
            for k in range(5):
                if mask >> k & 1:
                    if v[k] == self.hazard:
                        return BAD_READ
                    v[k] = self.r[v[k]]
            self.n, self.hazard, self.core, self.pc = self.n + 1, None, self.core + 4 * ticks, self.pc + 1
            name = OPERATIONS[op]
            if op >= OP["upd_param"]:
                if not self.schedule():
                    return UNDERFLOW
                if name == "wait_sync":
                    self.exit = v[0]
                    return SYNC
                lasts = v[duration]
                if op <= OP["acquire_ttl"]:
                    if self.skipped():
                        self.reset, self.new_phase, self.new_delta, self.new_freq = False, None, 0, self.freq
                        lasts = self.condition[2]
                    elif self.update() or name != "upd_param":
                        self.note(op, v)
                elif name == "wait" and self.skipped():
                    lasts = self.condition[2]
                elif name == "wait_trigger":
                    while self.triggers and self.triggers[0][0] < self.time:
                        self.take()
                    while self.triggers and self.triggers[0][1] != v[0]:
                        self.triggers.popleft()
                    if not self.triggers:
                        return NO_TRIGGER
                    self.time = self.triggers[0][0]
                    self.take()
                elif name in ("set_latch_en", "latch_rst"):
                    self.take()
                    if name == "latch_rst":
                        self.latches = [0] * 15
                    else:
                        self.latching = bool(v[0])
                if not 4 <= lasts <= 65_535:
                    return BAD_TIME
                self.time += lasts
                continue
            to = self.classical(name, v)
            if name == "stop":
                return to
            if name == "illegal":
                return BAD_INSTRUCTION
            if to is not None:
                self.core, self.pc = self.core + 12, to

    def classical(self, name, v):
        r = self.r
        if name in ("set_awg_gain", "set_awg_offs"):
            k = 0 if name == "set_awg_gain" else 2
            self.new[k : k + 2] = signed(v[0], 16), signed(v[1], 16)
        elif name == "set_mrk":
            self.new[4] = v[0] & 15
        elif name == "set_ph":
            self.new_phase = v[0] & M32
        elif name == "set_ph_delta":
            self.new_delta = v[0] & M32
        elif name == "set_freq":
            self.new_freq = signed(v[0])
        elif name == "reset_ph":
            self.reset = True
        elif name == "set_cond":
            self.take()
            self.condition = tuple(v[1:4]) if v[0] else None
        elif name in ("move", "not"):
            r[v[1]] = self.hazard_of(v[1], v[0] & M32 if name == "move" else ~v[0] & M32)
            if name == "not":
                self.core += 8
                self.flags = (r[v[1]] == 0, bool(r[v[1]] >> 31), False, False)
        elif name == "jmp":
            return v[0]
        elif name == "jcc":
            return v[0] if self.holds(v[4]) else None
        elif name in ("loop1", "loop2"):
            if name == "loop1":
                self.core, r[v[0]] = self.core + 8, self.hazard_of(v[0], r[v[0]] - 1 & M32)
            else:
                self.core, r[v[0]] = self.core + 16, self.compute("sub", r[v[0]], 1)
            return v[1] if r[v[0]] else None
        elif name in ("jlt1", "jge1", "jlt2", "jge2"):
            self.core += 8 if name[-1] == "1" else 12
            if name[-1] == "2":
                self.compute("sub", v[0], v[1] & M32)
            return v[2] if (v[0] < (v[1] & M32)) == name.startswith("jlt") else None
        elif name in ("mulu32", "muls32"):
            x, y = (v[0] & M32, v[1] & M32) if name == "mulu32" else (signed(v[0]), signed(v[1]))
            wide = x * y & ((1 << 64) - 1)
            self.core, self.flags = self.core + 12, (wide == 0, bool(wide >> 63), False, False)
            for k in range(2):
                if v[2 + k] < 64:
                    self.core, r[v[2 + k]] = self.core + 4, self.hazard_of(v[2 + k], wide >> 32 * k & M32)
        elif name == "stop":
            if not self.schedule():
                return UNDERFLOW
            self.exit = signed(v[0])
            return DONE
        elif name not in ("nop", "illegal"):
            self.core += 8
            z = self.compute(name, v[0] & M32, v[1] & M32)
            if name not in ("cmp", "test"):
                r[v[2]] = self.hazard_of(v[2], z)
        return None

    def hazard_of(self, register, value):
        self.hazard = register
        return value


def kernel(code, twin, rows, most=1 << 30, triggers=()):
    """Run the kernel with the twin's settings; return why it ended, its rows, registers and clocks."""
    state = np.zeros(40, np.int64)
    q1_core.begin(state, twin.freq, twin.relative // 4, *twin.active[:4])
    registers, queue, latches = np.zeros(64, np.uint32), np.zeros(32, np.int64), np.zeros(15, np.int64)
    thresholds = np.array([twin.counts, (0,) * 15], np.int64)
    given = np.array(triggers, np.int64).reshape(-1, 2)
    made = []
    while True:
        end, n = q1_core.run(code, state, registers, queue, latches, thresholds, given, rows, most)
        made.append(rows[:n].copy())
        if end != FULL:
            return end, np.concatenate(made), registers, q1_core.clocks(state)


DURATIONS = {"play": 2, "acquire": 2, "acquire_weighed": 4, "acquire_ttl": 3, "set_latch_en": 1, "wait_trigger": 1}


def table(rng, n, version):
    """Return a random program as a table: short jumps, few registers, times that mostly hold.

    A long one doesn't read what it has just written, or wait for triggers: it would end at once.
    """
    into = 0 if n < 100 else 8
    code = np.zeros((n, 9), np.int64)
    names = [name for name in OPERATIONS if name not in ("illegal", "wait_sync", "stop")]
    if into:
        names.remove("wait_trigger")
    for k in range(n - 1):
        name = rng.choice(names)
        if name.endswith("1" if version == 2 else "2") and name[:-1] in ("jlt", "jge", "loop"):
            name = "nop"
        row = code[k]
        row[0], row[7] = OP[name], rng.integers(1, 3)
        row[1:6] = rng.integers(0, 4, 5)
        ahead = int(min(k + rng.integers(1, 4), n - 1))
        wait = int(rng.integers(4, 400))
        if name == "jmp":
            row[1] = ahead
        elif name == "jcc":
            row[1], row[5] = ahead, rng.integers(0, 14)
        elif name.startswith("loop"):
            row[1:3] = into + rng.integers(0, 8), ahead
        elif name.startswith(("jlt", "jge")):
            row[1:4] = rng.integers(0, 8), rng.integers(0, 5), ahead
            row[6] = 1
        elif name in ("move", "not"):
            row[1:3] = rng.integers(0, 1 << 32), into + rng.integers(0, 8)
        elif name in ("mulu32", "muls32"):
            row[1:5] = *rng.integers(0, 1 << 32, 2), *(into + rng.integers(0, 65 - into, 2))
        elif OP["add"] <= row[0] <= OP["muls16"]:
            row[1:4] = rng.integers(0, 1 << 32), rng.integers(0, 32), into + rng.integers(0, 8)
            if rng.random() < 0.5:
                row[1], row[6] = rng.integers(0, 8), 1
        elif name in ("set_freq", "set_ph", "set_ph_delta", "set_awg_gain", "set_awg_offs"):
            row[1:3] = rng.integers(0, 1 << 32, 2) if name != "set_ph" else rng.integers(0, 1_000_000_001, 2)
        elif name == "set_cond":
            row[1:5] = rng.integers(0, 2), rng.integers(0, 8), rng.integers(0, 6), wait
        elif row[0] >= OP["upd_param"]:
            row[8] = DURATIONS.get(name, 0)
            row[1 + row[8]] = wait if rng.random() < 0.99 else rng.integers(0, 70_000)
            if name == "set_latch_en":
                row[1] = rng.integers(0, 2)
            elif name == "wait_trigger":
                row[1] = rng.integers(1, 4)
    code[-1, 0], code[-1, 1], code[-1, 7] = OP["stop"], 5, 1
    return code


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 7, 60, 400])
def test_random_tables_do_the_same(n, version):
    ends = set()
    for seed in range(60):
        rng = np.random.default_rng([seed, n, version])
        code = table(rng, n, version)
        pairs = np.stack([rng.integers(0, 5000, 9), rng.integers(1, 4, 9)], axis=1)
        triggers = sorted(map(tuple, pairs.tolist()))
        twin = Twin(code, int(rng.integers(-9, 9)), 7, (5, -6), (1, 2), counts=(1, 2, 1) + (1,) * 12, triggers=triggers)
        rows = np.empty(1 + int(rng.integers(0, 9)), ROW)
        end, made, registers, clocks = kernel(code, twin, rows, most=2000, triggers=triggers)
        ends.add(end)
        assert twin.run(most=2000) == end
        assert made.tolist() == twin.rows
        assert registers.tolist() == twin.r
        assert clocks == (twin.time, twin.n, twin.exit if end == DONE else clocks[2], twin.pc)
    assert DONE in ends


def test_loop_of_ten_million_instructions_is_counted():
    code = assemble("move 2500000,R0\nmove 0,R1\nnop\nl: add R1,3,R1\nnop\nnop\nloop R0,@l\nstop 3\n")
    end, made, registers, clocks = kernel(code, Twin(code), np.empty(1, ROW))
    # Nothing real-time was done for so long that the queue has run dry when it stops.
    assert (end, len(made), int(registers[1])) == (UNDERFLOW, 0, 7_500_000)
    assert clocks[1] == 4 + 2_500_000 * 4


def test_program_goes_on_behind_wait_sync():
    code = assemble("wait_sync 8\nplay 1,2,20\nstop\n")
    state = np.zeros(40, np.int64)
    q1_core.begin(state, 0, 0, 1, 2, 3, 4)
    rest = (np.zeros(64, np.uint32), np.zeros(32, np.int64), np.zeros(15, np.int64), np.ones((2, 15), np.int64),
            np.empty((0, 2), np.int64))  # fmt: skip
    rows = np.empty(4, ROW)
    assert q1_core.run(code, state, *rest, rows, 100) == (SYNC, 0)
    q1_core.synchronise(state, 200)
    assert q1_core.run(code, state, *rest, rows, 100) == (DONE, 1)
    assert rows[0].tolist() == (208, OP["play"], 1, 2, 20, 0, 1, 2, 3, 4, 0, 0, 0)
    with pytest.raises(ValueError, match="has to come after the present time"):
        q1_core.synchronise(state, 100)


def arguments(**changed):
    given = {
        "code": assemble("stop\n"), "state": np.zeros(40, np.int64), "registers": np.zeros(64, np.uint32),
        "queue": np.zeros(32, np.int64), "latches": np.zeros(15, np.int64), "thresholds": np.ones((2, 15), np.int64),
        "triggers": np.empty((0, 2), np.int64), "rows": np.empty(1, ROW), "most": 10,
    }  # fmt: skip
    return {**given, **changed}


def one_row(**columns):
    code = assemble("stop\n")
    for place, value in columns.items():
        code[0, int(place[1:])] = value
    return code


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"code": np.zeros((1, 8), np.int64)}, "code has 8 columns"),
        ({"state": np.zeros(39, np.int64)}, "state 39 values"),
        ({"registers": np.zeros(63, np.uint32)}, "registers 63"),
        ({"queue": np.zeros(31, np.int64)}, "queue 31"),
        ({"latches": np.zeros(14, np.int64)}, "latches has 14"),
        ({"thresholds": np.ones((1, 15), np.int64)}, r"thresholds shape \(1, 15\)"),
        ({"triggers": np.ones((1, 3), np.int64)}, "triggers 3 columns"),
        ({"triggers": np.array([[5, 16]])}, "trigger 0 at 5 ns, address 16"),
        ({"triggers": np.array([[5, 1], [4, 1]])}, "trigger 1 at 4 ns"),
        ({"rows": np.empty(0, ROW)}, "rows has no room"),
        ({"code": one_row(c0=99)}, "operation 99"),
        ({"code": one_row(c8=5)}, "duration in operand 5"),
        ({"code": one_row(c0=OP["move"], c2=64)}, "no register 64"),
        ({"code": one_row(c0=OP["add"], c1=-1, c6=1)}, "no register -1"),
        ({"state": np.full(40, 99)}, "the queue begins at 99"),
    ],
)
def test_refusals(changed, words):
    with pytest.raises(ValueError, match=words):
        q1_core.run(**arguments(**changed))


def test_odd_strides_and_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="contiguous"):
        q1_core.run(**arguments(code=np.asfortranarray(np.zeros((4, 9), np.int64))))
    for call in (lambda s: q1_core.begin(s, 0, 0, 0, 0, 0, 0), lambda s: q1_core.synchronise(s, 0), q1_core.clocks):
        with pytest.raises(ValueError, match="state has 3 values"):
            call(np.zeros(3, np.int64))
