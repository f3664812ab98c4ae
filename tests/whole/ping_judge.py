"""Ping a server for two seconds of pure Python in an instrument host and in the pool, and print the distribution.

Usage: python tests/whole/ping_judge.py [N_REPEATS]

With the longest pings is how long broker and client were ready to run and were not let, by schedstat of /proc:
what is left of a long ping is their own doing.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

BOUND_S, LOAD_S = 0.05, 2.0


def waited_s(pid: int) -> float:
    """Return how long the threads of a process have waited for a processor, all together."""
    rows = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(row.split()[1]) for row in rows) * 1e-9


def pings(lab: Any, other: Any, broker: int, loaded: bool) -> list[tuple[float, float, float, float]]:
    """Return (span, when, part that the broker waited, part that this client waited) of pings, one after the other."""
    load = threading.Thread(target=lambda: other.instruments["dc0"].call("spin", LOAD_S))
    job = None
    if loaded:
        job = lab.run(json.dumps({"spin_s": LOAD_S}), shots=10)
        load.start()
    spans = []
    begin_s = time.monotonic()
    before = waited_s(broker), waited_s(os.getpid())
    while (now_s := time.monotonic() - begin_s) < LOAD_S:
        span = lab.ping()
        after = waited_s(broker), waited_s(os.getpid())
        spans.append((span, now_s, after[0] - before[0], after[1] - before[1]))
        before = after
    if job is not None:
        load.join()
        job.result(30)
    return spans


def main(n_repeats: int) -> int:
    """Return how many repeats had a ping over the bound."""
    from fake_server import FakeServer

    from qctl.client import connect

    over = 0
    with tempfile.TemporaryDirectory(prefix="qctl-ping-") as folder:
        server = FakeServer(Path(folder) / "store")
        try:
            with connect(server.address) as lab, connect(server.address) as other:
                lab.run("{}", shots=10).result(30)
                for repeat in range(-1, n_repeats):
                    found = sorted(pings(lab, other, server.process.pid, loaded=repeat >= 0))
                    over += found[-1][0] > BOUND_S
                    parts = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
                    shown = [f"{name} {found[int(part * (len(found) - 1))][0] * 1e3:.2f}" for name, part in parts]
                    print(
                        f"{'at rest' if repeat < 0 else f'repeat {repeat}'}: {len(found)} pings, {', '.join(shown)} ms"
                    )
                    for span, when_s, broker_s, client_s in found[-3:]:
                        print(
                            f"    {span * 1e3:5.1f} ms at {when_s:.2f} s: the broker's threads waited "
                            f"{broker_s * 1e3:.1f} ms, the client's {client_s * 1e3:.1f} ms",
                            flush=True,
                        )
        finally:
            server.stop()
    return over


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 5) else 0)
