"""Independent judges of SeqC: the vendor's compiler, its schemas of command tables, and LabOne Q's simulator."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

# First of all: what laboneq may bring along hides the compiler's own messages if it is there before.
from zhinst.seqc_compiler import compile_seqc  # isort: skip

import numpy as np
from jsonschema import Draft4Validator
from laboneq.core.types.enums import PhysicalChannelType
from laboneq.core.types.enums.wave_type import WaveType
from laboneq.simulator.seqc_parser import Operation, SeqCDescriptor, SeqCSimulation, SimpleRuntime, parse_seq_c
from laboneq.simulator.wave_scroller import SimTarget, WaveScroller


@dataclass(frozen=True)
class Compiled:
    """What the vendor's compiler made: machine words, and lengths of the waveforms."""

    n_instructions: int
    lengths: list[int]


def compiled(source: str, device: str, **options: Any) -> Compiled:
    """Compile SeqC, and refuse the slightest warning."""
    elf, extra = compile_seqc(source, device, **options)
    assert extra["messages"] == "", extra["messages"]
    assert not extra["wavemem"]["exceedsFpgaMemory"]
    offset, (width, n, names_at) = struct.unpack_from("<I", elf, 32)[0], struct.unpack_from("<HHH", elf, 46)
    rows = [struct.unpack_from("<10I", elf, offset + k * width) for k in range(n)]
    names = elf[rows[names_at][4] :][: rows[names_at][5]]
    parts = {names[r[0] : names.index(b"\0", r[0])].decode(): elf[r[4] : r[4] + r[5]] for r in rows}
    waves = json.loads(parts[".waveforms"])["waveforms"] if ".waveforms" in parts else []
    return Compiled(len(parts[".text"]) // 4, [int(wave["length"]) for wave in waves])


@cache
def schema(kind: str) -> Draft4Validator:
    """Return the vendor's schema of a command table, ``hdawg`` or ``shfsg``."""
    found = [f for f in files("zhinst-toolkit") or () if f.name == f"ct_schema_{kind}.json"]
    return Draft4Validator(json.loads(Path(str(found[0].locate())).read_text("utf-8")))


class Played:
    """What the simulator plays of one core's program.

    Attributes
    ----------
    entries : list of int
        Entries of the table in the order in which they are executed.
    starts, lengths : list of int
        Of each, in samples from the start of the first point.
    """

    def __init__(
        self, source: str, kind: str, rate_hz: float, table: list[dict[str, Any]], waves: dict[str, np.ndarray],
        index: dict[int, dict[str, Any]], word: int | Callable[[int], int] = 0,
    ) -> None:  # fmt: skip
        descriptor = SeqCDescriptor(
            name="p", device_uid="d", device_type=kind, awg_index=0, measurement_delay_samples=0, startup_delay=0.0,
            sample_multiple=8 if kind == "UHFQA" else 16, sampling_rate=rate_hz, output_port_delay=0.0, source=source,
            channels=[0], wave_index=index, command_table=table,
        )  # fmt: skip
        runtime = SimpleRuntime(descriptor, waves, None)
        self.entries: list[int] = []
        execute = runtime.exposedFunctions["executeTableEntry"]
        part = (0, 0, 0)

        def noted(entry: int, latency: int | None = None) -> None:
            # The simulator takes the entry that was configured last, and checks that it looks in time.
            if latency is not None:
                shift, n_bits, offset = part
                now = word if isinstance(word, int) else word(8 * int(latency))
                descriptor.feedback_command_table_offset = offset + (now >> shift & (1 << n_bits) - 1)
            self.entries.append(entry if latency is None else descriptor.feedback_command_table_offset)
            execute(entry, latency)

        def configured(_: int, shift: int, n_bits: int, offset: int) -> None:
            nonlocal part
            part = shift, n_bits, offset

        runtime.exposedFunctions["executeTableEntry"] = noted
        runtime.exposedFunctions["configureFeedbackProcessing"] = configured
        parse_seq_c(runtime)
        self.simulation: SeqCSimulation = runtime.seqc_simulation
        played = [event for event in self.simulation.events if event.operation is Operation.PLAY_WAVE]
        self.starts = [event.start_samples for event in played]
        self.lengths = [event.length_samples for event in played]
        self.end = max(event.start_samples + event.length_samples for event in self.simulation.events)
        self.acquired = [
            (event.start_samples, event.args[0], event.args[1])
            for event in self.simulation.events
            if event.operation is Operation.START_QA
        ]

    def wave(self, begin: int, n: int, channels: list[int]) -> np.ndarray:
        """Return samples from `begin` on: complex for two channels, real for one, in parts of full scale."""
        kind = PhysicalChannelType.IQ_CHANNEL if len(channels) == 2 else PhysicalChannelType.RF_CHANNEL
        scroller = WaveScroller(ch=channels, sim_targets=SimTarget.PLAY, sim=self.simulation, channel_type=kind)
        rate_hz = self.simulation.sampling_rate
        scroller.calc_snippet(begin / rate_hz, n / rate_hz)
        out = np.zeros(n, scroller.wave_snippet.dtype)
        out[: len(scroller.wave_snippet)] = scroller.wave_snippet[:n]
        return out


def play_core(core: Any, blobs: Any, kind: str, rate_hz: float, word: int | Callable[[int], int] = 0) -> Played:
    """Let the simulator play an AWG core.

    `word` is what its readout channels say: always, or by the samples from the trigger on to where the core looks.
    """
    waves, index = {}, {}
    names = ["i", "q"] if core.modulated else [str(n - 2 * core.number) for n in core.outputs]
    for w in core.waveforms:
        samples = blobs[w.digest] / 32_767
        assert samples.shape == (w.n_samples, len(names))
        waves |= {f"{w.index}_{name}.wave": samples[:, k].copy() for k, name in enumerate(names)}
        index[w.index] = {"type": WaveType.IQ if core.modulated else WaveType.DOUBLE, "wave_name": str(w.index)}
    return Played(core.program, kind, rate_hz, json.loads(core.command_table)["table"], waves, index, word)


def play_readout(readout: Any, blobs: Any, rate_hz: float, kind: str = "SHFQA") -> Played:
    """Let the simulator play a readout channel of an SHFQA, or a UHFQA."""
    waves, index = {}, {}
    if kind == "UHFQA":
        for w in readout.generators:
            samples = blobs[w.digest] / 32_767
            waves |= {f"{w.index}_{name}.wave": samples[:, k].copy() for k, name in enumerate("iq")}
            index[w.index] = {"type": WaveType.IQ, "wave_name": str(w.index)}
        # The simulator knows one argument of it, and names no generators where startQA has none.
        played = Played(
            readout.program.replace("waitDigTrigger(1,1)", "waitDigTrigger(1)"), kind, rate_hz, [], waves, index
        )
        played.acquired = [(start, 0, integrators) for start, _, integrators in played.acquired]
        return played
    for w in readout.generators:
        waves[f"g{w.index}.wave"] = (blobs[w.digest] / 32_767) @ np.array([1, 1j])
        index[w.index] = {"type": WaveType.COMPLEX, "wave_name": f"g{w.index}"}
    played = Played(readout.program, "SHFQA", rate_hz, [], waves, index)
    # The simulator takes startQA without generators for spectroscopy, and plays the first waveform.
    events = played.simulation.events
    events[:] = [event for event in events if event.operation is not Operation.START_QA or event.args[0]]
    return played
