"""What sequencers did in a stretch of time: what modules put out and integrate, what they did wrong, and their bins."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Integration, Kind, Output, Runs
from qctl.hil.instruments.qblox.core import ACQUIRES, PLAY, Core
from qctl.hil.instruments.qblox.front_ends import shifted
from qctl.hil.instruments.qblox.rendering import FULL_SCALE, markers_of, rendered, turned, words_of
from qctl.hil.instruments.qblox.sequencer import Sequencer
from qctl.hil.instruments.qblox.shots import Done, Shots
from qctl.hil.physics.lines import find_runs

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.module import QbloxModule

__all__ = [
    "INPUT_V",
    "LONGEST_NS",
    "RATE_HZ",
    "Acquired",
    "Player",
    "bins_of",
    "carriers_of",
    "done_of",
    "fill",
    "integrations_of",
    "judge",
    "kind_of",
    "outputs_of",
    "over",
    "window_of",
]

RATE_HZ = 1e9
INPUT_V = 0.5
LONGEST_NS = 20_000_000
"""A shot that lasts longer is not rendered: the virtual lab can't evolve it."""
_SILENT = 64


class Player(NamedTuple):
    """A sequencer and what it did."""

    module: QbloxModule
    sequencer: Sequencer
    core: Core
    waves: dict[int, NDArray[np.int32]]
    weights: dict[int, NDArray[np.float32]]

    @classmethod
    def of(cls, module: QbloxModule, one: Sequencer) -> Player:
        """Return a sequencer at the beginning of what it holds."""
        waves = {index: words_of(samples) for index, samples in one.waveforms.by_index().items()}
        return cls(module, one, one.core(), waves, one.weights.by_index())


class Acquired(NamedTuple):
    """An acquisition of a shot: whose it is, which of its rows, and where its window is in the shot."""

    player: int
    row: int
    first: int
    last: int


def judge(player: Player) -> None:
    """Note what the program did that the hardware would have refused."""
    one, core, rows = player.sequencer, player.core, player.core.rows
    one.exit_code, one.endless = core.exit_code, core.endless
    if core.flag:
        one.fail(core.flag, core.log)
    elif core.endless:
        one.log = core.log
    known = {acquisition.index for acquisition in one.acquisitions.all.values()}
    plays, acquires = rows[rows["operation"] == PLAY], rows[np.isin(rows["operation"], ACQUIRES)]
    weighed = rows[rows["operation"] == ACQUIRES[1]]
    for indices, held, flag in (
        (plays["a"], player.waves, "AWG WAVE PLAYBACK INDEX INVALID PATH 0"),
        (plays["b"], player.waves, "AWG WAVE PLAYBACK INDEX INVALID PATH 1"),
        (weighed["c"], player.weights, "ACQ WEIGHT PLAYBACK INDEX INVALID PATH 0"),
        (weighed["d"], player.weights, "ACQ WEIGHT PLAYBACK INDEX INVALID PATH 1"),
        (acquires["a"], known, "ACQ INDEX INVALID"),
    ):
        missing = sorted(set(np.unique(indices).tolist()) - set(held))
        if missing:
            one.fail(flag, f"index {missing[0]} is not there")
    if len(acquires) and not core.flag and "ACQ BINNING DONE" not in one.flags["info"]:
        one.flags["info"].append("ACQ BINNING DONE")


def done_of(player: Player) -> Done:
    """Return what one sequencer did, as `cut` wants it."""
    one = player.sequencer
    length = int(one.acq["th_acq"]["non_weighed_integration_len"]) if "acq" in one.config else 0
    waves = {index: len(words) for index, words in player.waves.items()}
    weights = {index: len(samples) for index, samples in player.weights.items()}
    return Done(player.core.rows, waves, weights, length, one.turns)


