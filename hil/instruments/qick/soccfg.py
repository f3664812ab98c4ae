"""What an emulated board says of itself: six full-speed generators, three readouts, and a tProcessor.

Source: soccfg of a ZCU216 in QICK's test bench (qick 0.2.367), its keys, and for tProcessor v1 those of qick 0.2.436
(``drivers/tproc.py``: AxisTProc64x32_x8; triggers are bits 14 and on of output 0); which converters and clocks is ours.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DRIVE_HZ", "READOUT_HZ", "board_config"]

_REFERENCE_MHZ = 122.88
_CORE_MHZ, _TIMING_MHZ = 200.0, 430.08
_DRIVE_TIMES, _READOUT_TIMES, _INPUT_TIMES = 56, 78, 20
DRIVE_HZ = _REFERENCE_MHZ * _DRIVE_TIMES * 1e6
"""Sample rate of generators 1, 2 and 5, 6: their second Nyquist zone is that of transmons."""
READOUT_HZ = _REFERENCE_MHZ * _READOUT_TIMES * 1e6
"""Sample rate of generators 3 and 4: their second Nyquist zone is that of resonators."""
_PER_CYCLE = 16
_DECIMATION = 8


def _generator(number: int, times: int, kind: str = "axis_signal_gen_v6") -> dict[str, Any]:
    rate_mhz = round(_REFERENCE_MHZ * times, 6)
    return {
        "type": kind, "fullpath": f"gen_{number}", "dac": f"{2 + number // 4}{number % 4}", "tproc_ch": number,
        "maxlen": 65_536, "maxv": 32_766, "maxv_scale": 1.0, "complex_env": True, "has_dds": True, "has_mixer": False,
        "interpolation": 1, "samps_per_clk": _PER_CYCLE, "fs": rate_mhz, "fs_mult": times, "fs_div": 1,
        "f_fabric": rate_mhz / _PER_CYCLE, "f_dds": rate_mhz, "fdds_div": 1, "b_dds": 32, "b_phase": 32,
    }  # fmt: skip


def _readout(number: int, v1: bool) -> dict[str, Any]:
    rate_mhz = round(_REFERENCE_MHZ * _INPUT_TIMES, 6)
    trigger = {"trigger_type": "output" if v1 else "dport", "trigger_bit": number + 14 * v1}
    return trigger | {
        "ro_type": "axis_readout_v2", "ro_fullpath": f"ro_{number}", "avgbuf_fullpath": f"avg_{number}",
        "avgbuf_type": "axis_avg_buffer", "avgbuf_version": "1.2", "adc": f"2{number}", "avg_maxlen": 16_384,
        "buf_maxlen": 1024 if v1 else 4096, "f_output": rate_mhz / _DECIMATION, "trigger_port": 0,
        "has_outsel": True, "has_edge_counter": False, "has_weights": False, "iq_offset": 0.0,
        "fs": rate_mhz, "fs_mult": _INPUT_TIMES, "fs_div": 1, "f_fabric": rate_mhz / _DECIMATION, "f_dds": rate_mhz,
        "fdds_div": 1, "b_dds": 32, "b_phase": 32, "tproc_ch": number,
    }  # fmt: skip


_V1 = {
    "type": "axis_tproc64x32_x8", "fullpath": "proc_0", "revision": 4, "version": "1.0", "pmem_size": 8192,
    "dmem_size": 4096, "f_time": _TIMING_MHZ, "output_pins": [], "start_pin": None,
}  # fmt: skip
_V2 = {
    "type": "qick_processor", "fullpath": "proc_0", "revision": 27, "version": "2.0", "pmem_size": 8192,
    "dmem_size": 16_384, "wmem_size": 1024, "dreg_qty": 32, "in_port_qty": 3, "out_trig_qty": 20,
    "out_dport_qty": 1, "out_dport_dw": 8, "out_wport_qty": 16, "fifo_depth": 512, "call_depth": 255,
    "f_core": _CORE_MHZ, "f_time": _TIMING_MHZ, "output_pins": [],
}  # fmt: skip


def board_config(model: str = "qick-tproc-v2") -> dict[str, Any]:
    """Return it, as `QickConfig` takes it, for one of the two tProcessors."""
    v1 = model == "qick-tproc-v1"
    kinds = (_DRIVE_TIMES, _DRIVE_TIMES, _READOUT_TIMES, _READOUT_TIMES, _DRIVE_TIMES, _DRIVE_TIMES)
    gens = [_generator(k, times) for k, times in enumerate(kinds)]
    if v1:
        gens = [one | {"tproc_ch": k + 1} for k, one in enumerate(gens)]  # output 0 is that of the triggers
    return {
        "board": "EMULATED", "sw_version": "0.2.436", "fw_timestamp": "", "extra_description": [],
        "refclk_freq": _REFERENCE_MHZ, "gens": gens, "iqs": [], "time_taggers": [],
        "readouts": [_readout(k, v1) for k in range(3)], "tprocs": [dict(_V1 if v1 else _V2)],
        "rf": {"type": "usp_rf_data_converter"},
    }  # fmt: skip
