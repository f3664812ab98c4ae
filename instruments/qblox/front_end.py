"""What stands between a module's sequencers and its connectors: offsets and gains, or LOs, mixers and attenuators.

Source: qblox-instruments 1.4.1, SCPI layer 1.2: ``AFE:OFFSet:DAC#`` (V), ``AFE:OFFSet:OUTAMP#`` (mV, of a mixer),
``AFE:GAIN:INAMP#``, ``AFE:ATT:OUT#``, ``AFE:ATT:IN#``, ``STATus:QUEStionable:FREQuency:LO#``, ``LO#:ENAble``; its
``qcodes_drivers/module.py``: ranges, and that the one LO of a QRM-RF is LO1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qctl.errors import DeviceError, LimitError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.body import Sequencer
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["Setting", "front_of", "gain_db", "paths_of", "quiet_of", "values_of"]

_GAIN_DB = Limits(-6, 26)
_MIXER_MV = Limits(-84.0, 73.0)


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a connector.

    Attributes
    ----------
    label, unit : str
        As in `qctl.device.Parameter`.
    kind : type
        float, int or bool.
    command : str
        Without its question mark.
    limits : Limits
        In `unit`.
    step : float
        What a value is a multiple of; 0 takes any.
    scale : float
        What the command counts of a unit.
    """

    label: str
    unit: str
    kind: type
    command: str
    limits: Limits
    step: float = 0.0
    scale: float = 1.0

    def checked(self, value: object, name: str) -> float:
        """Return a value that may be sent.

        Raises
        ------
        LimitError
            If it isn't a number, outside the limits, or no multiple of the step.
        """
        if self.kind is bool and value not in (0, 1):
            raise LimitError(f"{name} = {value!r} is neither true nor false")
        number = self.limits.check(value, name)  # type: ignore[arg-type]  # refuses what is no number
        if self.step and abs(number / self.step - round(number / self.step)) > 1e-9:
            whole = "a whole number" if self.step == 1 else f"a multiple of {self.step:g} {self.unit}"
            raise LimitError(f"{name} = {value!r} is not {whole}")
        return number

    def sent(self, value: float) -> str:
        """Return the command that sets a value."""
        return f"{self.command} {value * self.scale:.{12 if self.step == 1 else 9}g}"

    def read(self, reply: str, name: str) -> float | int | bool:
        """Return the value that a reply to the query says.

        Raises
        ------
        DeviceError
            If it is none.
        """
        try:
            number = float(reply) / self.scale
            return number if self.kind is float else bool(number) if self.kind is bool else int(number)
        except (ValueError, OverflowError):
            raise DeviceError(f"{name}: {reply!r} came where a number was due") from None


def front_of(instrument: Instrument) -> dict[str, Setting]:
    """Return the settings of the connectors that lab.toml names, by parameter."""
    table, found = can.TABLES[instrument.model], {}
    rf = instrument.model in can.RF
    for k, output in instrument.output.items():
        if not rf:
            limits = Limits(*output.limits_v)
            found[f"output{k}_offset_v"] = Setting(
                f"Offset of output {k}", "V", float, f"AFE:OFFSet:DAC{k - 1}", limits
            )
            continue
        lo, mixer_v = _lo(table, k), Limits(_MIXER_MV.low / 1e3, _MIXER_MV.high / 1e3)
        found[f"output{k}_lo_hz"] = Setting(
            f"LO of output {k}", "Hz", float, f"STATus:QUEStionable:FREQuency:LO{lo}", *_range(table, "lo_hz")
        )
        found[f"output{k}_lo_on"] = Setting(f"LO of output {k} is on", "", bool, f"LO{lo}:ENAble", Limits(0, 1), 1)
        found[f"output{k}_attenuation_db"] = Setting(
            f"Attenuation of output {k}", "dB", int, f"AFE:ATT:OUT{k - 1}", *_range(table, "attenuation_db")
        )
        for path, letter in enumerate("iq"):
            found[f"output{k}_mixer_{letter}_v"] = Setting(
                f"Offset of {letter.upper()} of output {k}", "V", float, f"AFE:OFFSet:OUTAMP{2 * k - 2 + path}",
                mixer_v, scale=1e3,
            )  # fmt: skip
    for k in instrument.input:
        if rf:
            found[f"input{k}_attenuation_db"] = Setting(
                f"Attenuation of input {k}", "dB", int, f"AFE:ATT:IN{k - 1}", *_range(table, "input_attenuation_db")
            )
        else:
            found[f"input{k}_gain_db"] = Setting(f"Gain of input {k}", "dB", int, f"AFE:GAIN:INAMP{k - 1}", _GAIN_DB, 1)
    return found


def _lo(table: Capability, output: int) -> int:
    """Return the number of an output's LO: that of a module which receives has the number 1."""
    return 1 if "input" in table.channels else output - 1


def _range(table: Capability, key: str) -> tuple[Limits, float]:
    given = limit(table, f"settings.{key}")
    return given.limits, float(given.step or 0)


def values_of(
    instrument: Instrument, front: Mapping[str, Setting], sequencers: tuple[Sequencer, ...]
) -> dict[str, float]:
    """Return what a program needs the settings of its connectors, `front`, to be, by parameter.

    Raises
    ------
    LimitError
        If a setting is outside what lab.toml or the module allows.
    """
    wanted = dict[str, float]()
    if instrument.model not in can.RF:
        for one in sequencers:
            wanted |= {f"output{k}_offset_v": v for k, v in zip(one.outputs, one.offset_v, strict=True)}
        wanted |= {f"input{k}_gain_db": gain_db(instrument, k) for k in instrument.input}
    else:
        for one in sequencers:
            for k in one.outputs:
                assert one.lo_hz is not None and one.attenuation_db is not None
                own = {"lo_hz": one.lo_hz, "attenuation_db": one.attenuation_db, "lo_on": 1.0}
                own |= {f"mixer_{letter}_v": v for letter, v in zip("iq", one.offset_v, strict=True)}
                wanted |= {f"output{k}_{key}": value for key, value in own.items()}
            wanted |= {f"input{k}_attenuation_db": -gain_db(instrument, k) for k in one.inputs}
    return {name: front[name].checked(value, f"{instrument.name}: {name}") for name, value in wanted.items()}


def gain_db(instrument: Instrument, number: int) -> float:
    """Return the gain in front of an input's converter: in whole decibels, as near to range_v as they come.

    An attenuator is a gain below zero.
    """
    one = instrument.input[number]
    if instrument.model in can.RF:
        return -(one.attenuation_db or 0.0)
    wanted = float(20 * np.log10(1.0 / one.range_v))
    return round(min(max(wanted, _GAIN_DB.low), _GAIN_DB.high))


def paths_of(model: str, connectors: tuple[int, ...]) -> list[list[int]]:
    """Return the converters, from 0, of both paths of a sequencer; a connector with a mixer behind it has two."""
    if model in can.RF and connectors:
        connectors = (2 * connectors[0] - 1, 2 * connectors[0])
    return [[number - 1] for number in connectors] + [[]] * (2 - len(connectors))


def quiet_of(model: str) -> tuple[str, ...]:
    """Return the commands that leave nothing on a module's outputs but what its sequencers play."""
    table = can.TABLES[model]
    n_outputs = limit(table, "channels.output.number").most
    if model in can.RF:
        return tuple(f"LO{_lo(table, k)}:ENAble 0" for k in range(1, n_outputs + 1))
    return tuple(f"AFE:OFFSet:DAC{number} 0" for number in range(n_outputs))
