"""Run ten outside circuits on labs of several seeds, and print how far their counts are from the simulation.

Usage: python tests/whole/judge.py SEED...
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


def main(seeds: list[int]) -> int:
    """Return how many circuits missed."""
    import outside_circuits
    from judging import judge
    from whole_lab import WholeLab

    import qctl
    from qctl.errors import QctlError

    missed = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="qctl-judge-") as folder:
            begin = time.monotonic()
            lab = WholeLab(Path(folder), "transmon5", seed)
            try:
                tuned = qctl.calibrate(lab.client)
                spent_s = time.monotonic() - begin
                print(f"seed {seed}: tuned up in {spent_s:.1f} s, accepted {tuned.accepted}", flush=True)
                for name in outside_circuits.CIRCUITS:
                    try:
                        verdict = judge(lab, name, Path(folder))
                    except (AssertionError, QctlError) as problem:
                        missed += 1
                        print(f"  MISS {name}: {problem}", flush=True)
                        continue
                    missed += not verdict.passed
                    print(f"  {verdict}", flush=True)
            finally:
                lab.end()
    print(f"{missed} missed")
    return missed


if __name__ == "__main__":
    sys.exit(1 if main([int(word) for word in sys.argv[1:]] or [1, 2, 3]) else 0)
