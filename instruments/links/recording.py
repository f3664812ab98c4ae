"""A tap that writes a link's traffic to a file, one JSON object a line, as `hil` replays it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from qctl.instruments.links.life import LinkState

__all__ = ["RecordingTap"]

_LONG_BYTES = 4096


class RecordingTap:
    """Write all traffic to a file.

    Each line has ``time_s`` (Unix), ``instrument``, ``event`` (sent, received, state) and one of ``text`` (printable
    ASCII), ``base64``, or for over 4,096 bytes ``sha256`` and ``n_bytes``, or ``state``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def sent(self, instrument: str, data: bytes | memoryview) -> None:
        """Write what was sent to an instrument."""
        self._put(instrument, "sent", _shape(data))

    def received(self, instrument: str, data: bytes | memoryview) -> None:
        """Write what an instrument sent."""
        self._put(instrument, "received", _shape(data))

    def state(self, instrument: str, state: LinkState) -> None:
        """Write a link's new state."""
        self._put(instrument, "state", {"state": state.value})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put(self, instrument: str, event: str, what: dict[str, Any]) -> None:
        if self._file is None:
            self._file = self._path.open("a", encoding="ascii", buffering=1)
        self._file.write(json.dumps({"time_s": time.time(), "instrument": instrument, "event": event, **what}) + "\n")


def _shape(data: bytes | memoryview) -> dict[str, Any]:
    if len(data) > _LONG_BYTES:
        return {"sha256": hashlib.sha256(data).hexdigest(), "n_bytes": len(data)}
    raw = bytes(data)
    if raw.isascii() and raw.rstrip(b"\r\n").decode("ascii").isprintable():
        return {"text": raw.decode("ascii")}
    return {"base64": base64.b64encode(raw).decode("ascii")}
