"""Emulated Tektronix AWG5208 and AWG70002A: waveforms as `.wfmx` files, a list of sequences whose steps wait.

Source: AWG70000A and AWG5200 Series Programmer Manuals as tektronix/tm_devices has their commands (groups AWGControl,
CLOCk, MMEMory, OUTPut, SLISt, SOURce, WLISt), QCoDeS ``AWG70000A.py`` for the file (XML head whose ``offset`` is its
length, then float32 from -1 to 1) and for ranges. Limits known of the data sheets: 2400 samples at least, 16383
steps.

A trigger plays the step that waits and those after it up to the next one that waits, which must be the same. Not
emulated: steps that wait for triggers other than A, event and pattern jumps, subsequences, files that stay on a disk
after a power cut, markers, what plays without a sequence (accepted, the plant hears nothing).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np

from qctl.hil.instruments.plant_link import Levels
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.sequenced import Played, Sequenced, Wave

__all__ = ["TektronixAwg5200", "TektronixAwg70000a"]

_LEAST = 2400
_MAX_STEPS = 16_383
_MAX_LOOPS = 1_048_576
_OFFSET = re.compile(rb'<DataFile offset="(\d+)"')
_WAITS = arg.spellings("OFF|ATRigger|BTRigger|ITRigger")
_FLOWS = arg.spellings("NEXT|LAST|FIRSt|END")


class _Step:
    def __init__(self) -> None:
        self.waves: dict[int, str] = {}
        self.n_loops = 1
        self.wait = "OFF"
        self.next = 0


class TektronixAwg5200(Sequenced):
    """The AWG5208; what its outputs play at the next trigger goes to the plant."""

    idn = "TEKTRONIX,AWG5208,{serial},FV:6.2.0104.0"
    n_outputs = 8
    most_hz, least_hz = 5e9, 300.0
    least_vpp, most_vpp = 0.025, 0.75
    least_bits, most_bits = 12, 16

    def commands(self) -> None:
        """Add the commands of the manuals' groups."""
        super().commands()
        self._files: dict[str, bytes] = {}
        self._waves: dict[str, Wave] = {}
        self._sequences: dict[str, list[_Step]] = {}
        self._tracks: dict[str, int] = {}
        self._running, self._position = False, 1
        add, n = self.table.add, self.n_outputs
        self.choice("INSTrument:MODE", "instrument", "AWG", "AWG|FGEN")
        self.number("CLOCk:SRATe", "rate_hz", self.most_hz, self.least_hz, self.most_hz, dirty=True)
        self.choice(
            "CLOCk:SOURce", "clock", "INT", "INTernal|EFIXed|EVARiable|EXTernal", changed=self.reference_changed
        )
        level = f"[SOURce<{n}>]:VOLTage[:LEVel][:IMMediate]"
        low, high = self.least_vpp, self.most_vpp
        self.number(level + "[:AMPLitude]", "amplitude_vpp", high, low, high, dirty=True)
        self.number(level + ":OFFSet", "offset_v", 0.0, -2.0, 2.0, dirty=True)
        self.integer(f"[SOURce<{n}>]:DAC:RESolution", "bits", self.most_bits, self.least_bits, self.most_bits)
        self.switch(f"OUTPut<{n}>[:STATe]", "on", dirty=True)
        add(f"[SOURce<{n}>]:CASSet:SEQuence", lambda s, a: self._assign(s[0], a), 2)
        add(f"[SOURce<{n}>]:CASSet:CLEar", lambda s, a: self._unassign(s[0]))
        add(f"[SOURce<{n}>]:CASSet?", lambda s, a: self._assigned(s[0]))
        add(f"[SOURce<{n}>]:JUMP:FORCe", lambda s, a: self._jump(s[0], a[0]), 1)
        add("AWGControl:RUN[:IMMediate]", lambda s, a: self._run())
        add("AWGControl:STOP[:IMMediate]", lambda s, a: self._stop())
        add("AWGControl:RSTate?", lambda s, a: str(self._state()))
        self.setting("MMEMory:CDIRectory", "folder", "\\Users\\OEM\\Documents", arg.string, '"{}"'.format)
        add("MMEMory:DATA", lambda s, a: self._store(_file(a[0]), arg.block(a[1])), 2)
        add("MMEMory:DELete", lambda s, a: self._unlink(_file(a[0])), 1)
        add("MMEMory:OPEN", lambda s, a: self._open(_file(a[0])), 1)
        add("SYSTem:ERRor:CODE[:NEXT]?", lambda s, a: str(self.status.pop()[0]))
        add("WLISt:SIZE?", lambda s, a: str(len(self._waves)))
        add("WLISt:LIST?", lambda s, a: f'"{",".join(self._waves)}"')
        add("WLISt:WAVeform:DELete", lambda s, a: self._delete_waves(a[0]), 1)
        add("WLISt:WAVeform:LENGth?", lambda s, a: str(len(self._wave(arg.string(a[0])))), 1)
        add("SLISt:SIZE?", lambda s, a: str(len(self._sequences)))
        add("SLISt:NAME?", lambda s, a: f'"{list(self._sequences)[arg.integer(a[0], 1, len(self._sequences)) - 1]}"', 1)
        add("SLISt:SEQuence:NEW", lambda s, a: self._new(a), 2, 3)
        add("SLISt:SEQuence:DELete", lambda s, a: self._delete_sequences(a[0]), 1)
        add("SLISt:SEQuence:LENGth?", lambda s, a: str(len(self._steps(a[0]))), 1)
        step = "SLISt:SEQuence:STEP<>"
        add(f"{step}:TASSet<8>:WAVeform", lambda s, a: self._fill(s[0], s[1], a), 2)
        add(f"{step}:RCOunt", lambda s, a: self._loop(s[0], a), 2)
        add(f"{step}:WINPut", lambda s, a: self._wait(s[0], a), 2)
        add(f"{step}:GOTO", lambda s, a: self._goto(s[0], a), 2)

    def unlocked(self) -> bool:
        """Return whether the clock follows a reference that is missing."""
        return self.value("clock") != "INT" and bool(self.faults.get("unlocked"))

    # files and waveforms -----------------------------------------------------------------------------

    def _store(self, name: str, data: bytearray) -> None:
        self.count(len(data))
        self._files[name] = bytes(data)

    def _unlink(self, name: str) -> None:
        if self._files.pop(name, None) is None:
            raise refusal(-256, name[:60])

    def _open(self, name: str) -> None:
        data = self._files.get(name)
        if data is None:
            raise refusal(-256, name[:60])
        found = _OFFSET.match(data)
        if not name.endswith(".wfmx") or found is None:
            raise refusal(-250, f"{name[:60]} is no .wfmx file")
        start = int(found[1])
        try:
            head = {one.tag.rpartition("}")[2]: one.text or "" for one in ET.fromstring(data[:start]).iter()}
        except ET.ParseError:
            raise refusal(-250, f"the head of {name[:60]} is no XML") from None
        n_samples = int(head.get("NumberSamples", "0"))
        if head.get("NumberFormat") != "Single" or len(data) - start != 4 * n_samples:
            raise refusal(-250, f"{name[:60]} has {len(data) - start} bytes for {n_samples} samples")
        if n_samples < _LEAST:
            raise refusal(-222, f"{n_samples} samples are below {_LEAST}")
        samples = np.frombuffer(data, "<f4", offset=start)
        if not np.abs(samples).max() <= 1:
            raise refusal(-222, f"a sample of {name[:60]} is over 1")
        self._waves[name.removesuffix(".wfmx")] = Wave(samples)
        self.dirty = True

    def _wave(self, name: str) -> Wave:
        found = self._waves.get(name)
        if found is None:
            raise refusal(-224, f"no waveform {name[:60]}")
        return found

    def _delete_waves(self, argument: Any) -> None:
        if str(argument).upper() == "ALL":
            self._waves.clear()
        else:
            self._wave(arg.string(argument))
            del self._waves[arg.string(argument)]
        for steps in self._sequences.values():
            for step in steps:
                step.waves = {n: name for n, name in step.waves.items() if name in self._waves}
        self.dirty = True

    # sequences ---------------------------------------------------------------------------------------

    def _steps(self, argument: Any) -> list[_Step]:
        found = self._sequences.get(arg.string(argument))
        if found is None:
            raise refusal(-224, f"no sequence {argument[:60]}")
        return found

    def _step(self, number: int, argument: Any) -> _Step:
        steps = self._steps(argument)
        if number > len(steps):
            raise refusal(-222, f"step {number} of {len(steps)}")
        self.dirty = True
        return steps[number - 1]

    def _new(self, args: list[Any]) -> None:
        name, n_steps = arg.string(args[0]), arg.integer(args[1], 1, _MAX_STEPS)
        if not name or name in self._sequences:
            raise refusal(-224, f"sequence name {name[:60]}")
        self._sequences[name] = [_Step() for _ in range(n_steps)]
        self._tracks[name] = arg.integer(args[2], 1, 8) if len(args) > 2 else 1

    def _delete_sequences(self, argument: Any) -> None:
        names = list(self._sequences) if str(argument).upper() == "ALL" else [arg.string(argument)]
        for name in names:
            self._steps(f'"{name}"')
            del self._sequences[name]
        for output in range(1, self.n_outputs + 1):
            if self._values.get(("asset", output), ("", 0))[0] not in self._sequences:
                self._unassign(output)

    def _fill(self, number: int, track: int, args: list[Any]) -> None:
        step, name = self._step(number, args[0]), arg.string(args[1])
        if track > self._tracks[arg.string(args[0])]:
            raise refusal(-222, f"track {track} of {self._tracks[arg.string(args[0])]}")
        self._wave(name)
        step.waves[track] = name

    def _loop(self, number: int, args: list[Any]) -> None:
        step = self._step(number, args[0])
        step.n_loops = 0 if str(args[1]).upper() in ("INF", "INFINITE") else arg.integer(args[1], 1, _MAX_LOOPS)

    def _wait(self, number: int, args: list[Any]) -> None:
        self._step(number, args[0]).wait = arg.choice(args[1], _WAITS)

    def _goto(self, number: int, args: list[Any]) -> None:
        step, n_steps = self._step(number, args[0]), len(self._steps(args[0]))
        word = str(args[1]).upper()
        known = {"NEXT": 0, "LAST": n_steps, "FIRS": 1, "END": -1}
        step.next = known[_FLOWS[word]] if word in _FLOWS else arg.integer(args[1], 1, n_steps)

    def _assign(self, output: int, args: list[Any]) -> None:
        name = arg.string(args[0])
        self._steps(args[0])
        track = arg.integer(args[1], 1, self._tracks[name])
        others = {found[0] for key, found in self._values.items() if key[0] == "asset" and key[1] != output}
        if others - {name}:
            raise refusal(-300, "the virtual lab plays one sequence on all outputs")
        self._values["asset", output] = (name, track)
        self.dirty = True

    def _unassign(self, output: int) -> None:
        self._values.pop(("asset", output), None)
        self.dirty = True

    def _assigned(self, output: int) -> str:
        name, track = self._values.get(("asset", output), ("", 0))
        return f'"{name}_{track}"' if name else '""'

    # playing -----------------------------------------------------------------------------------------

    def _assets(self) -> dict[int, tuple[str, int]]:
        return {key[1]: found for key, found in self._values.items() if key[0] == "asset"}

    def _way(self) -> list[_Step]:
        """Return the steps from the one where the box waits until it is come back to; none if it does not wait so."""
        name = next((name for name, _ in self._assets().values()), "")
        steps = self._sequences.get(name, [])
        if not 1 <= self._position <= len(steps) or steps[self._position - 1].wait != "ATR":
            return []
        way: list[_Step] = []
        number = self._position
        while len(way) <= len(steps):
            step = steps[number - 1]
            if (step.wait != "OFF" and way) or not step.n_loops:
                return []
            way.append(step)
            number = step.next or number % len(steps) + 1
            if number == self._position:
                return way
            if number < 1:
                return []
        return []

    def playing(self) -> dict[int, list[Played]] | None:
        """Return the steps from the one that waits for trigger A, on each output that the sequence is assigned to."""
        way = self._way() if self._running and not self.unlocked() else []
        found = {}
        for output, (_, track) in self._assets().items():
            if way and all(track in step.waves for step in way):
                found[output] = [Played(self._waves[step.waves[track]], step.n_loops) for step in way]
        return found or None

    def _run(self) -> None:
        if self.unlocked():
            raise refusal(-241, "external reference is not locked")
        if not self._assets():
            raise refusal(-221, "no waveform or sequence is assigned")
        self._running, self._position, self.dirty = True, 1, True

    def _stop(self) -> None:
        self._running, self.dirty = False, True

    def _jump(self, output: int, argument: Any) -> None:
        if not self._running:
            raise refusal(-221, "the sequencer is not running")
        name, _ = self._assets().get(output, ("", 0))
        if not name:
            raise refusal(-221, f"output {output} plays no sequence")
        self._position = arg.integer(argument, 1, len(self._sequences[name]))
        self.dirty = True

    def _state(self) -> int:
        return (1 if self.playing() else 2) if self._running else 0

    def levels(self) -> Levels:
        """Return amplitude, offset and state of each output."""
        outputs = range(1, self.n_outputs + 1)
        return {n: (self.value("amplitude_vpp", n), self.value("offset_v", n), self.value("on", n)) for n in outputs}

    def rate_hz(self) -> float:
        """Return the rate of all outputs."""
        return float(self.value("rate_hz"))

    def reset(self) -> None:
        """Stop, and forget lists and settings."""
        self._running = False
        self._waves.clear()
        self._sequences.clear()
        super().reset()


class TektronixAwg70000a(TektronixAwg5200):
    """The AWG70002A: two outputs, 25 GSa/s, 10 bits."""

    idn = "TEKTRONIX,AWG70002A,{serial},FV:6.2.0104.0"
    n_outputs = 2
    most_hz, least_hz = 25e9, 1.49e3
    least_vpp, most_vpp = 0.25, 0.5
    least_bits, most_bits = 8, 10


def _file(argument: Any) -> str:
    """Return the name of a file without its folder: all are in one."""
    return arg.string(argument).rpartition("\\")[2]
