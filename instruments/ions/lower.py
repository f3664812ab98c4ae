"""Lower straights on beams, TTL lines and counters to an ARTIQ experiment for a crate with Urukul AD9910 cards.

Tone 0 and 1 of output k are the synthesisers ``dds{2 k - 2}`` and ``dds{2 k - 1}``, whose light or signal is combined;
TTL lines are ``ttl{n}``, photon counters ``counter{n}``, all counted as lab.toml does. Four synthesisers share a card.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qctl.errors import TimingError
from qctl.instruments.checker import check_number, usage
from qctl.instruments.ions.artiq import CHIPS_PER_CARD, GATE, LINE, SET, SWITCH, Call, experiment
from qctl.instruments.ions.body import ArtiqBody
from qctl.instruments.ions.capabilities import CRATE, TABLES
from qctl.instruments.ions.events import Spans, spans_of
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.straights import joined
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_s

__all__ = ["lower"]

_COARSE = 8
_SET_NS = (0, 8, 160, 168, 704, 712, 864, 872, 1408, 1416, 1952, 1960, 1960, 1968, 2120, 2128)
"""Output events of `set_mu` with a tracked phase, after its call: three writes of registers, and IO_UPDATE.

Source: ARTIQ 9, ad9910.py (`set_mu`, `write32`, `write64`) and spi2.py (`write`), with the dividers of urukul.py.
"""
_NEVER = -(2**62)


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one crate.

    Raises
    ------
    CompileError
        If something is outside what the crate can; the message names the play, the limit and the remedy.
    TimingError
        If a synthesiser has no time to be set, lanes are too few, or the processor would be late.
    """
    flat, table, name = joined(straights), TABLES[CRATE], instrument.name
    spi = _number("spi")
    spans = spans_of(flat, instrument, lab, shots, table, spi)
    points = [_Calls(spans, point, name).run() for point in range(len(flat))]
    slack_ns = max(_number("slack"), *(_due_early(calls) for calls in points), 0)
    lanes = max((_check(calls, point, name, slack_ns) for point, calls in enumerate(points)), default=0)
    period_ns = math.ceil(rational_s(shots.period_s) * 10**9)
    title = f"{name}: {len(flat)} points, {shots.n_shots} shots; {spans.rounding.said()}."
    text, devices = experiment("Sequences", title, points, shots.n_shots, period_ns, slack_ns)
    body = ArtiqBody(text, len(flat), shots.n_shots, devices, spans.rounding.said())
    check_number(table, "loops.count", shots.n_shots, name)
    report = (
        usage(table, "restrictions.lanes.range", lanes, name="lanes"),
        Usage("synthesisers", sum(d.startswith("dds") for d in devices), 2 * table.channels["tone"].number.most),
    )
    return DeviceProgram(name, instrument.model, body.to_bytes(), {}, len(flat), report)


def _number(restriction: str) -> int:
    found = TABLES[CRATE].restrictions[restriction].range
    assert found is not None
    return found.least


class _Calls:
    """The calls of one point."""

    def __init__(self, spans: Spans, point: int, name: str) -> None:
        self.spans, self.point, self.name = spans, point, name
        self.calls: list[Call] = []

    def run(self) -> list[Call]:
        """Return them in order of time."""
        tones = self.spans.tones[self.spans.tones["point"] == self.point]
        self._tones(tones.tolist())
        lines = self.spans.lines[self.spans.lines["point"] == self.point]
        for _, output, _, start, end, *_ in lines.tolist():
            self.calls += [Call(start, LINE, f"ttl{output}", (1,)), Call(end, LINE, f"ttl{output}", (0,))]
        for gate in self.spans.gates:
            if gate.point == self.point:
                self.calls.append(Call(gate.start, GATE, f"counter{gate.counter}", (gate.end - gate.start,)))
        self.calls.sort(key=lambda call: (call.tick, call.kind != SWITCH, call.numbers))
        return self.calls

    def _tones(self, rows: list[tuple[int, ...]]) -> None:
        """Set each synthesiser in the pause before its pulse, and switch it.

        Those of a card wait for each other; those of other cards do where there is time, since each that is set while
        another one is takes two lanes more.
        """
        spi, first = _number("spi"), -_number("slack") // 2
        held: dict[int, tuple[int, int, int]] = {}
        off: dict[int, int] = {}
        free: dict[int, int] = {}
        all_free = first
        for _, output, tone, start, end, ftw, pow_, asf, play in rows:
            chip = 2 * (output - 1) + tone
            words = (ftw, pow_, asf)
            if held.get(chip) != words:
                begin = max(off.get(chip, first), free.get(chip // CHIPS_PER_CARD, first))
                if max(begin, all_free) + spi + _COARSE <= start:
                    begin = max(begin, all_free)
                begin = -(-begin // _COARSE) * _COARSE
                if begin + spi > start:
                    raise TimingError(
                        f"{self.spans.label(play)} starts at {start} ns, and dds{chip} of {self.name} can be set from "
                        f"{begin} ns on, which takes {spi} ns on its card's bus: set settle_s of its beam "
                        f"{(begin + spi - start) * 1e-9:.3g} s longer in lab.toml, or more"
                    )
                self.calls.append(Call(begin, SET, f"dds{chip}", words))
                held[chip], free[chip // CHIPS_PER_CARD] = words, begin + spi
                all_free = max(all_free, begin + spi)
            if off.get(chip) == start:
                self.calls.remove(Call(start, SWITCH, f"dds{chip}", (0,)))
            else:
                self.calls.append(Call(start, SWITCH, f"dds{chip}", (1,)))
            self.calls.append(Call(end, SWITCH, f"dds{chip}", (0,)))
            off[chip] = end


def _check(calls: Sequence[Call], point: int, name: str, slack_ns: int) -> int:
    """Refuse what the lanes can't sort and what the processor can't submit in time; return how many lanes it takes."""
    limit, pace = TABLES[CRATE].restrictions["lanes"].range, _number("pace")
    assert limit is not None
    last = [_NEVER] * limit.most
    lane = paid = most = 0
    for call in calls:
        ticks = _events(call)
        paid += len(ticks) * pace
        if paid > call.tick + slack_ns:
            raise TimingError(
                f"{call.device} of {name} is due at {call.tick} ns (point {point}), and the core device "
                f"gets there {paid - call.tick - slack_ns} ns too late, at {pace} ns an event with {slack_ns} ns of "
                f"slack: leave more time between pulses"
            )
        for tick in ticks:
            cycle = tick // _COARSE
            if cycle <= last[lane]:
                lane = (lane + 1) % len(last)
                most = max(most, 1 + sum(cycle <= until for until in last))
                if cycle <= last[lane]:
                    raise TimingError(
                        f"{call.device} of {name} at {tick} ns (point {point}) finds {len(last)} lanes with later "
                        f"events, which are all there are ({limit.source}): leave more time between pulses that begin "
                        f"together"
                    )
            last[lane] = cycle
    return max(most, 1 if calls else 0)


def _events(call: Call) -> tuple[int, ...]:
    """Return the times of a call's output events, as the core device submits them."""
    if call.kind == SET:
        return tuple(call.tick + ns for ns in _SET_NS)
    return (call.tick, call.tick + call.numbers[0]) if call.kind == GATE else (call.tick,)


def _due_early(calls: Sequence[Call]) -> int:
    """Return the slack that the calls before a sequence's time zero need."""
    pace, paid, need = _number("pace"), 0, 0
    for call in calls:
        if call.tick > 0:
            break
        paid += len(_events(call)) * pace
        need = max(need, paid - call.tick)
    return need
