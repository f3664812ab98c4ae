"""What stands between a module's converters and its connectors: amplifiers, or mixers with LOs and attenuators.

Source: qblox-instruments 1.4.1, SCPI layer 1.2 (commands) and ``qcodes_drivers/module.py`` (ranges; what a QRC shares);
Qblox documentation, QRC (it mixes without a correction). Estimates: that a full tone of an RF output has 5 dBm,
and how the most that a QRC's attenuators take falls with the frequency; its client says that it is between 20.5 and
31.5 dB. What a QRC answers to a value that it refuses is a guess, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RefusedError
from qctl.hil.instruments.qblox.lists import packed
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.errors import refusal

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.module import QbloxModule

__all__ = ["Amplifiers", "FrontEnd", "Mixers", "Upconverters", "shifted"]

LO_DBM = 10.0
"""Of an LO inside, at its mixer: what the plant's mixers have their stated gain at."""
Carriers = dict[str, tuple[float, float, bool]]


class FrontEnd(Protocol):
    """The connectors of a module; converters are counted from 0, two to each connector for RF."""

    is_rf: bool
    turns_always: bool

    def commands(self, module: QbloxModule) -> None:
        """Add the commands of its settings."""

    def carriers(self, module: QbloxModule) -> Carriers:
        """Return the LOs inside, by the name that the plant has for each: frequency in Hz, power in dBm, on."""

    def level(self, module: QbloxModule, number: int) -> tuple[float, float]:
        """Return peak to peak and offset, in volts, of what a converter's full scale gives at the connector."""

    def gain(self, module: QbloxModule, number: int) -> float:
        """Return how much more of what comes in there is at a converter."""

    def shift_hz(self, module: QbloxModule, number: int) -> float:
        """Return by how much an input mixes down with less than its output mixes up with."""


class Amplifiers:
    """Of modules without mixers: an offset for each output, a gain for each input."""

    is_rf = turns_always = False

    def __init__(self, full_scale_v: float) -> None:
        self._full_scale_v = full_scale_v

    def commands(self, module: QbloxModule) -> None:
        """Add the commands of its settings."""
        top = self._full_scale_v
        for number in range(module.type.n_outputs):
            module.number(f"AFE:OFFSet:DAC{number}", f"offset{number}_v", 0.0, -top, top, "{:.9g}")
        for number in range(module.type.n_inputs):
            module.integer(f"AFE:GAIN:INAMP{number}", f"gain{number}_db", 0, -6, 26)
        _input_offsets(module)

    def carriers(self, module: QbloxModule) -> Carriers:
        """Return no LOs."""
        return {}

    def level(self, module: QbloxModule, number: int) -> tuple[float, float]:
        """Return peak to peak and offset, in volts."""
        return 2 * self._full_scale_v, float(module.value(f"offset{number}_v"))

    def gain(self, module: QbloxModule, number: int) -> float:
        """Return the gain of an input's amplifier."""
        return _factor(module.value(f"gain{number}_db"))

    def shift_hz(self, module: QbloxModule, number: int) -> float:
        """Return 0: nothing is mixed."""
        return 0.0


class Mixers:
    """Of a QCM-RF or QRM-RF: for each output an LO, an attenuator, and offsets of its mixer.

    Parameters
    ----------
    los : tuple of int
        Number of the LO of each output.
    """

    is_rf, turns_always = True, False

    def __init__(self, full_scale_v: float, los: tuple[int, ...]) -> None:
        self._full_scale_v, self._los = full_scale_v, los

    def commands(self, module: QbloxModule) -> None:
        """Add the commands of its settings."""
        for number in range(module.type.n_outputs):
            module.number(f"AFE:OFFSet:OUTAMP{number}", f"mixer{number}_mv", 0.0, -84.0, 73.0, "{:.9g}")
        for number, lo in enumerate(self._los):
            module.integer(f"STATus:QUEStionable:FREQuency:LO{lo}", f"lo{lo}_hz", 6 * 10**9, 2 * 10**9, 18 * 10**9)
            module.switch(f"LO{lo}:ENAble", f"lo{lo}_on")
            _attenuator(module, f"AFE:ATT:OUT{number}", f"attenuation{number}_db", 60)
        if module.type.n_inputs:
            _attenuator(module, "AFE:ATT:IN0", "in_attenuation_db", 30)
        _input_offsets(module)

    def carriers(self, module: QbloxModule) -> Carriers:
        """Return the LOs."""
        return {
            f"{module.config.name}.lo{k + 1}": (
                float(module.value(f"lo{lo}_hz")), LO_DBM, bool(module.value(f"lo{lo}_on")),
            )
            for k, lo in enumerate(self._los)
        }  # fmt: skip

    def level(self, module: QbloxModule, number: int) -> tuple[float, float]:
        """Return peak to peak and offset, in volts, behind the attenuator."""
        less = _factor(-module.value(f"attenuation{number // 2}_db"))
        return 2 * self._full_scale_v * less, float(module.value(f"mixer{number}_mv")) * 1e-3 * less

    def gain(self, module: QbloxModule, number: int) -> float:
        """Return what the attenuator leaves."""
        return _factor(-module.value("in_attenuation_db"))

    def shift_hz(self, module: QbloxModule, number: int) -> float:
        """Return 0: there is one LO for both."""
        return 0.0


