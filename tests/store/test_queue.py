"""Rows of jobs: durable, idempotent by key, in states that a table allows, honest after a crash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from qctl.errors import InternalError, RequestError, VersionError
from qctl.store.queue import Queue, Submission
from qctl.store.states import FINAL, NEXT, JobState
from qctl.store.tables import open_engine


def submission(key: str = "", qpu: str = "qpu0") -> Submission:
    return Submission((("qasm", b"x q[0];"), ("qis", b"\0\1")), qpu, 100, {"seed": 3}, "ann", "bell", key)


@pytest.fixture
def queue(tmp_path: Path):
    opened = Queue(tmp_path / "q.sqlite")
    yield opened
    opened.close()


def test_job_comes_back_as_it_was_submitted(queue: Queue) -> None:
    (job,) = queue.submit([submission()])
    entry = queue.entry(job)
    assert (entry.state, entry.qpu, entry.shots, entry.options) == (JobState.QUEUED, "qpu0", 100, {"seed": 3})
    assert queue.programs(job) == (("qasm", b"x q[0];"), ("qis", b"\0\1"))
    assert [item.job for item in queue.waiting()] == [row[0] for row in queue.candidates()] == [job]


def test_candidates_are_the_queued_jobs_of_the_disk_and_of_memory(queue: Queue, tmp_path: Path) -> None:
    first, second, third = queue.submit([submission(), submission(qpu="qpu1"), submission()])
    assert queue.candidates() == [(first, "qpu0", "ann"), (second, "qpu1", "ann"), (third, "qpu0", "ann")]
    for state in (JobState.COMPILING, JobState.COMPILED):
        queue.step(first, state)
        assert [job for job, *_ in queue.candidates()] == [second, third]
    queue.step(first, JobState.QUEUED)  # handed back
    queue.step(third, JobState.CANCELLED)
    assert [job for job, *_ in queue.candidates()] == [first, second]
    assert [queue.is_live(job) for job in (first, second, third, 99)] == [True, True, False, False]
    again = Queue(tmp_path / "q.sqlite")
    assert again.candidates() == queue.candidates()
    again.close()


def test_commit_is_on_disk_before_the_number_is_known(queue: Queue, tmp_path: Path) -> None:
    with open_engine(tmp_path / "q.sqlite").connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    (job,) = queue.submit([submission()])
    other = Queue(tmp_path / "q.sqlite")
    assert other.entry(job).state is JobState.QUEUED
    other.close()


def test_same_key_is_the_same_job(queue: Queue) -> None:
    first = queue.submit([submission("k"), submission("l")])
    assert queue.submit([submission("k"), submission("m")]) == [first[0], first[1] + 1]


def test_numbers_are_never_given_twice(queue: Queue, tmp_path: Path) -> None:
    jobs = queue.submit([submission(), submission()])
    assert jobs == [1, 2]
    assert queue.latest(10)[0].job == 2
    assert [entry.job for entry in queue.latest(1)] == [2]


def test_jobs_are_listed_by_the_state_in_memory_where_it_is_ahead_of_the_disk(queue: Queue) -> None:
    first, second = queue.submit([submission(), submission()])
    for state in (JobState.COMPILING, JobState.COMPILED, JobState.UPLOADING, JobState.PLAYING):
        queue.step(first, state)
        assert [entry.job for entry in queue.latest(9, state.value)] == [first]
        assert [entry.job for entry in queue.latest(9, "queued")] == [second]
    assert queue.latest(9, "uploading") == []
    queue.step(first, JobState.READING)
    queue.step(first, JobState.DONE)
    assert [entry.job for entry in queue.latest(9, "done")] == [first] and not queue.latest(9, "playing")


def test_numbers_go_on_above_results_that_are_there(queue: Queue, tmp_path: Path) -> None:
    queue.number_after(0)
    assert queue.submit([submission()]) == [1]
    queue.number_after(41)
    assert queue.submit([submission()]) == [42]
    queue.number_after(7)
    assert queue.submit([submission()]) == [43]
    other = Queue(tmp_path / "new.sqlite")
    other.number_after(9)
    assert other.submit([submission()]) == [10]
    other.close()


def test_result_that_states_no_end_ends_no_job(queue: Queue) -> None:
    (job,) = queue.submit([submission()])
    queue.recover(lambda _job: ("bogus", "results/1"))
    assert queue.entry(job).state is JobState.QUEUED


@pytest.mark.parametrize("old", JobState)
def test_only_steps_of_the_table_are_taken(queue: Queue, old: JobState) -> None:
    ways = {JobState.QUEUED: []}
    for state in JobState:
        for following in NEXT[state]:
            ways.setdefault(following, [*ways.get(state, []), following])
    (job,) = queue.submit([submission()])
    for state in ways[old]:
        queue.step(job, state)
    assert queue.entry(job).state is old
    for new in set(JobState) - NEXT[old] - {old}:
        with pytest.raises(InternalError, match=f"{old} to {new}"):
            queue.step(job, new)


def test_unknown_job_is_a_request_error(queue: Queue) -> None:
    with pytest.raises(RequestError, match="no job 7"):
        queue.entry(7)
    with pytest.raises(RequestError, match="no job 7"):
        queue.step(7, JobState.COMPILING)


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([], "queued"),
        (["compiling"], "queued"),
        (["compiling", "compiled"], "queued"),
        (["compiling", "compiled", "uploading"], "interrupted"),
        (["compiling", "compiled", "uploading", "playing"], "interrupted"),
        (["compiling", "compiled", "uploading", "reading"], "interrupted"),
        (["compiling", "compiled", "uploading", "reading", "done"], "done"),
        (["cancelled"], "cancelled"),
    ],
)
def test_after_a_crash_each_state_is_honest(tmp_path: Path, steps: list[str], after: str) -> None:
    before = Queue(tmp_path / "q.sqlite")
    (job,) = before.submit([submission()])
    for step in steps:
        before.step(job, JobState(step))
    again = Queue(tmp_path / "q.sqlite")
    again.recover(lambda _: ("", ""))
    entry = again.entry(job)
    assert entry.state.value == after
    assert after != "interrupted" or "not played again" in entry.row["error"]["message"]
    again.close()
    before.close()


def test_whole_result_of_a_crashed_job_counts(tmp_path: Path) -> None:
    before = Queue(tmp_path / "q.sqlite")
    (job,) = before.submit([submission()])
    for step in ("compiling", "compiled", "uploading"):
        before.step(job, JobState(step))
    again = Queue(tmp_path / "q.sqlite")
    assert [entry.state for entry in again.recover(lambda _: ("done", "results/1"))] == [JobState.DONE]
    assert again.entry(job).row["folder"] == "results/1"
    assert JobState.DONE in FINAL
    again.close()
    before.close()


def test_store_of_another_schema_is_refused(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "q.sqlite")
    with engine.begin() as connection:
        connection.execute(text("UPDATE versions SET number = 99"))
    with pytest.raises(VersionError, match="99"):
        open_engine(tmp_path / "q.sqlite")


def test_a_key_is_its_owners(queue: Queue) -> None:
    ann = replace(submission("k"), owner="ann@pc")
    bob = replace(submission("k"), owner="bob@pc", shots=7)
    first, second = queue.submit([ann, bob])
    assert first != second
    assert queue.submit([ann]) == [first] and queue.submit([bob]) == [second]
    assert queue.submit([replace(ann, client="ann from another process", name="other")]) == [first]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"programs": (("qasm", b"h q[0];"), ("qis", b"\0\1"))}, "programs"),
        ({"programs": (("qasm", b"x q[0];"),)}, "programs"),
        ({"qpu": "qpu1"}, "qpu"),
        ({"shots": 101}, "shots"),
        ({"options": {"seed": 4}, "shots": 1}, "shots, options"),
    ],
)
def test_a_key_with_other_content_is_refused(queue: Queue, change: dict, told: str) -> None:
    (job,) = queue.submit([submission("k")])
    with pytest.raises(RequestError, match=f"key 'k' is that of job {job}, which has other {told}: "):
        queue.submit([submission("l"), replace(submission("k"), **change)])
    assert [entry.job for entry in queue.latest(10)] == [job], "nothing of the batch was written"
