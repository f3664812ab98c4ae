"""Refusals name the line and column of what stands in a text, through bytes and text assembly too."""

import pytest

from qctl.circuit import Circuit
from qctl.errors import CompileError
from qctl.program.body import Body
from qctl.program.places import KEY, Places, name_place
from qctl.program.program import Program

TWO = """OPENQASM 2.0; include "qelib1.inc";
qreg q[2]; creg c[2];
h q[0];
  reset q;
measure q -> c;
if (c == 1)
  x q[1];
"""
THREE = """OPENQASM 3.0; include "stdgates.inc";
qubit[2] q; bit[2] c;
h q[0];
  reset q;
c = measure q;
if (c[0]) {
  while (c[1]) { x q[0]; c[1] = measure q[0]; }
}
"""


def place(body, instruction):
    error = CompileError("no", instruction=instruction)
    name_place(error, body)
    return error.message


@pytest.mark.parametrize("text", [TWO, THREE])
def test_places_outlast_bytes_and_text(text):
    first = Circuit.from_qasm(text)
    for program in (first, Program.from_bytes(first.to_bytes()), Program.from_text(first.to_text())):
        assert place(program.body, 1) == place(program.body, 2) == "line 4, column 3: no"
        begin = next(block.first for block in program.body.blocks)
        assert place(program.body, begin) == "line 6, column 1: no"
        assert place(program.body, 0) == "no"
    if text is THREE:
        assert place(first.body, first.body.blocks[1].first) == "line 7, column 3: no"


def test_place_is_no_part_of_the_hash():
    assert Circuit.from_qasm(TWO).hash == Circuit.from_qasm(TWO.replace("\n", "\n\n")).hash


@pytest.mark.parametrize("words", ["", "x", "1:2", "1:2:3:4"])
def test_metadata_that_says_nothing_is_passed_over(words):
    assert place(Body(metadata={KEY: words}), 5) == "no"
    assert place(Body(), 5) == "no"


def test_places_are_bounded():
    places = Places()
    for i in range(20_000):
        places.note(i, 1, 1)
    assert len(places.metadata()[KEY].split()) == 10_000
