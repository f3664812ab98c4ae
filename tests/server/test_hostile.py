"""Clients that mean harm, and disks that fill: the server goes on, and what it says is true."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version

import pytest
import zmq

from qctl import wire
from qctl.client import connect
from qctl.errors import QctlError, RequestError, ScheduleError, WireError
from qctl.server.access import Access
from qctl.store.folders import find_result, read_result, write_result
from qctl.store.queue import Queue, Submission
from qctl.store.states import JobState


def ask(address: str, head: wire.Head, *buffers: bytes, timeout_s: float = 20.0):
    """Return the reply to one request on a socket of its own."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    try:
        socket.connect(address)
        socket.send_multipart(wire.pack(head, buffers))
        assert socket.poll(1000 * timeout_s), f"no answer to {type(head).__name__}"
        return wire.unpack_reply(socket.recv_multipart())[0]
    finally:
        context.destroy(linger=0)


def test_name_of_a_session_holds_no_control_character() -> None:
    access = Access()
    forged = access.greet(b"m", "ann-1\0", "")
    assert forged.name == "ann-1-1"
    assert len(access.greet(b"n", "x" * 10_000, "").name) < 120


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -1, -(2**63)])
def test_number_of_a_job_that_no_database_holds_is_no_job(server, number: int) -> None:
    for head in (wire.Job(number, id=1), wire.Result(number, id=1), wire.Cancel(number, id=1)):
        reply = ask(server.address, head)
        assert (reply.code, reply.message) == ("request", f"there is no job {number}")


def test_wait_that_is_no_number_is_refused(server, lab) -> None:
    job = lab.run(json.dumps({}), shots=10)
    job.result(20)
    assert ask(server.address, wire.Result(job.id, float("nan"), id=1)).code == "request"


def test_long_name_does_not_spoil_the_list_of_jobs(server, lab) -> None:
    for change in ({"name": "n" * 900_000}, {"key": "k" * 900_000}):
        reply = ask(server.address, wire.Submit(("qasm",), id=1, **change), b"{}")
        assert reply.code == "request" and "900000 characters" in reply.message
    assert lab.jobs() is not None


def test_a_key_is_its_owners_and_refused_for_another_job(server) -> None:
    context = zmq.Context()
    sockets = [context.socket(zmq.DEALER) for _ in range(2)]

    def answers(socket: zmq.Socket, *requests: tuple[wire.Head, bytes]) -> dict[int, wire.Head]:
        for head, program in requests:
            socket.send_multipart(wire.pack(head, [program] if program else []))
        found = {}
        for _ in requests:
            assert socket.poll(20_000)
            reply = wire.unpack_reply(socket.recv_multipart())[0]
            found[reply.id] = reply
        return found

    for n, (socket, name) in enumerate(zip(sockets, ("ann@pc:1", "bob@pc:1"), strict=True)):
        socket.connect(server.address)
        (welcome,) = answers(socket, (wire.Hello(name, version("qctl"), id=n), b"")).values()
        assert isinstance(welcome, wire.Welcome)
    again = wire.Submit(("qasm",), 10, key="k", id=2)
    ann = answers(
        sockets[0],
        (wire.Submit(("qasm",), 10, key="k", id=1), b"{}"),
        (again, b"{}"),
        (wire.Submit(("qasm",), 11, key="k", id=3), b'{"level": 1}'),
        (wire.Submit(("qasm",), 10, key="l", id=4), b"{}"),
    )
    bob = answers(sockets[1], (again, b'{"level": 2}'))
    assert ann[1].job == ann[2].job
    assert (ann[3].code, ann[3].details["job"]) == ("request", ann[1].job)
    assert ann[3].message.startswith(f"key 'k' is that of job {ann[1].job}, which has other programs, shots: ")
    assert len({ann[1].job, ann[4].job, bob[2].job}) == 3, "others of the batch and other owners have jobs of their own"
    context.destroy(linger=0)


@pytest.mark.parametrize("number", [1, 2**63 - 1, 2**64 - 1, -(2**63)])
def test_id_comes_back_as_it_was(server, number: int) -> None:
    for head in (wire.Ping(id=number), wire.Jobs(id=number), wire.Get("awg0", "x", id=number)):
        assert ask(server.address, head).id == number


def test_hello_without_a_release_is_answered_in_one_sentence(server) -> None:
    reply = ask(server.address, wire.Hello(id=1))
    assert reply.code == "version" and reply.message.startswith("the client is qctl of unknown release and the server")


def test_what_can_not_be_answered_can_not_be_called(lab) -> None:
    with pytest.raises(RequestError, match="awg0 offers no method parameters"):
        lab.instruments["awg0"].call("parameters")


def test_programs_over_the_bound_are_refused_and_others_are_taken(server, lab) -> None:
    reply = ask(server.address, wire.Submit(("qasm",), id=1), bytes((1 << 28) + 1))
    assert reply.code == "request" and "268435457 bytes" in reply.message
    reply = ask(server.address, wire.Submit(("qasm",) * 10_001, id=1), *[b"{}"] * 10_001)
    assert reply.code == "request" and "10001 programs" in reply.message
    assert lab.run(json.dumps({}), shots=10).result(20).counts == {"0": 5, "1": 5}


def test_path_in_the_name_of_a_processor_is_no_processor(server) -> None:
    for head in (wire.Calibration("../../x", id=1), wire.WriteSnapshot("../../x", {}, id=1)):
        reply = ask(server.address, head)
        assert reply.code == "request" and "no processor" in reply.message


