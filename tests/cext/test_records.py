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
    buffer.set_n_qubits(8)
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


@pytest.mark.parametrize(
    ("write", "words"),
    {
        "unknown opcode": (lambda b: b.emit(0x999), "opcode 0x999 has an unknown opcode"),
        "qubit outside": (lambda b: b.emit(0x101, 0, 2), "symbol"),
        "no qubit": (lambda b: b.emit(0x101), "symbol"),
        "wide": (lambda b: b.emit(0x007, 4, 0, 1, 0), "operand list"),
        "two-qubit gate without the second": (lambda b: b.emit(0x115, 0, 1), "symbol"),
        "constant outside": (lambda b: b.emit(0x125, 0, 0, 1, 0), "value"),
        "ticks of a gate": (lambda b: b.emit_ticks(0x10C, 0, 5), "flags"),
        "value of a gate without": (lambda b: b.emit_value(0x101, 0, 0.5), "flags"),
        "barrier twice": (lambda b: b.emit_wide(0x007, [1, 1]), "twice"),
        "barrier with a value": (lambda b: b.emit_wide(0x007, [1], (0.5,)), "number of symbols or values"),
        "barrier outside": (lambda b: b.emit_wide(0x007, [2]), "symbol"),
        "port in a gate": (lambda b: b.emit_words(0x128, 0, [0, 1, 0x40000000], []), "symbol"),
        "port word in dds": (lambda b: b.emit_words(0x301, 0, [0x40000000], [0, 0, 0]), "symbol"),
        "constants outside": (lambda b: b.emit_words(0x110, 0, [0], [0, 1]), "value"),
        "more controls than qubits": (lambda b: b.emit_words(0x101, 2 << 8, [0, 1], []), "number of symbols or values"),
        "gate of no opcode": (lambda b: b.emit_gate(0x008, (0,), ()), "no gate"),
        "gate with too few qubits": (lambda b: b.emit_gate(0x115, (0,), ()), "not its numbers"),
        "gate with controls below 0": (lambda b: b.emit_gate(0x101, (0,), (), -1), "not its numbers"),
        "gate with controls that wrap": (lambda b: b.emit_gate(0x101, (0, 1), (), 256 + 1), "not its numbers"),
    }.values(),
)
def test_a_wrong_row_is_refused_and_leaves_nothing_behind(write, words):
    buffer = InstructionBuffer()
    buffer.set_n_qubits(2)
    with pytest.raises(ValueError, match=words):
        write(buffer)
    assert buffer.counts() == (0, 0, 0)


class Turncoat(InstructionBuffer):
    """Replaces its own contents while it is asked for a value."""

    def resolve(self, op, value):
        self.fill(b"", b"", b"")
        return value()


def test_contents_replaced_while_a_row_is_written_are_noticed():
    def fail():
        raise KeyError

    buffer = Turncoat()
    buffer.set_n_qubits(4)
    for _ in range(300):
        buffer.emit_gate(0x111, (2,), (0.1, 0.2, 0.3))
    for value, error in ((lambda: 0.5, ValueError), (fail, KeyError)):
        for _ in range(3):
            buffer.emit_gate(0x127, (0, 1), (0.1, 0.2, 0.3, 0.4))
        with pytest.raises(error):
            buffer.emit_gate(0x127, (0, 1), (0.1, 0.2, value, 0.4))
        with pytest.raises(error):
            buffer.emit_wide(0x127, (0, 1), (0.1, 0.2, value, 0.4))
    assert max(buffer.counts()) < 20
    assert len(buffer.operand_bytes()) == 4 * buffer.counts()[1]


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
