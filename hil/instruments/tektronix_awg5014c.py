"""Emulated Tektronix AWG5014C: four outputs, waveform list, sequencer.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual (077-0061), command groups AWGControl, OUTPut, SEQuence,
SOURce, TRIGger, WLISt; limits from the AWG5000 Series data sheet (1.2 GSa/s, 14 bit, 16,200,000 points, 8,000
sequence steps, repeat 1 to 65,536, hardware sequencer from 250 points); value ranges also as in the QCoDeS driver
``tektronix/AWG5014.py``, which gives the integer format: 14 data bits around 8,191 and two markers above them.

Not emulated: elements that wait and then lead to another one (refused when run), what free-running modes play between
triggers (accepted, the plant hears nothing), setup and waveform files, predefined waveforms.
"""

from __future__ import annotations

import asyncio
from typing import Any

from qctl.hil.instruments.awg_waveforms import MAX_POINTS, WaveformList
from qctl.hil.instruments.plant_link import Output
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["TektronixAwg5014c"]

_MAX_STEPS = 8000
_MAX_LOOPS = 65536
_HARDWARE_POINTS = 250


class TektronixAwg5014c(Box):
    """The waveform generator; what its outputs play at the next trigger goes to the plant."""

    idn = "TEKTRONIX,AWG5014C,{serial},SCPI:99.0 FW:4.6.0.7"
    kind = "awg"
    n_outputs = 4

    def commands(self) -> None:
        """Add the commands of the manual's groups."""
        self.list = WaveformList()
        self.counters = self.list.counters
        self.running = False
        self.position = 1
        self.n_steps = 0
        self._uncounted = self._uncounted_bytes = 0
        self._told: Any = None
        self._memory: dict[int, tuple[dict[int, Output], float, bool]] = {}
        self._flushing = asyncio.Lock()
        self._control_group()
        self._source_group()
        self._sequence_group()
        self._waveform_group()
        self._trigger_group()

    def _control_group(self) -> None:
        add = self.table.add
        self.choice("AWGControl:RMODe", "mode", "CONT", "CONTinuous|TRIGgered|GATed|SEQuence|ENHanced", dirty=True)
        add("AWGControl:RUN[:IMMediate]", lambda s, a: self._run())
        add("AWGControl:STOP[:IMMediate]", lambda s, a: self._stop())
        add("AWGControl:RSTate?", lambda s, a: str(self._run_state()))
        self.choice("AWGControl:CLOCk:SOURce", "clock_source", "INT", "INTernal|EXTernal")
        add("AWGControl:SEQuencer:TYPE?", lambda s, a: self._sequencer_type())
        add("AWGControl:SEQuencer:POSition?", lambda s, a: str(self.position))
        add("AWGControl:SNAMe?", lambda s, a: '"","C:"')
        self.switch("AWGControl:DC<4>[:STATe]", "dc_on")
        self.number("AWGControl:DC<4>:VOLTage[:LEVel][:IMMediate]:OFFSet", "dc_v", 0.0, -3.0, 5.0)
        self.switch("AWGControl:DOUTput<4>[:STATe]", "direct", dirty=True)
        self.switch("AWGControl:INTerleave[:STATe]", "interleave")

    def _source_group(self) -> None:
        self.number("[SOURce<4>]:FREQuency[:CW]", "rate_hz", 1.2e9, 10e6, 1.2e9, dirty=True)
        self._shared("rate_hz")
        self.choice(
            "[SOURce<4>]:ROSCillator:SOURce", "reference", "INT", "INTernal|EXTernal", changed=self.reference_changed
        )
        self._shared("reference")
        self.number("[SOURce<4>]:ROSCillator:FREQuency", "reference_hz", 10e6, 10e6, 100e6)
        self.choice("[SOURce<4>]:ROSCillator:TYPE", "reference_type", "FIX", "FIXed|VARiable")
        level = "[SOURce<4>]:VOLTage[:LEVel][:IMMediate]"
        self.number(level + "[:AMPLitude]", "amplitude_vpp", 1.0, 0.02, 4.5, dirty=True)
        self.number(level + ":OFFSet", "offset_v", 0.0, -2.25, 2.25, dirty=True)
        self.number("[SOURce<4>]:DELay[:ADJust]", "delay_s", 0.0, -5e-9, 5e-9)
        self.number("[SOURce<4>]:PHASe[:ADJust]", "phase_deg", 0.0, -180.0, 180.0)
        for name, default in (("HIGH", 1.0), ("LOW", 0.0)):
            pattern = f"[SOURce<4>]:MARKer<2>:VOLTage[:LEVel][:IMMediate]:{name}"
            self.number(pattern, "marker_" + name.lower() + "_v", default, -1.0, 2.7)
        self.number("[SOURce<4>]:MARKer<2>:DELay", "marker_delay_s", 0.0, 0.0, 1e-9)
        self.setting("[SOURce<4>]:WAVeform", "waveform", "", self._known_name, '"{}"'.format, dirty=True)
        self.setting("[SOURce<4>]:COMBine:FEED", "feed", "", arg.string, '"{}"'.format)
        self.switch("OUTPut<4>[:STATe]", "on", dirty=True)
        self.number("OUTPut<4>:FILTer[:LPASs]:FREQuency", "filter_hz", 9.9e37, 0.0, 9.9e37)

    def _sequence_group(self) -> None:
        add = self.table.add
        add("SEQuence:LENGth", lambda s, a: self._set_length(arg.integer(a[0], 0, _MAX_STEPS)), 1)
        add("SEQuence:LENGth?", lambda s, a: str(self.n_steps))
        add("SEQuence:JUMP[:IMMediate]", lambda s, a: self._jump(arg.integer(a[0], 1, max(1, self.n_steps))), 1)
        self.choice("SEQuence:EVENt:JTIMing", "jump_timing", "SYNC", "SYNChronous|ASYNchronous")
        self.table.add("AWGControl:EVENt:JMODe", lambda s, a: None, 1)
        step = "SEQuence:ELEMent<>"
        self._step_setting(step + ":WAVeform<4>", "step_waveform", "", self._known_name, '"{}"'.format)
        self._step_setting(step + ":TWAit", "step_wait", False, arg.boolean, _bit)
        self._step_setting(step + ":LOOP:COUNt", "step_loops", 1, lambda a: arg.integer(a, 1, _MAX_LOOPS), str)
        self._step_setting(step + ":LOOP:INFinite", "step_infinite", False, arg.boolean, _bit)
        self._step_setting(step + ":GOTO:STATe", "step_goto", False, arg.boolean, _bit)
        self._step_setting(step + ":GOTO:INDex", "step_goto_index", 1, lambda a: arg.integer(a, 1, _MAX_STEPS), str)
        kinds = arg.spellings("INDex|NEXT|OFF")
        self._step_setting(step + ":JTARget:TYPE", "step_jump", "OFF", lambda a: arg.choice(a, kinds), str)
        self._step_setting(step + ":JTARget:INDex", "step_jump_index", 1, lambda a: arg.integer(a, 1, _MAX_STEPS), str)

    def _waveform_group(self) -> None:
        add, names = self.table.add, self.list
        add("WLISt:SIZE?", lambda s, a: str(len(names)))
        add("WLISt:NAME?", lambda s, a: f'"{names.name(arg.integer(a[0], 0, 1 << 20))}"', 1)
        add("WLISt:WAVeform:NEW", lambda s, a: names.new(arg.string(a[0]), arg.integer(a[1], 1, MAX_POINTS), a[2]), 3)
        add("WLISt:WAVeform:DELete", lambda s, a: self._delete(a[0]), 1)
        add("WLISt:WAVeform:DATA", lambda s, a: self._take_samples(a), 2, 4)
        add("WLISt:WAVeform:DATA?", lambda s, a: names.samples(a), 1, 3)
        add("WLISt:WAVeform:LENGth?", lambda s, a: str(names.get(arg.string(a[0])).n_points), 1)
        add("WLISt:WAVeform:TYPE?", lambda s, a: names.get(arg.string(a[0])).kind, 1)
        add("WLISt:WAVeform:PREDefined?", lambda s, a: "0", 1)

    def _trigger_group(self) -> None:
        self.choice("TRIGger[:SEQuence]:SOURce", "trigger_source", "EXT", "INTernal|EXTernal", dirty=True)
        self.choice("TRIGger[:SEQuence]:SLOPe", "trigger_slope", "POS", "POSitive|NEGative")
        self.choice("TRIGger[:SEQuence]:POLarity", "trigger_polarity", "POS", "POSitive|NEGative")
        self.number("TRIGger[:SEQuence]:LEVel", "trigger_level_v", 1.4, -5.0, 5.0)
        self.number("TRIGger[:SEQuence]:IMPedance", "trigger_ohm", 1e3, 50.0, 1e3)
        self.number("TRIGger[:SEQuence]:TIMer", "trigger_timer_s", 0.1, 1e-6, 10.0)
        self.choice("TRIGger[:SEQuence]:WVALue", "wait_value", "FIRS", "FIRSt|LAST")
        self.table.add("TRIGger[:SEQuence][:IMMediate]", lambda s, a: self.trigger())
        self.choice("EVENt:POLarity", "event_polarity", "POS", "POSitive|NEGative")
        self.number("EVENt:IMPedance", "event_ohm", 1e3, 50.0, 1e3)
        self.number("EVENt:LEVel", "event_level_v", 1.4, -5.0, 5.0)
        self.choice("EVENt:JTIMing", "event_timing", "SYNC", "SYNChronous|ASYNchronous")
        self.table.add("EVENt[:IMMediate]", lambda s, a: None)

    # settings that need care -----------------------------------------------------------------------

    def _shared(self, name: str) -> None:
        """Make a setting one for all four outputs, whichever suffix it is set with."""
        self._shared_names = (*getattr(self, "_shared_names", ()), name)

    def put(self, name: str, value: Any, *suffixes: int) -> None:
        """Change a setting; one that all outputs share has no suffix."""
        self._memory = {}
        super().put(name, value, *(() if name in self._shared_names else suffixes))

    def value(self, name: str, *suffixes: int) -> Any:
        """Return a setting as it is now."""
        return super().value(name, *(() if name in self._shared_names else suffixes))

    def _step_setting(self, pattern: str, name: str, default: Any, read: Any, show: Any) -> None:
        self._defaults[name] = default

        def put(suffixes: tuple[int, ...], args: list[Any]) -> None:
            self._check_step(suffixes[0])
            self.put(name, read(args[0]), *suffixes)
            self.dirty = self.dirty or (self.running and suffixes[0] == self.position)

        def ask(suffixes: tuple[int, ...], args: list[Any]) -> str:
            self._check_step(suffixes[0])
            return str(show(self.value(name, *suffixes)))

        self.table.add(pattern, put, 1)
        self.table.add(pattern + "?", ask)

    def _check_step(self, step: int) -> None:
        if step > self.n_steps:
            raise refusal(-222, f"sequence element {step} of {self.n_steps}")

    def _known_name(self, argument: Any) -> str:
        name = arg.string(argument)
        if name:
            self.list.get(name)
        return name

    def _set_length(self, n_steps: int) -> None:
        if n_steps < self.n_steps:
            for key in [key for key in self._values if key[0].startswith("step_") and key[1] > n_steps]:
                del self._values[key]
        self.n_steps = n_steps
        self._memory = {}
        self.dirty = self.running

    # waveforms ---------------------------------------------------------------------------------------

    def _take_samples(self, args: list[Any]) -> None:
        n_bytes = self.list.counters["waveform_bytes"]
        self._uncounted += 1
        self._memory = {}
        try:
            self.list.take(args)
        finally:
            self._uncounted_bytes += self.list.counters["waveform_bytes"] - n_bytes
            self.dirty = True

    def _delete(self, argument: Any) -> None:
        names = self.list.delete(argument)
        self._memory = {}
        for key in [
            key for key, value in self._values.items() if key[0] in ("waveform", "step_waveform") and value in names
        ]:
            del self._values[key]
        self.dirty = self.running

    def _playing(self) -> list[str]:
        """Return the name of each output's waveform at the next trigger; empty where none plays."""
        if self.value("mode") == "SEQ" and self.n_steps:
            return [self.value("step_waveform", self.position, output) for output in range(1, 5)]
        return [self.value("waveform", output) for output in range(1, 5)]

    def _sequencer_type(self) -> str:
        used = {value for key, value in self._values.items() if key[0] == "step_waveform" and value}
        return "SOFT" if any(self.list.get(name).n_points < _HARDWARE_POINTS for name in used) else "HARD"

    # running -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        if self.unlocked():
            raise refusal(-241, "external reference is not locked")
        names = self._playing()
        if self.value("mode") == "SEQ":
            names = [
                self.value("step_waveform", step, out) for step in range(1, self.n_steps + 1) for out in range(1, 5)
            ]
            for output in range(4):
                used = {name for name in names[output::4] if name}
                if sum(self.list.get(name).n_points for name in used) > MAX_POINTS:
                    raise refusal(-225, f"more than {MAX_POINTS} points on output {output + 1}")
        lengths = {self.list.get(name).n_points for name in self._playing() if name}
        if not any(names):
            raise refusal(-221, "no waveform is assigned")
        if len(lengths) > 1:
            raise refusal(-221, f"waveforms of one step have lengths {sorted(lengths)}")
        self._check_return(1)
        self._memory = {}
        self.running = True
        self.position = 1
        self.dirty = True

    def _stop(self) -> None:
        self._memory = {}
        self.running = False
        self.dirty = True

    def _jump(self, step: int) -> None:
        self._check_step(step)
        if not self.running or self.value("mode") != "SEQ":
            raise refusal(-221, "the sequencer is not running")
        self._check_return(step)
        self.position = step
        self.dirty = True

    def _check_return(self, step: int) -> None:
        """Refuse a step that waits and then leaves: the plant plays the same at every trigger of a block."""
        if self.value("mode") != "SEQ" or not self.value("step_wait", step):
            return
        returns = self.value("step_goto", step) and self.value("step_goto_index", step) == step
        if not returns or self.value("step_infinite", step) or self.value("step_loops", step) != 1:
            raise refusal(-300, f"the virtual lab plays element {step} only if it plays once and goes to itself")

    def _run_state(self) -> int:
        if not self.running:
            return 0
        mode = self.value("mode")
        waits = mode in ("TRIG", "GAT") or (mode == "SEQ" and self.value("step_wait", self.position))
        return 1 if waits else 2

    def reset(self) -> None:
        """Do what ``*RST`` does: settings and sequence are gone, waveforms stay."""
        self._memory = {}
        self.running = False
        self.position = 1
        self.n_steps = 0
        super().reset()

    def power_cycle(self) -> None:
        """Forget the waveforms too."""
        self.list.clear()
        super().power_cycle()

    async def flush(self) -> None:
        """Tell the plant what each output plays at the next triggers, and how much was uploaded."""
        async with self._flushing:
            self.dirty = False
            if self._uncounted:
                amounts = {"waveforms": self._uncounted, "waveform_bytes": self._uncounted_bytes}
                self._uncounted = self._uncounted_bytes = 0
                await self.plant.count(**amounts)
            memory, position = self._memory, self.position
            if not memory:
                await self._hand_over()
            told = memory.get(position)
            if told is None:
                told = memory[position] = self._element()
            if told != self._told:
                self._told = told
                self.plant.tell_outputs(*told)

    def _element(self) -> tuple[dict[int, Output], float, bool]:
        """Return what is played at this position, once the plant has its waveforms."""
        element: dict[int, Output] = {}
        for output, name in enumerate(self._playing() if self.running else [""] * 4, start=1):
            waveform = self.list.get(name) if name else None
            digest = waveform.digest if waveform is not None else None
            levels = (self.value("amplitude_vpp", output), self.value("offset_v", output))
            element[output] = Output(digest, *levels, self.value("on", output))
        return element, self.value("rate_hz"), self._run_state() == 1

    async def _hand_over(self) -> None:
        """Give the plant the waveforms of all that may play now, in one message."""
        if not self.running:
            return
        if self.value("mode") == "SEQ" and self.n_steps:
            names = {value for key, value in self._values.items() if key[0] == "step_waveform"}
        else:
            names = set(self._playing())
        found = {name: self.list.get(name) for name in sorted(names) if name}
        await self.plant.waveforms({one.digest: (one.n_points, one.runs) for one in found.values()})


def _bit(on: bool) -> str:
    return "1" if on else "0"
