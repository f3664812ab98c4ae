"""HTTP/1.1 for emulated control software: GET and POST with a length, answers as JSON, connections that stay open.

Source: RFC 9112 (message framing, persistent connections).
"""

from __future__ import annotations

from typing import Protocol

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.emulated import Emulated
from qctl.hil.instruments.servers.connection import Connection

__all__ = ["HttpBox", "HttpConnection"]

_MAX_HEAD, _MAX_BODY = 1 << 14, 1 << 20
_WORDS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large"}


class HttpBox(Emulated, Protocol):
    """Software that answers requests."""

    def answer(self, method: str, target: str) -> tuple[int, bytes]:
        """Return the status and the body that answer a request."""


class HttpConnection(Connection):
    """One client.

    Parameters
    ----------
    box : HttpBox
        What answers.
    faults : WireFaults
        Its faults on the wire.
    connections : set
        Where open connections note themselves, so that a power cycle can end them.
    """

    def __init__(self, box: HttpBox, faults: WireFaults, connections: set) -> None:
        super().__init__(faults, connections)
        self._box = box
        self._got = bytearray()

    def take(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._got += data
        while b"\r\n\r\n" in self._got:
            head, _, rest = bytes(self._got).partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines[1:])
            fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
            length = fields.get("content-length", "0")
            if not length.isdigit() or int(length) > _MAX_BODY:
                self._reply(413, b"{}", last=True)
                return
            if len(rest) < int(length):
                return
            del self._got[: len(head) + 4 + int(length)]
            method, _, more = lines[0].partition(" ")
            target, _, version = more.rpartition(" ")
            if not target.startswith("/") or not version.startswith("HTTP/1."):
                self._reply(400, b"{}", last=True)
                return
            last = fields.get("connection", "").lower() == "close"
            self._reply(*self._box.answer(method, target), last=last)
        if len(self._got) > _MAX_HEAD + _MAX_BODY:
            self.close()

    def _reply(self, status: int, body: bytes, last: bool) -> None:
        head = (
            f"HTTP/1.1 {status} {_WORDS.get(status, 'Error')}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{'Connection: close' if last else 'Connection: keep-alive'}\r\n\r\n"
        )
        self._wire.send([head.encode("ascii") + body], 0)
        if last:
            self._outbox.close()
