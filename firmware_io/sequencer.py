"""What is done with a sequencer over its link: objects up, results and traces down, clocks compared, images replaced.

Functions over a `Controller`; docs/firmware-protocol.md, section 7.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, RefusedError
from qctl.firmware_io.clock_offset import ClockFit, Exchange, fit_clock
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.handshake import demand
from qctl.firmware_io.kinds import Feature, Kind
from qctl.firmware_io.messages import Payload
from qctl.firmware_io.sequencer_messages import (
    FIRMWARE,
    MOST_BYTES,
    MOST_RESULTS,
    MOST_TRACED,
    RESULT,
    TRACED,
    BootStatus,
    ClockTimes,
    HostTime,
    ObjectHead,
    Reboot,
    Received,
    Results,
    RowRange,
    Trace,
    WriteObject,
)

__all__ = ["compare_clocks", "read_results", "read_trace", "update_firmware", "upload"]

_AHEAD = 16
"""Parts of a table that are asked for before it is known where it ends."""
_RESET_S = 5.0
"""How long a device may take from reboot to the answers of its new firmware."""
_PAUSE_S = 0.05


def upload(controller: Controller, kind: int, content: bytes, tries: int = 3) -> int:
    """Send an object, from where an earlier upload of the same one broke off; return the bytes that were sent.

    After a broken link or a time-out it opens a new session by itself, at once, and goes on at the offset that the
    device names. Unlike other requests these may be begun again unasked: each part has its offset, so that none is
    taken twice.

    Raises
    ------
    RefusedError
        If the device refuses the object: its hash, its signature, an instruction, no room.
    DeviceError
        If the link breaks or times out `tries` times.
    """
    head = ObjectHead(kind, len(content), hashlib.sha256(content).digest())
    n_sent = 0
    while True:
        try:
            held: Received = controller.call(Kind.OPEN_OBJECT, head)
            n_sent += len(content) - held.received
            controller.call_all(_parts(content, held.received))
            controller.call(Kind.CLOSE_OBJECT)
        except RefusedError:
            raise
        except DeviceError:
            tries -= 1
            if tries <= 0:
                raise
        else:
            return n_sent


def _parts(content: bytes, first: int) -> Iterator[tuple[Kind, Payload]]:
    for offset in range(first, len(content), MOST_BYTES):
        yield Kind.WRITE_OBJECT, WriteObject(offset, content[offset : offset + MOST_BYTES])


def read_results(controller: Controller) -> NDArray[np.int32]:
    """Return the results of the last block, in the order in which they were stored: (n,) int32."""
    rows = _table(controller, Kind.READ_RESULTS, MOST_RESULTS, controller.capabilities.max_results)
    return np.frombuffer(rows, RESULT)["value"]


def read_trace(controller: Controller) -> NDArray[Any]:
    """Return the traced events of the last block: (n,) with instruction, value, scheduled, written.

    Raises
    ------
    RequestError
        If the device keeps no trace.
    """
    controller.open()
    if controller.identification is not None:
        demand(controller.identification, Feature.TRACE, "reading what was played")
    return np.frombuffer(_table(controller, Kind.READ_TRACE, MOST_TRACED, controller.capabilities.max_trace), TRACED)


def _table(controller: Controller, kind: Kind, most: int, n_all: int) -> bytes:
    """Return the rows of a table up to its end, which a reply with fewer rows than asked for tells."""
    rows: list[bytes] = []
    first = 0
    while first < n_all:
        firsts = range(first, min(n_all, first + _AHEAD * most), most)
        asked = [RowRange(at, min(most, n_all - at)) for at in firsts]
        found: list[Results | Trace] = controller.call_all([(kind, part) for part in asked])
        for part, reply in zip(asked, found, strict=True):
            if reply.first != part.first or reply.count > part.count:
                raise DeviceError(
                    f"{controller.name} answered {reply.count} rows from {reply.first}, asked for {part.count} from "
                    f"{part.first}",
                    instrument=controller.name,
                )
            rows.append(reply.rows)
            if reply.count < part.count:
                return b"".join(rows)
        first = asked[-1].first + asked[-1].count
    return b"".join(rows)


def compare_clocks(controller: Controller, n_exchanges: int = 16, before: deque[Exchange] | None = None) -> ClockFit:
    """Exchange times with the device, and return how its clock runs by `time.monotonic_ns`.

    Parameters
    ----------
    controller : Controller
    n_exchanges : int
    before : deque of Exchange
        Those of earlier calls in which the device was not reset, which tell its drift; the new ones are appended.

    Raises
    ------
    DeviceError
        If it does not answer, or answers another request.
    """
    controller.open()
    exchanges: deque[Exchange] = deque() if before is None else before
    for _ in range(n_exchanges):
        sent_ns = time.monotonic_ns()
        times: ClockTimes = controller.call(Kind.CLOCK, HostTime(sent_ns))
        arrived_ns = time.monotonic_ns()
        if times.host_ns != sent_ns:
            raise DeviceError(f"{controller.name} answered another exchange of times", instrument=controller.name)
        exchanges.append(Exchange(sent_ns, arrived_ns, times.received_tick, times.sent_tick))
    return fit_clock(list(exchanges), controller.capabilities.tick_hz)


def update_firmware(controller: Controller, image: bytes) -> None:
    """Send a signed image and start it on trial, then confirm it: an image that does not get so far is left again.

    Raises
    ------
    RequestError
        If the device takes no images.
    RefusedError
        If its hash or signature is wrong.
    DeviceError
        If the device does not reset or come back, came back with the image before, or does not keep the new one.
    """
    controller.open()
    if controller.identification is not None:
        demand(controller.identification, Feature.UPDATE, "an update of the firmware")
    upload(controller, FIRMWARE, image)
    before: BootStatus = controller.call(Kind.BOOT_STATUS)
    controller.call(Kind.REBOOT, Reboot(1))
    after = _next_boot(controller, before.n_boots)
    if after.bank != before.pending or after.confirmed:  # a device without an image says bank 0, and has no trial
        raise DeviceError(
            f"{controller.name} came back with bank {after.bank} and no trial running: the image in bank "
            f"{before.pending} did not start (reset reason {after.reset_reason}, {after.n_rolled_back} rolled back)",
            instrument=controller.name,
        )
    controller.call(Kind.CONFIRM)
    kept: BootStatus = controller.call(Kind.BOOT_STATUS)
    if not kept.confirmed or kept.bank != before.pending:
        raise DeviceError(
            f"{controller.name} did not keep the image in bank {before.pending}: it runs bank {kept.bank}, confirmed "
            f"{kept.confirmed}, after confirm",
            instrument=controller.name,
        )


def _next_boot(controller: Controller, n_boots: int) -> BootStatus:
    """Wait until the device has booted again, and return its status: for a while the one before still answers."""
    end_s = time.monotonic() + _RESET_S
    while True:
        time.sleep(_PAUSE_S)
        controller.forget()
        try:
            status: BootStatus = controller.call(Kind.BOOT_STATUS)
        except DeviceError:  # not there yet, or the reset came in between
            if time.monotonic() >= end_s:
                raise
            continue
        if status.n_boots != n_boots:
            return status
        if time.monotonic() >= end_s:
            raise DeviceError(
                f"{controller.name} did not reset within {_RESET_S:g} s of reboot: it has booted {n_boots} times as "
                "before",
                instrument=controller.name,
            )
