"""Q1ASM of sequencers that follow triggers, against a slow twin: where conditions begin and end, what is told anew."""

from __future__ import annotations

import re

import numpy as np
import pytest

from qctl.cext import q1asm

EVENT = np.dtype(
    [("start", "<i8")]
    + [(name, "<i4") for name in ("length", "gain", "steps", "phase", "i", "q", "acquisition", "weights")]
)
PERIOD = 200_000


def lines(events, bounds, steers):
    rows, text = np.array(events, EVENT), np.zeros(100_000, np.uint8)
    places, sizes = np.zeros(len(rows), np.int64), np.zeros(2, np.int64)
    table = None if steers is None else np.array(steers, np.int32).reshape(-1, 2)
    q1asm.emit(rows, np.array(bounds, np.int64), PERIOD, 100, True, text, places, sizes, None, 0, table)
    found = [re.sub(r" +", " ", line).replace(", ", ",") for line in text[: sizes[0]].tobytes().decode().splitlines()]
    assert sizes[1] == len(found)
    return found


def twin(events, bounds, steers):
    """Return the same lines, by the rule: conditions hold for plays alone, and settings are told anew behind others."""
    out = []
    for p in range(len(bounds) - 1):
        own = list(range(bounds[p], bounds[p + 1]))
        first = events[own[0]]
        out += ["reset_ph", f"set_freq {first[3]}", f"set_awg_gain {first[2]},{first[2]}", f"set_ph {first[4]}"]
        out.append(f"upd_param {first[0] + 4}")
        gain, phase, now = first[2], first[4], None
        for k in own:
            start, _, new_gain, _, new_phase, i, q, acquisition, _ = events[k]
            gap = (events[k + 1][0] if k + 1 < bounds[p + 1] else PERIOD - 4) - start
            lasts = gap if gap <= 65535 else 65528
            if k > own[0] and steers[k - 1][0] and tuple(steers[k - 1]) != tuple(steers[k]):
                gain = phase = None
            mask, operator = steers[k]
            if operator < 0:
                if now:
                    out.append("set_cond 0,0,0,4")
                now = None
                out.append(f"latch_rst {lasts}")
            else:
                if gain != new_gain:
                    out.append(f"set_awg_gain {new_gain},{new_gain}")
                if phase != new_phase:
                    out.append(f"set_ph {new_phase}")
                gain, phase = new_gain, new_phase
                wanted = (mask, operator, lasts) if mask else None
                if wanted != now:
                    out.append(f"set_cond 1,{mask},{operator},{lasts}" if mask else "set_cond 0,0,0,4")
                now = wanted
                out.append(f"play {i},{q},{lasts}" if acquisition < 0 else f"acquire {acquisition},{p},{lasts}")
            if gap > lasts:
                if now:
                    out.append("set_cond 0,0,0,4")
                now = None
                rest, n = gap - lasts, 0
                while rest - n * 65528 > 65535:
                    n += 1
                if 0 < rest - n * 65528 < 4:
                    n -= 1
                assert n <= 3
                out += ["wait 65528"] * n + [f"wait {rest - n * 65528}"]
        if now:
            out.append("set_cond 0,0,0,4")
    return out


@pytest.mark.parametrize("seed", range(40))
def test_text_is_the_twins(seed):
    rng = np.random.default_rng(seed)
    events, steers, bounds = [], [], [0]
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, 50))
        for _ in range(int(rng.integers(1, 12))):
            kind = rng.integers(5)
            gain, phase = int(rng.integers(1, 3)) * 1000, int(rng.integers(3)) * 250_000_000
            acquisition = 0 if kind == 4 else -1
            events.append((at, 20, gain, 400, phase, 0, 1, acquisition, -1))
            steers.append(
                (0, -1) if kind == 3 else (int(rng.integers(1, 4)), int(rng.integers(6))) if kind < 2 else (0, 0)
            )
            at += int(rng.integers(20, 400))
        bounds.append(len(events))
    assert lines(events, bounds, steers) == twin(events, bounds, steers)


def test_table_of_another_shape_is_refused():
    events = [(0, 20, 1, 0, 0, 0, 1, -1, -1)]
    with pytest.raises(ValueError, match="steers are 2 x 2, not 1 x 2"):
        lines(events, [0, 1], [(0, 0), (0, 0)])