def test_damaged_result_is_an_error_and_the_keeper_lives(start) -> None:
    server = start()
    with connect(server.address) as lab:
        job = lab.run(json.dumps({"n_points": 2}), shots=10)
        job.result(20)
        folder = server.store / job.row["folder"]
        for path in folder.glob("*.npy"):
            path.write_bytes(b"rubbish")
        assert "damaged" in ask(server.address, wire.Result(job.id, id=1)).message
        (folder / "result.json").write_text("{")
        assert "damaged" in ask(server.address, wire.Result(job.id, id=1)).message
        assert lab.run(json.dumps({}), shots=10).result(20).counts == {"0": 5, "1": 5}


def test_damaged_result_does_not_keep_the_store_from_opening(tmp_path) -> None:
    write_result(tmp_path, 3, {"state": "done"}, {})
    (tmp_path / "00000003" / "result.json").write_bytes(b"\xff{")
    assert find_result(tmp_path, 3)[0] == ""
    with pytest.raises(RequestError, match="damaged"):
        read_result(tmp_path / "00000003")


def test_reply_with_a_long_head_is_read_and_such_a_request_is_not() -> None:
    result = {"programs": [{"counts": [{"00000": 5, "11111": 5}] * 100_000}]}
    found, _ = wire.unpack_reply(wire.pack(wire.Finished(1, "done", result, id=1)))
    assert found.result == result
    with pytest.raises(WireError, match="over"):
        wire.unpack_request(wire.pack(wire.WriteSnapshot("qpu0", result)))


def test_disk_that_is_full_refuses_a_job_and_leaves_the_others(tmp_path) -> None:
    queue = Queue(tmp_path / "q.sqlite")
    item = Submission((("qasm", b"{}"),), "qpu0", 10, {})
    (job,) = queue.submit([item])
    fill(queue)
    with pytest.raises(ScheduleError, match="full"):
        queue.submit([Submission((("qasm", bytes(1 << 20)),), "qpu0", 10, {})])
    with pytest.raises(ScheduleError, match="full"):
        queue.step(job, JobState.CANCELLED, error={"message": "x" * 1_000_000})
    assert queue.entry(job).state is JobState.QUEUED
    fill(queue, 1 << 30)
    queue.step(job, JobState.CANCELLED, error={"message": "x" * 1_000_000})
    assert queue.entry(job).state is JobState.CANCELLED


def fill(queue: Queue, n_pages: int = 1) -> None:
    """Have the database end at this number of pages, as a full disk would; SQLite takes no less than it has."""
    queue._engine.dispose()
    from sqlalchemy import event

    event.listen(queue._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={n_pages}"))


def test_result_that_the_disk_does_not_take_fails_its_job_and_the_lane_goes_on(start) -> None:
    server = start()
    with connect(server.address) as lab:
        results = server.store / "results"
        shutil.rmtree(results)
        results.write_text("no folder can be made below a file")
        job = lab.run(json.dumps({}), shots=10)
        with pytest.raises(ScheduleError, match="can't be written"):
            job.result(20)
        assert job.state == "failed"
        results.unlink()
        assert lab.run(json.dumps({}), shots=10).result(20).counts == {"0": 5, "1": 5}


def wait_for_progress(lab, job) -> None:
    for event in lab.events(f"progress.{job.id}", timeout_s=20):
        if event.body["batch_points"] > 0:
            return


@pytest.mark.parametrize("name", ["awg0", "lo_drive"])
def test_run_whose_instrument_is_made_safe_by_somebody_else_is_not_done(lab, name: str) -> None:
    job = lab.run(json.dumps({"n_points": 500, "block_s": 0.02}), shots=10)
    wait_for_progress(lab, job)
    lab.safe(name)
    with pytest.raises(ScheduleError, match=f"{name} was brought to its safe state"):
        job.result(20)
    assert job.state == "failed"
    assert lab.run(json.dumps({}), shots=10).result(20).counts == {"0": 5, "1": 5}


def test_carrier_that_is_lost_in_a_later_batch_spoils_the_run(lab) -> None:
    lo = lab.instruments["lo_drive"]
    lo.call("break_at", "error", "get power_dbm")
    job = lab.run(json.dumps({"n_points": 100, "block_s": 0.02, "batches": 2}), shots=10)
    n_uploads = 0
    for event in lab.events(f"progress.{job.id}", timeout_s=20):
        n_uploads += event.body["stage"] == "uploading"
        if n_uploads == 2:
            break
    with pytest.raises(QctlError):
        lo.get("power_dbm")
    with pytest.raises(QctlError, match="lo_drive lost its link"):
        job.result(20)


def test_cancelling_a_queued_job_does_not_spoil_the_next(lab) -> None:
    for level in range(100, 110):
        first = lab.run(json.dumps({"spin_s": 0.2, "level": level}), shots=10)
        second = lab.run(json.dumps({"level": 1}), shots=10)
        first.cancel()
        assert second.result(20).counts == {"0": 5, "1": 5}


def test_process_that_dies_at_once_is_started_ever_more_slowly() -> None:
    from qctl.server.app import _Child, _pause_s

    child = _Child(lambda _: None, None)  # type: ignore[arg-type,return-value]
    pauses = []
    for _ in range(8):
        child.pause_s = _pause_s(child, now_s=child.started_s + 0.1)
        pauses.append(child.pause_s)
    assert pauses == sorted(pauses) and pauses[0] < 0.2 and pauses[-1] == 5.0
    assert _pause_s(child, now_s=child.started_s + 60.0) == 0.0
