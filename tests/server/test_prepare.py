"""A job is parsed, compiled and lowered by a pure function; its waveforms are files by content."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from qctl import lowering
from qctl.circuit import Circuit
from qctl.errors import CompileError, ParseError, RequestError, WireError
from qctl.lab import parse_lab
from qctl.lab.snapshot import Snapshot
from qctl.server.prepare import PrepareRequest, _compiled, prepare
from qctl.server.waveforms import WaveformFiles

LAB = (Path(__file__).parents[1] / "support" / "transmon5.toml").read_text()
BELL = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


def request(folder: Path, *programs: tuple[str, bytes], averaged: bool | None = None) -> PrepareRequest:
    return PrepareRequest(programs, LAB, "qpu0", None, 500, 1, 1, averaged, folder)


def test_bell_becomes_orders_for_players_recorder_and_trigger(tmp_path: Path) -> None:
    prepared = prepare(request(tmp_path, ("qasm", BELL)))
    (batch,) = prepared.batches
    names = {load.instrument for load in batch.programs}
    assert {"dig0", "trig0", "awg4"} <= names
    assert (batch.n_points, batch.n_shots, batch.averaged) == (1, 500, False)
    assert set(prepared.windows[0]) == {"dig0"}
    assert prepared.parts[0].bits and len(prepared.parts[0].captures) == 2
    files = WaveformFiles(tmp_path)
    uploads = [load.digests for load in batch.programs if load.digests]
    assert {files.path(digests) for digests in uploads} == set(tmp_path.iterdir())
    assert all(words.size > 0 for digests in uploads for words in files.of(digests).values())
    assert {"parse", "compile", "lower"} <= set(prepared.times_s)


def test_repeated_job_is_taken_from_the_cache_and_a_changed_one_is_not(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
    _compiled.clear()
    first, hits = prepare(request(tmp_path / "a", ("qasm", BELL))), _compiled.n_hits
    again = prepare(request(tmp_path / "b", ("qasm", BELL)))
    assert _compiled.n_hits == hits + 1 and again.times_s["compile"] == 0.0 < first.times_s["compile"]
    assert again.batches == first.batches and again.programs == first.programs
    assert [p.name for p in sorted((tmp_path / "b").iterdir())] == [p.name for p in sorted((tmp_path / "a").iterdir())]
    lab = parse_lab(LAB)
    louder = msgspec.structs.replace(
        lab.processors["qpu0"].qubit["q0"],
        drive=msgspec.structs.replace(lab.processors["qpu0"].qubit["q0"].drive, amplitude_v=0.17),
    )
    snapshot = Snapshot(number=1, time_s=0.0, processor="qpu0", qubits={"q0": louder})
    changed = prepare(dataclasses.replace(request(tmp_path / "c", ("qasm", BELL)), snapshot=snapshot))
    assert changed.batches != first.batches
    fewer = prepare(dataclasses.replace(request(tmp_path / "d", ("qasm", BELL)), shots=7))
    assert fewer.batches[0].n_shots == 7
    assert _compiled.n_hits == hits + 1


def test_a_job_with_other_angles_is_patched_and_plays_what_the_whole_compile_makes(tmp_path: Path) -> None:
    def job(name: str, turn: float) -> PrepareRequest:
        (tmp_path / name).mkdir()
        text = f"h q[0]; rz({turn}) q[0]; h q[0]; cx q[0],q[1]; ry({turn}) q[1]; measure q -> c;"
        return request(tmp_path / name, ("qasm", BELL.partition(b"h q")[0] + text.encode()))

    prepare(job("a", 0.3))
    patched = prepare(job("b", 0.4))
    _compiled.clear()
    lowering._lines.clear()
    whole = prepare(job("c", 0.4))
    assert patched.batches == whole.batches and patched.programs == whole.programs
    assert patched.report == whole.report
    assert [p.name for p in sorted((tmp_path / "b").iterdir())] == [p.name for p in sorted((tmp_path / "c").iterdir())]


def test_same_circuit_in_both_forms_plays_the_same(tmp_path: Path) -> None:
    text = prepare(request(tmp_path, ("qasm", BELL)))
    packed = prepare(request(tmp_path, ("qis", Circuit.from_qasm(BELL.decode()).to_bytes())))
    assert [load.digests for load in text.batches[0].programs] == [load.digests for load in packed.batches[0].programs]


def test_what_can_not_be_read_is_the_clients_fault(tmp_path: Path) -> None:
    for kind, content in (("qasm", b"\xff"), ("qasm", b"OPENQASM 2.0; nonsense"), ("qis", b"\0" * 40)):
        with pytest.raises((ParseError, WireError)):
            prepare(request(tmp_path, (kind, content)))
    with pytest.raises(RequestError, match="format 'pickle' is not known; known are qis, qasm"):
        prepare(request(tmp_path, ("pickle", b"")))


@pytest.mark.parametrize("text", [b"", b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];'])
def test_job_that_measures_nothing_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(CompileError, match="the program measures nothing"):
        prepare(request(tmp_path, ("qasm", text)))
    with pytest.raises(CompileError, match="program 1 of the job measures nothing"):
        prepare(request(tmp_path, ("qasm", BELL), ("qasm", text)))


def test_old_waveforms_make_room_but_not_those_in_use(tmp_path: Path) -> None:
    (batch,) = prepare(request(tmp_path, ("qasm", BELL))).batches
    files = WaveformFiles(tmp_path)
    keep = next(load.digests for load in batch.programs if load.digests)
    files.hold_under(0, {keep})
    assert list(tmp_path.iterdir()) == [files.path(keep)]
    files.hold_under(1 << 30, ())
    assert files.of(keep)[keep[0]].size > 0
