"""Fingerprints of shots: equal exactly where a slow twin finds the same, whenever they came and into whichever bins."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.cext.q1_shots import fingerprint
from qctl.hil.instruments.qblox.core import ACQUIRES, PLAY, ROW

TURN = 4_000_000_000


def twin(rows, begin, end, origin, turns):
    """Return what a shot is, but for when it came and its bins."""
    found = [end - begin]
    if begin and (rows[begin - 1]["offs0"] or rows[begin - 1]["offs1"]):
        before = rows[begin - 1]
        found.append((int(before["offs0"]), int(before["offs1"])))
        if turns:
            found.append((int(before["phase"]) + int(before["freq"]) * (origin - int(before["time"]))) % TURN)
            found.append(int(before["freq"]))
    for row in rows[begin:end]:
        bins = int(row["operation"]) in ACQUIRES
        found.append((int(row["time"]) - origin, *(int(row[name]) for name in ROW.names[1:3]),
                      None if bins else int(row["b"]), *(int(row[name]) for name in ROW.names[4:10]),
                      *((int(row["freq"]), int(row["phase"])) if turns else ()), int(row["marker"])))  # fmt: skip
    return tuple(found)


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 50, 2000])
def test_equal_where_the_twin_is(n, turns):
    rng = np.random.default_rng(n)
    rows = np.zeros(n, ROW)
    rows["time"] = np.cumsum(rng.integers(4, 7, n))
    rows["operation"] = rng.choice([PLAY, *ACQUIRES], n)
    for name in ("a", "b", "offs0", "gain1", "freq", "phase", "marker"):
        rows[name] = rng.integers(0, 2, n) * rng.integers(0, 2, n)
    bounds = np.sort(rng.integers(0, n + 1, 2 * n).reshape(-1, 2), axis=1) if n else np.empty((0, 2), np.int64)
    bounds[:, 1] = np.minimum(bounds[:, 0] + rng.integers(0, 3, len(bounds)), n)
    begins, ends = (np.ascontiguousarray(bounds[:, k]) for k in (0, 1))
    origins = np.array([rows["time"][b] if b < n else 0 for b in begins], np.int64).reshape(-1)
    out = np.zeros(len(begins), np.uint64)
    fingerprint(rows, begins, ends, origins, ACQUIRES[0], ACQUIRES[-1], turns, out)
    shots = [twin(rows, b, e, int(o), turns) for b, e, o in zip(begins, ends, origins, strict=True)]
    assert len(set(zip(out.tolist(), shots, strict=True))) == len(set(out.tolist())) == len(set(shots))


def test_goes_on_from_what_was_before():
    rows = np.zeros(1, ROW)
    one = (np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros(1, np.int64))
    first, second = np.zeros(1, np.uint64), np.ones(1, np.uint64)
    for out in (first, second):
        fingerprint(rows, *one, ACQUIRES[0], ACQUIRES[-1], False, out)
    assert first[0] != second[0]


def test_refusals():
    rows, one, out = np.zeros(2, ROW), np.zeros(1, np.int64), np.zeros(1, np.uint64)
    with pytest.raises(ValueError, match="have 1, 1, 1 and 2 rows"):
        fingerprint(rows, one, one, one, 0, 1, False, np.zeros(2, np.uint64))
    with pytest.raises(ValueError, match="shot 0 has rows 0 to 3 of 2"):
        fingerprint(rows, one, one + 3, one, 0, 1, False, out)
    with pytest.raises(ValueError, match="contiguous"):
        fingerprint(np.zeros(4, ROW)[::2], one, one, one, 0, 1, False, out)
