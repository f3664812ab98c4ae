"""Ping a server for two seconds of pure Python in an instrument host and in the pool, and print the distribution.

Usage: python tests/whole/ping_judge.py [N_REPEATS]

`waited` is how long a process was ready to run and was not let, in total, by /proc/PID/schedstat: where a long ping is
not in there, a process did something else meanwhile.
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
    """Return how long the main thread of a process has waited for a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) * 1e-9


def pings(lab: Any, other: Any, loaded: bool) -> list[tuple[float, float]]:
    """Return (when, how long) of pings, one after the other."""
    load = threading.Thread(target=lambda: other.instruments["dc0"].call("spin", LOAD_S))
    job = None
    if loaded:
        job = lab.run(json.dumps({"spin_s": LOAD_S}), shots=10)
        load.start()
    spans = []
    begin_s = time.monotonic()
    while (now_s := time.monotonic() - begin_s) < LOAD_S:
        spans.append((now_s, lab.ping()))
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
                    before = waited_s(server.process.pid), waited_s(os.getpid())
                    found = pings(lab, other, loaded=repeat >= 0)
                    after = waited_s(server.process.pid), waited_s(os.getpid())
                    spans = sorted(span for _, span in found)
                    lost_ms = [1e3 * (late - early) for early, late in zip(before, after, strict=True)]
                    worst = sorted(found, key=lambda pair: -pair[1])[:3]
                    over += spans[-1] > BOUND_S
                    print(
                        f"{'at rest ' if repeat < 0 else f'repeat {repeat}'}: {len(spans)} pings, "
                        + ", ".join(
                            f"{name} {spans[int(part * (len(spans) - 1))] * 1e3:.2f}"
                            for name, part in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
                        )
                        + " ms; longest at "
                        + ", ".join(f"{when:.2f} s: {span * 1e3:.1f} ms" for when, span in worst)
                        + f"; broker waited {lost_ms[0]:.0f} ms, client {lost_ms[1]:.0f} ms",
                        flush=True,
                    )
        finally:
            server.stop()
    return over


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 5) else 0)
