"""Tables of the store, in SQLAlchemy Core; SQLite with a write-ahead log that is flushed at each commit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from qctl.errors import ScheduleError, VersionError

__all__ = ["SCHEMA_VERSION", "disk_words", "jobs", "metadata", "open_engine", "programs", "versions"]

SCHEMA_VERSION = 1

metadata = MetaData()
versions = Table(
    "versions", metadata, Column("name", String, primary_key=True), Column("number", Integer, nullable=False)
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", String, nullable=False, index=True),
    Column("client", String, nullable=False, default=""),
    Column("key", String, unique=True),
    Column("name", String, nullable=False, default=""),
    Column("qpu", String, nullable=False),
    Column("shots", Integer, nullable=False),
    Column("options", String, nullable=False, default="{}"),
    Column("submitted_s", Float, nullable=False),
    Column("started_s", Float),
    Column("finished_s", Float),
    Column("run", Integer),
    Column("snapshot", Integer),
    Column("error", String),
    Column("folder", String),
    sqlite_autoincrement=True,
)
programs = Table(
    "programs",
    metadata,
    Column("job", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("format", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
)


def disk_words(folder: Path) -> str:
    """Say how much room a folder's disk has, for errors: what the system says of a full one is often something else."""
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:.6g} MB are free in {folder}"
    except OSError as problem:
        return f"{folder} can't be looked at: {problem}"


def open_engine(path: Path) -> Engine:
    """Open the database, and create its tables in a new one.

    Raises
    ------
    ScheduleError
        If the file is damaged, or the disk does not give it.
    VersionError
        If another release of qctl wrote it with a schema that this one does not know.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _open_engine(path)
    except (SQLAlchemyError, OSError) as problem:
        why = f"{getattr(problem, 'orig', problem)} ({disk_words(path.parent)})"
        raise ScheduleError(
            f"{path} can't be opened: {why}. If it is damaged, put a copy in its place, or move it away to begin "
            "with no jobs; results and snapshots stay",
            path=str(path),
        ) from problem


def _open_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30.0})

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    with engine.begin() as connection:
        metadata.create_all(connection)
        found = connection.execute(select(versions.c.number).where(versions.c.name == "schema")).scalar()
        if found is None:
            connection.execute(versions.insert().values(name="schema", number=SCHEMA_VERSION))
        elif found != SCHEMA_VERSION:
            raise VersionError(
                f"{path} has schema version {found} and this qctl reads version {SCHEMA_VERSION}: "
                f"start the release that wrote it, or name another store with --store",
                theirs=found,
                ours=SCHEMA_VERSION,
            )
    return engine
