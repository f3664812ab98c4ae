"""The sync client's socket: one request at a time, and a server that went away is noticed at once."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import msgspec
import zmq

from qctl import wire
from qctl.client import calls
from qctl.client.reach import WAIT_S, check_listening, gone, silent
from qctl.client.sockets import Sockets

__all__ = ["GREET_AFTER_S", "LAST_WORDS_S", "PING_EVERY_S", "Link"]

PING_EVERY_S = 5.0
GREET_AFTER_S = 600.0
LAST_WORDS_S = 0.05


class Link:
    """A connection to a server that is opened again when it was lost; threads take turns.

    ZeroMQ reconnects in silence, and a request that a dead server had taken is never answered. So the link watches for
    the end of the connection, and pings the server while an answer is awaited; pings keep the session's leases too.

    Parameters
    ----------
    address : str
        Of the server.
    timeout_s : float
        Longest wait for an answer that should come at once.
    wait_s : float
        How long a server that is just starting may take to listen, the first time.

    Attributes
    ----------
    sockets : Sockets
        What is open, for sockets beside this one.
    ping_every_s : float
        How often the server is pinged while an answer is awaited.
    events : str
        Where the server publishes events.
    """

    def __init__(self, address: str, timeout_s: float, wait_s: float) -> None:
        self.address = address
        self.sockets = Sockets(self, zmq.Context())
        self.ping_every_s = PING_EVERY_S
        self.events = ""
        self._timeout_s, self._wait_s = timeout_s, wait_s
        self._lock = threading.RLock()
        self._number = 0
        self._session = ""
        self._socket: zmq.Socket[Any] | None = None
        self._monitor: zmq.Socket[Any] | None = None
        self._used_s = 0.0
        self._greeted = False

    def carry(self, call: calls.Call) -> Any:
        """Carry a call's requests to the server, and return its value; the call hears of Ctrl-C as of errors."""
        try:
            exchange = next(call)
            while True:
                try:
                    with self._lock:
                        answer = self._answer(exchange)
                except BaseException as problem:
                    exchange = call.throw(problem)
                else:
                    exchange = call.send(answer)
        except StopIteration as end:
            return end.value

    def _answer(self, exchange: calls.Exchange) -> calls.Answer:
        try:
            return self._ask(self._ready(), exchange)
        except Exception:
            raise
        except BaseException:
            self._greeted = False  # a message may be half read or half sent: what comes next takes another socket
            raise

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()
        self.sockets.close_all()

    def _ready(self) -> zmq.Socket[Any]:
        """Return a connected socket whose session the server knows."""
        # A call that was interrupted before the server knew its session leaves a socket of nobody's.
        if not self._greeted or (self._monitor is not None and self._monitor.poll(0)):
            self._drop()
        fresh = self._socket is None
        if self._socket is None:
            check_listening(self.address, self._wait_s, self._timeout_s)
            self._socket, self._wait_s = self._open(), min(self._wait_s, WAIT_S)
        if fresh or time.monotonic() - self._used_s > GREET_AFTER_S:
            self._greet(self._socket)
        return self._socket

    def _open(self) -> zmq.Socket[Any]:
        socket: zmq.Socket[Any] = self.sockets.open(zmq.DEALER)
        self._monitor = self.sockets.watch(socket)
        socket.connect(self.address)
        return socket

    def _greet(self, socket: zmq.Socket[Any]) -> None:
        call = calls.hello(self._session)
        self._greeted = False
        try:
            call.send(self._ask(socket, next(call)))
        except StopIteration as end:
            self._session, self.events = end.value.session, end.value.events
            self._greeted = True
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        self._greeted = False
        if self._socket is not None and self._monitor is not None:
            self._socket.disable_monitor()
            self.sockets.close(self._monitor)
            self.sockets.close(self._socket)
        self._socket = self._monitor = None

    def _send(self, socket: zmq.Socket[Any], head: wire.Head, buffers: tuple[Any, ...] = ()) -> int:
        self._number += 1
        socket.send_multipart(wire.pack(msgspec.structs.replace(head, id=self._number), buffers), copy=True)
        return self._number

    def _ask(self, socket: zmq.Socket[Any], exchange: calls.Exchange) -> calls.Answer:
        begin_s = heard_s = pinged_s = time.monotonic()
        longest_s = self._timeout_s + exchange.extra_s
        number = self._send(socket, exchange.request, exchange.buffers)
        poller = zmq.Poller()
        for one in (socket, self._monitor):
            poller.register(one, zmq.POLLIN)
        while True:
            due_s = min(begin_s + longest_s, pinged_s + self.ping_every_s)
            ready = dict(poller.poll(max(0, math.ceil(1e3 * (due_s - time.monotonic())))))
            now_s = time.monotonic()
            if socket in ready or (ready and socket.poll(round(1e3 * LAST_WORDS_S))):
                heard_s = self._used_s = now_s
                reply, buffers = wire.unpack_reply(socket.recv_multipart())
                if reply.id == number or (reply.id == 0 and isinstance(reply, wire.Error)):
                    break
            elif ready:
                self._drop()
                raise gone(self.address)
            elif now_s >= begin_s + longest_s or now_s - heard_s >= self._timeout_s + self.ping_every_s:
                self._drop()
                raise silent(self.address, now_s - begin_s)
            elif now_s >= pinged_s + self.ping_every_s:
                pinged_s = now_s
                self._send(socket, wire.Ping())
        if isinstance(reply, wire.Error):
            wire.raise_error(reply)
        return reply, buffers
