"""What stands between a module's sequencers and its connectors: offsets and gains, or LOs, mixers and attenuators.

Source: qblox-instruments 1.4.1, SCPI layer 1.2: ``AFE:OFFSet:DAC#`` (V), ``AFE:OFFSet:OUTAMP#`` (mV, of a mixer),
``AFE:GAIN:INAMP#``, ``AFE:ATT:OUT#``, ``AFE:ATT:IN#``, ``STATus:QUEStionable:FREQuency:LO#``, ``LO#:ENAble``; its
``qcodes_drivers/module.py``: ranges, that the one LO of a QRM-RF is LO1, and that a QRC has neither offsets nor a
command that turns an LO off. Its commands are in `setting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from qctl.errors import RequestError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.links.link import Link
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.body import Sequencer
from qctl.instruments.qblox.connector_settings import Attenuator, Centre, Setting
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["FrontEnd", "gain_db", "paths_of"]

_GAIN_DB = Limits(-6, 26)
_MIXER_MV = Limits(-84.0, 73.0)


class FrontEnd:
    """The connectors of a module, and what they were set to last.

    Attributes
    ----------
    settings : mapping of str to Setting
        Those of the connectors that lab.toml names, by parameter.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.settings: Mapping[str, Setting] = dict(_settings_of(instrument))
        self._instrument = instrument
        self._set: dict[str, float] = {}

    def find(self, name: str, link: Link) -> Setting:
        """Return a setting; raise RequestError if there is none of this name."""
        found = self.settings.get(name)
        if found is None:
            raise RequestError(f"{link.name} has no parameter {name!r}", instrument=link.name)
        return found

    def set(self, name: str, value: object, link: Link) -> float:
        """Check a value, send it, and return it as it was sent; what was known of it is forgotten.

        Raises
        ------
        LimitError
            If it is outside what lab.toml or the module allows.
        """
        setting = self.find(name, link)
        checked = setting.checked(value, f"{link.name}: {name}")
        self._put(name, checked, link)
        return checked

    def bring(self, sequencers: tuple[Sequencer, ...], link: Link) -> dict[str, float]:
        """Send what a program needs the settings to be where they are not what was set last; return them all.

        They count as set once they are given to `note`.
        """
        wanted = self._wanted(sequencers)
        for name, value in wanted.items():
            if self._set.get(name) != value:
                self._put(name, value, link)
        return wanted

    def note(self, done: Mapping[str, float]) -> None:
        """Take settings for set."""
        self._set |= done

    def forget(self) -> None:
        """Trust nothing that was set."""
        self._set = {}

    def _put(self, name: str, value: float, link: Link) -> None:
        setting = self.settings[name]
        for moved in (name, *setting.moves):
            self._set.pop(moved, None)
        setting.put(link, value)

    def _wanted(self, sequencers: tuple[Sequencer, ...]) -> dict[str, float]:
        instrument, wanted = self._instrument, dict[str, float]()
        if instrument.model not in can.RF:
            for one in sequencers:
                wanted |= {f"output{k}_offset_v": v for k, v in zip(one.outputs, one.offset_v, strict=True)}
            wanted |= {f"input{k}_gain_db": gain_db(instrument, k) for k in instrument.input}
        else:
            for one in sequencers:
                for k in one.outputs:
                    assert one.lo_hz is not None and one.attenuation_db is not None
                    own = {"lo_hz": one.lo_hz, "attenuation_db": one.attenuation_db}
                    if instrument.model != can.QRC:
                        own |= {"lo_on": 1.0}
                        own |= {f"mixer_{letter}_v": v for letter, v in zip("iq", one.offset_v, strict=True)}
                    wanted |= {f"output{k}_{key}": value for key, value in own.items()}
                wanted |= {f"input{k}_attenuation_db": -gain_db(instrument, k) for k in one.inputs}
        return {name: self.settings[name].checked(v, f"{instrument.name}: {name}") for name, v in wanted.items()}

    def quiet(self, link: Link) -> None:
        """Leave nothing on the outputs but what the sequencers play; a QRC, whose LOs stay on, attenuates the most."""
        self.forget()
        model = self._instrument.model
        table = can.TABLES[model]
        outputs = range(1, limit(table, "channels.output.number").most + 1)
        if model == can.QRC:
            for k in outputs:
                one = _qrc_attenuator(table, "output", k)
                one.set(link, one.most(link))
            return
        with link.burst():
            for k in outputs:
                link.write(f"LO{_lo(table, k)}:ENAble 0" if model in can.RF else f"AFE:OFFSet:DAC{k - 1} 0")


