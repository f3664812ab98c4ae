"""Play a sweep that needs one element more than an AWG5014C's sequence has, averaged and as single shots, and print.

Usage: python tests/whole/cutting_judge.py [N_POINTS] [SEED]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

MAX_ELEMENTS = 8000


def main(n_points: int, seed: int) -> int:
    """Return 0 if every point came back in its place with all its shots."""
    import numpy as np
    from marked_sweep import marked_sweep, marks, misplaced
    from whole_lab import WholeLab

    wrong = 0
    with tempfile.TemporaryDirectory(prefix="qctl-judge-") as folder:
        lab = WholeLab(Path(folder), "transmon1", seed)
        try:
            for averaged, shots in ((True, 100), (False, 8)):
                values = marks(n_points, seed)
                begin_s = time.monotonic()
                job = lab.client.run(marked_sweep(values), shots=shots, averaged=averaged)
                n_batches = 0
                for event in lab.client.events(f"progress.{job.id}", f"ended.{job.id}", timeout_s=300):
                    if event.topic.startswith("ended"):
                        break
                    n_batches += event.body["stage"] == "uploading"
                result = job.result(60)
                spent_s = time.monotonic() - begin_s
                iq = result.iq["m"]
                whole = iq.shape == ((n_points,) if averaged else (shots, n_points)) and bool(np.isfinite(iq).all())
                if not averaged:
                    whole = whole and len(np.unique(iq)) == iq.size
                # Over five standard deviations of the noise of a point.
                within = 0.15 if averaged else 0.5
                far = misplaced(iq if averaged else iq.mean(axis=0), values, within)
                ok = whole and far == 0 and not result.partial and n_batches >= -(-n_points // MAX_ELEMENTS)
                wrong += not ok
                print(
                    f"{'ok  ' if ok else 'MISS'} {n_points} points, {shots} shots, averaged {averaged}: "
                    f"{n_batches} batches, {far:.4f} of the points misplaced, result {iq.shape} whole {whole}, "
                    f"{spent_s:.1f} s, {spent_s / n_points * 1e3:.2f} ms a point, "
                    f"uploaded {sum(result.content['uploaded_bytes'].values())} bytes",
                    flush=True,
                )
        finally:
            lab.end()
    return wrong


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] + [MAX_ELEMENTS + 1, 3][len(sys.argv) - 1 :]
    sys.exit(main(*numbers))
