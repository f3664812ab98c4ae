"""Emulated QDevil QDAC-II: 24 DC outputs, fixed, in lists or in sweeps, with ranges and slew.

Source: QDAC-II SCPI manual as it shows in QCoDeS contrib ``QDevil/QDAC2.py`` (SOURce<n>:VOLTage, :RANGe, :FILTer,
:LIST, :SWEep, :DC triggers, SENSe, READ, TINT, ABORt, SYSTem:ERRor:ALL?); ranges of ±2 V and ±10 V and slew of 0.01 to
2e7 V/s from the QDAC-II data sheet. Values arrive as text or as a block of little-endian float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qctl.hil.instruments.qdac_generators import Generators, Ramp
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["QdevilQdac2"]

N_OUTPUTS = 24
_RANGES_V = {"LOW": 2.0, "HIGH": 10.0}
_MAX_POINTS = 100_000
_WIDTH = "[SOURce<24>]"


class QdevilQdac2(Box):
    """The DC source; every level goes to the plant with its slew."""

    idn = "QDevil, QDAC-II, {serial}, 3-0.17.5"
    kind = "dc"
    n_outputs = N_OUTPUTS

    def commands(self) -> None:
        """Add the commands of the manual."""
        self._ramps = {output: Ramp() for output in range(1, N_OUTPUTS + 1)}
        self._changed: set[int] = set()
        self.generators = Generators(self)
        self._each(":RANGe", "range", "HIGH", lambda a, n: self._range(a, n))
        for name, bound in (("LOW", 2.0), ("HIGH", 10.0)):
            self.table.add(f"{_WIDTH}:RANGe:{name}:MINimum?", _constant(f"{-bound:g}"))
            self.table.add(f"{_WIDTH}:RANGe:{name}:MAXimum?", _constant(f"{bound:g}"))
        filters = arg.spellings("DC|MEDium|HIGH")
        self._each(":FILTer", "filter", "HIGH", lambda a, n: arg.choice(a, filters))
        modes = arg.spellings("FIXed|LIST|SWEep")
        self._each(":VOLTage:MODE", "mode", "FIX", lambda a, n: arg.choice(a, modes))
        self._each(":VOLTage:SLEW", "slew_v_per_s", 2e7, lambda a, n: arg.number(a, 0.01, 2e7, 2e7), "{:.9g}")
        self._each(":VOLTage:TRIGgered[:LEVel]", "next_v", 0.0, self.voltage, "{:.9g}")
        level = ":VOLTage[:LEVel][:IMMediate][:AMPLitude]"
        self._each(level, "level_v", 0.0, self.voltage, "{:.9g}", self._go)
        self.table.add(f"{_WIDTH}:VOLTage:LAST?", lambda s, a: self._last(s[0]))
        self._list_group()
        self._sweep_group()
        self._trigger_group()
        self._sense_group()

    def _list_group(self) -> None:
        add = self.table.add
        add(_WIDTH + ":LIST:VOLTage", lambda s, a: self._list(s[0], a, False), 1, _MAX_POINTS)
        add(_WIDTH + ":LIST:VOLTage:APPend", lambda s, a: self._list(s[0], a, True), 1, _MAX_POINTS)
        add(_WIDTH + ":LIST:VOLTage?", lambda s, a: ",".join(f"{v:.9g}" for v in self.value("list_v", s[0])))
        add(_WIDTH + ":LIST:VOLTage:POINts?", lambda s, a: str(len(self.value("list_v", s[0]))))
        add(_WIDTH + ":LIST:POINts?", lambda s, a: str(len(self.value("list_v", s[0]))))
        self._defaults["list_v"] = ()
        modes = arg.spellings("AUTO|STEPped")
        self._each(":LIST:TMODe", "list_tmode", "AUTO", lambda a, n: arg.choice(a, modes))
        self._timing(":LIST", "list")

    def _sweep_group(self) -> None:
        self._each(":SWEep:STARt", "sweep_start_v", 0.0, self.voltage, "{:.9g}")
        self._each(":SWEep:STOP", "sweep_stop_v", 0.0, self.voltage, "{:.9g}")
        self._each(":SWEep:POINts", "sweep_points", 2, lambda a, n: arg.integer(a, 2, _MAX_POINTS, 2))
        kinds = arg.spellings("AUTO|STEPped|ANALog")
        self._each(":SWEep:GENeration", "sweep_tmode", "STEP", lambda a, n: arg.choice(a, kinds))
        self._timing(":SWEep", "sweep")
        self.table.add(
            _WIDTH + ":SWEep:TIME?",
            lambda s, a: f"{self.value('sweep_dwell_s', s[0]) * self.value('sweep_points', s[0]):.9g}",
        )

    def _timing(self, group: str, name: str) -> None:
        ways = arg.spellings("UP|DOWN")
        self._each(group + ":DWELl", name + "_dwell_s", 1e-3, lambda a, n: arg.number(a, 1e-6, 3600.0, 1e-3), "{:.9g}")
        self._each(group + ":DIRection", name + "_way", "UP", lambda a, n: arg.choice(a, ways))
        self._each(group + ":COUNt", name + "_count", 1, lambda a, n: self._count(a))
        self.table.add(f"{_WIDTH}{group}:NCLeft?", lambda s, a: str(self.generators.cycles_left(s[0])))

    def _trigger_group(self) -> None:
        add, run = self.table.add, self.generators
        self._each(":DC:TRIGger:SOURce", "trigger", "IMM", lambda a, n: _trigger(a))
        self._each(":DC:DELay", "delay_s", 0.0, lambda a, n: arg.number(a, 0.0, 3600.0), "{:.9g}")
        self._each(":DC:INITiate:CONTinuous", "continuous", False, lambda a, n: arg.boolean(a), "{:d}", run.rearm)
        add(_WIDTH + ":DC:INITiate[:IMMediate]", lambda s, a: run.initiate(s[0]))
        add(_WIDTH + ":DC:ABORt", lambda s, a: run.abort(s[0]))
        for name in ("STARt", "END", "SSTart", "SEND"):
            self._each(f":DC:MARKer:{name}", "marker_" + name.lower(), 0, lambda a, n: arg.integer(a, 0, 14))
        add("TINT", lambda s, a: run.trigger(f"INT{arg.integer(a[0], 1, 14)}"), 1)
        add("ABORt", lambda s, a: run.abort_all())
        self.setting("OUTPut:TRIGger<5>:SOURce", "output_trigger", "HOLD", _trigger)
        self.number("OUTPut:TRIGger<5>:WIDTh", "output_trigger_width_s", 1e-6, 1e-6, 3600.0, "{:.9g}")

    def _sense_group(self) -> None:
        ranges = arg.spellings("LOW|HIGH")
        self.setting("SENSe<24>:RANGe", "sense_range", "HIGH", lambda a: arg.choice(a, ranges))
        self.integer("SENSe<24>:NPLCycles", "sense_nplc", 1, 1, 1000)
        self.integer("SENSe<24>:COUNt", "sense_count", 1, -1, 1_000_000)
        self.number("SENSe<24>:DELay", "sense_delay_s", 0.0, 0.0, 3600.0, "{:.9g}")
        self.table.add("READ<24>?", lambda s, a: "0")
        self.table.add("FETCh<24>?", lambda s, a: "0")
        self.table.add("SYSTem:COMMunicate:LAN:MAC?", lambda s, a: '"02-00-00-00-00-02"')

    # settings ----------------------------------------------------------------------------------------

    def _each(self, pattern: str, name: str, default: Any, read: Any, form: str = "{}", after: Any = None) -> None:
        """Declare a setting of every output; ``(@1,2)`` after the value sets several at once."""
        self._defaults[name] = default

        def put(suffixes: tuple[int, ...], args: list[Any]) -> None:
            outputs = arg.channels(args[1], N_OUTPUTS) if len(args) > 1 else [suffixes[0]]
            values = [read(args[0], output) for output in outputs]
            for output, value in zip(outputs, values, strict=True):
                self.put(name, value, output)
                if after is not None:
                    after(output)

        def ask(suffixes: tuple[int, ...], args: list[Any]) -> str:
            outputs = arg.channels(args[0], N_OUTPUTS) if args else [suffixes[0]]
            return ",".join(form.format(self.value(name, output)).lower() for output in outputs)

        self.table.add(_WIDTH + pattern, put, 1, 2)
        self.table.add(_WIDTH + pattern + "?", ask, 0, 1)

    def voltage(self, argument: Any, output: int) -> float:
        """Return a voltage within the present range of an output."""
        bound = _RANGES_V[self.value("range", output)]
        return arg.number(argument, -bound, bound)

    def _range(self, argument: Any, output: int) -> str:
        name = arg.choice(argument, arg.spellings("LOW|HIGH"))
        if abs(self.value("level_v", output)) > _RANGES_V[name]:
            raise refusal(-221, f"output {output} is at {self.value('level_v', output):g} V")
        return name

    def _count(self, argument: Any) -> int:
        if isinstance(argument, str) and argument.upper() in ("INF", "INFINITY"):
            return -1
        return arg.integer(argument, -1, 10_000_000)

    def _list(self, output: int, args: list[Any], append: bool) -> None:
        if isinstance(args[0], bytearray):
            if len(args) > 1 or len(args[0]) % 4:
                raise refusal(-161, f"{len(args[0])} bytes are not whole numbers")
            bound = _RANGES_V[self.value("range", output)]
            volts = np.frombuffer(args[0], "<f4")
            if not bool(np.all(np.abs(volts) <= bound)):
                raise refusal(-222, f"a voltage of the list is outside {bound:g} V")
            values = tuple(float(v) for v in volts)
        else:
            values = tuple(self.voltage(a, output) for a in args)
        old = self.value("list_v", output) if append else ()
        if len(old) + len(values) > _MAX_POINTS:
            raise refusal(-223, f"{len(old) + len(values)} points of {_MAX_POINTS}")
        self.put("list_v", old + values, output)

    # levels --------------------------------------------------------------------------------------------

    def _go(self, output: int) -> None:
        if self.value("mode", output) == "FIX":
            self._changed.add(output)
            self.dirty = True

    async def drive(self, output: int, volts: float) -> None:
        """Move one output, at its slew."""
        slew = self.value("slew_v_per_s", output)
        self._ramps[output].go(volts, slew, await self.plant.now_s())
        await self.plant.level(output, volts, slew)

    async def _last(self, output: int) -> str:
        if self.dirty:
            await self.flush()
        return f"{self._ramps[output].volts(await self.plant.now_s()):.9g}"

    async def flush(self) -> None:
        """Move the outputs whose fixed level changed."""
        self.dirty = False
        changed, self._changed = sorted(self._changed), set()
        for output in changed:
            await self.drive(output, self.value("level_v", output))

    def trigger(self) -> Any:
        """Start what waits for the bus trigger."""
        return self.generators.trigger("BUS")

    def reset(self) -> Any:
        """Do what ``*RST`` does: all outputs go to 0 V."""
        super().reset()
        self._changed = set(range(1, N_OUTPUTS + 1))
        return self.generators.abort_all()

    def show_error(self, number: int, text: str) -> str:
        """Return an error as the QDAC-II writes it, with a space after the comma."""
        return f'{number}, "{text}"'


def _constant(reply: str) -> Callable[[tuple[int, ...], list[Any]], str]:
    return lambda suffixes, args: reply


def _trigger(argument: Any) -> str:
    word = str(argument).upper()
    known = {"IMM", "IMMEDIATE", "BUS", "HOLD"}
    if word in known:
        return word[:3] if word.startswith("IMM") else word
    kind, number = word[:3], word[3:]
    if number.isdigit() and ((kind == "INT" and 1 <= int(number) <= 14) or (kind == "EXT" and 1 <= int(number) <= 4)):
        return f"{kind}{int(number)}"
    raise refusal(-224, word[:60])
