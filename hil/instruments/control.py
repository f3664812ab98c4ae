"""The back door of an emulated instrument: faults are set and counters read here, never over the instrument's own link.

One JSON object a line each way over a unix socket: ``{"faults": {...}}`` replaces the faults, ``{"get": "counters"}``
returns what was counted, ``{"get": "faults"}`` the faults. Faults that the plant pushes come on top.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.servers.faults import WireFaults

__all__ = ["Control"]


class Control:
    """Take faults and answer counters for one box.

    Parameters
    ----------
    box : Box
        The instrument.
    faults : WireFaults
        Its faults on the wire.
    """

    def __init__(self, box: Box, faults: WireFaults) -> None:
        self._box = box
        self._faults = faults
        self._own: dict[str, Any] = {}
        self._seen: dict[str, Any] = {}
        self._server: asyncio.AbstractServer | None = None

    async def open(self, path: str) -> None:
        """Listen on a unix socket, if there is a path."""
        if path:
            self._server = await asyncio.start_unix_server(self._talk, path)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    def take_from_plant(self) -> None:
        """Apply what the plant pushed since the last call."""
        if self._box.plant.faults != self._seen:
            self._apply()

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        if "faults" in request:
            self._own = dict(request["faults"])
            self._apply()
            return {"ok": True}
        if request.get("get") == "counters":
            return dict(self._box.counters)
        if request.get("get") == "faults":
            return dict(self._faults.set_faults)
        return {"error": "unknown request"}

    def _apply(self) -> None:
        self._seen = dict(self._box.plant.faults)
        self._faults.replace(self._seen | self._own)
        self._box.new_faults(self._faults.set_faults)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    reply = self.handle(json.loads(line))
                except (ValueError, TypeError, AttributeError) as error:
                    reply = {"error": str(error)}
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
