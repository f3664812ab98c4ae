"""Drive a QDevil QDAC-II: slow voltages, with the limits and the slew of lab.toml on every path: set, list and sweep.

The slew is the instrument's own (``VOLTage:SLEW`` bounds the DC generator in all three modes). Before anything that can
move an output, its slew is read back, so that a power cycle, which brings the instrument's 2e7 V/s back, is noticed.

Source: QDevil QDAC-II manual, SCPI command reference: SOURce{n}[:DC]:VOLTage[:LEVel][:IMMediate][:AMPLitude], :MODE, :SLEW,
:LAST?; :LIST:VOLTage, :DWELl, :COUNt; :SWEep:STARt, :STOP, :POINts, :DWELl, :COUNt; :INITiate, :ABORt; SOURce{n}:RANGe;
the same short forms are in the public driver qcodes_contrib_drivers `QDAC2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qctl.device import Parameter
from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.commands import Command
from qctl.instruments.confirm import confirm, parsed_float
from qctl.instruments.links.link import Link
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.settings import Settings
from qctl.lab import Instrument, Lab
from qctl.units import Limits

__all__ = ["COMMANDS", "QdevilQdac2", "open_driver"]

_RANGE_V = Limits(-10, 10)
_SLEW = Limits(0.01, 2e7)
_DWELL_S = Limits(1e-6, 3600)
_RESOLUTION_V = 2e-5
_MAX_LIST = 65_536

COMMANDS = (
    Command("*IDN", "identity", "Identity", kind=str, settable=False),
    Command(
        "SOURce{n}[:DC]:VOLTage[:LEVel][:IMMediate][:AMPLitude]",
        "output{n}_voltage_v",
        "Voltage of output",
        "V",
        limits=_RANGE_V,
        resolution=_RESOLUTION_V,
    ),
    Command(
        "SOURce{n}[:DC]:VOLTage[:LEVel][:IMMediate][:AMPLitude]:LAST",
        "output{n}_present_v",
        "Present voltage of output",
        "V",
        settable=False,
    ),
    Command(
        "SOURce{n}[:DC]:VOLTage:SLEW", "output{n}_slew_v_per_s", "Slew of output", "V/s", limits=_SLEW, resolution=1e-6
    ),
    Command(
        "SOURce{n}[:DC]:VOLTage:MODE", "output{n}_mode", "Mode of output", kind=str, words=("FIX", "LIST", "SWE")
    ),
    Command("SOURce{n}[:DC]:LIST:VOLTage", "output{n}_list_v", "List of output", "V", kind=list, limits=_RANGE_V,
        resolution=_RESOLUTION_V),
    Command("SOURce{n}[:DC]:LIST:DWELl", "output{n}_list_dwell_s", "Dwell of list of output", "s", limits=_DWELL_S),
    Command("SOURce{n}[:DC]:SWEep:STARt", "output{n}_sweep_start_v", "Sweep start of output", "V", limits=_RANGE_V,
        resolution=_RESOLUTION_V),
    Command("SOURce{n}[:DC]:SWEep:STOP", "output{n}_sweep_stop_v", "Sweep stop of output", "V", limits=_RANGE_V,
        resolution=_RESOLUTION_V),
    Command(
        "SOURce{n}[:DC]:SWEep:POINts", "output{n}_sweep_points", "Sweep points of output", kind=int, limits=Limits(2, 1e9)
    ),
    Command("SOURce{n}[:DC]:SWEep:DWELl", "output{n}_sweep_dwell_s", "Dwell of sweep of output", "s", limits=_DWELL_S),
)
_VOLTAGES = ("output{n}_voltage_v", "output{n}_list_v", "output{n}_sweep_start_v", "output{n}_sweep_stop_v")


@dataclass(frozen=True, slots=True)
class QdevilQdac2:
    """A source of slow voltages.

    `set` of a voltage returns when the instrument has taken it; the output then moves at its slew, and
    ``output{n}_present_v`` says where it is.

    Attributes
    ----------
    link : Link
        To the instrument.
    instrument : Instrument
        Its entry in lab.toml; outputs that it doesn't name can't be used.
    """

    link: Link
    instrument: Instrument
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        limits = {}
        for number, output in self.instrument.output.items():
            if output.slew_v_per_s is None or output.safe_v is None:
                raise RequestError(
                    f"instruments.{self.instrument.name}.output.{number} needs slew_v_per_s and safe_v in lab.toml"
                )
            for name in _VOLTAGES:
                limits[name.replace("{n}", str(number))] = Limits(*output.limits_v)
            limits[f"output{number}_slew_v_per_s"] = Limits(_SLEW.low, output.slew_v_per_s)
            limits[f"output{number}_safe_v"] = Limits(*output.limits_v)
        settings = Settings(self.link, COMMANDS, tuple(sorted(self.instrument.output)), limits)
        object.__setattr__(self, "settings", settings)

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return self.settings.parameters()

    def get(self, name: str) -> Any:
        """Ask the device for one value; a list comes as a list of float."""
        return self.settings.get(name)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, make sure of the slew, send it, confirm it.

        Raises
        ------
        LimitError
            If a voltage is outside its output's limits, or a list or sweep would have to move faster than the slew;
            nothing has been sent.
        """
        checked = self.settings.checked(name, value)
        number = self._number(name)
        if number is not None and not name.endswith("_slew_v_per_s"):
            self._hold_slew(number)
            if "_list_" in name:
                self._check_list(number, {name: checked})
        if name.endswith("_mode") and checked != "FIX":
            raise RequestError(f"{self.link.name}: use run_list or run_sweep, which check the slew, not {name}")
        if name.endswith("_voltage_v"):
            self.link.write(f"SOUR{number}:VOLT:MODE FIX")
        self.settings.set(name, checked)

    def run_list(self, output: int, voltages_v: Sequence[float], dwell_s: float) -> None:
        """Play a list once, from now on.

        Parameters
        ----------
        output : int
            Output.
        voltages_v : sequence of float
            At most 65,536 voltages.
        dwell_s : float
            Time at each.
        """
        listed, dwell = f"output{output}_list_v", f"output{output}_list_dwell_s"
        wanted = {listed: self.settings.checked(listed, voltages_v), dwell: self.settings.checked(dwell, dwell_s)}
        self._hold_slew(output)
        self._check_list(output, wanted)
        for name, value in wanted.items():
            self.settings.set(name, value)
        self._run(output, "LIST")

    def run_sweep(self, output: int, start_v: float, stop_v: float, n_points: int, dwell_s: float) -> None:
        """Sweep once from one voltage to another, from now on."""
        wanted = {
            f"output{output}_sweep_{name}": value
            for name, value in (("start_v", start_v), ("stop_v", stop_v), ("points", n_points), ("dwell_s", dwell_s))
        }
        checked = {name: self.settings.checked(name, value) for name, value in wanted.items()}
        step_v = abs(stop_v - start_v) / (n_points - 1)
        self._check_slew(output, step_v, dwell_s)
        self._hold_slew(output)
        for name, value in checked.items():
            self.settings.set(name, value)
        self._run(output, "SWE")

    def safe(self) -> None:
        """Abandon lists and sweeps, and let every output move to its safe voltage at its slew."""
        numbers = sorted(self.instrument.output)
        for number in numbers:
            self._hold_slew(number)
        for number in numbers:
            safe_v = self.settings.checked(f"output{number}_voltage_v", self.instrument.output[number].safe_v)
            self.link.write(f"SOUR{number}:DC:ABOR")
            self.link.write(f"SOUR{number}:VOLT:MODE FIX")
            self.settings.send(f"output{number}_voltage_v", safe_v)
        confirm(self.link, "the safe voltages")
        for number in numbers:
            self.settings.read_back(f"output{number}_voltage_v", self.instrument.output[number].safe_v)

    def prepare(self) -> None:
        """Clear the status and set the slew of every output of lab.toml."""
        self.link.write("*CLS")
        for number in sorted(self.instrument.output):
            self._hold_slew(number)

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _number(self, name: str) -> int | None:
        return next((n for n in self.instrument.output if name.startswith(f"output{n}_")), None)

    def _hold_slew(self, number: int) -> None:
        """Make sure that an output's slew is at most lab.toml's."""
        output = self.instrument.output.get(number)
        if output is None:
            raise RequestError(f"{self.link.name}: output {number} is not in lab.toml", instrument=self.link.name)
        bound = self.settings.limits[f"output{number}_slew_v_per_s"].high
        reply = self.link.query(f"SOUR{number}:VOLT:SLEW?")
        if parsed_float(self.link, reply, "a slew") > bound * (1 + 1e-6):
            self.settings.set(f"output{number}_slew_v_per_s", bound)

    def _check_list(self, number: int, wanted: dict[str, Any]) -> None:
        listed, dwell = f"output{number}_list_v", f"output{number}_list_dwell_s"
        voltages = wanted[listed] if listed in wanted else self.settings.get(listed)
        dwell_s = wanted[dwell] if dwell in wanted else self.settings.get(dwell)
        if len(voltages) > _MAX_LIST:
            raise LimitError(f"{self.link.name}: {len(voltages)} voltages in {listed} are over {_MAX_LIST}")
        if len(voltages) > 1:
            self._check_slew(number, float(np.abs(np.diff(voltages)).max()), dwell_s)

    def _check_slew(self, number: int, step_v: float, dwell_s: float) -> None:
        bound = self.settings.limits[f"output{number}_slew_v_per_s"].high
        if not step_v <= bound * dwell_s * (1 + 1e-9):
            raise LimitError(
                f"{self.link.name}: output {number} steps of {step_v:g} V in {dwell_s:g} s are faster than {bound:g} V/s",
                instrument=self.link.name,
            )

    def _run(self, number: int, mode: str) -> None:
        self.link.write(f"SOUR{number}:VOLT:MODE {mode}")
        self.link.write(f"SOUR{number}:DC:TRIG:SOUR IMM")
        self.link.write(f"SOUR{number}:DC:INIT")
        confirm(self.link, f"starting the {mode} of output {number}")
        if not self.link.query(f"SOUR{number}:VOLT:MODE?").upper().startswith(mode):
            raise RefusedError(f"{self.link.name}: output {number} is not in mode {mode}", instrument=self.link.name)


def open_driver(instrument: Instrument, lab: Lab) -> QdevilQdac2:
    """Open the link, check the identity, set every slew."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("QDevil", "QDAC-II"))
    device = QdevilQdac2(link, instrument)
    device.prepare()
    return device
