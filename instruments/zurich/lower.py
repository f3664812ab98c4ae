"""Lower straights to what a Zurich Instruments box plays: SeqC, tables and waveforms, all points in a shot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.rows import Rows, alike, conditions_of, rows_of
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich.body import Core, Readout, ZurichBody
from qctl.instruments.zurich.connectors import (
    carrier_of_readout,
    check_mixers,
    check_outputs,
    core_of_port,
    outputs_of_readout,
    readout_of_port,
)
from qctl.instruments.zurich.core import Place, Size, core_of
from qctl.instruments.zurich.feedback import CYCLE, FEEDBACK_NS, MOST_CYCLES, Conditions
from qctl.instruments.zurich.hub import HUB, HUB_FEEDBACK_NS, KNOWN, WAIT, Heard, Plan, check_hub, hub_of, planned
from qctl.instruments.zurich.marker import MARKER_INSTRUCTIONS, beginning_of, marker_core, markers_of
from qctl.instruments.zurich.readout import ReadSize, readout_of
from qctl.instruments.zurich.waveforms import Grid
from qctl.lab import Instrument, Lab, Port
from qctl.lab.held import Same, kept
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.straights import Straights
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, rational_s, to_ticks

__all__ = ["duration_s", "feedback_ns", "fires_by_program", "lower", "plan_of"]

_FOLLOWS = frozenset(("zurich-shfqc",))
"""Boxes whose results reach their own outputs without a PQSC."""


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one box.

    All sequencers start together, at one trigger, and play all points in each shot; a point takes the same time on all
    of them, the period rounded up to whole grids of every box of this family. A box whose trigger wire comes from
    another family waits for a trigger at each shot instead, and plays all shots of a point before the next point. Where
    there is more than a memory takes, there is no program.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range, or can't be played where it is.
    """
    work = _work_of(straights, instrument, lab, shots)
    hub = hub_of(instrument, lab)
    if hub is not None and work.given.of_point:
        work.given.plan = plan_of(straights, hub, lab, shots)
    readouts, cores = work.readouts(), work.cores()  # results come before what they decide
    body = ZurichBody(
        cores, readouts, len(straights), shots.n_shots, shots.averaged, work.period, work.each, tuple(work.notes)
    )
    usage = work.usage()
    fits = all(row.fits for row in usage)
    return DeviceProgram(
        instrument.name, instrument.model, body.to_bytes() if fits else b"", work.blobs, len(straights), usage
    )


