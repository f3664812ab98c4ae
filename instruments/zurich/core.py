"""Lower what one AWG core plays to SeqC, a command table and waveforms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import recycled, seqc
from qctl.errors import CompileError
from qctl.instruments.rows import Rows
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich.body import Core
from qctl.instruments.zurich.feedback import Conditions, Steered, points_of
from qctl.instruments.zurich.program import loaded, repeated
from qctl.instruments.zurich.waveforms import NOTHING, Cut, Grid, Held, cut_of, hold
from qctl.lab import Instrument, Lab, Port
from qctl.lab.held import Same, kept
from qctl.program.timeline import Shots

__all__ = ["Place", "Size", "core_of"]

_WORDS = {
    "phase": "its phase is no number",
    "frequencies": f"it has one frequency more than the {can.MAX_FREQUENCIES} of one batch",
    "early": "it comes before time zero of the shot",
    "end": "it comes too late for the period",
    "members": "too many pulses overlap with it",
}
_MOST_KEPT = 64
"""Plays in a core's waveforms up to which these are kept for the next time."""
_KINDS = {"mixes": 0, "modulated": 1, "plain": 2}


class Place(NamedTuple):
    """Which core it is, and what it plays for whom.

    Attributes
    ----------
    number : int
        From 0.
    ports : tuple of Port
        Ports that the core plays.
    channels : (n_ports,) int32
        Channel of the core for each of the rows' ports, or -1.
    used : tuple of int
        Waveforms of the rows that it plays.
    n_plays : int
        Plays of the core.
    begin, end : str
        What stands before and behind all points: what waits for the trigger, or raises a marker and takes it back.
    n_more : int
        Instructions of both, more than those of a wait.
    """

    number: int
    ports: tuple[Port, ...]
    channels: NDArray[np.int32]
    used: tuple[int, ...]
    n_plays: int
    begin: str
    end: str
    n_more: int


class Size(NamedTuple):
    """What one core uses."""

    n_instructions: int
    n_samples: int
    n_waveforms: int
    n_entries: int
    n_merged: int


def core_of(
    place: Place, instrument: Instrument, lab: Lab, player: can.Player, rows: Rows, shots: Shots, grid: Grid,
    given: Conditions,
) -> tuple[Core, dict[str, NDArray[np.generic]], Size]:  # fmt: skip
    """Return a core's program, the samples of its waveforms, and what it uses.

    Where it uses more than the core has, there is no program.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range, or can't be played where it is.
    """
    port = place.ports[0]
    modulated = len(port.outputs) == 2 or player.mixes
    outputs = tuple(sorted({ref.output for one in place.ports for ref in one.outputs}))
    full_scale_v = (instrument.output[outputs[0]].amplitude_vpp or 0.0) / 2
    n_oscillators = player.n_oscillators if modulated else 0
    cut = cut_of(rows, place.channels, place.used, place.n_plays, full_scale_v, grid, n_oscillators)
    if cut.fault[0]:
        _refuse(cut, rows, instrument, full_scale_v)
    steered = Steered.of(
        cut, given, place.channels, place.used, full_scale_v, grid, n_oscillators, instrument
    )  # fmt: skip
    if steered is not None:
        cut = steered.cut
    n_samples = sum([min(n, player.most_counted) for n in cut.contents["length"].tolist()])
    held, n_instructions, n_waveforms = NOTHING, 0, len(cut.contents)
    program = table = ""
    # Far too much is only counted: equal waveforms of different pulses would make room for few.
    if n_samples <= 4 * player.max_samples and len(cut.entries) <= player.max_entries:
        columns = slice(None) if modulated else slice(outputs[0] - 2 * place.number - 1, outputs[-1] - 2 * place.number)
        held = _held(cut, grid, not modulated, columns, lab)
        _check_range(cut, held, place, instrument, outputs, modulated, full_scale_v)
        n_samples = sum([min(w.n_samples, player.most_counted) for w in held.waveforms])
        program, n_instructions = _program(cut, held, player, shots, grid, modulated, outputs, place, steered)
        n_waveforms = len(held.waveforms)
        table = _table(cut, held, player, modulated)
    size = Size(n_instructions, n_samples, n_waveforms, len(cut.entries), min(cut.n_merged, place.n_plays))
    sign = 1.0 if player.mixes else -1.0
    mixer = port.mixer
    offset_v: tuple[float, ...] = tuple(instrument.output[n].offset_v for n in outputs)
    if len(port.outputs) == 2:
        offset_v = (offset_v[0] + mixer.offset_v[0], offset_v[1] + mixer.offset_v[1])
    core = Core(
        place.number, tuple(one.name for one in place.ports), outputs, modulated,
        (instrument.output[outputs[0]].lo_hz or 0.0) if player.mixes else 0.0,
        tuple(sign * hz for hz in cut.frequencies[:n_oscillators].tolist()),
        tuple(instrument.output[n].amplitude_vpp or 0.0 for n in outputs), offset_v, mixer.gain, mixer.phase_rad,
        program, table, held.waveforms,
    )  # fmt: skip
    return core, held.blobs, size


def _held(cut: Cut, grid: Grid, pair: bool, columns: slice, lab: Lab) -> Held:
    """Return the waveforms of a core; few of them are rendered once for a lab."""

    def make() -> Held:
        return hold(cut, grid.rate_hz, pair, pair, columns)

    if len(cut.members) > _MOST_KEPT:
        return make()
    tables = (cut.contents.tobytes(), cut.members.tobytes(), cut.frequencies.tobytes())
    key = ("zurich waveforms", *tables, Same(cut.samples), Same(cut.sample_bounds), grid.rate_hz, pair)
    return kept(lab, (*key, columns.start, columns.stop), make)


