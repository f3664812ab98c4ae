"""The sync client: what it takes, and what it says when nobody answers."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import qctl.client
from qctl.client import calls
from qctl.client.result import ProgramResult, Result
from qctl.errors import RequestError, WireError
from qctl.program.program import Program


def test_silence_is_a_wire_error_that_says_what_to_do() -> None:
    with pytest.raises(WireError, match=r"did not answer within 0\.2 s; is `qctl serve` running"):
        qctl.client.connect("tcp://127.0.0.1:9", timeout_s=0.2)


def test_what_is_no_program_is_refused(lab) -> None:
    with pytest.raises(RequestError, match="a int is no program"):
        lab.run(3)
    with pytest.raises(RequestError, match=r"instrument\.parameter"):
        lab.set_many({"lo_drive": 3})


def test_mistakes_of_a_newcomer_are_named(lab, tmp_path) -> None:
    with pytest.raises(RequestError, match=r"pass pathlib\.Path\('bell\.qasm'\) to run the file"):
        lab.run("bell.qasm")
    with pytest.raises(RequestError, match=r"shots = 1\.5 is not a whole number"):
        lab.run(b"", shots=1.5)
    with pytest.raises(RequestError, match="state = 'finished' is none of queued, compiling"):
        lab.jobs(state="finished")


def test_file_is_sent_by_its_path(tmp_path) -> None:
    path = tmp_path / "bell.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; measure q -> c;')
    kind, content = calls.encode_program(path)
    assert kind == "qis" and len(Program.from_bytes(content)) == 2
    with pytest.raises(RequestError, match=r"none\.qasm can't be read: No such file"):
        calls.encode_program(tmp_path / "none.qasm")


def test_qiskit_circuit_is_told_to_come_as_text() -> None:
    circuit = type("QuantumCircuit", (), {"__module__": "qiskit.circuit.quantumcircuit"})()
    with pytest.raises(RequestError, match=r"pass qiskit\.qasm3\.dumps\(circuit\)"):
        calls.encode_program(circuit)


def test_result_shows_itself_in_one_line() -> None:
    axes = (("amp", np.zeros(3), "V"),)
    program = ProgramResult({}, axes, {"q0": np.zeros((400, 3), complex)}, {}, {"shots": 400})
    assert repr(Result(7, "done", (program,), {})) == "<Result of job 7: done, [<ProgramResult: 400 shots, amp: 3 V>]>"


def test_several_threads_share_a_client(lab) -> None:
    wrong: list[object] = []

    def work(name: str, value: float) -> None:
        for _ in range(20):
            lab.instruments[name].set("power_dbm", value)
            if lab.instruments[name].get("power_dbm") != value:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=item) for item in (("lo_drive", 1.0), ("lo_readout", 2.0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_lab_describes_itself(lab) -> None:
    assert lab.name == "transmon5"
    assert list(lab.processors) == ["qpu0"]
    assert lab.instruments["dig0"].row["link"] == "up"
    assert {"name", "unit", "label"} <= set(lab.instruments["lo_drive"].parameters[0])
