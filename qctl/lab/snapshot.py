"""Calibration snapshots: numbered, never overwritten files whose values overlay the design values of lab.toml.

A file is written under a temporary name, synced, and linked to its number, which only one writer can take.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from qctl.errors import ParseError, RequestError, ScheduleError
from qctl.lab.decoding import Problems, decode, join
from qctl.lab.lab import Coupler, Lab, Qubit
from qctl.lab.processor_rules import check_processors
from qctl.lab.value_rules import check_values

__all__ = ["Snapshot", "Values", "check_fit", "effective", "latest", "numbers", "read", "write"]

_NAME = re.compile(r"(\d{6,})\.json")


class Snapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tune-up found; qubits and couplers that it did not touch keep older values.

    Attributes
    ----------
    number : int
        Place in the processor's history, from 1.
    time_s : float
        Lab time of writing, in seconds since the Unix epoch.
    processor : str
        Name in lab.toml.
    qubits : mapping of str to Qubit
        Values that replace the design values.
    couplers : mapping of str to Coupler
        Values that replace the design values.
    note : str
        For people.
    parent : int
        Number of the snapshot that the tune-up started from; 0 for the design values.
    """

    number: int
    time_s: float
    processor: str
    qubits: dict[str, Qubit]
    couplers: dict[str, Coupler] = {}
    note: str = ""
    parent: int = 0


