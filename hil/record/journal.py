"""A record on disk: what was said to each instrument and what came back, a JSON object a line, long bytes by hash.

``record.json`` names the instruments, ``traffic.jsonl`` has a line for each message, ``blobs/`` the bytes that are
too long for a line, ``lab.toml`` the lab as it was. A line has ``time_s`` (Unix), ``instrument``, ``event`` (sent,
received, opened, closed; end in the last line) and, for bytes, one of ``text`` (printable ASCII), ``base64``, or
``sha256`` and ``n_bytes``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from qctl.errors import RequestError
from qctl.hil.record.languages import WHOLE, cutter_of
from qctl.lab import parse_lab, read_lab
from qctl.lab.rack_rules import NAME

__all__ = ["SCHEMA", "Journal", "Record", "Turn", "read_record"]

SCHEMA = 1
_END = "end"
_LONG_BYTES = 4096
_MOST_HEAD_BYTES, _MOST_LINE_BYTES = 1 << 20, 1 << 16
_STATUS = re.compile(rb"[1-5]\d\d\n")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Journal:
    """Write a record as it happens; every line is on its way to the disk when a method returns.

    Parameters
    ----------
    folder : Path
        Made if it is not there; must hold no record yet.
    instruments : mapping
        Name → ``{"model", "language", "address"}``.
    lab : str
        Text of lab.toml; empty where there is none.

    Raises
    ------
    RequestError
        If there is a record already, or the folder can't be written.
    """

    def __init__(self, folder: Path, instruments: dict[str, dict[str, str]], lab: str = "") -> None:
        self._blobs = folder / "blobs"
        self.n_messages = 0
        self.n_bytes = 0
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            if (folder / "record.json").exists():
                raise RequestError(f"{folder} holds a record already; name another folder with --out")
            head = {"schema": SCHEMA, "begun_s": time.time(), "instruments": instruments}
            (folder / "record.json").write_text(json.dumps(head, indent=2) + "\n")
            if lab:
                (folder / "lab.toml").write_text(lab)
            self._file: IO[str] = (folder / "traffic.jsonl").open("w", encoding="ascii", buffering=1)
        except OSError as error:
            raise RequestError(f"{folder}: {error.strerror or error}") from error

    def put(self, instrument: str, event: str, data: bytes | None = None) -> None:
        """Write one message, or an event that has none."""
        line: dict[str, Any] = {"time_s": time.time(), "instrument": instrument, "event": event}
        if data is not None:
            line |= self._shape(data)
            self.n_messages += 1
            self.n_bytes += len(data)
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Write that the record ends here, and close the file."""
        if not self._file.closed:
            self._file.write(json.dumps({"time_s": time.time(), "event": _END}) + "\n")
        self._file.close()

    def _shape(self, data: bytes) -> dict[str, Any]:
        if len(data) > _LONG_BYTES:
            name = hashlib.sha256(data).hexdigest()
            blob = self._blobs / name
            if not blob.exists():
                part = blob.with_suffix(".part")
                part.write_bytes(data)
                part.replace(blob)
            return {"sha256": name, "n_bytes": len(data)}
        if data.isascii() and data.rstrip(b"\r\n").decode("ascii").isprintable():
            return {"text": data.decode("ascii")}
        return {"base64": base64.b64encode(data).decode("ascii")}


@dataclass(slots=True)
class Turn:
    """One message to an instrument, and what came back before the next.

    Attributes
    ----------
    said : bytes
        The message; empty for what an instrument says to a new connection.
    answers : list of bytes
        In order.
    time_s : float
        When it was sent, seconds since the Unix epoch.
    """

    said: bytes
    answers: list[bytes] = field(default_factory=list)
    time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read.

    Attributes
    ----------
    instruments : dict
        Name → ``{"model", "language", "address"}``.
    turns : dict of str to list of Turn
        In order, for each instrument.
    lab : str
        Text of lab.toml; empty where there is none.
    cut : str
        A sentence that says what is missing at its end, if anything is.
    """

    instruments: dict[str, dict[str, str]]
    turns: dict[str, list[Turn]]
    lab: str
    cut: str = ""


class _Head(Struct, frozen=True, forbid_unknown_fields=True):
    """What record.json says of one instrument."""

    model: str
    language: str
    address: str
    end: Annotated[str, Meta(min_length=1, pattern=r"^[\x00-\x7f]*$")] = "\n"
    unit: Annotated[str, Meta(pattern=r"^\d{1,3}$")] | None = None


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of traffic.jsonl."""

    time_s: Annotated[float, Meta(ge=0, le=1e11)]
    event: Literal["sent", "received", "opened", "closed", "end"]
    instrument: str = ""
    text: str | None = None
    base64: bytes | None = None
    sha256: str | None = None
    n_bytes: int | None = None


