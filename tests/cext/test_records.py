"""The instruction buffer holds what it is given, on its own too."""

import pytest

from qctl.cext.records import InstructionBuffer


def test_buffer_alone_refuses_with_value_errors():
    buffer = InstructionBuffer()
    buffer.set_n_qubits(2)
    with pytest.raises(ValueError, match=r"qubit = 2 is outside \[0, 1\]"):
        buffer.emit_gate(0x101, (2,), ())
    with pytest.raises(ValueError, match="named twice"):
        buffer.emit_gate(0x115, (1, 1), ())
    with pytest.raises(ValueError, match="not a finite number"):
        buffer.emit_value(0x10C, 0, float("nan"))
    with pytest.raises(ValueError, match="n_qubits = 1 is outside"):
        buffer.set_n_qubits(1)
    assert len(buffer) == 0


def test_immediates_and_ticks_are_little_endian():
    buffer = InstructionBuffer()
    buffer.emit_value(0x10C, 7, 1.5)
    buffer.emit_ticks(0x00A, 1, -2)
    assert buffer.instruction_bytes().hex() == "0c01010007000000000000000000f83f" + "0a00080001000000feffffffffffffff"


def test_failed_wide_row_leaves_nothing_behind():
    buffer = InstructionBuffer()
    buffer.set_n_qubits(3)
    with pytest.raises(ValueError, match="qubit = 9"):
        buffer.emit_gate(0x128, (0, 1, 9), ())
    with pytest.raises(OverflowError):
        buffer.emit_wide(0x007, [0, 2**40])
    assert buffer.counts() == (0, 0, 0)


def test_fill_replaces_the_contents():
    first, second = InstructionBuffer(), InstructionBuffer()
    first.set_n_qubits(3)
    for _ in range(200):
        first.emit_gate(0x111, (2,), (0.1, 0.2, 0.3))
    second.fill(first.instruction_bytes(), first.operand_bytes(), first.constant_bytes())
    assert second.counts() == first.counts() == (200, 800, 600)
    assert second.operand_bytes() == first.operand_bytes()
    with pytest.raises(ValueError, match="not whole items"):
        second.fill(b"123", b"", b"")