def _work_of(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> _Work:
    """Return what one box is lowered with; refuse a box that is not what it can be."""
    model, hub = can.MODELS[instrument.model], hub_of(instrument, lab)
    if instrument.clock_hz not in model.rates_hz:
        known = " or ".join(f"{rate:g}" for rate in model.rates_hz)
        raise CompileError(f"{instrument.name}: clock_hz = {instrument.clock_hz} is not {known}")
    if hub is not None:
        check_hub(instrument, hub)

    def checked() -> bool:
        check_outputs(instrument, model)
        check_mixers(instrument, model, lab.ports.values())
        return True

    kept(lab, ("zurich outputs", instrument.name, Same(model)), checked)
    rows = rows_of(straights, shots)
    rate_hz = rational_hz(instrument.clock_hz)
    head = int(rational_s(can.HEAD_S) * rate_hz)
    lead = to_ticks(shots.lead_s.get(instrument.name, 0.0), rate_hz).ticks
    each = _waits_each(instrument, lab)
    period = _period(rows.length_ns, float(shots.period_s), rate_hz, head + lead, instrument.name, each)
    given = Conditions(straights, rows)
    return _Work(instrument, model, lab, rows, shots, rate_hz, head, lead, period, each, given)


_last: list[tuple[Sequence[Straight], Shots, Lab, str, Plan]] = []
"""What was planned last: the boxes of a rack ask for the same, one after the other."""


def plan_of(straights: Sequence[Straight], hub: Instrument, lab: Lab, shots: Shots) -> Plan:
    """Return what a PQSC keeps and sends in a batch; nothing where no play depends on results.

    Raises
    ------
    CompileError
        If it can't.
    """
    for old, old_shots, old_lab, name, plan in _last:
        if old is straights and old_shots.captures is shots.captures and old_lab is lab and name == hub.name:
            return plan
    rows = rows_of(straights, shots)
    conditions = conditions_of(straights)
    plan = Plan()
    if conditions and isinstance(straights, Straights):
        heard: dict[tuple[str, int], Heard] = {}
        for box in lab.instruments.values():
            if box.model in can.MODELS and can.MODELS[box.model].readout is not None and hub_of(box, lab) is hub:
                work = _work_of(straights, box, lab, shots)
                work.readouts()
                heard |= {(box.name, number): found for number, found in work.given.heard.items()}
        plan = planned(heard, straights, rows, conditions, lab, hub)
    _last[:] = [(straights, shots, lab, hub.name, plan)]
    return plan


def duration_s(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> float:
    """Return how long a box plays all points of all shots, from the trigger on."""
    work = _work_of(straights, instrument, lab, shots)
    return float(work.period * len(straights) * shots.n_shots / work.rate_hz)


def feedback_ns(instrument: Instrument, lab: Lab) -> tuple[int, int] | None:
    """Return the time from the end of a capture to what it may decide, and that between two that decide, in ns."""
    if hub_of(instrument, lab) is not None:
        return (HUB_FEEDBACK_NS, 0) if instrument.model in KNOWN else None
    return (FEEDBACK_NS, 0) if instrument.model in _FOLLOWS else None


def fires_by_program(model: str) -> bool:
    """Say whether a box that fires a processor's shots does so by its program, and so has one whatever is played."""
    return model == "zurich-hdawg"


def _waits_each(instrument: Instrument, lab: Lab) -> bool:
    """Return whether each shot of a box waits for a trigger: whether the wire comes from another family."""
    wire = instrument.trigger
    return wire is not None and lab.instrument(wire.source).model not in (*can.MODELS, HUB)


@lru_cache(maxsize=256)
def _period(length_ns: int, shot_s: float, rate_hz: Fraction, before: int, name: str, each: bool) -> int:
    """Return the samples of a point, for which every box of this family has a whole number of grids."""
    # A piece's end may be two of its least lengths behind that of the pulse.
    longest_s = Fraction(length_ns, 10**9) + (before + 64) / rate_hz
    unit_s = rational_s(can.PERIOD_S)
    period_s = max(rational_s(shot_s), longest_s)
    period = int(ceil(period_s / unit_s) * unit_s * rate_hz)
    if each:
        # A sequencer has to wait again before its next trigger comes.
        period_s = rational_s(shot_s) - rational_s(can.REARM_S)
        period = int(floor(period_s / unit_s) * unit_s * rate_hz)
        if period_s < longest_s:
            raise CompileError(
                f"{name}: a shot takes {float(longest_s) * 1e6:.4g} us, and {can.REARM_S * 1e6:g} us to wait again; "
                f"triggers come every {shot_s * 1e6:.4g} us: lengthen shot_period_s in lab.toml"
            )
    if period >= 1 << 40:
        raise CompileError(f"{name}: a shot of {float(period_s):g} s is too long: shorten shot_period_s in lab.toml")
    return period


_Read = tuple[Readout, dict[str, NDArray[np.generic]], ReadSize]


@dataclass(slots=True, eq=False)
class _Work:
    """The state while one box is lowered."""

    instrument: Instrument
    model: can.Model
    lab: Lab
    rows: Rows
    shots: Shots
    rate_hz: Fraction
    head: int
    lead: int
    period: int
    each: bool
    given: Conditions
    blobs: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sizes: list[tuple[str, Size]] = field(default_factory=list)
    read_sizes: list[tuple[str, ReadSize]] = field(default_factory=list)

    def grid(self, step: int, least: int) -> Grid:
        """Return what times of a sequencer are counted in."""
        return Grid(self.rate_hz, step, least, self.head, self.head + self.lead, self.period, self.each)

    def _owners(self, number_of: Callable[[Port, Instrument, can.Model], int | None]) -> dict[int, list[Port]]:
        """Return the ports of each core or channel that take part in the batch."""
        rows = self.rows
        key = (self.instrument.name, Same(self.model), tuple(rows.ports), rows.played, rows.captured)
        return kept(self.lab, ("zurich owners", number_of, *key), lambda: self._found(number_of))

    def _found(self, number_of: Callable[[Port, Instrument, can.Model], int | None]) -> dict[int, list[Port]]:
        name = self.instrument.name
        played, captured = self.rows.played, self.rows.captured
        found: dict[int, list[Port]] = {}
        for port in self.lab.ports.values():
            k = self.rows.ports.get(port.name)
            if len({ref.instrument for ref in port.outputs}) > 1:
                raise CompileError(f"port {port.name}: I and Q are outputs of two instruments")
            plays = k in played and any(ref.instrument == name for ref in port.outputs)
            if plays or (k in captured and any(ref.instrument == name for ref in port.inputs)):
                number = number_of(port, self.instrument, self.model)
                if number is not None:
                    found.setdefault(number, []).append(port)
        return dict(sorted(found.items()))

    def cores(self) -> tuple[Core, ...]:
        """Return what the AWG cores play."""
        player, rows = self.model.player, self.rows
        if player is None:
            return ()
        made = []
        for number, ports in self._owners(core_of_port).items():
            channels = np.full(len(rows.ports), -1, np.int32)
            for port in ports:
                channels[rows.ports[port.name]] = (
                    0 if player.mixes or len(port.outputs) == 2 else (port.outputs[0].output - 2 * number - 1)
                )
            mine = rows.counts[channels >= 0].sum(axis=0)
            around = beginning_of(self.instrument, self.lab, number)
            place = Place(number, tuple(ports), channels, np.flatnonzero(mine), int(mine.sum()), *around)
            core, blobs, size = core_of(
                place, self.instrument, self.lab, player, rows, self.shots, self.grid(player.grid, player.least),
                self.given,
            )  # fmt: skip
            made.append(core)
            self.blobs.update(blobs)
            self.sizes.append((ports[0].name, size))
            if size.n_merged:
                self.notes.append(
                    f"{', '.join(core.ports)}: {size.n_merged} of {place.n_plays} pulses share a waveform with a "
                    f"neighbour, as they begin or end off the grid of {player.grid} samples"
                )
        markers = sorted(markers_of(self.instrument, self.lab) - {core.number for core in made})
        self.sizes += [(f"marker of core {number}", Size(MARKER_INSTRUCTIONS, 0, 0, 0, 0)) for number in markers]
        return (*made, *map(marker_core, markers))

    def readouts(self) -> tuple[Readout, ...]:
        """Return what the readout channels play and acquire."""
        reader = self.model.readout
        if reader is None:
            return ()
        if hub_of(self.instrument, self.lab) is not None:
            reader = replace(reader, trigger=WAIT)
        made = []
        for number, ports in self._owners(readout_of_port).items():
            readout, blobs, size = self._readout(number, ports, reader)
            made.append(readout)
            self.blobs.update(blobs)
            self.read_sizes.append((ports[0].name, size))
        return tuple(made)

    def _readout(self, number: int, ports: list[Port], reader: can.Readout) -> _Read:
        """Return what one readout channel plays and acquires; it is kept where all points are read out alike."""
        rows, grid = self.rows, self.grid(reader.grid, reader.least)

        def make() -> _Read:
            box, model = self.instrument, self.model
            outputs, lo_hz = outputs_of_readout(ports, box, model), carrier_of_readout(ports, box, model, self.lab)
            return readout_of(number, ports, outputs, lo_hz, box, reader, rows, self.shots, grid, self.given)

        content = alike(rows, [rows.ports[port.name] for port in ports])
        if content is None or self.given.deciding():
            return make()
        decides = (number, Same(self.model), tuple(rows.ports), grid, self.shots.n_shots, self.shots.averaged)
        return kept(self.lab, ("zurich readout", self.instrument.name, *decides, content), make)

    def usage(self) -> tuple[Usage, ...]:
        """Return the rows of the resource report: of each memory, the fullest core's."""
        rows = []
        player, reader = self.model.player, self.model.readout
        if player is not None and self.sizes:

            def core(resource: str, used: Callable[[Size], int], allowed: int) -> Usage:
                place, size = max(self.sizes, key=lambda pair: used(pair[1]))
                return Usage(resource, used(size), allowed, place)

            rows += [
                core("instructions", lambda size: size.n_instructions, player.max_instructions),
                core("waveform samples", lambda size: size.n_samples, player.max_samples),
                core("waveforms", lambda size: size.n_waveforms, can.MAX_WAVE_INDEX),
                core("table entries", lambda size: size.n_entries, player.max_entries),
            ]
        if self.given.deciding() and not self.each:
            n_cycles = self.shots.n_shots * (len(self.rows.bounds) - 1) * self.period // CYCLE
            rows.append(Usage("cycles that are counted", n_cycles, MOST_CYCLES, self.instrument.name))
        if reader is not None and self.read_sizes:

            def channel(resource: str, used: Callable[[ReadSize], int], allowed: int) -> Usage:
                place, size = max(self.read_sizes, key=lambda pair: used(pair[1]))
                return Usage(resource, used(size), allowed, place)

            rows += [
                channel("readout instructions", lambda size: size.n_instructions, reader.max_instructions),
                channel("integrators", lambda size: size.n_integrators, reader.n_slots),
                channel("results", lambda size: size.n_results, can.MAX_RESULTS),
                channel("averages", lambda size: size.n_averages, can.MAX_AVERAGES),
                channel("readout waveforms", lambda size: size.n_generators, reader.n_slots)
                if reader.generates
                else channel("readout waveform samples", lambda size: size.n_samples, reader.max_samples),
            ]
        return tuple(rows)
