"""Two seconds of pure Python in an instrument host and in the pool keep nobody waiting."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import fake_server

from qctl.client import connect


def longest_ping_s(lab: Any, other: Any) -> float:
    """Return the longest ping during two seconds of load in a host and in the pool."""
    job = lab.run(json.dumps({"spin_s": 2.0}), shots=10)
    load = threading.Thread(target=lambda: other.instruments["dc0"].call("spin", 2.0))
    load.start()
    spans, end_s = [], time.monotonic() + 2.0
    while time.monotonic() < end_s:
        spans.append(lab.ping())
    load.join()
    job.result(30)
    print(f"{len(spans)} pings, the longest {max(spans) * 1e3:.1f} ms")
    return max(spans)


def test_no_ping_takes_over_50_ms_under_load(tmp_path: Path) -> None:
    """The best of three, because work of others on this machine holds pings up as well."""
    server = fake_server.FakeServer(tmp_path / "store")
    try:
        with connect(server.address) as lab, connect(server.address) as other:
            lab.run(json.dumps({}), shots=10).result(30)
            assert any(longest_ping_s(lab, other) < 0.05 for _ in range(3))
    finally:
        assert server.stop() == 0
