"""Lines of gates: numbers as Python writes them, rows as a slow twin spells them, all else left to the caller."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.cext.gate_lines import GateLines, number_text
from qctl.program.layout import INSTRUCTION, NONE, Flag

QUBITS, BITS = ["q[0]", "q[1]", "lang"], ["c[0]"]
NARROW, ANGLE, PAIR, PAIR_ANGLE, WIDE, MEASURE, SILENT, UNKNOWN = 1, 2, 3, 4, 5, 6, 7, 9
N_QUBITS = {NARROW: 1, ANGLE: 1, PAIR: 2, PAIR_ANGLE: 2, WIDE: -1}


def slow_number(value: float, pi: bool) -> str:
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    for below in (1, 2, 3, 4, 6, 8, 16, 32) if pi and abs(value) <= 64 * math.pi else ():
        times = round(value * below / math.pi)
        if 0 < abs(times) <= 64 and times * math.pi / below == value:
            text = {1: "pi", -1: "-pi"}.get(times, f"{times}*pi")
            return text if below == 1 else f"{text}/{below}"
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_numbers_are_those_of_python(value, pi):
    text = number_text(value, pi)
    assert text in (None, slow_number(value, pi))
    assert pi or text is None or struct.pack("d", float(text)) == struct.pack("d", value)


@given(st.integers(-70, 70), st.integers(1, 40), st.integers(-2, 2))
def test_multiples_of_pi_are_exact_ones(times, below, steps):
    value = times * math.pi / below
    for _ in range(abs(steps)):
        value = math.nextafter(value, math.copysign(9e9, steps))
    assert number_text(value) in (None, slow_number(value, True))


@pytest.mark.parametrize("exponent", [*range(-1074, -1000), *range(-60, 80), *range(1000, 1024)])
def test_powers_of_two_have_the_fewest_digits(exponent):
    for value in (2.0**exponent, math.nextafter(2.0**exponent, 0), math.nextafter(2.0**exponent, math.inf)):
        if math.isfinite(value):
            assert number_text(value, False) in (None, slow_number(value, False))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="is not a finite number"):
        number_text(value)


def row(op, flags=0, a=NONE, b=NONE, c=NONE):
    return (op, flags, a, b, c)


def immediate(op, a, value):
    low, high = struct.unpack("<II", struct.pack("<d", value))
    return row(op, Flag.IMM, a, low, high)


def made(rows, words=(), numbers=(), angles_last=False, comma=","):
    array = np.array(rows, INSTRUCTION) if len(rows) else np.empty(0, INSTRUCTION)
    lines = GateLines(
        array.view(np.uint8),
        np.array(words, np.uint32),
        np.array(numbers, np.float64),
        QUBITS,
        BITS,
        16,
        comma=comma,
        angles_last=angles_last,
    )
    for op, n_qubits in N_QUBITS.items():
        lines.spell(op, n_qubits, f"g{op}", ";\n")
    lines.spell_measure(MEASURE, "m ", " -> ", ";\n", False)
    lines.spell(SILENT, 0, None, "")
    return lines


@st.composite
def programs(draw):
    """Return rows, operand words and numbers of rows that are all written, with what a slow twin says of each."""
    rows, words, numbers, texts = [], [], [], []
    for _ in range(draw(st.integers(0, 8))):
        op = draw(st.sampled_from([NARROW, ANGLE, PAIR, PAIR_ANGLE, WIDE, MEASURE]))
        a, b = draw(st.permutations(range(3)))[:2]
        x = draw(st.floats(allow_nan=False, allow_infinity=False))
        if op == NARROW:
            rows.append(row(op, a=a))
            texts.append((op, [a], []))
        elif op == ANGLE:
            rows.append(immediate(op, a, x))
            texts.append((op, [a], [x]))
        elif op == PAIR:
            rows.append(row(op, a=a, b=b))
            texts.append((op, [a, b], []))
        elif op == PAIR_ANGLE:
            rows.append(row(op, a=a, b=b, c=len(numbers)))
            numbers.append(x)
            texts.append((op, [a, b], [x]))
        elif op == WIDE:
            qubits, angles = draw(st.lists(st.integers(0, 2), min_size=1)), draw(st.lists(st.floats(-9, 9), max_size=8))
            rows.append(row(op, Flag.WIDE, len(words), len(qubits), len(angles)))
            words += [*qubits, *range(len(numbers), len(numbers) + len(angles))]
            numbers += angles
            texts.append((op, qubits, angles))
        else:
            rows.append(row(op, a=a, b=0))
            texts.append((op, [a], None))
    return rows, words, numbers, texts


@given(programs(), st.booleans(), st.sampled_from([",", ", "]))
def test_rows_are_written_as_the_twin_writes_them(program, angles_last, comma):
    rows, words, numbers, texts = program
    lines = made(rows, words, numbers, angles_last, comma)
    lines.set_prefix("  ")
    assert lines.write(0, len(rows)) == len(rows)
    wanted = ""
    for op, qubits, angles in texts:
        named = comma.join(QUBITS[q] for q in qubits)
        if angles is None:
            wanted += f"  m {named} -> c[0];\n"
            continue
        brackets = f"({comma.join(slow_number(x, True) for x in angles)})" if angles else ""
        behind = comma * bool(angles) + brackets if angles_last else ""
        wanted += f"  g{op}{'' if angles_last else brackets} {named}{behind};\n"
    assert lines.text() == wanted
    assert lines.mark() == (len(wanted), len(rows))
    assert lines.used() == sorted({op for op, _, _ in texts})


@pytest.mark.parametrize(
    ("rows", "words", "numbers"),
    [
        ([row(UNKNOWN, a=0)], [], []),
        ([row(99, a=0)], [], []),
        ([row(NARROW, a=3)], [], []),
        ([row(PAIR, a=0, b=3)], [], []),
        ([row(PAIR_ANGLE, a=0, b=1, c=0)], [], []),
        ([row(ANGLE, Flag.EXPR, 0, 0)], [], []),
        ([immediate(ANGLE, 0, math.nan)], [], []),
        ([row(PAIR_ANGLE, a=0, b=1, c=0)], [], [math.inf]),
        ([row(WIDE, Flag.WIDE, 0, 2, 0)], [0], []),
        ([row(WIDE, Flag.WIDE, 1 << 31, 1 << 31, 1)], [0], []),
        ([row(WIDE, Flag.WIDE, 0, 0, 0)], [0], []),
        ([row(WIDE, Flag.WIDE, 0, 1, 1)], [0, 1 << 31], [0.5]),
        ([row(WIDE, Flag.WIDE, 0, 1, 9)], [0] * 10, [0.5]),
        ([row(WIDE, Flag.WIDE | 1 << 8, 0, 1, 0)], [0], []),
        ([row(MEASURE, a=0, b=1)], [], []),
        ([row(MEASURE, a=3, b=0)], [], []),
        ([row(SILENT, Flag.EXPR, 0, 0)], [], []),
        ([row(SILENT, Flag.WIDE | 1 << 8, 0, 1, 0)], [0], []),
        ([row(SILENT, Flag.WIDE, 0, 0, 1)], [1 << 31], []),
    ],
)
def test_other_rows_are_left_to_the_caller(rows, words, numbers):
    lines = made([row(NARROW, a=0), *rows, row(NARROW, a=1)], words, numbers)
    assert lines.write(0, 3) == 1
    assert lines.write(2, 3) == 3
    assert lines.text() == "g1 q[0];\ng1 q[1];\n"


def test_spellings_can_name_some_qubits_before_a_middle_and_be_taken_back():
    lines = made([row(PAIR, a=2, b=0), row(SILENT), row(MEASURE, a=1, b=0)])
    lines.spell(PAIR, 2, "CONTROL", "\nEND\n", "\nY ", 1)
    lines.spell_measure(MEASURE, "", " = measure ", ";\n", True)
    assert lines.write(0, 3) == 3
    assert lines.text() == "CONTROL lang\nY q[0]\nEND\nc[0] = measure q[1];\n"
    lines.unspell(PAIR)
    assert lines.write(0, 1) == 0


def test_lines_are_added_and_repeated():
    lines = made([])
    assert lines.write(0, 0) == 0
    assert lines.text() == ""
    lines.add("head")
    mark = lines.mark()
    lines.set_prefix("- ")
    lines.add("ä")
    lines.repeat(mark, 3)
    assert lines.text() == "head\n" + "- ä\n" * 3
    assert lines.mark()[1] == 4
    lines.repeat(mark, 0)
    assert lines.text() == "head\n"


def test_what_does_not_fit_is_refused():
    lines = made([row(NARROW, a=0)])
    for first, end in ((-1, 0), (1, 0), (0, 2)):
        with pytest.raises(ValueError, match=r"are not in \[0, 1\]"):
            lines.write(first, end)
    for op in (-1, 16):
        with pytest.raises(ValueError, match=r"is outside \[0, 15\]"):
            lines.spell(op, 1, "x", "")
    with pytest.raises(ValueError, match="don't fit 0 bytes"):
        lines.repeat((1, 0), 2)
    with pytest.raises(ValueError, match="17 bytes, not 16 each"):
        GateLines(np.zeros(17, np.uint8), np.empty(0, np.uint32), np.empty(0), [], [], 1, comma=",")
    with pytest.raises(ValueError, match="n_ops = 0"):
        GateLines(np.zeros(16, np.uint8), np.empty(0, np.uint32), np.empty(0), [], [], 0, comma=",")
