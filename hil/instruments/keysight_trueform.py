"""Emulated Keysight 33500B and 33600A: two outputs, volatile memory of arbitrary waveforms and sequences.

Source: Agilent 33500 Series Operating and Service Guide (33500-90901), DATA subsystem (ARBitrary, ARBitrary:DAC,
SEQuence, VOLatile:CATalog and CLEar), FUNCtion:ARBitrary, TRIGger, OUTPut and VOLTage subsystems. What a sequence's
block is, from the same and from public programs for the 33512B and 33622A: name, then for each step waveform, count,
play control, marker mode, marker point. Limits are those of vendors' data sheets as far as they are known here: 8
points at least on a 33500B and 32 on a 33600A, 512 steps. The box's own positive error numbers are not known here:
the nearest of SCPI's list stand in their place.

A trigger plays what follows the step that waits, and that step again. Not emulated: what free-running functions play
(accepted, the plant hears nothing), sequences with several steps that wait or that repeat without end, filters,
marker outputs, outputs of different sample rates.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qctl.hil.instruments.plant_link import Levels
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.sequenced import Played, Sequenced, Wave

__all__ = ["Keysight33500b", "Keysight33600a"]

_BUILT_IN = "INT:\\BUILTIN\\EXP_RISE.ARB"
_CONTROLS = ("ONCE", "ONCEWAITTRIG", "REPEAT", "REPEATINF", "REPEATTILTRIG")
_MARKERS = ("MAINTAIN", "LOWATSTART", "HIGHATSTART", "HIGHATSTARTGOLOW")
_MAX_STEPS = 512
_NAME = 12


class _Row(NamedTuple):
    wave: Wave
    n_times: int
    control: str


class Keysight33500b(Sequenced):
    """The 33522B; what its outputs play at the next trigger goes to the plant."""

    idn = "Agilent Technologies,33522B,{serial},3.05-1.19-2.00-52-00"
    n_outputs = 2
    most_hz = 250e6
    least_points = 8
    most_points = 1_000_000

    def commands(self) -> None:
        """Add the commands of the guide's subsystems."""
        super().commands()
        self._arbs: dict[int, dict[str, Wave]] = {1: {}, 2: {}}
        self._sequences: dict[int, dict[str, list[_Row]]] = {1: {}, 2: {}}
        add = self.table.add
        source = "[SOURce<2>]:"
        words = "SINusoid|SQUare|TRIangle|RAMP|PULSe|PRBS|NOISe|ARB|DC"
        self.choice(f"{source}FUNCtion", "function", "SIN", words, dirty=True)
        self.setting(
            f"{source}FUNCtion:ARBitrary", "arb", _BUILT_IN, lambda a: a, '"{}"'.format, dirty=True,
        )  # fmt: skip
        self.number(f"{source}FUNCtion:ARBitrary:SRATe", "rate_hz", 40e3, 1e-6, self.most_hz, "{:+.15E}", dirty=True)
        self.choice(f"{source}FUNCtion:ARBitrary:FILTer", "filter", "STEP", "NORMal|STEP|OFF")
        self.choice(f"{source}FUNCtion:ARBitrary:ADVance", "advance", "SRAT", "TRIGger|SRATe", dirty=True)
        self.number(f"{source}VOLTage", "amplitude_vpp", 0.1, 1e-3, 20.0, "{:+.15E}", dirty=True)
        self.number(f"{source}VOLTage:OFFSet", "offset_v", 0.0, -10.0, 10.0, "{:+.15E}", dirty=True)
        self.choice(f"{source}VOLTage:UNIT", "unit", "VPP", "VPP|VRMS|DBM")
        self.switch(f"{source}BURSt:STATe", "burst", dirty=True)
        self.switch("OUTPut<2>", "on", dirty=True)
        self.number("OUTPut<2>:LOAD", "load_ohm", 50.0, 1.0, 10e3, "{:+.15E}")
        self.choice("TRIGger<2>:SOURce", "trigger", "IMM", "IMMediate|EXTernal|TIMer|BUS", dirty=True)
        self.choice("TRIGger<2>:SLOPe", "slope", "POS", "POSitive|NEGative")
        self.choice("FORMat:BORDer", "border", "NORM", "NORMal|SWAPped")
        self.choice(
            "[SOURce]:ROSCillator:SOURce", "reference", "INT", "INTernal|EXTernal", changed=self.reference_changed
        )
        self.switch("[SOURce]:ROSCillator:SOURce:AUTO", "reference_auto", True)
        add(f"{source}DATA:ARBitrary:DAC", lambda s, a: self._take(s[0], a, 32767.0), 2, 1 << 20)
        add(f"{source}DATA:ARBitrary", lambda s, a: self._take(s[0], a, 1.0), 2, 1 << 20)
        add(f"{source}DATA:SEQuence", lambda s, a: self._take_sequence(s[0], arg.block(a[0])), 1)
        add(f"{source}DATA:VOLatile:CLEar", lambda s, a: self._clear(s[0]))
        add(f"{source}DATA:VOLatile:CATalog?", lambda s, a: self._catalog(s[0]))
        add(f"{source}DATA:VOLatile:FREE?", lambda s, a: str(self.most_points - self._used(s[0])))

    def show_error(self, number: int, text: str) -> str:
        """Return an error with its sign."""
        return f'{number:+d},"{text}"'

    def put(self, name: str, value: Any, *suffixes: int) -> None:
        """Change a setting; of an output's waveform only to one that it holds."""
        if name == "arb":
            value = _named(value)
            if value not in self._arbs[suffixes[0]] and value not in self._sequences[suffixes[0]]:
                raise refusal(-224, f"no waveform {value} in the volatile memory of output {suffixes[0]}")
        if name == "load_ohm" and value != 50.0:
            raise refusal(-300, "the virtual lab has loads of 50 ohm")
        super().put(name, value, *suffixes)

    # waveforms and sequences -------------------------------------------------------------------------

    def _used(self, output: int) -> int:
        return sum(map(len, self._arbs[output].values()))

    def _take(self, output: int, args: list[Any], full: float) -> None:
        name = _new_name(_named(args[0]), self._arbs[output], self._sequences[output])
        if isinstance(args[1], str):
            values = np.array([arg.number(one, -full, full) for one in args[1:]], np.float64)
        else:
            data = arg.block(args[1])
            self.count(len(data))
            order = ">" if self.value("border") == "NORM" else "<"
            kind = np.dtype(f"{order}{'i2' if full > 1 else 'f4'}")
            if len(data) % kind.itemsize:
                raise refusal(-161, f"{len(data)} bytes are not whole points")
            values = np.frombuffer(data, kind).astype(np.float64)
            if values.size and not np.abs(values).max() <= full:
                raise refusal(-222, f"a point of {name} is over {full:g}")
        if not self.least_points <= values.size <= self.most_points:
            raise refusal(-222, f"{values.size} points of {self.least_points} to {self.most_points}")
        if self._used(output) + values.size > self.most_points:
            raise refusal(-225, f"more than {self.most_points} points on output {output}")
        self._arbs[output][name] = Wave((values / full).astype(np.float32))
        self.dirty = True

    def _take_sequence(self, output: int, block: bytearray) -> None:
        fields = [field.strip() for field in block.decode("latin-1").split(",")]
        name = _new_name(_named(fields[0]), self._arbs[output], self._sequences[output])
        rows = [fields[k : k + 5] for k in range(1, len(fields), 5)]
        if not rows or len(rows[-1]) < 5:
            raise refusal(-161, f"{len(fields)} fields are no sequence")
        if len(rows) > _MAX_STEPS:
            raise refusal(-223, f"{len(rows)} steps of {_MAX_STEPS}")
        self._sequences[output][name] = [self._row(output, row) for row in rows]

    def _row(self, output: int, fields: list[str]) -> _Row:
        name, count, control, marker, point = fields
        wave = self._arbs[output].get(_named(name))
        if wave is None:
            raise refusal(-224, f"no waveform {name} in the volatile memory of output {output}")
        if control.upper() not in _CONTROLS or marker.upper() not in _MARKERS:
            raise refusal(-224, f"{control},{marker}")
        n_times = arg.integer(count, 1 if control.upper() == "REPEAT" else 0, 1_000_000)
        arg.integer(point, 4, max(4, len(wave) - 3))
        return _Row(wave, n_times if control.upper() == "REPEAT" else 1, control.upper())

    def _clear(self, output: int) -> None:
        self._arbs[output].clear()
        self._sequences[output].clear()
        self._values.pop(("arb", output), None)
        self.dirty = True

    def _catalog(self, output: int) -> str:
        names = [_BUILT_IN, *self._arbs[output], *self._sequences[output]]
        return ",".join(f'"{name}"' for name in names)

    # playing -----------------------------------------------------------------------------------------

    def playing(self) -> dict[int, list[Played]] | None:
        """Return what follows the step that waits, on each output that waits for the trigger input."""
        found = {n: self._steps(n) for n in (1, 2)}
        waiting = {n: steps for n, steps in found.items() if steps}
        return waiting or None

    def _steps(self, output: int) -> list[Played]:
        function = (self.value("function", output), self.value("trigger", output), self.value("burst", output))
        if function != ("ARB", "EXT", False) or self.unlocked():
            return []
        rows = self._sequences[output].get(self.value("arb", output), [])
        waits = [k for k, row in enumerate(rows) if row.control == "ONCEWAITTRIG"]
        if len(waits) != 1 or any(row.control in ("REPEATINF", "REPEATTILTRIG") for row in rows):
            return []
        after = waits[0] + 1
        return [Played(row.wave, row.n_times) for row in (*rows[after:], *rows[:after])]

    def levels(self) -> Levels:
        """Return amplitude, offset and state of both outputs."""
        return {n: (self.value("amplitude_vpp", n), self.value("offset_v", n), self.value("on", n)) for n in (1, 2)}

    def rate_hz(self) -> float:
        """Return the rate of the outputs that wait."""
        rates = {self.value("rate_hz", n) for n in self.playing() or (1,)}
        if len(rates) > 1:
            raise refusal(-300, f"the virtual lab can't play outputs at {' and '.join(map(str, sorted(rates)))} Sa/s")
        return float(rates.pop())

    def power_cycle(self) -> None:
        """Forget the volatile memory."""
        for output in (1, 2):
            self._clear(output)
        super().power_cycle()


class Keysight33600a(Keysight33500b):
    """The 33622A: faster, and longer waveforms."""

    idn = "Agilent Technologies,33622A,{serial},A.02.03-3.15-03-64-02"
    most_hz = 1e9
    least_points = 32
    most_points = 4_000_000


def _named(argument: Any) -> str:
    """Return a name, with or without quotes, in capitals."""
    if not isinstance(argument, str):
        raise refusal(-168)
    return (arg.string(argument) if argument[:1] in "\"'" else argument).upper()


def _new_name(name: str, *taken: dict[str, Any]) -> str:
    if not name or len(name) > _NAME or any(name in names for names in taken):
        raise refusal(-224, f"waveform name {name[:60]}")
    return name
