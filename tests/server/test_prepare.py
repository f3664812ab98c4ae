"""A job is parsed, compiled and lowered by a pure function; its waveforms are files by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from qctl.circuit import Circuit
from qctl.errors import CompileError, ParseError, RequestError, WireError
from qctl.server.prepare import PrepareRequest, prepare
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