def read_record(folder: Path) -> Record:
    """Read a record; a last line that was cut by a crash is left out, and `cut` says so.

    Raises
    ------
    RequestError
        If there is none, or an entry, a line or a blob is damaged; the message has file and line.
    ParseError
        If lab.toml is none.
    """
    names = _heads(folder)
    lab = read_lab(folder / "lab.toml") if (folder / "lab.toml").exists() else ""
    if lab:
        parse_lab(lab, where=f"{folder}/lab.toml")
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    traffic = folder / "traffic.jsonl"
    ended = False
    for number, text in enumerate(_lines_of(traffic), start=1):
        if not text.strip():
            continue
        try:
            line = msgspec.json.decode(text, type=_Line)
            if line.event == _END:
                ended = True
            elif line.instrument not in turns:
                raise RequestError(f"record.json has no instrument {line.instrument[:80]!r}; it has {', '.join(turns)}")
            elif line.event in ("sent", "received"):
                _put(turns[line.instrument], line, _bytes(line, folder), names[line.instrument])
        except (ValueError, RecursionError, RequestError) as error:
            if not text.endswith(b"\n"):
                break
            said = error.message if isinstance(error, RequestError) else error
            raise RequestError(f"{traffic}: line {number} can't be read: {said}") from error
    cut = (
        ""
        if ended
        else f"{folder}/traffic.jsonl has no end: its recorder was killed, and what came last may be missing"
    )
    return Record({name: _told(head) for name, head in names.items()}, turns, lab, cut)


def _told(head: _Head) -> dict[str, str]:
    return {name: value for name, value in msgspec.structs.asdict(head).items() if value is not None}


def _heads(folder: Path) -> dict[str, _Head]:
    """Return what record.json says of each instrument."""
    file = folder / "record.json"
    if not (file.is_file() and (folder / "traffic.jsonl").is_file()):
        raise RequestError(f"{folder} is no record of `qctl hil record`: it needs the files record.json, traffic.jsonl")
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_HEAD_BYTES + 1)
        if len(data) > _MOST_HEAD_BYTES:
            raise RequestError(f"{file} is larger than {_MOST_HEAD_BYTES} bytes, the most that a recorder writes")
        head = msgspec.json.decode(data)
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{folder} is no record of `qctl hil record`: record.json can't be read: {error}") from error
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise RequestError(f"{file}: schema {SCHEMA} is read here; record the traffic again")
    names = head.get("instruments")
    if not isinstance(names, dict) or not all(NAME.fullmatch(name) for name in names):
        raise RequestError(f"{file}: `instruments` has names that no instrument of a lab.toml can have")
    found = {}
    for name, entry in names.items():
        try:
            found[name] = msgspec.convert(entry, _Head)
            cutter_of(found[name].language, found[name].end)
        except ValueError as error:
            raise RequestError(f"{file}: instruments.{name}: {error}") from error
        except RequestError as error:
            raise RequestError(f"{file}: instruments.{name}: {error.message}") from error
    return found


def _lines_of(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as stream:
            number = 0
            while line := stream.readline(_MOST_LINE_BYTES + 1):
                number += 1
                if len(line) > _MOST_LINE_BYTES:
                    raise RequestError(f"{file}: line {number} has over {_MOST_LINE_BYTES} bytes, no recorder's has")
                yield line
    except OSError as error:
        raise RequestError(f"{file}: {error.strerror or error}") from error


def _put(heard: list[Turn], line: _Line, data: bytes, head: _Head) -> None:
    """Put a message to those before it; raise a RequestError if the instrument's language has none such."""
    sent = line.event == "sent"
    if head.language in WHOLE:
        cutter = cutter_of(head.language, head.end)
        if (cutter.sent(data) if sent else cutter.received(data)) != [data]:
            raise RequestError(f"its {len(data)} bytes are not one message of the language {head.language!r}")
    if head.language == "http" and not sent and not _STATUS.match(data):
        raise RequestError("an answer of HTTP begins with its status, from 100 to 599, and a line feed")
    if sent:
        heard.append(Turn(data, time_s=line.time_s))
        return
    if not heard:
        heard.append(Turn(b""))
    heard[-1].answers.append(data)


def _bytes(line: _Line, folder: Path) -> bytes:
    """Return a line's message; raise a RequestError if it has none."""
    if [line.text, line.base64, line.sha256].count(None) != 2:
        raise RequestError("it needs one of text, base64 and sha256")
    if line.text is not None:
        return line.text.encode("ascii")
    if line.base64 is not None:
        return line.base64
    name = str(line.sha256)
    if not _SHA256.fullmatch(name):
        raise RequestError(f"{name[:80]!r} is no SHA-256")
    blob = folder / "blobs" / name
    if not blob.is_file() or blob.stat().st_size != line.n_bytes:
        raise RequestError(f"blobs/{name} is no file of n_bytes = {line.n_bytes}")
    try:
        data = blob.read_bytes()
    except OSError as error:
        raise RequestError(f"blobs/{name}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != name:
        raise RequestError(f"blobs/{name} has other bytes than were recorded")
    return data
