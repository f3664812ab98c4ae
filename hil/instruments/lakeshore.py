"""Emulated Lake Shore 335, 336 and 372: inputs that read kelvin, and heater outputs; no error queue, only ``*ESR?``.

A reading of an input comes from the fault ``readings`` (``{"A": 4.2, "6": 0.011}``), its status mask from ``status``.

Source: command sets as they show in the maker's own lakeshorecryotronics/python-driver (KRDG?, SRDG?, RDGST?, INNAME,
chains joined with ``;:``, ``*ESR?`` as the only word of an error, 57,600 baud with 7 data bits and odd parity) and in
QCoDeS ``Lakeshore/lakeshore_base.py`` and its models (SETP, RANGE, PID, OUTMODE, HTR?, TLIMIT, line end CR LF).
"""

from __future__ import annotations

from typing import Any, ClassVar

from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["Lakeshore335", "Lakeshore336", "Lakeshore372"]


class _Lakeshore(Box):
    """What the three share; the first argument of a command names an input or an output."""

    kind = "box"
    reply_end = "\r\n"
    own_faults = Box.own_faults | {"readings", "status"}
    inputs: tuple[str, ...] = ()
    ranges: ClassVar[dict[str, int]] = {}
    bridge = False

    def _system(self) -> None:
        """Add nothing: there is no SYSTem and no STATus."""

    def commands(self) -> None:
        """Add the commands of the manual."""
        add = self.table.add
        add("KRDG?", lambda s, a: self._reading(a[0], 295.0), 1)
        add("SRDG?", lambda s, a: self._reading(a[0], 1000.0), 1)
        add("RDGST?", lambda s, a: f"{int(self.faults.get('status', {}).get(self._input(a[0]), 0)):03d}", 1)
        self._of_input("INNAME", "name", "", lambda a: arg.string(a)[:15], "{:<15}")
        self._of_input("TLIMIT", "limit_k", 0.0, lambda a: arg.number(a, 0.0, 1500.0), "{:+.5G}")
        self._of_output("SETP", "setpoint_k", 0.0, lambda o, a: arg.number(a[0], 0.0, 400.0), "{:+.4E}".format)
        self._of_output("RANGE", "range", 0, lambda o, a: arg.integer(a[0], 0, self.ranges[o]), str)
        self._of_output("PID", "pid", (50.0, 20.0, 0.0), lambda o, a: tuple(arg.number(x, 0.0, 10_000.0) for x in a),
                        lambda pid: ",".join(f"{x:+.5E}" for x in pid), 3)  # fmt: skip
        heater = (lambda s, a: "+0.000E+00") if self.bridge else (lambda s, a: f"{self._output(a[0]) and '+00.0'}")
        add("HTR?", heater, 0, 1)

    def _input(self, argument: Any) -> str:
        name = str(argument).upper()
        if name not in self.inputs:
            raise refusal(-222, name)
        return name

    def _output(self, argument: Any) -> str:
        name = str(argument)
        if name not in self.ranges:
            raise refusal(-222, name)
        return name

    def _reading(self, argument: Any, default: float) -> str:
        return f"{float(self.faults.get('readings', {}).get(self._input(argument), default)):+.6E}"

    def _of_input(self, word: str, name: str, default: Any, read: Any, form: str) -> None:
        def put(suffixes: tuple[int, ...], args: list[Any]) -> None:
            self.put(f"{name}{self._input(args[0])}", read(args[1]))

        def ask(suffixes: tuple[int, ...], args: list[Any]) -> str:
            self._defaults.setdefault(f"{name}{self._input(args[0])}", default)
            return form.format(self.value(f"{name}{self._input(args[0])}"))

        self.table.add(word, put, 2)
        self.table.add(word + "?", ask, 1)

    def _of_output(self, word: str, name: str, default: Any, read: Any, show: Any, n_values: int = 1) -> None:
        def put(suffixes: tuple[int, ...], args: list[Any]) -> None:
            output = self._output(args[0])
            self.put(f"{name}{output}", read(output, args[1:]))

        def ask(suffixes: tuple[int, ...], args: list[Any]) -> str:
            self._defaults.setdefault(f"{name}{self._output(args[0])}", default)
            return str(show(self.value(f"{name}{self._output(args[0])}")))

        self.table.add(word, put, 1 + n_values)
        self.table.add(word + "?", ask, 1)


class Lakeshore335(_Lakeshore):
    """Two inputs and two heaters."""

    idn = "LSCI,MODEL335,{serial}/#######,2.0"
    inputs = ("A", "B")
    ranges: ClassVar[dict[str, int]] = {"1": 3, "2": 3}


class Lakeshore336(_Lakeshore):
    """Four inputs, two heaters and two voltage outputs."""

    idn = "LSCI,MODEL336,{serial}/#######,2.9"
    inputs = ("A", "B", "C", "D")
    ranges: ClassVar[dict[str, int]] = {"1": 3, "2": 3, "3": 1, "4": 1}


class Lakeshore372(_Lakeshore):
    """Sixteen scanned inputs and one of the control loop; sample heater 0, warm-up heater 1, still heater 2."""

    idn = "LSCI,MODEL372,{serial}/#######,1.3"
    inputs = (*map(str, range(1, 17)), "A")
    ranges: ClassVar[dict[str, int]] = {"0": 8, "1": 1, "2": 1}
    bridge = True
