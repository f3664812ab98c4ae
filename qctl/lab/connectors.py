"""Connectors of an instrument: outputs of waveforms, voltages and currents, and a digitizer's inputs."""

from __future__ import annotations

from msgspec import Struct

from qctl.lab.quantities import AmperesA, AttenuationDb, FrequencyHz, SlewAPerS, SlewVPerS, VoltsV, VppV

__all__ = ["CurrentOutput", "Input", "Output"]


class Output(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of an instrument; nothing about it that can warm a fridge has a default.

    Attributes
    ----------
    number : int
        Its key in lab.toml.
    limits_v : pair of float
        Lowest and highest voltage at the connector, into 50 ohm (into the line, for DC).
    amplitude_vpp : float, optional
        Full-scale amplitude of a waveform output.
    offset_v : float
        Offset of a waveform output.
    lo_hz, attenuation_db : float, optional
        LO and attenuator inside the instrument, where its outputs are microwave outputs; `amplitude_vpp` is then that
        of the envelope at the connector.
    slew_v_per_s : float, optional
        Fastest change of a DC output; it must be given.
    safe_v : float, optional
        Voltage of the safe state of a DC output; it must be given.
    tones : tuple of int
        Synthesisers whose tones the connector sums, where a box has several for one; that of its own number if empty.
    """

    number: int
    limits_v: tuple[VoltsV, VoltsV]
    amplitude_vpp: VppV | None = None
    offset_v: VoltsV = 0.0
    lo_hz: FrequencyHz | None = None
    attenuation_db: AttenuationDb | None = None
    slew_v_per_s: SlewVPerS | None = None
    safe_v: VoltsV | None = None
    tones: tuple[int, ...] = ()


class CurrentOutput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of a current source; nothing about it has a default.

    Attributes
    ----------
    number : int
        Its key in lab.toml.
    range_a : float
        The largest current that the output is built for.
    limits_a : pair of float
        Lowest and highest current into the line.
    slew_a_per_s : float
        Fastest change.
    safe_a : float
        Current of the safe state.
    """

    number: int
    range_a: AmperesA
    limits_a: tuple[AmperesA, AmperesA]
    slew_a_per_s: SlewAPerS
    safe_a: AmperesA


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input of a digitizer.

    Attributes
    ----------
    number : int
        Its key in lab.toml.
    range_v : float
        Full-scale range, peak to peak.
    offset_v : float
        Voltage at the middle of the range.
    attenuation_db : float, optional
        Of the attenuator inside the instrument.
    """

    number: int
    range_v: VppV
    offset_v: VoltsV = 0.0
    attenuation_db: AttenuationDb | None = None