def _program(
    cut: Cut, held: Held, player: can.Player, shots: Shots, grid: Grid, modulated: bool, outputs: tuple[int, ...],
    place: Place, steered: Steered | None,
) -> tuple[str, int]:  # fmt: skip
    """Return the SeqC and its number of instructions; no text if there are too many."""
    if modulated:
        names: tuple[str, ...] = ("i", "q")
        assigned = "1,2,w{0}_i,1,2,w{0}_q"
    else:
        names = tuple(str(n - 2 * place.number) for n in outputs)
        assigned = ",".join(f"{name},w{{0}}_{name}" for name in names)
    head = [f"wave w{w.index}_{name} = placeholder({w.n_samples});\n" for w in held.waveforms for name in names]
    head += [f"assignWaveIndex({assigned.format(w.index)},{w.index});\n" for w in held.waveforms]
    start, end, n_around = repeated(shots.n_shots)
    reset = player.reset if modulated else 0
    sizes_bytes = [2 * len(names) * w.n_samples for w in held.waveforms]
    n_instructions = can.BASE_INSTRUCTIONS + place.n_more + loaded(sizes_bytes, player.block_bytes)
    spans = [cut.bounds[p : p + 2] for p in range(len(cut.bounds) - 1)] if grid.each else [cut.bounds]
    parts = []
    if steered is not None and not grid.each:
        head.insert(0, "var t = 0;\n")
        n_instructions += 1
    for bounds in spans:
        if steered is None:
            text, n = _points(cut, bounds, player, grid, reset)
        else:
            text, n = points_of(steered, bounds, grid, player.least, reset)
        n_instructions += n + n_around + can.BASE_INSTRUCTIONS * grid.each
        parts += [start, place.begin, text, end] if grid.each else [place.begin, start, text, end]
        if n_instructions > player.max_instructions:
            return "", n_instructions
    return "".join([*head, *parts, place.end]), n_instructions


def _points(cut: Cut, bounds: NDArray[np.int64], player: can.Player, grid: Grid, reset: int) -> tuple[str, int]:
    """Return the text of points, and its instructions; no text if there are too many."""
    loop_from = int(can.LOOP_FROM_S * float(grid.rate_hz))
    n_pieces = int(bounds[-1] - bounds[0])
    text = recycled.empty(min(48 * n_pieces + 96 * len(bounds), 26 * player.max_instructions), np.uint8)
    sizes = np.zeros(2, np.int64)
    pieces = cut.pieces[bounds[0] : bounds[-1]]
    from_first = bounds - bounds[0] if bounds[0] else bounds
    arguments = (pieces, from_first, grid.head, grid.period, grid.least, loop_from, reset)
    seqc.emit(*arguments, text, sizes)
    if sizes[1] > player.max_instructions:
        return "", int(sizes[1])
    if sizes[0] > len(text):
        text = np.empty(int(sizes[0]), np.uint8)
        seqc.emit(*arguments, text, sizes)
    return str(text[: sizes[0]].data, "ascii"), int(sizes[1])


def _table(cut: Cut, held: Held, player: can.Player, modulated: bool) -> str:
    """Return the command table."""
    kind = _KINDS["mixes" if player.mixes else "modulated" if modulated else "plain"]
    size = np.zeros(1, np.int64)
    text = np.empty(320 * len(cut.entries), np.uint8)
    seqc.table(cut.entries, held.scales, held.index, kind, text, size)
    entries = str(text[: size[0]].data, "ascii")
    return f'{{"header":{{"version":"{player.schema}"}},"table":[\n{entries}\n]}}\n'


def _check_range(
    cut: Cut, held: Held, place: Place, instrument: Instrument, outputs: tuple[int, ...], modulated: bool,
    full_scale_v: float,
) -> None:  # fmt: skip
    """Refuse what would go over an output's full scale or its limits."""
    if not len(cut.entries):
        return
    reached = seqc.reached(cut.entries, held.peaks)
    names = ", ".join(port.name for port in place.ports)
    for n in outputs:
        column = 0 if modulated else n - 2 * place.number - 1
        peak_v = reached[column] * full_scale_v
        if peak_v > full_scale_v * (1 + 1e-6):
            raise CompileError(
                f"the pulses on {names} reach {peak_v:.4g} V on output {n} of {instrument.name}, over its "
                f"{full_scale_v:.4g} V: make them weaker, or amplitude_vpp larger",
                volts=peak_v,
            )
        low, high = instrument.output[n].limits_v
        offset_v = instrument.output[n].offset_v
        if not (low <= offset_v - peak_v and offset_v + peak_v <= high):
            raise CompileError(
                f"output {n} of {instrument.name} would reach {offset_v + peak_v:.4g} V for {names}, "
                f"outside [{low:g}, {high:g}] V",
                output=n,
            )


def _refuse(cut: Cut, rows: Rows, instrument: Instrument, full_scale_v: float) -> None:
    fault, point, row = cut.fault
    play = rows.plays[rows.bounds[point] + row]
    names = {k: name for name, k in rows.ports.items()}
    what = f"{rows.waveforms[int(play['waveform'])].kind} pulse on {names[int(play['port'])]}"
    if fault == "amplitude":
        raise CompileError(
            f"{what}: {play['amplitude']:.4g} V is over what {instrument.name} reaches, {full_scale_v:.4g} V: make it "
            "weaker, or amplitude_vpp larger",
            volts=float(play["amplitude"]),
        )
    raise CompileError(
        f"{what} at sample {int(play['start'])} of point {point}, {instrument.name}: {_WORDS[fault]}",
        instrument=instrument.name,
        point=point,
    )
