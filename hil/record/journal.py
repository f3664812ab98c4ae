"""A record on disk: what was said to each instrument and what came back, a JSON object a line, long bytes by hash.

``record.json`` names the instruments, ``traffic.jsonl`` has a line for each message, ``blobs/`` the bytes that are
too long for a line, ``lab.toml`` the lab as it was. A line has ``time_s`` (Unix), ``instrument``, ``event`` (sent,
received, opened, closed; end in the last line) and, for bytes, one of ``text`` (printable ASCII), ``base64``, or
``sha256`` and ``n_bytes``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from qctl.errors import RequestError
from qctl.lab.rack_rules import NAME

__all__ = ["SCHEMA", "Journal", "Record", "Turn", "read_record"]

SCHEMA = 1
_END = "end"
_LONG_BYTES = 4096
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


def read_record(folder: Path) -> Record:
    """Read a record; a last line that was cut by a crash is left out, and `cut` says so.

    Raises
    ------
    RequestError
        If there is none, or a line or blob is damaged; the message has file and line.
    """
    try:
        head = json.loads((folder / "record.json").read_text())
        lines = (folder / "traffic.jsonl").read_text("ascii").split("\n")
        lab = (folder / "lab.toml").read_text() if (folder / "lab.toml").exists() else ""
    except (OSError, ValueError) as error:
        raise RequestError(f"{folder} is no record of `qctl hil record`: {error}") from error
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise RequestError(f"{folder}/record.json: schema {SCHEMA} is read here; record the traffic again")
    names = head.get("instruments")
    if not isinstance(names, dict) or not all(NAME.fullmatch(name) for name in names):
        raise RequestError(f"{folder}/record.json: `instruments` has names that no instrument of a lab.toml can have")
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    ended = False
    for number, text in enumerate(lines, start=1):
        if not text:
            continue
        try:
            line = json.loads(text)
            if line["event"] == _END:
                ended = True
                continue
            heard = turns[line["instrument"]]
            if line["event"] == "sent":
                heard.append(Turn(_bytes(line, folder), time_s=line["time_s"]))
            elif line["event"] == "received":
                if not heard:
                    heard.append(Turn(b""))
                heard[-1].answers.append(_bytes(line, folder))
        except (ValueError, KeyError, TypeError, OSError, binascii.Error) as error:
            if number >= len(lines):
                break
            raise RequestError(f"{folder}/traffic.jsonl: line {number} can't be read: {error!r}") from error
    cut = (
        ""
        if ended
        else f"{folder}/traffic.jsonl has no end: its recorder was killed, and what came last may be missing"
    )
    return Record(names, turns, lab, cut)


def _bytes(line: dict[str, Any], folder: Path) -> bytes:
    if "text" in line:
        return str(line["text"]).encode("ascii")
    if "base64" in line:
        return base64.b64decode(line["base64"], validate=True)
    if not _SHA256.fullmatch(line["sha256"]):
        raise RequestError(f"{folder}/traffic.jsonl: {line['sha256']!r} is no SHA-256")
    data: bytes = (folder / "blobs" / line["sha256"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != line["sha256"]:
        raise RequestError(f"{folder}/blobs/{line['sha256']} has other bytes than were recorded")
    return data
