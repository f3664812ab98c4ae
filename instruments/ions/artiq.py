"""Write an ARTIQ experiment: each sequence is a kernel of calls at times in machine units, its numbers in tables.

A synthesiser is set while its switch is off, and switched at the very nanosecond; its phase is tracked from the time
zero of the sequence. Calls stand in order of time, so that few lanes are in use.

Source: ARTIQ manual, pages "Getting started with the core language" and "RTIO", and the reference of ``ad9910``,
``ttl`` and ``edge_counter``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["CHIPS_PER_CARD", "GATE", "LINE", "SET", "SWITCH", "Call", "experiment"]

SET, SWITCH, LINE, GATE = "set", "switch", "line", "gate"
CHIPS_PER_CARD = 4


class Call(NamedTuple):
    """One call of a sequence: when, in machine units from time zero; what, on which device, with which numbers."""

    tick: int
    kind: str
    device: str
    numbers: tuple[int, ...]


_FORMS = {
    SET: "self.{}.set_mu({}, pow_={}, asf={}, phase_mode=PHASE_MODE_TRACKING, ref_time_mu=t)",
    GATE: "self.{}.gate_rising_mu({})",
}
_HEAD = '''"""{title}"""

from artiq.coredevice.ad9910 import PHASE_MODE_TRACKING
from artiq.experiment import *


class {name}(EnvExperiment):
    """{n_points} points, {n_shots} shots each; `counts` takes (shot, point, photons of each gate as they close)."""

    def build(self):
        self.setattr_device("core")
{devices}
{tables}
        self.photons = [0] * {n_photons}

    @rpc(flags={{"async"}})
    def counts(self, shot, point, photons):
        self.append_to_dataset("counts", [shot, point] + photons)

    def prepare(self):
        self.set_dataset("counts", [], broadcast=True)

    @kernel
    def run(self):
        self.core.reset()
{init}
        t = now_mu() + {slack}
        for shot in range({n_shots}):
            for point in range({n_points}):
{choice}
                t += {period}
                now = self.core.get_rtio_counter_mu() + {slack}
                if t < now:
                    t = now
'''


def experiment(
    name: str, title: str, points: Sequence[Sequence[Call]], n_shots: int, period_mu: int, slack_mu: int
) -> tuple[str, tuple[str, ...]]:
    """Return the text of an experiment, and the devices that it needs.

    Parameters
    ----------
    name, title : str
        Of the class, and what it is for.
    points : sequence of sequence of Call
        In order of time.
    n_shots : int
        Of each point.
    period_mu, slack_mu : int
        From sequence to sequence, and by how much the core runs ahead when one begins.
    """
    groups: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for point, calls in enumerate(points):
        shape = tuple((c.kind, c.device, str(c.numbers[0]) if c.kind in (SWITCH, LINE) else "") for c in calls)
        groups.setdefault(shape, []).append(point)
    tables: dict[tuple[int, ...], str] = {}
    kernels, branches = [], []
    for number, members in enumerate(groups.values()):
        rows = [points[k] for k in members]
        lines = _kernel(rows, members, len(points), tables)
        kernels.append(f"    @kernel\n    def sequence{number}(self, t, point):\n" + "\n".join(lines))
        branches.append((number, members))
    devices = sorted({c.device for calls in points for c in calls}, key=_natural)
    chips = [device for device in devices if device.startswith("dds")]
    first = {_natural(chip)[1] // CHIPS_PER_CARD: chip for chip in reversed(chips)}
    init = [f"        self.{chip}.cpld.init()" for _, chip in sorted(first.items())]
    init += [f"        self.{chip}.{call}()" for chip in chips for call in ("init", "sw.off")]
    n_photons = max((sum(c.kind == GATE for c in calls) for calls in points), default=0)
    text = _HEAD.format(
        title=title, name=name, n_points=len(points), n_shots=n_shots, slack=slack_mu, period=period_mu,
        n_photons=max(n_photons, 1),
        devices="\n".join(f'        self.setattr_device("{device}")' for device in devices),
        tables="\n".join(f"        self.{table} = {list(values)}" for values, table in tables.items())
        + _which(branches, len(points)),
        init="\n".join([*init, "        self.core.break_realtime()"]),
        choice=_choice(branches),
    )  # fmt: skip
    text = "\n".join(line for line in text.split("\n") if line.strip() or not line) + "\n" + "\n\n".join(kernels) + "\n"
    return re.sub(r"\n{3,}", "\n\n", text).replace("import *\n\nclass", "import *\n\n\nclass"), tuple(devices)


def _kernel(
    rows: Sequence[Sequence[Call]], members: Sequence[int], n_points: int, tables: dict[tuple[int, ...], str]
) -> list[str]:  # fmt: skip
    """Return the lines of one kernel; what differs between its points is looked up."""

    def word(column: list[int]) -> str:
        if len(set(column)) == 1:
            return str(column[0])
        whole = [0] * n_points
        for point, value in zip(members, column, strict=True):
            whole[point] = value
        return f"self.{tables.setdefault(tuple(whole), f'v{len(tables)}')}[point]"

    lines, gates = [], []
    for k, first in enumerate(rows[0]):
        lines.append(f"        at_mu(t + {word([row[k].tick for row in rows])})")
        if first.kind in _FORMS:
            numbers = [word([row[k].numbers[j] for row in rows]) for j in range(len(first.numbers))]
            lines.append(f"        {_FORMS[first.kind].format(first.device, *numbers)}")
        else:
            switch = f"{first.device}.sw" if first.kind == SWITCH else first.device
            lines.append(f"        self.{switch}.{'on' if first.numbers[0] else 'off'}()")
        if first.kind == GATE:
            gates.append((max(row[k].tick + row[k].numbers[0] for row in rows), first.device))
    # Photons are asked for as the gates close: that waits until the last of them has.
    for number, (_, device) in enumerate(sorted(gates)):
        lines.append(f"        self.photons[{number}] = self.{device}.fetch_count()")
    return lines or ["        pass"]


def _which(branches: list[tuple[int, list[int]]], n_points: int) -> str:
    if len(branches) < 2:
        return ""
    which = [0] * n_points
    for number, members in branches:
        for point in members:
            which[point] = number
    return f"\n        self.which = {which}"


def _choice(branches: list[tuple[int, list[int]]]) -> str:
    lines = []
    for number, _ in branches:
        if len(branches) > 1:
            word = "if" if number == 0 else "elif"
            lines.append(f"                {word} self.which[point] == {number}:")
        lines.append(f"{' ' * (20 if len(branches) > 1 else 16)}self.sequence{number}(t, point)")
    lines.append("                self.counts(shot, point, self.photons)")
    return "\n".join(lines)


def _natural(name: str) -> tuple[str, int]:
    word = name.rstrip("0123456789")
    return word, int(name[len(word) :] or 0)
