"""Independent judges of Q1ASM: the vendor's assembler, and TU Delft's simulator of the sequencers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

for _name in ("q1simulator.gui", "q1simulator.gui.program_browser"):  # they would want Qt
    _stub = types.ModuleType(_name)
    _stub.Q1ProgramBrowser = None
    sys.modules[_name] = _stub
os.environ["MPLBACKEND"] = "Agg"

import qblox_instruments  # noqa: E402
from q1simulator import Q1Simulator  # noqa: E402

ASSEMBLER = Path(qblox_instruments.__file__).parent / "assemblers" / "q1asm_linux"


def assemble(program: str, folder: Path) -> int:
    """Return the number of machine words that the vendor's assembler makes of a program."""
    source, out = folder / "program.q1asm", folder / "out"
    source.write_text(program, encoding="ascii")
    done = subprocess.run([ASSEMBLER, "-o", out, source], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return len(out.with_suffix(".hex").read_text().split())


RENDERED_NS = 20_000_000
"""How much of a sequencer's output is looked at."""


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Played:
    """What the simulator says that one sequencer did.

    Attributes
    ----------
    samples : (2, n) int
        What I and Q put out, in the DAC's steps, from the start of the first point on.
    windows : list of (start, length)
        Acquisitions, in ns from the start of the first point.
    bins : dict
        Slot → what its bins hold, when the k-th acquisition of the run measures k.
    """

    def __init__(self, kind: str, sequence: dict[str, Any], modulated: bool, integration_ns: int, name: str) -> None:
        errors = _Errors()
        logging.getLogger("q1simulator").addHandler(errors)
        simulator = Q1Simulator(name, sim_type=kind)
        try:
            s = simulator.sequencers[0]
            s.sync_en(True)
            simulator.config("max_render_time", RENDERED_NS)
            if kind.endswith("-RF"):
                s.connect_out0("IQ")
            else:
                s.connect_out0("I")
                s.connect_out1("Q")
            s.mod_en_awg(modulated)
            if kind in ("QRM", "QRM-RF"):
                s.integration_length_acq(integration_ns)
                s.thresholded_acq_rotation(0)
                s.thresholded_acq_threshold(0.5)
                for slot in sequence["acquisitions"]:
                    s.set_acquisition_mock_data([np.arange(100_000) + 0j], name=slot, repeat=True)
            s.sequence(sequence)
            simulator.arm_sequencer(0)
            simulator.start_sequencer()
            status = simulator.get_sequencer_status(0, timeout=1)
            assert not status.err_flags, (status, errors.lines)
            assert s.q1core.exit_code == 0 and not errors.lines, errors.lines
            full_scale_v = {"QCM": 2.5, "QRM": 0.5, "QCM-RF": 3.3, "QRM-RF": 3.3}[kind]
            found = s.get_output()
            volts = np.stack([found["I"].data, found["Q"].data])
            self.samples = np.rint(volts / full_scale_v * 2**15).astype(int)
            self.windows = []
            self.bins = {}
            if kind in ("QRM", "QRM-RF"):
                self.windows = [(int(t[0]) + 1, len(t) - 2) for t, *_ in s.get_acquisition_windows()]
                results = s.get_acquisitions() if sequence["acquisitions"] else {}
                for slot, one in results.items():
                    bins = one["acquisition"]["bins"]
                    path = np.array(bins["integration"]["path0"], float)
                    counts = np.array(bins["avg_cnt"], float)
                    self.bins[slot] = (path, counts)
        finally:
            simulator.close()
            logging.getLogger("q1simulator").removeHandler(errors)


class Simulated:
    """What the simulator says of a run that need not end well.

    Attributes
    ----------
    flags : list
        Error flags.
    output : dict
        I and Q since it synchronised, in volts.
    windows : list of (start, length)
        Acquisitions, in ns since it synchronised.
    counts : dict of (int, int) to int
        How often each (acquisition, bin) was filled.
    registers : (64,) uint32
        At the end.
    exit_code : int
        Of the instruction stop.
    """


def simulate(kind: str, sequence: dict[str, Any], modulated: bool, name: str, version: int) -> Simulated:
    """Run one sequence in q1simulator with an instruction set."""
    simulator = Q1Simulator(name, sim_type=kind, isa_version=(version, 0))
    found = Simulated()
    logging.getLogger("q1simulator").setLevel(logging.CRITICAL)
    try:
        s = simulator.sequencers[0]
        s.sync_en(True)
        simulator.config("max_render_time", RENDERED_NS)
        s.connect_out0("I")
        s.connect_out1("Q")
        s.mod_en_awg(modulated)
        if kind == "QRM":
            s.integration_length_acq(100)
            s.thresholded_acq_rotation(0)
            s.thresholded_acq_threshold(0.5)
            for slot in sequence["acquisitions"]:
                s.set_acquisition_mock_data([np.arange(100_000) + 0j], name=slot, repeat=True)
        s.sequence(sequence)
        simulator.arm_sequencer(0)
        simulator.start_sequencer()
        status = simulator.get_sequencer_status(0, timeout=1)
        found.flags = list(status.err_flags)
        found.output = s.get_output()
        found.exit_code, found.registers = s.q1core.exit_code, s.q1core.R.copy()
        found.windows, found.counts = [], {}
        if kind == "QRM":
            found.windows = [(int(t[0]) + 1, len(t) - 2) for t, *_ in s.get_acquisition_windows()]
            for index, filled in s.rt_renderer.acq_count.items():
                found.counts |= {(int(index), int(k)): int(filled[k]) for k in np.flatnonzero(filled)}
    finally:
        simulator.close()
        logging.getLogger("q1simulator").setLevel(logging.NOTSET)
    return found