class Upconverters:
    """Of a QRC: for each connector a centre frequency and an attenuator; its NCOs always turn.

    Its commands are queries whose answer is a block of JSON. Outputs 1 and 2 share a mixer with inputs 1 and 2; each
    still has a frequency of its own, and where they differ what comes in is not turned back.
    """

    is_rf = turns_always = True
    _LOW_MHZ, _HIGH_MHZ, _STEP_MHZ = 500, 10_100, 100

    def __init__(self, full_scale_v: float) -> None:
        self._full_scale_v = full_scale_v

    def commands(self, module: QbloxModule) -> None:
        """Add the commands of its settings."""
        for side, n in (("out", module.type.n_outputs // 2), ("in", module.type.n_inputs // 2)):
            self._side(module, side, n)

    def _side(self, module: QbloxModule, side: str, n: int) -> None:
        root = f"AFE:{side.upper()}"
        module.known(**{f"{side}_mhz": self._LOW_MHZ, f"{side}_db": 0.0})

        def number(given: Any) -> int:
            return int(arg.integer(given, 0, n - 1))

        def tune(given: list[Any]) -> None:
            k, mhz = number(given[0]), arg.integer(given[1], self._LOW_MHZ, self._HIGH_MHZ)
            if mhz % self._STEP_MHZ:
                raise refusal(-222, f"{mhz} MHz is no multiple of {self._STEP_MHZ} MHz")
            module.put(f"{side}_mhz", mhz, k)
            module.put(f"{side}_db", min(module.value(f"{side}_db", k), self._most_db(mhz)), k)

        def attenuate(given: list[Any]) -> None:
            k = number(given[0])
            decibels = arg.number(given[1], 0.0, self._most_db(module.value(f"{side}_mhz", k)))
            if (2 * decibels) % 1:
                raise refusal(-222, f"{decibels} dB is no multiple of 0.5 dB")
            module.put(f"{side}_db", decibels, k)

        def told(do: Any) -> Any:
            def answer(s: tuple[int, ...], given: list[Any]) -> list[bytes]:
                try:
                    do(given)
                except RefusedError as error:
                    module.refused(-222, error.message)
                    return _json(f"Error: {error.message}")
                return _json("Ok")

            return answer

        add = module.table.add
        add(f"{root}:FREQ:SET?", told(tune), 2)
        add(f"{root}:FREQ:GET?", lambda s, a: _json({"frequency": module.value(f"{side}_mhz", number(a[0]))}), 1)
        add(f"{root}:ATT:SET?", told(attenuate), 2)
        add(f"{root}:ATT:GET?", lambda s, a: str(module.value(f"{side}_db", number(a[0]))), 1)
        add(f"{root}:MAX:ATT:GET?", lambda s, a: str(self._most_db(module.value(f"{side}_mhz", number(a[0])))), 1)

    def _most_db(self, mhz: int) -> float:
        return 31.5 - 0.5 * round(22 * (mhz - self._LOW_MHZ) / (self._HIGH_MHZ - self._LOW_MHZ))

    def carriers(self, module: QbloxModule) -> Carriers:
        """Return the centre frequencies of the outputs; they are never off."""
        name = module.config.name
        return {
            f"{name}.lo{k + 1}": (module.value("out_mhz", k) * 1e6, LO_DBM, True)
            for k in range(module.type.n_outputs // 2)
        }

    def level(self, module: QbloxModule, number: int) -> tuple[float, float]:
        """Return peak to peak, in volts, behind the attenuator; there is no offset."""
        return 2 * self._full_scale_v * _factor(-module.value("out_db", number // 2)), 0.0

    def gain(self, module: QbloxModule, number: int) -> float:
        """Return what the attenuator leaves."""
        return _factor(-module.value("in_db", number // 2))

    def shift_hz(self, module: QbloxModule, number: int) -> float:
        """Return by how much an input mixes down with less than its output mixes up with."""
        return float(module.value("out_mhz", number // 2) - module.value("in_mhz", number // 2)) * 1e6


def shifted(weights: NDArray[np.float64], hertz: float, start_ns: int) -> NDArray[np.float64]:
    """Return weights (n_sums, 2, n_samples) of I and Q that count what comes in as if it turned by so many Hz more."""
    phase = 2e-9 * np.pi * hertz * (start_ns + np.arange(weights.shape[-1]))
    cos, sin = np.cos(phase), np.sin(phase)
    i, q = weights[:, 0], weights[:, 1]
    return np.stack([i * cos + q * sin, q * cos - i * sin], axis=1)


def _factor(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _json(content: Any) -> list[bytes]:
    return [packed(json.dumps(content).encode())]


def _input_offsets(module: QbloxModule) -> None:
    for number in range(module.type.n_inputs):
        module.number(f"AFE:OFFSet:IN{number}", f"in_offset{number}_v", 0.0, -0.09, 0.09, "{:.9g}")


def _attenuator(module: QbloxModule, path: str, name: str, most_db: int) -> None:
    """Add the commands of an attenuator that goes in steps of 2 dB."""

    def put(given: Any) -> int:
        value = arg.integer(given, 0, most_db)
        if value % 2:
            raise refusal(-222, f"{value} dB is no multiple of 2 dB")
        return value

    module.setting(path, name, 0, put, str)
    module.table.add(path + ":MAX?", lambda s, a: str(most_db))