class Values(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The values that hold now: design values with a snapshot over them.

    Attributes
    ----------
    processor : str
        Name in lab.toml.
    number : int
        Snapshot that was laid over; 0 for none.
    qubits : mapping of str to Qubit
        Every qubit of the processor, in its order.
    couplers : mapping of str to Coupler
        Every coupler of the processor.
    """

    processor: str
    number: int
    qubits: dict[str, Qubit]
    couplers: dict[str, Coupler]


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The form of a snapshot's file."""

    schema: Literal[1]
    sha256: str
    snapshot: Snapshot


def effective(lab: Lab, processor: str, snapshot: Snapshot | None = None) -> Values:
    """Return a processor's values: the snapshot's where it has them, else those of lab.toml.

    Raises
    ------
    RequestError
        If the snapshot is of another processor, or names a qubit or coupler that the lab does not have.
    """
    design = lab.processor(processor)
    qubits: dict[str, Qubit] = {name: design.qubit[name] for name in design.qubits}
    couplers: dict[str, Coupler] = dict(design.coupler)
    if snapshot is None:
        return Values(processor=processor, number=0, qubits=qubits, couplers=couplers)
    place = f"snapshot {snapshot.number} of {snapshot.processor}"
    if snapshot.processor != processor:
        raise RequestError(f"{place} can't be laid over {processor}")
    _overlay(qubits, snapshot.qubits, f"{place}: qubit")
    _overlay(couplers, snapshot.couplers, f"{place}: coupler")
    return Values(processor=processor, number=snapshot.number, qubits=qubits, couplers=couplers)


def _overlay(below: dict[str, Qubit] | dict[str, Coupler], above: Mapping[str, Qubit | Coupler], place: str) -> None:
    for name, value in above.items():
        if name not in below:
            raise RequestError(f"{place} {name} is not in lab.toml")
        if type(value) is not type(below[name]):
            raise RequestError(f"{place} {name} is of another platform")
        below[name] = value  # type: ignore[assignment]


def check_fit(lab: Lab, snapshot: Snapshot, problems: Problems) -> None:
    """Note what lab.toml would be refused for if it had a snapshot's values: limits of outputs, names, physics.

    That a measured T2 is above twice T1 is no reason: both have errors, and no output depends on them.
    """
    design, values = lab.processor(snapshot.processor), effective(lab, snapshot.processor, snapshot)
    qubits = {
        name: msgspec.structs.replace(qubit, t2_s=min(qubit.t2_s, 2 * qubit.t1_s))
        for name, qubit in values.qubits.items()
    }
    processor = msgspec.structs.replace(design, qubit=qubits, coupler=values.couplers)
    changed = msgspec.structs.replace(lab, processors={**lab.processors, design.name: processor})
    found = Problems()
    check_processors(changed, found)
    if not found.found:
        check_values(changed, found)
    place = join("processors", design.name) + "."
    for problem in found.found:
        text = problem.removeprefix(place)
        for one, many in (("qubit.", "qubits."), ("coupler.", "couplers.")):
            text = many + text.removeprefix(one) if text.startswith(one) else text
        problems.add("", text)


def numbers(folder: str | Path, processor: str) -> list[int]:
    """Return the numbers of a processor's snapshots in ascending order."""
    home = Path(folder) / processor
    if not home.is_dir():
        return []
    return sorted(int(match[1]) for name in os.listdir(home) if (match := _NAME.fullmatch(name)))


def latest(folder: str | Path, processor: str) -> Snapshot | None:
    """Return the newest snapshot of a processor, or None if there is none yet."""
    found = numbers(folder, processor)
    return read(folder, processor, found[-1]) if found else None


def read(folder: str | Path, processor: str, number: int) -> Snapshot:
    """Return one snapshot of a processor.

    Raises
    ------
    RequestError
        If there is none of this number.
    ParseError
        If the file is damaged, or not what was written.
    """
    file = _file(Path(folder) / processor, number)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise RequestError(f"{processor} has no snapshot {number}") from None
    except OSError as problem:
        raise ParseError(f"{file}: can't be read: {problem}", path=str(file)) from problem
    try:
        form = msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as error:
        raise ParseError(f"{file}: damaged: {error}", path=str(file)) from error
    snapshot = form.snapshot
    if _digest(snapshot) != form.sha256:
        raise ParseError(f"{file}: damaged: its values don't have the checksum that was written", path=str(file))
    if (snapshot.processor, snapshot.number) != (processor, number):
        raise ParseError(
            f"{file}: holds snapshot {snapshot.number} of {snapshot.processor}; was it renamed?", path=str(file)
        )
    return snapshot


def write(folder: str | Path, snapshot: Snapshot) -> Snapshot:
    """Write a snapshot under the next free number and return it with that number.

    Parameters
    ----------
    folder : path
        Where all processors' snapshots are; created if absent.
    snapshot : Snapshot
        Its own number is ignored.

    Raises
    ------
    RequestError
        If a value is not a number or outside what lab.toml would accept; nothing was written.
    ScheduleError
        If the disk does not take it.
    """
    _check(snapshot)
    try:
        return _write(folder, snapshot)
    except OSError as problem:
        place = Path(folder) / snapshot.processor
        raise ScheduleError(f"the snapshot can't be written to {place}: {problem}") from problem


def _write(folder: str | Path, snapshot: Snapshot) -> Snapshot:
    home = Path(folder) / snapshot.processor
    home.mkdir(parents=True, exist_ok=True)
    while True:
        number = max(numbers(folder, snapshot.processor), default=0) + 1
        numbered = msgspec.structs.replace(snapshot, number=number)
        if _link(home, _file(home, number), _bytes(numbered)):
            return numbered


def _link(home: Path, target: Path, data: bytes) -> bool:
    """Put the bytes at the target, whole or not at all; return False if it exists."""
    handle, temporary = tempfile.mkstemp(dir=home, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o444)
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
    finally:
        os.unlink(temporary)
    folder = os.open(home, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _file(home: Path, number: int) -> Path:
    return home / f"{number:06d}.json"


def _digest(snapshot: Snapshot) -> str:
    return hashlib.sha256(msgspec.json.encode(snapshot, order="deterministic")).hexdigest()


def _bytes(snapshot: Snapshot) -> bytes:
    form = _File(schema=1, sha256=_digest(snapshot), snapshot=snapshot)
    return msgspec.json.format(msgspec.json.encode(form), indent=2) + b"\n"


def _check(snapshot: Snapshot) -> None:
    """Refuse values that lab.toml would refuse, NaN included."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", snapshot.processor):
        raise RequestError(f"{snapshot.processor!r} is not a processor's name")
    problems = Problems()
    for table, items in (("qubits", snapshot.qubits), ("couplers", snapshot.couplers)):
        for name, value in items.items():
            path = join(table, name)
            if value.name != name:
                problems.add(path, f"holds values of {value.name}")
            decode(msgspec.to_builtins(value), type(value), problems, path)
    if problems.found:
        raise RequestError(f"snapshot of {snapshot.processor}: {problems.found[0]}", problems=problems.found)
