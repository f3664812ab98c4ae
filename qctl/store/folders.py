"""Result folders: written beside their place, flushed, and renamed into it, so that each is whole or not there.

A folder holds ``result.json`` (counts, axes, timings, what ran) and ``.npy`` files; arrays of one program, kind and
shape share a file along its first axis, so that a result of many slots is flushed once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError, RequestError, ScheduleError
from qctl.store.tables import disk_words

__all__ = ["RESULT_VERSION", "Stored", "find_result", "last_number", "read_result", "write_result"]

RESULT_VERSION = 1
_MOST_FLUSHES = 8


@cache
def _flushers() -> ThreadPoolExecutor:
    """Return the threads that flush; to start some for each result costs as much as to flush."""
    return ThreadPoolExecutor(_MOST_FLUSHES, "flush")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


Contents = tuple[dict[str, Any], Sequence[tuple[dict[str, Any], NDArray[Any]]]]
"""``result.json`` without its rows of arrays, and (row, array) of each array."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A result that is on disk, and what has been written there.

    Attributes
    ----------
    folder : Path
        Where it is.
    text : str
        Its ``result.json``.
    arrays : tuple of array
        In the order of the rows there.
    """

    folder: Path
    text: str
    arrays: tuple[NDArray[Any], ...]

    def contents(self) -> Contents:
        """Return what `read_result` returns, without reading."""
        content: dict[str, Any] = json.loads(self.text)
        return content, list(zip(content.pop("arrays"), self.arrays, strict=True))


def write_result(
    root: Path, job: int, content: Mapping[str, Any], arrays: Mapping[tuple[int, str, str], NDArray[Any]]
) -> Stored:
    """Write a job's result, and return it once it is durable.

    Parameters
    ----------
    root : Path
        Folder of all results.
    content : mapping
        JSON-like; gets the keys ``version``, ``job`` and ``arrays``.
    arrays : mapping of (program, kind, slot) to array
        Kind is ``iq``, ``records`` …; program counts from 0 within the job.

    Raises
    ------
    ScheduleError
        If the disk does not take it; nothing of it is left.
    """
    part = root / f"{job:08d}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        return _write(root, part, job, content, arrays)
    except OSError as problem:
        shutil.rmtree(part, ignore_errors=True)
        why = f"{problem} ({disk_words(root)})"
        raise ScheduleError(f"the result of job {job} can't be written: {why}", job=job) from problem


def _write(
    root: Path, part: Path, job: int, content: Mapping[str, Any], arrays: Mapping[tuple[int, str, str], NDArray[Any]]
) -> Stored:
    place = root / f"{job:08d}"
    part.mkdir(parents=True)
    rows, kept, written = [], [], []
    shared: dict[tuple[Any, ...], list[tuple[str, NDArray[Any]]]] = {}
    for (program, kind, slot), array in arrays.items():
        shared.setdefault((program, kind, array.dtype.str, array.shape), []).append((slot, array))
    for number, ((program, kind, _, _), members) in enumerate(shared.items()):
        name = f"{kind}-{number}.npy"
        np.save(part / name, np.stack([array for _, array in members]), allow_pickle=False)
        written.append(part / name)
        for index, (slot, array) in enumerate(members):
            rows.append({"program": program, "kind": kind, "slot": slot, "file": name, "index": index})
            kept.append(array)
    whole = {**content, "version": RESULT_VERSION, "job": job, "arrays": rows}
    text = json.dumps(whole, default=_plain)
    (part / "result.json").write_text(text)
    # Flushed side by side, they share the disk's journal: all together take as long as one.
    list(_flushers().map(_flush, [*written, part / "result.json", part]))
    if place.exists():
        shutil.rmtree(place)
    part.rename(place)
    _flush(root)
    return Stored(place, text, tuple(kept))


def _plain(value: Any) -> Any:
    """Return numpy numbers and arrays as what JSON has."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise InternalError(f"{type(value).__name__} can't be written as JSON")


def find_result(root: Path, job: int) -> tuple[str, Path]:
    """Return the state that a whole result states (``done``, ``cancelled``), empty if there is none, and its folder."""
    place = root / f"{job:08d}"
    path = place / "result.json"
    if not path.exists():
        return "", place
    try:
        return str(json.loads(path.read_text()).get("state", "")), place
    except (OSError, ValueError, AttributeError):
        return "", place


def last_number(root: Path) -> int:
    """Return the highest number of a job that has a result folder, 0 if none has."""
    return max((int(name) for name in os.listdir(root) if name.isdecimal() and name.isascii()), default=0)


def read_result(folder: Path) -> Contents:
    """Return ``result.json`` and the arrays, mapped from their files.

    Raises
    ------
    RequestError
        If the folder is gone, damaged or of a later version.
    """
    path = folder / "result.json"
    if not path.exists():
        raise RequestError(f"{path} is gone")
    try:
        return _read(folder, path)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as problem:
        raise RequestError(f"{folder} is damaged: {type(problem).__name__}: {problem}") from problem


def _read(folder: Path, path: Path) -> Contents:
    content: dict[str, Any] = json.loads(path.read_text())
    if content.get("version") != RESULT_VERSION:
        raise RequestError(f"{path} has version {content.get('version')}, this qctl reads {RESULT_VERSION}")
    rows = content.pop("arrays")
    files = {name: np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in {row["file"] for row in rows}}
    return content, [(row, files[row["file"]][row["index"]]) for row in rows]
