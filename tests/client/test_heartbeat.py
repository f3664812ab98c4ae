"""A client's signs of life go on while it holds leases, whatever one of them is answered."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from qctl.client.heartbeat import Heartbeat
from qctl.errors import InternalError, QctlError, QueueFullError, WireError


@pytest.mark.parametrize("error", [WireError, InternalError, QueueFullError])
def test_heart_beats_on_after_an_error(error: type[QctlError]) -> None:
    beaten: list[str] = []
    again = threading.Event()

    def ping() -> None:
        beaten.append("ping")
        if len(beaten) == 1:
            raise error("not now")
        again.set()

    link: Any = SimpleNamespace(ping_every_s=5.0)
    heart = Heartbeat(ping, link)
    heart.add(["dc0"], 0.01)
    assert again.wait(10)
    assert heart.remove()
