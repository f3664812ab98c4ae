"""Limits of the Qblox tables that the vendor's assembler knows are its own: it takes each, and nothing beyond."""

from __future__ import annotations

import pytest
from qblox import assemble

from qctl.instruments.capability import limit
from qctl.instruments.qblox.capabilities import TABLES

QRM = TABLES["qblox-qrm"]


def most(path: str) -> int:
    return limit(QRM, path).most


def accepts(program: str, folder) -> bool:
    """Say whether the assembler takes a program; an error is one of range, and not of syntax."""
    try:
        assemble(program, folder)
    except AssertionError as error:
        assert "out of range" in str(error) or "too large" in str(error) or "exceeds" in str(error), error
        return False
    return True


@pytest.mark.parametrize(
    ("text", "path", "offset"),
    [
        ("wait {}", "wait", 0),
        ("play 0,0,{}", "wait", 0),
        ("acquire 0,0,{}", "wait", 0),
        ("upd_param {}", "wait", 0),
        ("wait_sync {}", "wait", 0),
        ("play {},0,4", "waveforms.count", -1),
        ("acquire {},0,4", "acquisitions", -1),
        ("set_mrk {}", "markers", 0),
        ("move {},R0", "loops.count", 0),
    ],
)
def test_the_assembler_refuses_one_more_than_the_table(tmp_path, text: str, path: str, offset: int) -> None:
    top = most(path) + offset
    assert accepts(f"{text.format(top)}\nstop\n", tmp_path)
    assert not accepts(f"{text.format(top + 1)}\nstop\n", tmp_path)


@pytest.mark.parametrize("text", ["wait {}", "play 0,0,{}", "acquire 0,0,{}", "upd_param {}", "wait_sync {}"])
def test_the_assembler_refuses_one_less_than_the_shortest(tmp_path, text: str) -> None:
    low = limit(QRM, "wait").least
    assert accepts(f"{text.format(low)}\nstop\n", tmp_path)
    assert not accepts(f"{text.format(low - 1)}\nstop\n", tmp_path)


def test_a_whole_program_memory_assembles_and_the_tables_are_no_larger(tmp_path) -> None:
    largest = max(limit(table, "instructions.count").most for table in TABLES.values())
    assert assemble("nop\n" * (largest - 1) + "stop\n", tmp_path) == largest
    with pytest.raises(AssertionError):
        assemble("nop\n" * largest + "stop\n", tmp_path)


@pytest.mark.parametrize("sign", [1, -1])
def test_frequencies_and_gains_of_the_table_are_within_the_words(tmp_path, sign: int) -> None:
    hz = limit(QRM, "channels.output.frequency")
    steps = round(float(hz.high or 0) / float(hz.resolution or 1))
    assert accepts(
        f"set_freq {sign * steps}\nset_awg_gain {sign * 32767},{sign * 32767}\nupd_param 4\nstop\n", tmp_path
    )
    assert not accepts(f"set_awg_gain {sign * 32769},0\nstop\n", tmp_path)
