"""The body of a Zurich Instruments DeviceProgram, as msgpack: what each sequencer plays, acquires and is set to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Core", "Integrator", "Readout", "Waveform", "ZurichBody", "command_table_of", "settings_of"]


class Waveform(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One waveform of a core.

    Attributes
    ----------
    index : int
        In assignWaveIndex and in the command table, or the number of the generator that plays it.
    n_samples : int
        Of each channel.
    digest : str
        Of the samples, which are among the program's blobs: (n_samples, 1 or 2) int16, in 1/32767 of full scale.
    """

    index: int
    n_samples: int
    digest: str


class Core(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One AWG core: an SG channel, or a pair of outputs of an HDAWG.

    Attributes
    ----------
    number : int
        From 0.
    ports : tuple of str
        Ports of lab.toml that it is for.
    outputs : tuple of int
        Connectors from 1.
    modulated : bool
        Whether oscillators turn what is played; HDAWG: by the modulation mode for mixers, outputs I and Q.
    lo_hz : float
        Centre frequency of what is up-converted inside; 0 without.
    oscillators_hz : tuple of float
        Frequencies of the core's oscillators as they are set.
    range_v : tuple of float
        Range of each output in volts peak to peak into 50 ohm.
    offset_v : tuple of float
        Offset of each output.
    mixer_gain, mixer_phase_rad : float
        Correction of Q against I.
    program : str
        SeqC.
    command_table : str
        JSON.
    waveforms : tuple of Waveform
        By index.
    """

    number: int
    ports: tuple[str, ...]
    outputs: tuple[int, ...]
    modulated: bool
    lo_hz: float
    oscillators_hz: tuple[float, ...]
    range_v: tuple[float, ...]
    offset_v: tuple[float, ...]
    mixer_gain: float
    mixer_phase_rad: float
    program: str
    command_table: str
    waveforms: tuple[Waveform, ...]


class Integrator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One weighted integration.

    Attributes
    ----------
    index : int
        Its number from 0.
    port, slot : str
        Port of lab.toml, and result that it measures.
    results : tuple of (int, int, int)
        Which of the results of one shot are meant, those of all points one after the other: first one, step, how many.
    n_samples : int
        Length of the weights.
    digest : str
        Of the weights among the program's blobs: (n_samples, 2) float64, what I + jQ is multiplied with.
    angle_rad : float
        By how much the weights are turned back.
    threshold_v : float or None
        Volts at the input above which the real part is state 1, where the box tells states apart.
    """

    index: int
    port: str
    slot: str
    results: tuple[tuple[int, int, int], ...]
    n_samples: int
    digest: str
    angle_rad: float = 0.0
    threshold_v: float | None = None


class Readout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One readout channel.

    Attributes
    ----------
    number : int
        From 0.
    ports : tuple of str
        Ports of lab.toml that it is for.
    outputs, inputs : tuple of int
        Connectors from 1.
    lo_hz : float
        Centre frequency of output and input; 0 without conversion.
    range_v, input_v : tuple of float
        Ranges of the outputs and of the inputs in volts peak to peak into 50 ohm.
    program : str
        SeqC.
    generators : tuple of Waveform
        Readout waveforms; `index` is the generator, or on a UHFQA that of the placeholder.
    integrators : tuple of Integrator
        All of them integrate at each startQA; the k-th result of each is that of the k-th startQA.
    delay_samples, length_samples : int
        From startQA to the integration, and its length.
    n_results : int
        Results of each integrator: of a shot if averaged, of all shots otherwise.
    n_averages : int
        Shots that the box averages, each shot giving all results in turn (mode "cyclic"); 1 if it does not.
    point_results : tuple of int
        Results of each point in one shot.
    """

    number: int
    ports: tuple[str, ...]
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    lo_hz: float
    range_v: tuple[float, ...]
    input_v: tuple[float, ...]
    program: str
    generators: tuple[Waveform, ...]
    integrators: tuple[Integrator, ...]
    delay_samples: int
    length_samples: int
    n_results: int
    n_averages: int
    point_results: tuple[int, ...]


class ZurichBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a box plays and acquires.

    Attributes
    ----------
    cores : tuple of Core
        AWG cores that take part.
    readouts : tuple of Readout
        Readout channels that take part.
    n_points, n_shots : int
        Points of one shot, and shots.
    averaged : bool
        Whether the shots are averaged.
    period_samples : int
        From the start of a point to that of the next one, on all sequencers.
    each_trigger : bool
        Whether every shot waits for a trigger of its own, all shots of a point before those of the next one; otherwise
        all points are played in each shot, after one trigger.
    notes : tuple of str
        What the user should know of how it was made.
    """

    cores: tuple[Core, ...]
    readouts: tuple[Readout, ...]
    n_points: int
    n_shots: int
    averaged: bool
    period_samples: int
    each_trigger: bool = False
    notes: tuple[str, ...] = ()

    @property
    def sequencers(self) -> tuple[Core | Readout, ...]:
        """Return all that play or acquire."""
        return (*self.cores, *self.readouts)

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ZurichBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)


def settings_of(one: Core | Readout, blobs: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    """Return what a sequencer is set to beside its program, ready for JSON; samples are in the words that are sent."""
    settings: dict[str, Any] = msgspec.to_builtins(one)
    for name in ("program", "command_table", "waveforms", "generators", "integrators"):
        settings.pop(name, None)
    waveforms = one.waveforms if isinstance(one, Core) else one.generators
    settings["waveforms"] = {str(w.index): blobs[w.digest].tolist() for w in waveforms}
    if isinstance(one, Readout):
        settings["integrators"] = {
            str(x.index): {"port": x.port, "slot": x.slot, "weights": blobs[x.digest].tolist()} for x in one.integrators
        }
    return settings


def command_table_of(core: Core) -> dict[str, Any]:
    """Return a core's command table as data."""
    table: dict[str, Any] = json.loads(core.command_table)
    return table
