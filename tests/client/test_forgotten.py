"""A client that nobody closes ends with its last reference: it does not hang the interpreter that collects it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import qctl.aio
import qctl.client


def forgotten(lab: Any) -> weakref.ref[Any]:
    """Return a weak reference to a client in a cycle, which only the collector ends."""
    lab.itself = lab
    return weakref.ref(lab)


def test_sync_client_in_a_cycle_is_collected(server) -> None:
    lab = qctl.client.connect(server.address)
    events = lab.events("job.")
    assert lab.ping() < 5.0
    reference = forgotten(lab)
    del lab, events
    gc.collect()
    assert reference() is None


def test_events_outlive_the_client_that_nobody_keeps(server) -> None:
    events = qctl.client.connect(server.address).events("value.lo_drive", timeout_s=0.1)
    gc.collect()
    assert list(events) == []


def test_async_client_whose_loop_has_ended_is_collected(server) -> None:
    async def work() -> weakref.ref[Any]:
        lab = await qctl.aio.connect(server.address)
        assert await lab.ping() < 5.0
        return forgotten(lab)

    reference = asyncio.run(work())
    gc.collect()
    assert reference() is None
