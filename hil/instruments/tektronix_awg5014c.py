"""Emulated Tektronix AWG5014C: four outputs, waveform list, sequencer.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual (077-0061), command groups AWGControl, OUTPut, SEQuence,
SOURce, TRIGger, WLISt; limits from the AWG5000 Series data sheet (1.2 GSa/s, 14 bit, 16,200,000 points, 8,000
sequence steps, repeat 1 to 65,536, hardware sequencer from 250 points); value ranges also as in the QCoDeS driver
``tektronix/AWG5014.py``, which gives the integer format: 14 data bits around 8,191 and two markers above them.

A trigger plays the element that waits and those after it up to the next one that waits, which must be the same; this
is refused otherwise when run, and so is an event jump to an element that does not wait. The box has then finished
generating, so an event moves it at once in both jump timings (EVENt:JTIMing).

Not emulated: what free-running modes play between triggers (accepted, the plant hears nothing), dynamic jumps, setup
and waveform files, predefined waveforms.
"""

from __future__ import annotations

import asyncio
from typing import Any

from qctl.hil.instruments.awg_sequence import Layout, lay_out
from qctl.hil.instruments.awg_waveforms import MAX_POINTS, WaveformList, describe
from qctl.hil.instruments.plant_link import Levels, Output
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
    own_faults = Box.own_faults | {"unlocked", "full_buffer", "lost_event"}
    n_outputs = 4

    def commands(self) -> None:
        """Add the commands of the manual's groups."""
        self.list = WaveformList()
        self.counters = self.list.counters
        self.running = False
        self.position = 1
        self.n_steps = 0
        self._uncounted = self._uncounted_bytes = 0
        self._fresh: set[str] = set()
        self._told: Any = None
        self._layout: Layout | None = None
        self._described = self._moved = False
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
        add("AWGControl:SEQuencer:POSition?", lambda s, a: self._ask_position())
        self.choice("AWGControl:EVENt:JMODe", "jump_mode", "EJUM", "EJUMp|DJUMp", dirty=True)
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
        self.table.add("EVENt[:IMMediate]", lambda s, a: self._event() if self._sequencing() else None)

    # settings that need care -----------------------------------------------------------------------

    def _shared(self, name: str) -> None:
        """Make a setting one for all four outputs, whichever suffix it is set with."""
        self._shared_names = (*getattr(self, "_shared_names", ()), name)

    def put(self, name: str, value: Any, *suffixes: int) -> None:
        """Change a setting; one that all outputs share has no suffix."""
        self._changed()
        super().put(name, value, *(() if name in self._shared_names else suffixes))

    def value(self, name: str, *suffixes: int) -> Any:
        """Return a setting as it is now."""
        return super().value(name, *(() if name in self._shared_names else suffixes))

    def _step_setting(self, pattern: str, name: str, default: Any, read: Any, show: Any) -> None:
        self._defaults[name] = default

        def put(suffixes: tuple[int, ...], args: list[Any]) -> None:
            if suffixes[0] > self.n_steps:
                self._check_step(suffixes[0])
            self._values[name, *suffixes] = read(args[0])
            self._layout, self._described = None, False
            if self.running:
                self.dirty = True

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
        self._changed()
        self.dirty = self.running

    # waveforms ---------------------------------------------------------------------------------------

    def _take_samples(self, args: list[Any]) -> None:
        n_bytes = self.list.counters["waveform_bytes"]
        self._uncounted += 1
        self._changed()
        try:
            name = self.list.take(args)
            if self.list.get(name).is_whole:
                self._fresh.add(name)
        finally:
            self._uncounted_bytes += self.list.counters["waveform_bytes"] - n_bytes
            self.dirty = True

    def _delete(self, argument: Any) -> None:
        names = self.list.delete(argument)
        self._changed()
        for key in [
            key for key, value in self._values.items() if key[0] in ("waveform", "step_waveform") and value in names
        ]:
            del self._values[key]
        self.dirty = self.running

    def _sequencer_type(self) -> str:
        used = {value for key, value in self._values.items() if key[0] == "step_waveform" and value}
        return "SOFT" if any(self.list.get(name).n_points < _HARDWARE_POINTS for name in used) else "HARD"

    # running -----------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Forget what was made of the settings."""
        self._layout = None
        self._described = False

    def _sequence(self) -> Layout:
        """Return what triggers and events do in the present sequence."""
        if self._layout is None:
            events = self.value("jump_mode") == "EJUM"
            self._layout = lay_out(self.n_steps, self._values, events, lambda name: self.list.get(name).n_points)
        return self._layout

    def _sequencing(self) -> bool:
        """Return whether the box plays a sequence and waits for the trigger."""
        in_sequence = self.running and self.value("mode") == "SEQ" and self.n_steps > 0
        return in_sequence and self.position in self._sequence().points

    def _run(self) -> None:
        if self.unlocked():
            raise refusal(-241, "external reference is not locked")
        if self.value("mode") == "SEQ" and self.n_steps:
            self._check_memory()
            self._enter(1)
        else:
            names = [name for output in range(1, 5) if (name := self.value("waveform", output))]
            lengths = {self.list.get(name).n_points for name in names}
            if not names:
                raise refusal(-221, "no waveform is assigned")
            if len(lengths) > 1:
                raise refusal(-221, f"waveforms have lengths {sorted(lengths)}")
            self.position = 1
        self._described = False
        self.running = True

    def _check_memory(self) -> None:
        used: dict[int, set[str]] = {output: set() for output in range(1, 5)}
        for key, name in self._values.items():
            if key[0] == "step_waveform" and name:
                used[key[2]].add(name)
        if not any(used.values()):
            raise refusal(-221, "no waveform is assigned")
        for output, names in used.items():
            if sum(self.list.get(name).n_points for name in names) > MAX_POINTS:
                raise refusal(-225, f"more than {MAX_POINTS} points on output {output}")

    def _stop(self) -> None:
        self._described = False
        self.running = False
        self.dirty = True

    def _jump(self, step: int) -> None:
        self._check_step(step)
        if not self.running or self.value("mode") != "SEQ":
            raise refusal(-221, "the sequencer is not running")
        self._enter(step)

    def _enter(self, step: int) -> None:
        """Go to an element, and on to the one that waits; stay where nothing ever waits."""
        layout = self._sequence()
        waiting = layout.waiting(step)
        layout.check(waiting)
        self.position = waiting or step
        self._moved = self.dirty = True

    async def _event(self) -> None:
        await self.settle()
        self.plant.tell_event()

    def _ask_position(self) -> Any:
        """Return the element where the box is; the plant knows where events have led it."""
        return self._position() if self._sequencing() else str(self.position)

    async def _position(self) -> str:
        return str(await self.plant.position())

    def _run_state(self) -> int:
        if not self.running:
            return 0
        return 1 if self.value("mode") in ("TRIG", "GAT") or self._sequencing() else 2

    def reset(self) -> None:
        """Do what ``*RST`` does: settings and sequence are gone, waveforms stay."""
        self._changed()
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
                self.plant.tell_count(**amounts)
            if self._fresh:
                # The plant has what it is likely to play before it is told to: RUN has less to wait for.
                found, self._fresh = [one for name in self._fresh if (one := self.list.known(name))], set()
                self.plant.tell_waveforms(describe(found))
            if not self._sequencing():
                await self._tell_outputs()
            elif not self._described:
                await self._tell_sequence()
            elif self._moved:
                self._moved = False
                self.plant.tell_position(self.position)

    async def _tell_outputs(self) -> None:
        """Say what is played without a sequence, or that nothing is."""
        self._described = False
        names = [self.value("waveform", n) if self.running and self.value("mode") != "SEQ" else "" for n in range(1, 5)]
        await self._hand_over(set(names))
        element = {
            output: Output(self.list.get(name).digest if name else None, *level)
            for (output, level), name in zip(self._levels().items(), names, strict=True)
        }
        told = (element, self.value("rate_hz"), self._run_state() == 1)
        if told != self._told:
            self._told = told
            self.plant.tell_outputs(*told)

    async def _tell_sequence(self) -> None:
        """Say what the whole sequence plays, and where in it the box is if it has been told to go there."""
        self._told = None
        self._described = True
        position = self.position if self._moved else None
        self._moved = False
        points = self._sequence().reachable()
        names = {name for steps, _ in points.values() for step in steps for name in step.names.values()}
        digests = {name: self.list.get(name).digest for name in names}
        wire = {
            number: (tuple(({n: digests[name] for n, name in step.names.items()}, step.n_loops) for step in steps), to)
            for number, (steps, to) in points.items()
        }
        levels, rate_hz = self._levels(), self.value("rate_hz")
        await self._hand_over(names)
        await self.plant.sequence(wire, levels, rate_hz, position)

    def _levels(self) -> Levels:
        return {
            output: (self.value("amplitude_vpp", output), self.value("offset_v", output), self.value("on", output))
            for output in range(1, 5)
        }

    async def _hand_over(self, names: set[str]) -> None:
        """Give the plant waveforms that it may not have, in one message."""
        found = [self.list.get(name) for name in sorted(names) if name]
        if found:
            await self.plant.waveforms(describe(found))


def _bit(on: bool) -> str:
    return "1" if on else "0"
