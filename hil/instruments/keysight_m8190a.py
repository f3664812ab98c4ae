"""Emulated Keysight M8190A: two outputs, segments by number, a sequence table for each output.

Source: M8190A User's Guide, TRACe subsystem (TRACe:DEFine, :DATA, :DELete:ALL, :DWIDth; an overfull segment is error
-223), STABle subsystem (seven words of an entry: control, sequence loops, segment loops, segment, start and end),
FUNCtion:MODE, INITiate, ABORt, ARM:TRIGger, VOLTage, OUTPut; waveform words have the code in their upper 14 or 12 bits.
Granularity and shortest segment are those known of the data sheet: 240 and 48 samples at 14 bits, 320 and 64 at 12.

A trigger plays the selected sequence once. Not emulated: what continuous and gated modes play (accepted, the plant
hears nothing), dynamic sequences, scenarios, idle entries, parts of segments, markers, loops of a whole sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Levels
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.sequenced import Played, Sequenced, Wave

__all__ = ["KeysightM8190a", "KeysightM8190a12bit"]

_MOST_SEGMENTS = 1 << 19
_MOST_ENTRIES = 524_287
_FIRST, _LAST, _IDLE = 1 << 28, 1 << 30, 1 << 31
_END = 0xFFFFFFFF
_MEMORY = 1 << 31


class KeysightM8190a(Sequenced):
    """The generator, with 14 bits; what its outputs play at the next trigger goes to the plant."""

    idn = "Agilent Technologies,M8190A,{serial},5.0.16.0-2"
    n_outputs = 2
    bits = 14
    most_hz = 8e9
    least, multiple = 240, 48

    def commands(self) -> None:
        """Add the commands of the guide's subsystems."""
        super().commands()
        self._segments: dict[int, dict[int, NDArray[np.int16]]] = {1: {}, 2: {}}
        self._waves: dict[tuple[int, int], Wave] = {}
        self._entries: dict[int, dict[int, tuple[int, ...]]] = {1: {}, 2: {}}
        self._running = {1: False, 2: False}
        add = self.table.add
        self.number("[SOURce]:FREQuency:RASTer", "rate_hz", self.most_hz, 125e6, self.most_hz, dirty=True)
        level = "[SOURce]:VOLTage<2>[:LEVel][:IMMediate]"
        self.number(level + "[:AMPLitude]", "amplitude_vpp", 0.7, 0.1, 0.7, dirty=True)
        self.number(level + ":OFFSet", "offset_v", 0.0, -0.02, 0.02, dirty=True)
        self.switch("OUTPut<2>[:NORMal][:STATe]", "on", dirty=True)
        self.choice("[SOURce]:FUNCtion<2>:MODE", "mode", "ARB", "ARBitrary|STSequence|STSCenario", dirty=True)
        self.choice("TRACe<2>:DWIDth", "width", self._width(), "WSPeed|WPRecision|INTX3|INTX12|INTX24|INTX48")
        self.choice("FORMat:BORDer", "border", "NORM", "NORMal|SWAPped")
        self.switch("INITiate:CONTinuous<2>[:STATe]", "continuous", True, dirty=True)
        self.switch("INITiate:GATE<2>[:STATe]", "gate", dirty=True)
        self.choice("ARM[:SEQuence][:STARt][:LAYer]:TRIGger:SOURce", "trigger_source", "EXT", "EXTernal|INTernal")
        self.number("ARM[:SEQuence][:STARt][:LAYer]:TRIGger:LEVel", "trigger_v", 0.0, -5.0, 5.0)
        self.choice("ARM[:SEQuence][:STARt][:LAYer]:TRIGger:SLOPe", "slope", "POS", "POSitive|NEGative|EITHer")
        self.choice(
            "[SOURce]:ROSCillator:SOURce", "reference", "AXI", "EXTernal|AXI|INTernal", changed=self.reference_changed
        )
        self.number("[SOURce]:ROSCillator:FREQuency", "reference_hz", 100e6, 1e6, 17e9)
        add("INITiate:IMMediate<2>", lambda s, a: self._run(s[0], True))
        add("ABORt<2>", lambda s, a: self._run(s[0], False))
        add("TRACe<2>:DEFine", lambda s, a: self._define(s[0], a), 2, 3)
        add("TRACe<2>[:DATA]", lambda s, a: self._take(s[0], a), 3)
        add("TRACe<2>:DELete:ALL", lambda s, a: self._delete(s[0]))
        add("TRACe<2>:CATalog?", lambda s, a: self._catalog(s[0]))
        add("[SOURce]:STABle<2>:DATA", lambda s, a: self._write(s[0], [arg.integer(one, 0, _IDLE * 2) for one in a]), 7)
        add("[SOURce]:STABle<2>:RESet", lambda s, a: self._entries[s[0]].clear())
        self.integer("[SOURce]:STABle<2>:SEQuence:SELect", "selected", 0, 0, _MOST_ENTRIES, dirty=True)

    def _width(self) -> str:
        return "WPR" if self.bits == 14 else "WSP"

    def put(self, name: str, value: Any, *suffixes: int) -> None:
        """Change a setting; a sequence is chosen, and a width set, while the output is stopped."""
        if name == "selected" and self._running[suffixes[0]]:
            raise refusal(-221, f"output {suffixes[0]} is running")
        if name == "width" and value != self._width():
            raise refusal(-300, f"the virtual lab has a box of {self.bits} bits")
        super().put(name, value, *suffixes)

    # segments and table ------------------------------------------------------------------------------

    def _stopped(self, output: int) -> None:
        if self._running[output]:
            raise refusal(-221, f"output {output} is running")

    def _define(self, output: int, args: list[Any]) -> None:
        self._stopped(output)
        number, n_samples = arg.integer(args[0], 1, _MOST_SEGMENTS), arg.integer(args[1], 1, _MEMORY)
        if n_samples < self.least or n_samples % self.multiple:
            raise refusal(-222, f"{n_samples} samples are not {self.least} at least in steps of {self.multiple}")
        if number in self._segments[output]:
            raise refusal(-221, f"segment {number} is defined already")
        if sum(map(len, self._segments[output].values())) + n_samples > _MEMORY:
            raise refusal(-225, f"{n_samples} samples more")
        code = arg.integer(args[2], -8192, 8191) if len(args) > 2 else 0
        self._segments[output][number] = np.full(n_samples, code << (16 - self.bits), np.int16)

    def _take(self, output: int, args: list[Any]) -> None:
        data = arg.block(args[2])
        self.count(len(data))
        number = arg.integer(args[0], 1, _MOST_SEGMENTS)
        segment = self._segments[output].get(number)
        if segment is None:
            raise refusal(-224, f"no segment {number} of output {output}")
        if len(data) % 2:
            raise refusal(-161, f"{len(data)} bytes are not whole samples")
        words = np.frombuffer(data, ">i2" if self.value("border") == "NORM" else "<i2")
        start = arg.integer(args[1], 0, len(segment))
        if start + len(words) > len(segment):
            raise refusal(-223, f"{start + len(words)} samples for {len(segment)}")
        segment[start : start + len(words)] = words
        self._waves.pop((output, number), None)
        self.dirty = True

    def _delete(self, output: int) -> None:
        self._stopped(output)
        self._segments[output].clear()
        self._entries[output].clear()
        self._waves = {key: wave for key, wave in self._waves.items() if key[0] != output}
        self.dirty = True

    def _catalog(self, output: int) -> str:
        found = [f"{number},{len(words)}" for number, words in sorted(self._segments[output].items())]
        return ",".join(found) or "0,0"

    def _write(self, output: int, words: list[int]) -> None:
        self._stopped(output)
        entry, control, _, n_loops, number, start, end = words
        if entry > _MOST_ENTRIES:
            raise refusal(-222, f"entry {entry}")
        if control & _IDLE or (start, end) != (0, _END):
            raise refusal(-300, "the virtual lab plays whole segments, no idle entries")
        if number not in self._segments[output]:
            raise refusal(-224, f"no segment {number} of output {output}")
        if not 1 <= n_loops < 1 << 32:
            raise refusal(-222, f"{n_loops} loops")
        self._entries[output][entry] = (control, n_loops, number)
        self.dirty = True

    # playing -----------------------------------------------------------------------------------------

    def _run(self, output: int, on: bool) -> None:
        if on and self.value("mode", output) == "STS":
            if self.unlocked():
                raise refusal(-241, "external reference is not locked")
            self._sequence(output)
        self._running[output] = on
        self.dirty = True

    def _sequence(self, output: int) -> list[Played]:
        """Return the selected sequence, from its first entry to its last."""
        entry = int(self.value("selected", output))
        found: list[Played] = []
        while True:
            control, n_loops, number = self._entries[output].get(entry, (0, 0, 0))
            if not n_loops or bool(control & _FIRST) != (not found):
                raise refusal(-221, f"entry {entry} of output {output} is in no sequence that entry begins")
            found.append(Played(self._wave(output, number), n_loops))
            if control & _LAST:
                return found
            entry += 1

    def _wave(self, output: int, number: int) -> Wave:
        wave = self._waves.get((output, number))
        if wave is None:
            codes = self._segments[output][number] >> (16 - self.bits)
            wave = Wave(codes.astype(np.float32) / np.float32((1 << (self.bits - 1)) - 1))
            self._waves[output, number] = wave
        return wave

    def playing(self) -> dict[int, list[Played]] | None:
        """Return the sequences of the outputs that wait for the trigger."""
        found = {}
        for n in (1, 2):
            ways = (self.value("mode", n), self.value("continuous", n), self.value("gate", n))
            if self._running[n] and ways == ("STS", False, False):
                found[n] = self._sequence(n)
        return found or None

    def levels(self) -> Levels:
        """Return amplitude, offset and state of both outputs."""
        return {n: (self.value("amplitude_vpp", n), self.value("offset_v", n), self.value("on", n)) for n in (1, 2)}

    def rate_hz(self) -> float:
        """Return the rate of both outputs."""
        return float(self.value("rate_hz"))

    def reset(self) -> None:
        """Stop; settings are gone, segments and table too."""
        for output in (1, 2):
            self._running[output] = False
            self._delete(output)
        super().reset()


class KeysightM8190a12bit(KeysightM8190a):
    """The generator, with 12 bits and at 12 GSa/s."""

    bits = 12
    most_hz = 12e9
    least, multiple = 320, 64
