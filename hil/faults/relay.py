"""A bad wire between a program and a TCP or UDP port of this machine: two pipes, and a thread that carries."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Literal

from qctl.hil.faults.pipe import FaultyPipe, Piece
from qctl.hil.faults.present import WireFaults
from qctl.hil.faults.timed import TimedPipe, stall

__all__ = ["FaultyRelay"]

_HOST = "127.0.0.1"


class FaultyRelay:
    """Listens on a port of its own and passes on to another, and back; a context manager.

    Parameters
    ----------
    target : int
        The port.
    faults : WireFaults
        Of both directions; may be changed at any time.
    seed : int
        Of all chances.
    kind : str
        ``tcp`` or ``udp``; of ``udp`` one client at a time.

    Attributes
    ----------
    port : int
        Where it listens, once entered.
    """

    def __init__(self, target: int, faults: WireFaults, seed: int = 0, kind: Literal["tcp", "udp"] = "tcp") -> None:
        self.target, self.faults, self.seed, self.kind = target, faults, seed, kind
        self.port = 0
        self.n_made = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.open: set[asyncio.BaseTransport] = set()

    def __enter__(self) -> FaultyRelay:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _work(self) -> None:
        loop = self._loop
        if self.kind == "tcp":
            listener = loop.run_until_complete(loop.create_server(lambda: _End(self), _HOST, 0))
            self.port = listener.sockets[0].getsockname()[1]
        else:
            address = (_HOST, 0)
            near, _ = loop.run_until_complete(loop.create_datagram_endpoint(lambda: _End(self), local_addr=address))
            self.port = near.get_extra_info("sockname")[1]
        self._ready.set()
        loop.run_forever()
        for transport in list(self.open):
            transport.close()
        if self.kind == "tcp":
            listener.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


class _End(asyncio.Protocol, asyncio.DatagramProtocol):
    """One end of a connection: what it receives goes through a pipe and out at the other end."""

    def __init__(self, relay: FaultyRelay, other: _End | None = None) -> None:
        self._relay, self.other = relay, other
        pipe = FaultyPipe(relay.faults, 2 * relay.seed + relay.n_made, relay.kind == "udp")
        self._way = TimedPipe(pipe, self._pass_on, self._end)
        relay.n_made += 1
        self._early: list[bytes] = []
        self._task: asyncio.Task[Any] | None = None
        self._peer: Any = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; the near end reaches for the far one."""
        self.transport = transport
        self._relay.open.add(transport)
        if self.other is None:
            self._task = asyncio.get_running_loop().create_task(self._reach())
        self._watch()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Carry a datagram; answers go to who sent last."""
        self._peer = addr
        self.data_received(data)

    def data_received(self, data: bytes) -> None:
        """Carry bytes."""
        if self.other is None:
            self._early.append(data)
            return
        self._way.put(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other end, too, unless nobody is to know."""
        self._relay.open.discard(self.transport)
        if self.other is not None and self.other.transport is not None and not self._relay.faults.get("half_open"):
            self.other.transport.close()

    def send(self, data: bytes) -> None:
        """Send what has come through."""
        if self._relay.kind == "tcp":
            self.transport.write(data)
        elif self._peer is not None:
            self.transport.sendto(data, self._peer)
        else:
            self.transport.sendto(data)

    async def _reach(self) -> None:
        loop, target = asyncio.get_running_loop(), (_HOST, self._relay.target)
        far = _End(self._relay, self)
        try:
            if self._relay.kind == "tcp":
                await loop.create_connection(lambda: far, *target)
            else:
                await loop.create_datagram_endpoint(lambda: far, remote_addr=target)
        except OSError:
            self.transport.close()
            return
        self.other = far
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)

    def _pass_on(self, piece: Piece) -> None:
        assert self.other is not None
        self.other.send(piece.data)

    def _end(self) -> None:
        assert self.other is not None
        self.other.transport.close()
        self.transport.close()

    def _watch(self) -> None:
        """Read, or stop reading, as the faults say."""
        if self.transport.is_closing() or self._relay.kind == "udp":
            return
        stall(self.transport, self._relay.faults)
        asyncio.get_running_loop().call_later(0.02, self._watch)
