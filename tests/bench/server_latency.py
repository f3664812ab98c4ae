"""Print the server's latencies with fake devices: `python tests/bench/server_latency.py`; no test."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


def percentiles_ms(spans_s: list[float]) -> str:
    """Return p50, p99 and the largest of some times."""
    p50, p99 = np.percentile(spans_s, [50, 99]) * 1e3
    return f"p50 {p50:7.3f} ms   p99 {p99:7.3f} ms   largest {max(spans_s) * 1e3:7.3f} ms   n {len(spans_s)}"


def timed(function, n: int) -> list[float]:
    """Return the time of each of n calls."""
    spans = []
    for _ in range(n):
        begin = time.perf_counter()
        function()
        spans.append(time.perf_counter() - begin)
    return spans


def main() -> None:
    """Measure and print."""
    from fake_server import FakeServer

    from qctl.client import connect

    server = FakeServer(Path(tempfile.mkdtemp()))
    with connect(server.address) as lab, connect(server.address) as other, connect(server.address) as third:
        lab.run(json.dumps({}), shots=10).result(30)
        print("ping, idle:                  ", percentiles_ms(timed(lab.ping, 2000)))
        lo = lab.instruments["lo_drive"]
        print("cached get:                  ", percentiles_ms(timed(lambda: lo.get("power_dbm", cached=True), 1000)))
        print("get through a host:          ", percentiles_ms(timed(lambda: lo.get("power_dbm"), 500)))
        print("set through a host:          ", percentiles_ms(timed(lambda: lo.set("power_dbm", 1.0), 500)))

        spin = threading.Thread(target=lambda: other.instruments["dc0"].call("spin", 2.0))
        job = third.run(json.dumps({"spin_s": 2.0}), shots=10)
        spin.start()
        spans, end = [], time.monotonic() + 2.0
        while time.monotonic() < end:
            spans += timed(lab.ping, 1)
        print("ping, load in host and pool: ", percentiles_ms(spans))
        spin.join()
        job.result(30)

        program = json.dumps({"n_points": 100, "bits": 5, "samples": 500})
        lab.run(program, shots=1000, averaged=True).result(30)
        jobs = [lab.run(program, shots=1000, averaged=True) for _ in range(10)]
        timings = [job.result(30).timings for job in jobs]
        wall = timed(lambda: lab.run(program, shots=1000, averaged=True).result(30), 10)
        played = [t["arm_s"] + t["fire_s"] + t["read_s"] for t in timings]
        print(f"100-point averaged sweep:     {np.median(played) * 10:.3f} ms a point played, "
              f"{np.median(wall) * 10:.3f} ms a point from submit to result")  # fmt: skip
        whole = timed(lambda: lab.run(json.dumps({"bits": 2}), shots=1000).result(30), 20)
        print("repeated 1,000-shot job:     ", percentiles_ms(whole))
    server.stop()


if __name__ == "__main__":
    main()