def _settings_of(instrument: Instrument) -> Iterator[tuple[str, Setting]]:
    """Yield the settings of the connectors that lab.toml names, with their parameters."""
    table = can.TABLES[instrument.model]
    for k, output in instrument.output.items():
        if instrument.model == can.QRC:
            yield f"output{k}_lo_hz", _qrc_centre(table, k)
            yield f"output{k}_attenuation_db", _qrc_attenuator(table, "output", k)
        elif instrument.model in can.RF:
            yield from _mixer_settings(table, k)
        else:
            limits = Limits(*output.limits_v)
            yield (
                f"output{k}_offset_v",
                Setting(f"Offset of output {k}", "V", float, f"AFE:OFFSet:DAC{k - 1}", limits),
            )
    for k in instrument.input:
        if instrument.model == can.QRC:
            yield f"input{k}_attenuation_db", _qrc_attenuator(table, "input", k)
        elif instrument.model in can.RF:
            label, taken = f"Attenuation of input {k}", _range(table, "input_attenuation_db")
            yield f"input{k}_attenuation_db", Setting(label, "dB", int, f"AFE:ATT:IN{k - 1}", *taken)
        else:
            yield (
                f"input{k}_gain_db",
                Setting(f"Gain of input {k}", "dB", int, f"AFE:GAIN:INAMP{k - 1}", _GAIN_DB, 1),
            )


def _mixer_settings(table: Capability, k: int) -> Iterator[tuple[str, Setting]]:
    """Yield the settings of an output with a mixer of its own."""
    lo, mixer_v = _lo(table, k), Limits(_MIXER_MV.low / 1e3, _MIXER_MV.high / 1e3)
    command = f"STATus:QUEStionable:FREQuency:LO{lo}"
    yield f"output{k}_lo_hz", Setting(f"LO of output {k}", "Hz", float, command, *_range(table, "lo_hz"))
    yield f"output{k}_lo_on", Setting(f"LO of output {k} is on", "", bool, f"LO{lo}:ENAble", Limits(0, 1), 1)
    command, limits = f"AFE:ATT:OUT{k - 1}", _range(table, "attenuation_db")
    yield f"output{k}_attenuation_db", Setting(f"Attenuation of output {k}", "dB", int, command, *limits)
    for path, letter in enumerate("iq"):
        label, command = f"Offset of {letter.upper()} of output {k}", f"AFE:OFFSet:OUTAMP{2 * k - 2 + path}"
        yield f"output{k}_mixer_{letter}_v", Setting(label, "V", float, command, mixer_v, scale=1e3)


def _qrc_centre(table: Capability, k: int) -> Centre:
    """Return the LO of an output of a QRC; what its attenuator takes hangs on it, so that is set anew behind it."""
    receives = k <= limit(table, "channels.input.number").most
    moves = (f"output{k}_attenuation_db", *([f"input{k}_attenuation_db"] if receives else []))
    limits, step = _range(table, "lo_hz")
    return Centre(
        f"LO of output {k}", "Hz", float, "", limits, step, moves=moves, channel=k - 1, receives=receives
    )  # fmt: skip


def _qrc_attenuator(table: Capability, side: str, k: int) -> Attenuator:
    path, key = ("AFE:OUT", "attenuation_db") if side == "output" else ("AFE:IN", "input_attenuation_db")
    return Attenuator(f"Attenuation of {side} {k}", "dB", float, path, *_range(table, key), channel=k - 1)


def _lo(table: Capability, output: int) -> int:
    """Return the number of an output's LO: that of a module which receives has the number 1."""
    return 1 if "input" in table.channels else output - 1


def _range(table: Capability, key: str) -> tuple[Limits, float]:
    given = limit(table, f"settings.{key}")
    return given.limits, float(given.step or 0)


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
