"""Files are read by suffix and content."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from qctl.circuit import Circuit
from qctl.errors import ParseError, RequestError
from qctl.formats.load import load, loads, openqasm_version
from qctl.formats.save import save

VERSIONS = {
    "OPENQASM 2.0; qreg q[1];": 2,
    "// OPENQASM 2.0;\n/* and\n */ OPENQASM 3.1;\nqubit q;": 3,
    "OPENQASM 3;": 3,
    'include "qelib1.inc"; qreg q[1]; h q;': 2,
    'include "stdgates.inc"; qubit q;': 3,
    "qubit[2] q;": 3,
    "// qubit q;\nqreg bit1[2];": 2,
    "qreg q[1]; creg c[1]; c = measure q;": 3,
    "h $0;": 3,
    "": 2,
}


@pytest.mark.parametrize("text", VERSIONS)
def test_the_version_is_the_headers_or_a_guess(text: str) -> None:
    """Comments are not looked at."""
    assert openqasm_version(text) == VERSIONS[text]


def test_another_version_is_refused_with_its_place() -> None:
    """Neither 2 nor 3."""
    with pytest.raises(ParseError, match="OpenQASM 4 is neither") as caught:
        loads("// text\n OPENQASM 4.0;")
    assert (caught.value.line, caught.value.column) == (2, 11)


@pytest.mark.parametrize("name", ["a.qis", "a.qasm", "a"])
def test_files_come_back(tmp_path: Path, name: str) -> None:
    """Saved and loaded."""
    circuit = Circuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    save(circuit, tmp_path / name)
    assert load(tmp_path / name).hash == circuit.hash


def test_text_assembly_is_read_where_openqasm_is(tmp_path: Path) -> None:
    program = Circuit(2)
    program.cx(0, 1)
    program.measure_all()
    path = tmp_path / "bell.txt"
    path.write_text("# a Bell pair\n" + program.to_text())
    assert load(path).to_bytes() == program.to_bytes()
    with pytest.raises(ParseError, match="line 2"):
        loads("qis 1.0\nnonsense")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """With the place of the byte."""
    (tmp_path / "a.qasm").write_bytes(b"OPENQASM 2.0;\nqreg \xff[1];")
    with pytest.raises(ParseError, match="0xff") as caught:
        load(tmp_path / "a.qasm")
    assert (caught.value.line, caught.value.column) == (2, 6)


def test_a_missing_file_is_a_request_error(tmp_path: Path) -> None:
    """With the system's words."""
    with pytest.raises(RequestError, match="No such file"):
        load(tmp_path / "missing.qasm")


@pytest.mark.parametrize("text", ["/**/" * 50_000, "/*" * 100_000, "\n" * 200_000, "{ " * 100_000, " " * 200_000 + "x"])
def test_guessing_the_version_takes_no_time_to_speak_of(text: str) -> None:
    """Texts that make careless expressions take for ever; the suite's time-out is the bound."""
    openqasm_version(text)


def test_a_thousand_gates_are_one_program() -> None:
    """The speed itself is measured in tests/bench."""
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[5];' + "u3(0.1*pi,1/3,-pi/2) q[0]; cx q[1],q[2];" * 500
    times = []
    for _ in range(3):
        started = time.perf_counter()
        assert len(loads(text)) == 1000
        times.append(time.perf_counter() - started)
    print(f"1,000 gates of OpenQASM 2: {1e3 * statistics.median(times):.1f} ms")
