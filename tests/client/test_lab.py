"""The sync client: what it takes, and what it says when nobody answers."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time

import numpy as np
import pytest

import qctl.client
from qctl.client import calls
from qctl.client.result import ProgramResult, Result
from qctl.errors import LeaseError, RequestError, WireError
from qctl.program.program import Program


def test_silence_is_a_wire_error_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(WireError, match=r"did not answer within 0\.2\d* s; is `qctl serve` running"):
            qctl.client.connect(address, timeout_s=0.2)


def test_address_where_nothing_listens_is_said_within_a_second() -> None:
    begin_s = time.monotonic()
    with pytest.raises(WireError, match=r"nothing listens at tcp://\S+:9: start .*`qctl serve --lab lab\.toml`"):
        qctl.client.connect("tcp://127.0.0.1:9")
    assert time.monotonic() - begin_s < 2.0
    with pytest.raises(RequestError, match=r"'localhost:5650' is not of the form tcp://127\.0\.0\.1:5650"):
        qctl.client.connect("localhost:5650")


def test_server_that_is_just_starting_is_waited_for(start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found: list[float] = []

    def work() -> None:
        with qctl.client.connect(f"tcp://127.0.0.1:{port}", wait_s=30) as lab:
            found.append(lab.ping())

    thread = threading.Thread(target=work)
    thread.start()
    start(address=f"tcp://127.0.0.1:{port}")
    thread.join(30)
    assert found


def test_request_ends_when_its_server_dies_and_the_client_goes_on_with_the_next(start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    server = start(address=address)
    with qctl.client.connect(address) as lab:
        session = lab.carry(calls.lease(["dc0"], 30.0, False))
        lab.instruments["lo_drive"].call("break_at", "hang", "get power")
        threading.Timer(0.3, server.kill).start()
        begin_s = time.monotonic()
        with pytest.raises(WireError, match="went away before it answered"):
            lab.instruments["lo_drive"].get("power_dbm")
        with pytest.raises(WireError, match="nothing listens at"):
            lab.ping()
        assert time.monotonic() - begin_s < 5.0
        start(address=address)
        assert lab.ping() < 5.0 and session > 0


def test_frozen_server_is_noticed_by_its_silence(start) -> None:
    server = start()
    with qctl.client.connect(server.address, timeout_s=0.5) as lab:
        lab._link.ping_every_s = 0.2
        lo = lab.instruments["lo_drive"]
        server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(WireError, match="did not answer within"):
                lo.set("power_dbm", 1.0)
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert lab.ping() < 5.0


def test_wait_for_a_result_outlasts_every_time_out_while_the_server_lives(lab) -> None:
    with qctl.client.connect(lab.address, timeout_s=0.2) as other:
        other._link.ping_every_s = 0.1
        assert other.run(json.dumps({"block_s": 1.0}), shots=10).result().counts


def test_instrument_that_is_not_there_is_named_with_those_that_are(lab) -> None:
    with pytest.raises(RequestError, match=r"no instrument 'nope'; it has .*lo_drive"):
        lab.instruments["nope"]
    assert "nope" not in lab.instruments and lab.instruments.get("nope") is None


def test_what_is_no_program_is_refused(lab) -> None:
    with pytest.raises(RequestError, match="a int is no program"):
        lab.run(3)
    with pytest.raises(RequestError, match=r"instrument\.parameter"):
        lab.set_many({"lo_drive": 3})


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind_are_one_program(kind) -> None:
    request, buffers, _ = next(calls.run(kind(b"QIS"), 1, "", None, 2, None, False, ""))
    assert (request.formats, buffers) == (("qis",), (b"QIS",))


def test_mistakes_of_a_newcomer_are_named(lab, tmp_path) -> None:
    with pytest.raises(RequestError, match=r"pass pathlib\.Path\('bell\.qasm'\) to run the file"):
        lab.run("bell.qasm")
    wrong = {"seed": "a", "level": 1.0, "qpu": 3, "name": 3, "averaged": 3, "shots": True}
    for option, value in wrong.items():
        with pytest.raises(RequestError, match=rf"{option} = .* is not "):
            lab.run(json.dumps({}), **{option: value})
    with pytest.raises(RequestError, match="has characters that can't be printed"):
        lab.run(json.dumps({}), name="\x1b[31mred\nforged")
    with pytest.raises(RequestError, match="there is no program in the list"):
        lab.run([])
    with pytest.raises(RequestError, match=r"job = 1000000000000000000000000000000 is outside of 64 bits"):
        lab.job(10**30).state  # noqa: B018
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
    program = ProgramResult(7, axes, {"q0": np.zeros((400, 3), complex)}, {}, {"shots": 400})
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


def test_second_lease_does_not_starve_the_first(server) -> None:
    with qctl.client.connect(server.address) as lab, qctl.client.connect(server.address) as other:
        with lab.lease("dc0", ttl_s=0.6), lab.lease("lo_drive", ttl_s=60.0):
            assert not list(other.events("lease.dc0", timeout_s=2.0))
            with pytest.raises(LeaseError, match="dc0 is held"):
                other.lease("dc0")
        assert other.lease("dc0").expires_s > 0


@pytest.mark.parametrize("problem", [KeyboardInterrupt, MemoryError])
def test_greeting_that_is_interrupted_leaves_no_nameless_client(server, monkeypatch, problem) -> None:
    with qctl.client.connect(server.address) as lab, lab.lease("dc0", ttl_s=60.0):
        link = lab._link
        link._drop()
        ask = link._ask
        monkeypatch.setattr(link, "_ask", lambda *_: (_ for _ in ()).throw(problem))
        with pytest.raises(problem):
            lab.ping()
        monkeypatch.setattr(link, "_ask", ask)
        lab.instruments["dc0"].set("output1_voltage_v", 0.0)
