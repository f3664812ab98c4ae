"""Drive a QDevil QDAC-II: slow voltages, with the limits and the slew of lab.toml on every path: set, list and sweep.

The slew is the instrument's own (``VOLTage:SLEW`` bounds the DC generator in all three modes). Before anything that can
move an output, its slew is read back, so that a power cycle, which brings the instrument's 2e7 V/s back, is noticed.

Source: QDevil QDAC-II manual, SCPI command reference: SOURce{n}[:DC]:VOLTage[:LEVel][:IMMediate][:AMPLitude], :MODE,
:SLEW, :LAST?; :LIST:VOLTage, :DWELl; :SWEep:STARt, :STOP, :POINts, :DWELl; :TRIGger:SOURce, :INITiate, :ABORt;
the same short forms are in the public driver qcodes_contrib_drivers `QDAC2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.capability import limit
from qctl.instruments.commands import Command
from qctl.instruments.confirm import confirm, parsed_float
from qctl.instruments.dc_sources.capabilities import TABLES
from qctl.instruments.dc_sources.outputs import narrow, slew_and_safe
from qctl.instruments.declared import Declaration, DeclaredInstrument
from qctl.units import Limits

__all__ = ["COMMANDS", "QDAC2", "QdevilQdac2", "open_driver"]

_TABLE = TABLES["qdevil-qdac2"]
_RANGE_V = limit(_TABLE, "settings.voltage_v").limits
_SLEW = limit(_TABLE, "settings.slew_v_per_s").limits
_DWELL_S = limit(_TABLE, "settings.dwell_s").limits
_RESOLUTION_V = float(limit(_TABLE, "settings.voltage_v").resolution or 0)
_MAX_LIST = limit(_TABLE, "table.entries").most

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
    Command("SOURce{n}[:DC]:VOLTage:MODE", "output{n}_mode", "Mode of output", kind=str, words=("FIX", "LIST", "SWE")),
    Command(
        "SOURce{n}[:DC]:LIST:VOLTage",
        "output{n}_list_v",
        "List of output",
        "V",
        kind=list,
        limits=_RANGE_V,
        resolution=_RESOLUTION_V,
    ),
    Command("SOURce{n}[:DC]:LIST:DWELl", "output{n}_list_dwell_s", "Dwell of list of output", "s", limits=_DWELL_S),
    Command(
        "SOURce{n}[:DC]:SWEep:STARt",
        "output{n}_sweep_start_v",
        "Sweep start of output",
        "V",
        limits=_RANGE_V,
        resolution=_RESOLUTION_V,
    ),
    Command(
        "SOURce{n}[:DC]:SWEep:STOP",
        "output{n}_sweep_stop_v",
        "Sweep stop of output",
        "V",
        limits=_RANGE_V,
        resolution=_RESOLUTION_V,
    ),
    Command(
        "SOURce{n}[:DC]:SWEep:POINts",
        "output{n}_sweep_points",
        "Sweep points of output",
        kind=int,
        limits=Limits(2, 1e9),
    ),
    Command("SOURce{n}[:DC]:SWEep:DWELl", "output{n}_sweep_dwell_s", "Dwell of sweep of output", "s", limits=_DWELL_S),
    Command("SOURce{n}:DC:INITiate[:IMMediate]", "output{n}_start", kind=type(None), askable=False),
    Command("SOURce{n}:DC:ABORt", "output{n}_abort", kind=type(None), askable=False),
)
_VOLTAGES = ("output{n}_voltage_v", "output{n}_list_v", "output{n}_sweep_start_v", "output{n}_sweep_stop_v")


@dataclass(frozen=True, slots=True)
class QdevilQdac2(DeclaredInstrument):
    """A source of slow voltages.

    `set` of a voltage returns when the instrument has taken it; the output then moves at its slew, and
    ``output{n}_present_v`` says where it is. Outputs that lab.toml doesn't name can't be used.
    """

    LAB_LINES = ("output.1 = { limits_v = [low, high], slew_v_per_s = fastest, safe_v = 0.0 }    # each output in use",)

    def _limits(self) -> dict[str, Limits]:
        limits = DeclaredInstrument._limits(self)
        for number, output in self.instrument.output.items():
            slew_v_per_s, _ = slew_and_safe(self.instrument, number)
            bounds = {name.replace("{n}", str(number)): Limits(*output.limits_v) for name in _VOLTAGES}
            bounds[f"output{number}_slew_v_per_s"] = Limits(_SLEW.low, slew_v_per_s)
            narrow(limits, bounds)
        return limits

    def _numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self.instrument.output))

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
        if number is None or name.endswith("_slew_v_per_s"):
            self.settings.set(name, checked)
            return
        self._hold_slew(number)
        if name.endswith("_start"):
            self._check_moves(number, {})
            self.link.write(f"SOUR{number}:DC:TRIG:SOUR IMM")
        elif name.endswith("_voltage_v"):
            self.link.write(f"SOUR{number}:VOLT:MODE FIX")
        self.settings.set(name, checked)

    def plan(self, values: Mapping[str, Any], pending: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings as they are, if each list or sweep that they start may run; nothing is sent but queries.

        Their order stays: a start plays what stands before it. `pending` is what will have been set before, the
        latest last.

        Raises
        ------
        LimitError
            If a list or sweep would have to move faster than the slew.
        """
        then: dict[str, Any] = {}
        for place, (name, value) in enumerate([*pending.items(), *values.items()]):
            number = self._number(name)
            if place >= len(pending) and number is not None and name.endswith("_start"):
                self._check_moves(number, then)
            then[name] = value
            if name.endswith("_voltage_v"):
                then[f"output{number}_mode"] = "FIX"
        return dict(values)

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

        Raises
        ------
        LimitError
            If a voltage is outside the limits or a step faster than the slew; the output has not moved.
        """
        self._run(output, {"mode": "LIST", "list_v": voltages_v, "list_dwell_s": dwell_s})

    def run_sweep(self, output: int, start_v: float, stop_v: float, n_points: int, dwell_s: float) -> None:
        """Sweep once from one voltage to another in equal steps, from now on.

        Raises
        ------
        LimitError
            If a voltage is outside the limits or a step faster than the slew; the output has not moved.
        """
        values = {"start_v": start_v, "stop_v": stop_v, "points": n_points, "dwell_s": dwell_s}
        self._run(output, {"mode": "SWE"} | {f"sweep_{name}": value for name, value in values.items()})

    def _run(self, number: int, values: dict[str, Any]) -> None:
        checked = {
            f"output{number}_{name}": self.settings.checked(f"output{number}_{name}", value)
            for name, value in values.items()
        }
        for name, value in checked.items():
            self.settings.set(name, value)
        self.set(f"output{number}_start", None)

    def safe(self) -> None:
        """Abandon lists and sweeps, and let every output move to its safe voltage at its slew.

        Raises
        ------
        RefusedError
            If the slew of any output can't be held, when all others are on their way; that output only stops.
        """
        numbers = []
        refused: RefusedError | None = None
        for number in sorted(self.instrument.output):
            try:
                self._hold_slew(number)
                numbers.append(number)
            except RefusedError as error:
                refused = refused or error
                self.link.write(f"SOUR{number}:DC:ABOR")
        for number in numbers:
            safe_v = self.settings.checked(f"output{number}_voltage_v", self.instrument.output[number].safe_v)
            self.link.write(f"SOUR{number}:DC:ABOR")
            self.link.write(f"SOUR{number}:VOLT:MODE FIX")
            self.settings.send(f"output{number}_voltage_v", safe_v)
        confirm(self.link, "the safe voltages")
        for number in numbers:
            self.settings.read_back(f"output{number}_voltage_v", self.instrument.output[number].safe_v)
        DeclaredInstrument.safe(self)
        if refused is not None:
            raise refused

    def prepare(self) -> None:
        """Clear the status and set the slew of every output of lab.toml."""
        self.link.write("*CLS")
        for number in sorted(self.instrument.output):
            self._hold_slew(number)

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

    def _check_moves(self, number: int, then: Mapping[str, Any]) -> None:
        """Check the list or sweep that the instrument holds, or will `then`: each voltage and each step."""

        def held(name: str) -> Any:
            parameter = f"output{number}_{name}"
            return then[parameter] if parameter in then else self.settings.get(parameter)

        mode = held("mode")
        if mode == "LIST":
            steps, dwell_s = self.settings.checked(f"output{number}_list_v", held("list_v")), held("list_dwell_s")
            if len(steps) > _MAX_LIST:
                raise LimitError(f"{self.link.name}: {len(steps)} voltages are over {_MAX_LIST}")
            step_v = float(np.abs(np.diff(steps)).max(initial=0.0))
        elif mode == "SWE":
            ends = [
                self.settings.checked(f"output{number}_{name}", held(name))
                for name in ("sweep_start_v", "sweep_stop_v")
            ]
            dwell_s = held("sweep_dwell_s")
            step_v = abs(ends[1] - ends[0]) / max(1, held("sweep_points") - 1)
        else:
            return
        bound = self.settings.limits[f"output{number}_slew_v_per_s"].high
        if not step_v <= bound * dwell_s * (1 + 1e-6):
            raise LimitError(
                f"{self.link.name}: output {number} steps of {step_v:g} V in {dwell_s:g} s are over {bound:g} V/s",
                instrument=self.link.name,
            )


QDAC2 = Declaration(COMMANDS, device=QdevilQdac2)
open_driver = QDAC2.open