def outputs_of(
    players: Sequence[Player], shots: Shots, model: int, start: int, stop: int, late: int = 0
) -> tuple[dict[str, dict[int, Output]], dict[str, tuple[int, Runs]]]:
    """Return what each output of each module plays in a shot, and the samples of it, `late` samples after its start."""
    sums: dict[str, NDArray[np.float64]] = {}
    switched: dict[str, NDArray[np.int32]] = {}
    for place, player in enumerate(players):
        low, high = (int(ends[model]) for ends in shots.bounds[place])
        rows = player.core.rows[max(low - 1, 0) : high]
        paths, beyond = rendered(rows, start, stop, player.waves, player.sequencer.modulation)
        if beyond:
            player.sequencer.fail("OUTPUT OVERFLOW", "a path goes over the range of the DAC")
        total = sums.setdefault(player.module.config.name, np.zeros((player.module.type.n_outputs, stop - start)))
        if player.module.type.switches:
            marks = switched.setdefault(player.module.config.name, np.zeros(stop - start, np.int32))
            marks |= markers_of(rows, start, stop, player.sequencer.awg["marker_ovr"])
        for path, numbers in enumerate(player.sequencer.outputs):
            for number in numbers:
                total[number] += paths[path]
    outputs: dict[str, dict[int, Output]] = {}
    fresh: dict[str, tuple[int, Runs]] = {}
    for player in players:
        module = player.module
        name = module.config.name
        if name in outputs:
            continue
        outputs[name] = {}
        for number, total in enumerate(sums[name]):
            if np.abs(total).max(initial=0) > FULL_SCALE:
                player.sequencer.fail("OUTPUT OVERFLOW", f"output {number + 1} goes over its range")
            samples = (np.clip(total, -FULL_SCALE, FULL_SCALE - 1) / FULL_SCALE).astype(np.float32)
            amplitude_vpp, offset_v = module.level(number)
            if module.type.switches:
                shut = switched[name] >> module.type.switches[number // 2] & 1 == 0
                samples[shut] = 0.0
                offset_v = 0.0 if shut.all() else offset_v
            digest = None
            if samples.any() or offset_v:
                digest = blake2b(samples.tobytes() + late.to_bytes(8, "big"), digest_size=16).hexdigest()
                runs = tuple((late + first, samples[first:last]) for first, last in find_runs(samples != 0, _SILENT))
                fresh[digest] = (late + len(samples), runs)
            outputs[name][number + 1] = Output(digest, amplitude_vpp, offset_v, digest is not None)
    return outputs, fresh


def carriers_of(players: Sequence[Player]) -> dict[str, tuple[float, float, bool]]:
    """Return the LOs inside the modules, as the plant wants them."""
    return {name: tone for player in players for name, tone in player.module.carriers.items()}


def integrations_of(
    players: Sequence[Player], shots: Shots, model: int, start: int
) -> tuple[list[Acquired], list[Integration], list[tuple[int, int]]]:
    """Return the acquisitions of a shot, what each module integrates, and where each one's sums are in that."""
    found: dict[str, list[Acquired]] = {}
    modules = {}
    for place, player in enumerate(players):
        low, high = (int(ends[model]) for ends in shots.bounds[place])
        rows = player.core.rows[low:high]
        for k in np.flatnonzero(np.isin(rows["operation"], ACQUIRES[:2])).tolist():
            window = window_of(player, rows[k])
            if window:
                first = int(rows[k]["time"]) - start
                name = player.module.config.name
                found.setdefault(name, []).append(Acquired(place, k, first, first + window))
                modules[name] = player.module
    acquired: list[Acquired] = []
    integrations: list[Integration] = []
    places: list[tuple[int, int]] = []
    for name, members in found.items():
        first, last = min(one.first for one in members), max(one.last for one in members)
        module = modules[name]
        weights = np.zeros((2 * len(members), module.type.n_inputs, last - first))
        for k, one in enumerate(members):
            player = players[one.player]
            row = player.core.rows[int(shots.bounds[one.player][0][model]) + one.row]
            weights[2 * k : 2 * k + 2, :, one.first - first : one.last - first] = _weights(player, row, one)
            acquired.append(one)
            places.append((len(integrations), 2 * k))
        for number in range(module.type.n_inputs):
            weights[:, number] *= module.gain(number)
        for number in range(0, module.type.n_inputs, 2):
            if shift_hz := module.type.front.shift_hz(module, number):
                pair = weights[:, number : number + 2]
                weights[:, number : number + 2] = shifted(pair, shift_hz, start + first)
        inputs = tuple(range(1, module.type.n_inputs + 1))
        integrations.append(Integration(name, inputs, RATE_HZ, first * 1e-9, weights))
    return acquired, integrations, places


def kind_of(
    players: Sequence[Player], shots: Shots, model: int
) -> tuple[Kind, dict[str, tuple[int, Runs]], list[tuple[Acquired, int, int]]] | None:
    """Return a kind of shot, its samples, and each acquisition with its integration and column; None if too long."""
    start, stop = int(shots.starts[model]), int(shots.stops[model])
    if stop - start > LONGEST_NS:
        for player in players:
            player.sequencer.fail("UNKNOWN", f"a shot of {stop - start} ns is not rendered")
        return None
    outputs, fresh = outputs_of(players, shots, model, start, stop)
    acquired, integrations, places = integrations_of(players, shots, model, start)
    found = [(each, *place) for each, place in zip(acquired, places, strict=True)]
    return Kind(outputs, tuple(integrations)), fresh, found


def bins_of(
    players: Sequence[Player], shots: Shots, model: int, alike: NDArray[np.int64], each: Acquired
) -> tuple[int, NDArray[np.int64]]:
    """Return which acquisition shots of a kind go to, and the bin of each."""
    rows, low = players[each.player].core.rows, shots.bounds[each.player][0]
    return int(rows["a"][low[model] + each.row]), rows["b"][low[alike] + each.row].astype(np.int64)


def window_of(player: Player, row: np.void) -> int:
    """Return how long an acquisition integrates; 0 if it does not because something is not there."""
    if int(row["a"]) not in {one.index for one in player.sequencer.acquisitions.all.values()}:
        return 0
    if row["operation"] == ACQUIRES[0]:
        return int(player.sequencer.acq["th_acq"]["non_weighed_integration_len"])
    pair = (int(row["c"]), int(row["d"]))
    return max(len(player.weights[k]) for k in pair) if all(k in player.weights for k in pair) else 0


def _weights(player: Player, row: np.void, one: Acquired) -> NDArray[np.float64]:
    """Return what each sample of each input counts in both paths: (2, n_inputs, n_samples)."""
    n = one.last - one.first
    shape = np.ones((2, n))
    if row["operation"] == ACQUIRES[1]:
        shape[:] = 0.0
        for path, index in enumerate((int(row["c"]), int(row["d"]))):
            samples = player.weights[index]
            shape[path, : len(samples)] = samples
    cos, sin = np.ones(n), np.zeros(n)
    if player.sequencer.demodulates:
        phase = turned(int(row["phase"]), int(row["freq"]), n)
        cos, sin = np.cos(phase), np.sin(phase)
    out = np.zeros((2, player.module.type.n_inputs, n))
    for number in player.sequencer.inputs[0][:1]:
        out[0, number] += shape[0] * cos
        out[1, number] -= shape[1] * sin
    for number in player.sequencer.inputs[1][:1]:
        out[0, number] += shape[0] * sin
        out[1, number] += shape[1] * cos
    return out


def over(player: Player, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of (n, 2) integrals are over the threshold."""
    settings, unit = player.sequencer.acq["th_acq"], player.sequencer.build.unit
    turn = values[:, 0] * settings["rotation_matrix_a11"] + values[:, 1] * settings["rotation_matrix_a12"]
    found: NDArray[np.bool_] = turn >= unit * settings["discr_threshold"]
    return found


def fill(player: Player, index: int, bins: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Add shots to their bins, with what the threshold says of each."""
    one = player.sequencer
    found = next(held for held in one.acquisitions.all.values() if held.index == index)
    if not found.fill(bins, values, over(player, values)):
        one.fail("ACQ BIN INDEX INVALID", f"bin {int(bins.max())} of {len(found.counts)}")
