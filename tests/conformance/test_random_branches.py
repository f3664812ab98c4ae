"""Random programs with branches: vendors' compilers take them, and boxes play for all results what the program says.

A program is walked as it stands, in each shot with results of its own; every pulse has a height of its own, by which it
is told from others in what the vendor's simulator (or the emulated sequencer, where there is none) puts out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from branches import PORTS, Branches, built, random_branches, walked
from steered import Point, steered
from targets import TARGETS, Target

import qctl
from qctl.errors import QctlError
from qctl.lowering import compile

SHOTS, TOGETHER = 2, 2
HALF_GRID_S = {"qblox": 0.5e-9, "zurich": 0.25e-9, "qick": 1.2e-9}
FOLLOW = [t for t in TARGETS if t.name.startswith(("qblox", "qick", "zurich-shfqc", "zurich-pqsc"))]
LEAST, STEP = 0.15, 0.02
"""Heights of the first pulse and between pulses, in parts of a port's full scale."""


class Said(NamedTuple):
    """What qctl says of a point: plays by port as (start in seconds, number, condition), and columns of captures."""

    point: Point
    plays: dict[str, list[tuple[float, int, Any]]]
    columns: dict[str, list[int]]


def number(volts: float, full_v: float) -> int:
    return round((abs(volts) / full_v - LEAST) / STEP)


def said(ready: Any, target: Target) -> list[Said]:
    """Return what the timelines of a run say."""
    found = []
    for compiled, point in zip(ready.compiled, ready.straights, strict=True):
        whens = compiled.timeline.conditions or [None] * len(point.plays)
        deciding = {c for when in whens if when is not None for c in when.captures}
        captures: dict[str, list[tuple[float, bool, int]]] = {}
        plays: dict[str, list[tuple[float, int, Any]]] = {port: [] for port in PORTS}
        for column, row in enumerate(point.captures):
            clock = point.ports[int(row["port"])]
            start_s = float(int(row["start"]) / clock.rate_hz)
            captures.setdefault(clock.name, []).append((start_s, column in deciding, column))
        for play, when in zip(point.plays, whens, strict=True):
            clock = point.ports[int(play["port"])]
            if clock.name in plays:
                k = number(play["amplitude"], target.full_v[clock.name])
                plays[clock.name].append((float(int(play["start"]) / clock.rate_hz), k, when))
        for own in (*captures.values(), *plays.values()):
            own.sort(key=lambda one: one[0])
        first_s = min(own[0][0] for own in plays.values() if own)
        found.append(
            Said(
                Point({port: [one[:2] for one in own] for port, own in captures.items()}, first_s),
                plays,
                {port: [one[2] for one in own] for port, own in captures.items()},
            )
        )
    return found


class Bench:
    """A target and what makes programs for it."""

    def __init__(self, target: Target) -> None:
        self.target, self.lab = target, target.lab()
        (self.processor,) = self.lab.processors.values()
        self.half_grid_s = HALF_GRID_S[target.name.partition("-")[0]]

    def pulse(self, port: str, k: int) -> Any:
        if port.endswith("drive"):
            length_s = 2 * self.processor.qubit["q0"].drive.length_s
        else:
            length_s = self.processor.coupler["q0-q1"].cz.length_s
        return qctl.constant(length_s, self.target.full_v[port] * (LEAST + STEP * k))

    def compiled(self, programs: list[Branches]) -> Any:
        return compile([built(one, self.pulse) for one in programs], self.lab, shots=SHOTS, averaged=False)

    def accepted(self, seeds: range) -> list[tuple[int, Branches]]:
        """Return the programs that are not refused; what is refused says why with the place."""
        found = []
        for seed in seeds:
            # The SHFQC's rack has its flux on an HDAWG, which does not hear of results.
            program = random_branches(seed, flux=0.0 if self.target.name == "zurich-shfqc" else 0.3)
            try:
                self.compiled([program])
            except QctlError as error:
                assert error.code not in ("internal", "parse"), (seed, error)
                continue
            found.append((seed, program))
        return found

    def judge(self, programs: list[tuple[int, Branches]], folder: Path) -> None:
        """Compare what is played with what programs say, one a point, in a few shots."""
        ready = self.compiled([program for _, program in programs])
        points = said(ready, self.target)
        rng = np.random.default_rng(programs[0][0])
        drawn: dict[Any, int] = {}

        def result(*place: Any) -> int:
            return drawn.setdefault(place, int(rng.integers(2)))

        heard = steered(ready, [one.point for one in points], self.lab, result, folder)
        offsets_s: dict[str, float] = {}
        for shot in range(SHOTS):
            for p, (seed, program) in enumerate(programs):
                wanted = walked(program, lambda q, k, s=shot, p=p: result(s, p, f"{q}.readout", k))
                found = {port.partition(".")[0]: len(own) for port, own in points[p].columns.items()}
                assert found == {q: n for q, n in wanted.n_measured.items() if n}, seed
                states = {
                    column: result(shot, p, port, k)
                    for port, columns in points[p].columns.items()
                    for k, column in enumerate(columns)
                }
                for port in PORTS:
                    timed = [one for one in points[p].plays[port] if one[2] is None or one[2].holds(states)]
                    own = heard.get((shot, p, port), [])
                    place = (seed, shot, port, states)
                    assert [one[1] for one in timed] == wanted.pulses[port], ("timeline", *place)
                    full_v = self.target.full_v[port]
                    assert [number(one.volts, full_v) for one in own] == wanted.pulses[port], ("box", *place)
                    for one, (start_s, *_) in zip(own, timed, strict=True):
                        apart_s = one.start_s - start_s
                        # Boxes have a lead of their own; it is the same for all pulses of a port.
                        assert abs(apart_s - offsets_s.setdefault(port, apart_s)) <= 2 * self.half_grid_s, place


def judged(target: Target, seeds: range, folder: Path) -> int:
    bench = Bench(target)
    programs = bench.accepted(seeds)
    for k in range(0, len(programs), TOGETHER):
        together = programs[k : k + TOGETHER]
        try:
            n_batches = len(bench.compiled([program for _, program in together]).lowered.batches)
        except QctlError:  # a box has one threshold or inversion for all points of a batch
            n_batches = 0
        for some in [together] if n_batches == 1 else [[one] for one in together]:
            bench.judge(some, folder)
    return len(programs)


@pytest.mark.parametrize("target", FOLLOW, ids=lambda target: target.name)
def test_boxes_play_what_results_decide(target, tmp_path):
    assert judged(target, range(16), tmp_path) >= 3


@pytest.mark.full
@pytest.mark.parametrize("first", range(100, 400, 50))
@pytest.mark.parametrize("target", FOLLOW, ids=lambda target: target.name)
def test_boxes_play_what_results_decide_in_many_programs(target, first, tmp_path):
    # Most are refused by name; that hardly any is judged would go unnoticed otherwise.
    assert judged(target, range(first, first + 50), tmp_path) >= 5
