"""Configurations that QICK boards might say, typed by hand with the keys that qick 0.2.367 and 0.2.370 write."""

from __future__ import annotations

from typing import Any


def _clocked(fs_mhz: float, fabric_mhz: float) -> dict[str, Any]:
    return {"fs": fs_mhz, "f_fabric": fabric_mhz, "f_dds": fs_mhz, "b_dds": 32, "b_phase": 32}


def board(kind: str) -> dict[str, Any]:
    """Return the soccfg of a board with tProcessor ``v1`` or ``v2``."""
    v2 = kind == "v2"
    processor: dict[str, Any] = {
        "type": "qick_processor" if v2 else "axis_tproc64x32_x8",
        "pmem_size": 4096 if v2 else 8192,
        "dmem_size": 16_384 if v2 else 4096,
        "f_time": 430.08,
    }
    if v2:
        processor |= {"wmem_size": 1024, "f_core": 200.00000000000003}
    return {
        "board": "ZCU216",
        "sw_version": "0.2.367" if v2 else "0.2.370",
        "tprocs": [processor],
        "gens": [
            {"type": "axis_signal_gen_v6", "maxlen": 65_536, "maxv": 32_766, **_clocked(9584.64, 599.04)},
            {"type": "axis_signal_gen_v6", "maxlen": 65_536, "maxv": 32_766, **_clocked(6881.28, 430.08)},
        ],
        "readouts": [
            {"avg_maxlen": 8192 if v2 else 16_384, "buf_maxlen": 4096 if v2 else 1024, **_clocked(2457.6, 307.2)}
        ],
    }
