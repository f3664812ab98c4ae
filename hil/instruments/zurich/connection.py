"""A client's connection to the emulated data server: one message in, one out, in order."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from qctl.errors import InternalError, QctlError, WireError
from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.servers.connection import Connection
from qctl.hil.instruments.zurich.data_server import DataServer
from qctl.hil.instruments.zurich.nodes import Refusal
from qctl.hil.plant.messages import Decoder, encode

_LOG = logging.getLogger(__name__)
__all__ = ["LabOneConnection"]


class LabOneConnection(Connection):
    """One client.

    Parameters
    ----------
    server : DataServer
        What it talks to.
    faults : WireFaults
        Faults on the wire.
    connections : set
        Where open connections note themselves.
    """

    def __init__(self, server: DataServer, faults: WireFaults, connections: set) -> None:
        super().__init__(faults, connections)
        self._server = server
        self._decoder = Decoder()
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and begin to answer."""
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._answer())

    def take(self, data: bytes) -> None:
        """Take every message that is whole."""
        try:
            messages = self._decoder.feed(data)
        except WireError:
            self.close()
            return
        for message in messages:
            self._messages.put_nowait(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was not answered."""
        super().connection_lost(exc)
        if self._task is not None:
            self._task.cancel()

    async def _answer(self) -> None:
        while True:
            message = await self._messages.get()
            try:
                reply: dict[str, Any] = {"value": await self._server.answer(message)}
            except Refusal as refusal:
                reply = {"error": [refusal.kind, refusal.text]}
            except (QctlError, KeyError, TypeError, ValueError) as refusal:
                reply = {"error": ["CoreError", f"{message.get('call')}: {refusal}"]}
            except Exception as problem:  # nobody waits for an answer that never comes
                _LOG.exception("the data server failed at %s", message.get("call"))
                error = InternalError(f"the emulator failed ({type(problem).__name__}: {problem}); please report it")
                reply = {"error": ["CoreError", error.message]}
            self._wire.send([encode(reply)], 0)
