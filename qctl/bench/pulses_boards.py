"""The pulse benchmark in the words of QICK and of qblox-scheduler: programs of a tProc v2 and Q1ASM of a QCM-RF."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from qctl.bench.pulses_peers import PULSE_S, Made, Work

__all__ = ["qblox_scheduler_side", "qick_side"]

_CLOCK_MHZ = 400.0
"""Of the tProc and of the generator's fabric: a pulse is 8 of its cycles."""


def _board() -> dict[str, Any]:
    """Return a board with one generator of arbitrary envelopes and no readout, in QICK's form."""
    clock = {"f_ref": 160.0, "fs_mult": 40, "fs_div": 1, "fs": 16 * _CLOCK_MHZ, "f_fabric": _CLOCK_MHZ}
    generator = {
        "type": "axis_signal_gen_v6", "fullpath": "generator_0", "revision": 6, "version": "1.0", "dac": "00",
        "maxlen": 65536, "complex_env": True, "samps_per_clk": 16, "maxv": 32766, "maxv_scale": 1.0, "has_dds": True,
        "has_mixer": False, "b_dds": 32, "b_phase": 32, "f_dds": 16 * _CLOCK_MHZ, "fdds_div": 1, "interpolation": 1,
        "tproc_ch": 0, **clock,
    }  # fmt: skip
    processor = {
        "type": "qick_processor", "fullpath": "processor_0", "revision": 27, "version": "2.0", "pmem_size": 4096,
        "dmem_size": 16384, "wmem_size": 1024, "dreg_qty": 16, "in_port_qty": 1, "out_trig_qty": 20, "out_dport_qty": 1,
        "out_dport_dw": 8, "out_wport_qty": 16, "has_lfsr": 1, "has_divider": 1, "has_arith": 1, "has_time_read": 1,
        "has_qcom": 0, "has_custom_periph": 1, "has_io_ctrl": 1, "has_ext_flag": 0, "has_qnet": 0, "fifo_depth": 512,
        "call_depth": 255, "debug": 3, "f_core": 200.0, "f_time": _CLOCK_MHZ, "output_pins": [],
    }  # fmt: skip
    tile = {"ref_div": 1, "f_out": _CLOCK_MHZ, "blocks": ["00"], **clock}
    return {
        "board": "bench", "sw_version": "", "fw_timestamp": "", "extra_description": [], "refclk_freq": 160.0,
        "gens": [generator], "iqs": [], "time_taggers": [], "readouts": [], "tprocs": [processor],
        "rf": {
            "type": "usp_rf_data_converter", "tiles": {"dac": {"0": tile}, "adc": {}},
            "dacs": {"00": {"index": [0, 0], "interpolation": 1, **clock}}, "adcs": {}, "clk_groups": [],
        },
    }  # fmt: skip


def qick_side(given: Work) -> Callable[[], Made]:
    """From the quarters through programs of QICK, one for each sequence, to the binary of a tProc v2."""
    with redirect_stdout(StringIO()):
        from qick import QickConfig
        from qick.asm_v2 import AveragerProgramV2

    class Line(AveragerProgramV2):  # type: ignore[misc]
        def _initialize(self, cfg: dict[str, Any]) -> None:
            self.declare_gen(ch=0, nqz=1)
            self.add_gauss(ch=0, name="bell", sigma=PULSE_S * 0.25e6, length=PULSE_S * 1e6)
            for k in range(4):
                self.add_pulse(ch=0, name=f"p{k}", style="arb", envelope="bell", freq=500, phase=90.0 * k, gain=0.5)

        def _body(self, cfg: dict[str, Any]) -> None:
            for quarter in cfg["quarters"]:
                self.pulse(ch=0, name=f"p{quarter}", t="auto")

    board = QickConfig(_board())

    def run() -> Made:
        with redirect_stdout(StringIO()):
            made = [Line(board, reps=100, final_delay=1.0, cfg={"quarters": row}) for row in given.quarters.tolist()]
        counts = [sum(row["CMD"] == "WPORT_WR" for row in one.prog_list) for one in made]
        (*_, last) = (row for row in made[0].prog_list if row["CMD"] == "WPORT_WR")
        length_s = int(last["TIME"].lstrip("@")) / (_CLOCK_MHZ * 1e6) + PULSE_S
        return Made([one.binprog for one in made], sum(counts), length_s)

    return run


def qblox_scheduler_side(given: Work) -> Callable[[], Made]:
    """From the quarters through schedules of qblox-scheduler, one for each sequence, to Q1ASM of a QCM-RF."""
    from qblox_scheduler import QuantumDevice
    from qblox_scheduler.backends.graph_compilation import SerialCompiler
    from qblox_scheduler.operations.pulse_library import DRAGPulse
    from qblox_scheduler.resources import ClockResource
    from qblox_scheduler.schedules.schedule import TimeableSchedule

    device = QuantumDevice("bench")
    device.hardware_config = {
        "config_type": "QbloxHardwareCompilationConfig",
        "hardware_description": {
            "cluster0": {
                "instrument_type": "Cluster",
                "modules": {"1": {"instrument_type": "QCM_RF"}},
                "ref": "internal",
            }
        },
        "hardware_options": {"modulation_frequencies": {"q0:mw-q0.01": {"interm_freq": -200e6}}},
        "connectivity": {"graph": [["cluster0.module1.complex_output_0", "q0:mw"]]},
    }
    config = device.generate_compilation_config()
    compiler = SerialCompiler("bench")

    def compiled(row: list[int]) -> Any:
        schedule = TimeableSchedule("bench", 100)
        schedule.add_resource(ClockResource("q0.01", 4.7e9))
        for quarter in row:
            schedule.add(
                DRAGPulse(
                    amplitude=0.15, beta=3.6e-10, phase=90.0 * quarter, duration=PULSE_S, port="q0:mw", clock="q0.01"
                )
            )
        return compiler.compile(schedule, config=config).compiled_instructions["cluster0"]["cluster0_module1"]

    def run() -> Made:
        made = [compiled(row) for row in given.quarters.tolist()]
        plays = [
            [line.split("#")[0].rsplit(",", 1)[1] for line in one["sequencers"]["seq0"].sequence["program"].splitlines()
             if line.strip().startswith("play ")]
            for one in made
        ]  # fmt: skip
        return Made(made, sum(map(len, plays)), 1e-9 * sum(int(ns) for ns in plays[0]))

    return run
