"""Lower straights on beams, TTL lines and counters to an ARTIQ experiment for a crate with Urukul AD9910 cards.

Tone 0 and 1 of output k are the synthesisers ``dds{2 k - 2}`` and ``dds{2 k - 1}``, whose light or signal is combined;
TTL lines are ``ttl{n}``, photon counters ``counter{n}``, all counted as lab.toml does. Four synthesisers share a card.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qctl.errors import TimingError
from qctl.instruments.checker import check_number, usage
from qctl.instruments.ions.artiq import GATE, LINE, SET, SWITCH, Call, experiment
from qctl.instruments.ions.body import ArtiqBody
from qctl.instruments.ions.capabilities import CRATE, TABLES
from qctl.instruments.ions.events import Spans, spans_of
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.straights import joined
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_s

__all__ = ["lower"]

_PER_CARD, _COARSE = 4, 8
_COSTS = {SET: 6, SWITCH: 1, LINE: 1, GATE: 2}
"""Output events of one call, as the processor pays for them."""


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
    period_ns = math.ceil(rational_s(shots.period_s) * 10**9)
    title = f"{name}: {len(flat)} points, {shots.n_shots} shots; {spans.rounding.said()}."
    text, devices = experiment("Sequences", title, points, shots.n_shots, period_ns, _number("slack"))
    body = ArtiqBody(text, len(flat), shots.n_shots, devices, spans.rounding.said())
    check_number(table, "loops.count", shots.n_shots, name)
    lanes = max((_lanes(calls) for calls in points), default=0)
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
        self._check()
        return self.calls

    def _tones(self, rows: list[tuple[int, ...]]) -> None:
        """Set each synthesiser in the pause before its pulse, one after the other on a card, and switch it."""
        spi, slack = _number("spi"), _number("slack")
        held: dict[int, tuple[int, int, int]] = {}
        off: dict[int, int] = {}
        free: dict[int, int] = {}
        for _, output, tone, start, end, ftw, pow_, asf, play in rows:
            chip = 2 * (output - 1) + tone
            words = (ftw, pow_, asf)
            if held.get(chip) != words:
                begin = max(off.get(chip, -slack // 2), free.get(chip // _PER_CARD, -slack // 2))
                begin = -(-begin // _COARSE) * _COARSE
                if begin + spi > start:
                    raise TimingError(
                        f"{self.spans.label(play)} starts at {start} ns, and dds{chip} of {self.name} can be set from "
                        f"{begin} ns on, which takes {spi} ns on its card's bus: set settle_s of its beam to "
                        f"{(spi + start - begin if begin > start else spi) * 1e-9:.3g} in lab.toml, or more"
                    )
                self.calls.append(Call(begin, SET, f"dds{chip}", words))
                held[chip], free[chip // _PER_CARD] = words, begin + spi
            if off.get(chip) == start:
                self.calls.remove(Call(start, SWITCH, f"dds{chip}", (0,)))
            else:
                self.calls.append(Call(start, SWITCH, f"dds{chip}", (1,)))
            self.calls.append(Call(end, SWITCH, f"dds{chip}", (0,)))
            off[chip] = end

    def _check(self) -> None:
        """Refuse more events at once than there are lanes, and more than the processor can submit in time."""
        lanes, slack, pace = TABLES[CRATE].restrictions["lanes"].range, _number("slack"), _number("pace")
        assert lanes is not None
        at_once = _lanes(self.calls)
        if at_once > lanes.most:
            raise TimingError(
                f"{at_once} events of {self.name} are in one coarse cycle of 8 ns (point {self.point}); there are "
                f"{lanes.most} lanes ({lanes.source}): move some by 8 ns"
            )
        paid = 0
        for call in self.calls:
            paid += _COSTS[call.kind] * pace
            if paid > call.tick + slack:
                raise TimingError(
                    f"{call.device} of {self.name} is due at {call.tick} ns (point {self.point}), and the core device "
                    f"gets there {paid - call.tick - slack} ns too late, at {pace} ns an event with {slack} ns of "
                    f"slack: leave more time between pulses"
                )


def _lanes(calls: Sequence[Call]) -> int:
    """Return the most events in one coarse cycle."""
    found: dict[int, int] = {}
    for call in calls:
        found[call.tick // 8] = found.get(call.tick // 8, 0) + 1
    return max(found.values(), default=0)
