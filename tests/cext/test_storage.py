"""Memory that copies share never changes under any of them, whoever goes on first."""

import numpy as np
import pytest

from qctl.cext.records import InstructionBuffer
from qctl.cext.storage import Storage
from qctl.program.layout import INSTRUCTION


def filled(n):
    buffer = InstructionBuffer()
    buffer.set_n_qubits(4)
    for k in range(n):
        buffer.emit_gate(0x111, (k % 4,), (float(k), 0.5, 0.25))
    return buffer


def content(buffer):
    return buffer.instruction_bytes(), buffer.operand_bytes(), buffer.constant_bytes()


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 64, 1000])
def test_copies_go_on_alone(n):
    first = filled(n)
    before = content(first)
    second, third = InstructionBuffer(), InstructionBuffer()
    second.share(first)
    third.share(second)
    second.emit_gate(0x101, (1,), ())
    first.emit_gate(0x103, (2,), ())
    third.emit_gate(0x127, (0, 1), (1.0, 2.0, 3.0, 4.0))
    assert [len(b) for b in (first, second, third)] == [n + 1] * 3
    for buffer, op in ((first, 0x103), (second, 0x101), (third, 0x127)):
        rows, words, numbers = content(buffer)
        assert (rows[: 16 * n], words[: 16 * n], numbers[: 24 * n]) == before
        assert rows[16 * n : 16 * n + 2] == op.to_bytes(2, "little")


def test_a_chain_of_copies_is_what_was_appended():
    chain = [filled(3)]
    for k in range(200):
        new = InstructionBuffer()
        new.share(chain[-1])
        new.emit_gate(0x10C, (k % 4,), (float(k),))
        chain.append(new)
    last = content(chain[-1])[0]
    for k, buffer in enumerate(chain):
        assert content(buffer)[0] == last[: 16 * (3 + k)]


@pytest.mark.parametrize("n", [0, 1, 100])
def test_arrays_are_read_only_and_stay(n):
    buffer = filled(n)
    before = content(buffer)
    rows, words, numbers = buffer.arrays(INSTRUCTION)
    for _ in range(300):
        buffer.emit_gate(0x111, (3,), (9.0, 9.0, 9.0))
    assert (rows.tobytes(), words.tobytes(), numbers.tobytes()) == before
    assert (rows.dtype, words.dtype, numbers.dtype) == (INSTRUCTION, np.uint32, np.float64)
    with pytest.raises(ValueError, match="read-only"):
        rows["op"] = 0


def test_memory_itself_can_not_be_written():
    assert len(Storage()) == 0
    rows = filled(1).arrays(INSTRUCTION)[0]
    with pytest.raises(ValueError, match="WRITEABLE"):
        rows.setflags(write=True)


def test_bytes_are_adopted_and_never_written():
    first = InstructionBuffer()
    first.set_n_qubits(4)
    for k in range(100):
        first.emit_gate(0x111, (k % 4,), (float(k), 0.5, 0.25))
    raw = [first.instruction_bytes(), first.operand_bytes(), first.constant_bytes()]
    kept = [bytes(bytearray(part)) for part in raw]
    second = InstructionBuffer()
    second.set_n_qubits(4)
    second.fill(*raw)
    assert [a.ctypes.data for a in second.arrays(INSTRUCTION)] == [np.frombuffer(p, np.uint8).ctypes.data for p in raw]
    third = InstructionBuffer()
    third.share(second)
    for buffer in (second, third):
        for _ in range(3):
            buffer.emit_gate(0x111, (3,), (9.0, 9.0, 9.0))
    assert raw == kept
    assert second.counts() == third.counts() == (103, 412, 309)
    assert second.instruction_bytes() == third.instruction_bytes()
    assert second.instruction_bytes()[:1600] == kept[0]


def test_what_others_can_change_is_copied():
    rows = bytearray(bytes.fromhex("04010000" + "00000000" + "ff" * 8))
    for given in (rows, np.frombuffer(rows, np.uint8), memoryview(rows)):
        buffer = InstructionBuffer()
        buffer.fill(given, b"", b"")
        rows[4] = 7
        assert buffer.instruction_bytes()[4] == 0
        rows[4] = 0
    whole = b"1" + bytes(rows)
    buffer.fill(memoryview(whole)[1:], b"", b"")  # not aligned
    assert buffer.instruction_bytes() == rows
