"""The keeper's side of the instrument hosts: sockets of one thread, orders out, reports back, deaths noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import zmq

from qctl import wire
from qctl.errors import DeviceError, InternalError, ScheduleError
from qctl.lab import Lab
from qctl.lab.groups import group_of, groups_of
from qctl.server.orders import REPORTS, BatchOrder, Play, Played, Playing, Stop

__all__ = ["HostAddresses", "HostLinks", "only_group"]

_SLICE_MS = 20


def only_group(lab: Lab, batches: Iterable[BatchOrder]) -> str:
    """Return the group that a run plays on.

    Raises
    ------
    ScheduleError
        If its instruments are in several.
    """
    names = sorted({load.instrument for batch in batches for load in batch.programs})
    groups = sorted({group_of(lab, name) for name in names})
    if len(groups) != 1:
        raise ScheduleError(
            f"one run plays on one group of instruments, and {', '.join(names)} are in groups {', '.join(groups)}: "
            f"give them the same group in lab.toml"
        )
    return groups[0]


_STARTS_S = 20.0
"""Longest start of a host, before it counts as one that has ended."""


class HostAddresses:
    """Where each host answers now; written by the keeper's loop, read by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._begun: set[str] = set()
        self._known: dict[str, str] = {}

    def update(self, addresses: Mapping[str, str]) -> None:
        """Take the broker's word for all hosts."""
        with self._lock:
            self._known = dict(addresses)
            self._begun |= {group for group, address in addresses.items() if address}
            self._lock.notify_all()

    def of(self, group: str) -> str:
        """Return the address of a host, empty while it is down; one that the server is still starting is waited for."""
        with self._lock:
            self._lock.wait_for(lambda: group in self._begun, _STARTS_S)
            return self._known.get(group, "")


class HostLinks:
    """One thread's links to the hosts; not to be used by another thread."""

    def __init__(self, context: zmq.Context[Any], addresses: HostAddresses, lab: Lab) -> None:
        self._context, self._addresses, self._lab = context, addresses, lab
        self._sockets: dict[str, tuple[str, zmq.Socket[Any]]] = {}
        self._number = 0

    def _socket(self, group: str) -> tuple[str, zmq.Socket[Any]]:
        address = self._addresses.of(group)
        if not address:
            raise self._dead(group)
        known = self._sockets.get(group)
        if known is not None and known[0] == address:
            return known
        if known is not None:
            known[1].close(linger=0)
        socket = self._context.socket(zmq.DEALER)
        socket.connect(address)
        self._sockets[group] = (address, socket)
        return address, socket

    def _dead(self, group: str) -> DeviceError:
        names = groups_of(self._lab).get(group, ())
        text = f"the host of {', '.join(names)} (group {group}) ended; it is started again"
        return DeviceError(text, instrument=names[0] if names else "", instruments=list(names))

    def _send(self, group: str, head: wire.Head) -> tuple[str, zmq.Socket[Any], bytes]:
        address, socket = self._socket(group)
        self._number += 1
        token = self._number.to_bytes(8, "little")
        socket.send_multipart([token, *wire.pack(head)])
        return address, socket, token

    def play(
        self,
        group: str,
        order: Play,
        is_cancelled: Callable[[], bool],
        on_playing: Callable[[], None] = lambda: None,
    ) -> Played:
        """Play a batch on a host; stop it when the job is cancelled.

        Parameters
        ----------
        group : str
            Of the host.
        order : Play
            The batch.
        is_cancelled : callable
            Asked again and again.
        on_playing : callable
            Called when all is uploaded and the batch plays.

        Raises
        ------
        DeviceError
            If the host ends.
        """
        address, socket, token = self._send(group, order)
        stopping = False
        while True:
            parts = self._reply(group, address, socket, token)
            report = None if parts is None else _report(group, parts[1])
            if isinstance(report, Played):
                return report
            if report is not None:
                on_playing()
            if is_cancelled() and not stopping:
                stopping = True
                self._send(group, Stop(run=order.run))

    def ask(self, group: str, request: wire.Head) -> Any:
        """Return a host's reply to a client's verb; raise what it answers as an error."""
        address, socket, token = self._send(group, request)
        while (parts := self._reply(group, address, socket, token)) is None:
            pass
        reply = wire.REPLIES.decode(parts[1])
        if isinstance(reply, wire.Error):
            wire.raise_error(reply)
        return reply

    def _reply(self, group: str, address: str, socket: zmq.Socket[Any], token: bytes) -> list[bytes] | None:
        if socket.poll(_SLICE_MS):
            found, *parts = socket.recv_multipart()
            return parts if found == token else None
        if self._addresses.of(group) != address:
            raise self._dead(group)
        return None

    def close(self) -> None:
        """Close the sockets."""
        for _, socket in self._sockets.values():
            socket.close(linger=0)


def _report(group: str, head: bytes) -> Played | Playing:
    """Return what a host says of a batch; raise what it answers as an error."""
    try:
        report = REPORTS.decode(head)
    except msgspec.ValidationError:
        report = wire.REPLIES.decode(head)
        if isinstance(report, wire.Error):
            wire.raise_error(report)
    if not isinstance(report, Played | Playing):
        raise InternalError(f"the host of {group} answered play with {type(report).__name__}")
    return report
