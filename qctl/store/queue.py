"""The queue of jobs: durable rows, steps between states, and what a restart makes of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from qctl.errors import RequestError, ScheduleError
from qctl.store.states import AFTER_RESTART, FINAL, JobState, check_step
from qctl.store.tables import disk_words, jobs, open_engine, programs

__all__ = ["Entry", "Queue", "Submission"]


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asks for: programs (format, content), and how to run them; a key counts among its owner's."""

    programs: tuple[tuple[str, bytes], ...]
    qpu: str
    shots: int
    options: dict[str, Any]
    client: str = ""
    name: str = ""
    key: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One job as its row has it."""

    job: int
    state: JobState
    qpu: str
    shots: int
    options: dict[str, Any]
    row: dict[str, Any]


# Built once: to build a statement and find its compiled form costs SQLAlchemy more than SQLite needs to run it.
_ROW = select(jobs).where(jobs.c.id == bindparam("job"))
_STATE = select(jobs.c.state).where(jobs.c.id == bindparam("job"))
_PROGRAMS = select(programs.c.format, programs.c.content).where(programs.c.job == bindparam("number"))
_PROGRAMS = _PROGRAMS.order_by(programs.c.place)
_OF_KEY = select(jobs).where(jobs.c.key == bindparam("known"))
_CANDIDATES = select(jobs.c.id, jobs.c.qpu, jobs.c.client).where(jobs.c.state == JobState.QUEUED.value)
_CANDIDATES = _CANDIDATES.order_by(jobs.c.id)
_NEW_JOB, _NEW_PROGRAMS = jobs.insert(), programs.insert()
_UPDATE = update(jobs).where(jobs.c.id == bindparam("job"))
_LAST_NUMBER = text("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'")
_FIRST_NUMBER = text("INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', :number)")
_NEXT_NUMBER = text("UPDATE sqlite_sequence SET seq = :number WHERE name = 'jobs'")
_DURABLE = FINAL | {JobState.UPLOADING}
_MOST_JOBS = 2**63 - 1


def _check_same(item: Submission, known: Row[Any], connection: Connection) -> None:
    """Refuse a key that its owner gave to a job of other content."""
    stored = connection.execute(_PROGRAMS, {"number": known.id}).all()
    same = {
        "programs": tuple((kind, bytes(content)) for kind, content in item.programs)
        == tuple((row.format, bytes(row.content)) for row in stored),
        "qpu": item.qpu == known.qpu,
        "shots": item.shots == known.shots,
        "options": json.loads(json.dumps(item.options)) == json.loads(known.options),
    }
    other = [what for what, is_same in same.items() if not is_same]
    if other:
        raise RequestError(
            f"key {item.key!r} is that of job {known.id}, which has other {', '.join(other)}: "
            "a key may only be repeated with the same job",
            job=known.id,
        )


def _inserted(connection: Connection, item: Submission) -> tuple[int, bool]:
    """Write a job, and return its number and True; False if its key was that of a known one."""
    owned = f"{item.owner}\0{item.key}" if item.key else None
    if owned:
        known = connection.execute(_OF_KEY, {"known": owned}).first()
        if known is not None:
            _check_same(item, known, connection)
            return int(known.id), False
    row = {
        "state": JobState.QUEUED.value,
        "client": item.client,
        "key": owned,
        "name": item.name,
        "qpu": item.qpu,
        "shots": item.shots,
        "options": json.dumps(item.options),
        "submitted_s": time.time(),
    }
    key = connection.execute(_NEW_JOB, row).inserted_primary_key
    number = int(key[0]) if key else 0
    contents = [
        {"job": number, "place": place, "format": kind, "content": content}
        for place, (kind, content) in enumerate(item.programs)
    ]
    connection.execute(_NEW_PROGRAMS, contents)
    return number, True


class Queue:
    """Jobs in the database of one server; every method is one transaction, durable when it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = open_engine(path)
        self._lock = threading.Lock()
        self._live: dict[int, JobState] = {}
        with self._reading() as connection:
            self._queued = {job: (qpu, client) for job, qpu, client in connection.execute(_CANDIDATES)}

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Begin a transaction; a disk that is full or gone is a ScheduleError, and nothing was written."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as problem:
            orig = getattr(problem, "orig", problem)
            raise ScheduleError(f"{self._path} can't be written: {orig} ({disk_words(self._path.parent)})") from problem

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Begin to read; a database that is damaged or gone is a ScheduleError."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as problem:
            raise ScheduleError(f"{self._path} can't be read: {getattr(problem, 'orig', problem)}") from problem

    def submit(self, submissions: Sequence[Submission]) -> list[int]:
        """Write jobs in one commit, and return their numbers; a known key of the same owner is the job it was given to.

        Raises
        ------
        RequestError
            If the owner gave the key to a job of other content; none was written.
        ScheduleError
            If the disk does not take them; none was written.
        """
        numbers: list[int] = []
        new: dict[int, tuple[str, str]] = {}
        with self._lock:
            with self._writing() as connection:
                for item in submissions:
                    number, is_new = _inserted(connection, item)
                    numbers.append(number)
                    if is_new:
                        new[number] = item.qpu, item.client
            self._queued |= new
        return numbers

    def step(self, job: int, new: JobState, **columns: Any) -> None:
        """Take a job to its next state.

        Steps after which a restart does the same as before them are kept in memory; the others, and all other
        columns, are committed before this returns.

        Raises
        ------
        ScheduleError
            If the disk does not take it; the job is in the state in which it was.
        """
        if isinstance(columns.get("error"), dict):
            columns["error"] = json.dumps(columns["error"], default=str)
        with self._lock:
            old = self._live.get(job)
            if old is None:
                old = self._stored(job)
            check_step(job, old, new)
            who = self._who(job) if new is JobState.QUEUED else None
            if new in _DURABLE or columns:
                with self._writing() as connection:
                    connection.execute(_UPDATE, {"job": job, "state": new.value, **columns})
            self._live[job] = new
            if new in FINAL:
                del self._live[job]
            if who is None:
                self._queued.pop(job, None)
            else:
                self._queued[job] = who

    def is_live(self, job: int) -> bool:
        """Say whether a job waits or is on its way, without asking the disk."""
        return job in self._live or job in self._queued

    def _who(self, job: int) -> tuple[str, str]:
        """Return the processor and the client of a job."""
        with self._reading() as connection:
            row = connection.execute(_ROW, {"job": job}).one()
        return row.qpu, row.client

    def _stored(self, job: int) -> JobState:
        with self._reading() as connection:
            state = connection.execute(_STATE, {"job": job}).scalar()
        if state is None:
            raise RequestError(f"there is no job {job}", job=job)
        return JobState(state)

    def _entry(self, row: Row[Any]) -> Entry:
        values = dict(row._mapping)
        state = self._live.get(values["id"], JobState(values["state"]))
        values["state"] = state.value
        values["options"] = json.loads(values["options"])
        values["error"] = json.loads(values["error"]) if values["error"] else None
        shown = {key: value for key, value in values.items() if key != "key"}
        return Entry(values["id"], state, values["qpu"], values["shots"], values["options"], shown)

    def entry(self, job: int) -> Entry:
        """Return one job.

        Raises
        ------
        RequestError
            If there is none of this number.
        """
        row = None
        if 0 <= job <= _MOST_JOBS:
            with self._reading() as connection:
                row = connection.execute(_ROW, {"job": job}).first()
        if row is None:
            raise RequestError(f"there is no job {job}", job=job)
        return self._entry(row)

    def latest(self, limit: int, state: str = "") -> list[Entry]:
        """Return the latest jobs, newest first, in one state if one is named.

        Raises
        ------
        RequestError
            If there is no such state.
        """
        if state and state not in set(JobState):
            raise RequestError(f"state = {state!r} is none of {', '.join(JobState)}")
        query = select(jobs).order_by(jobs.c.id.desc()).limit(max(0, min(limit, 10_000)))
        if state:
            with self._lock:
                live = dict(self._live)
            there = [job for job, now in live.items() if now == state]
            stored = (jobs.c.state == state) & jobs.c.id.not_in(list(live))
            query = query.where(stored | jobs.c.id.in_(there))
        with self._reading() as connection:
            return [self._entry(row) for row in connection.execute(query)]

    def programs(self, job: int) -> tuple[tuple[str, bytes], ...]:
        """Return a job's programs as (format, content)."""
        with self._reading() as connection:
            return tuple((row.format, bytes(row.content)) for row in connection.execute(_PROGRAMS, {"number": job}))

    def waiting(self) -> list[Entry]:
        """Return queued jobs, oldest first."""
        query = select(jobs).where(jobs.c.state == JobState.QUEUED.value).order_by(jobs.c.id)
        with self._reading() as connection:
            entries = [self._entry(row) for row in connection.execute(query)]
        return [entry for entry in entries if entry.state is JobState.QUEUED]

    def candidates(self) -> list[tuple[int, str, str]]:
        """Return (job, processor, client) of queued jobs, oldest first: what a choice needs, however many they are."""
        with self._lock:
            return [(job, *who) for job, who in sorted(self._queued.items())]

    def unfinished(self) -> list[Entry]:
        """Return jobs that have not ended, oldest first."""
        query = select(jobs).where(jobs.c.state.not_in([state.value for state in FINAL])).order_by(jobs.c.id)
        with self._reading() as connection:
            return [self._entry(row) for row in connection.execute(query)]

    def next_run(self) -> int:
        """Return the number of the next run."""
        with self._reading() as connection:
            return int(connection.execute(select(func.max(jobs.c.run))).scalar() or 0) + 1

    def number_after(self, number: int) -> None:
        """Give new jobs numbers above this one: results of that number exist, if not their rows.

        Raises
        ------
        ScheduleError
            If the disk does not take it.
        """
        with self._lock, self._writing() as connection:
            known = connection.execute(_LAST_NUMBER).scalar()
            if known is None:
                connection.execute(_FIRST_NUMBER, {"number": number})
            elif known < number:
                connection.execute(_NEXT_NUMBER, {"number": number})

    def recover(self, find_result: Callable[[int], tuple[str, str]]) -> list[Entry]:
        """Bring jobs that a crash cut short into an honest state; return those that changed.

        Parameters
        ----------
        find_result : callable of int to (str, str)
            Returns the state that a whole result of this job states, and its folder; two empty strings without one.
        """
        changed = []
        for entry in self.unfinished():
            state, folder = find_result(entry.job)
            found: dict[str, Any] = {}
            if state in FINAL:
                new, found = JobState(state), {"folder": folder, "finished_s": time.time()}
            elif entry.state in AFTER_RESTART:
                new = AFTER_RESTART[entry.state]
            else:
                continue
            columns: dict[str, Any] = {"state": new.value} | found
            if new is JobState.INTERRUPTED:
                message = f"the server ended while job {entry.job} was {entry.state.value}; it was not played again"
                error = {"code": "schedule", "message": message, "details": {"job": entry.job}}
                columns |= {"error": json.dumps(error), "finished_s": time.time()}
            with self._lock, self._writing() as connection:
                connection.execute(update(jobs).where(jobs.c.id == entry.job).values(**columns))
                if new is JobState.QUEUED:
                    self._queued[entry.job] = entry.qpu, entry.row["client"]
                else:
                    self._queued.pop(entry.job, None)
            changed.append(self.entry(entry.job))
        return changed

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()
