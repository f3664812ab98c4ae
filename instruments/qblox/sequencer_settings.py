"""Settings of a sequencer as its module takes them: a JSON object of which a few entries matter, and channel maps.

Source: qblox-instruments 1.4.1, SCPI layer 1.2, ``SEQuencer#:CONFiguration``, ``:CHANnelmap``, ``:ACQ:CHANnelmap``.
"""

from __future__ import annotations

import json
import math
from typing import Any

from qctl.instruments.qblox.body import Sequencer
from qctl.instruments.qblox.front_end import paths_of

__all__ = ["OFF_SETTINGS", "ON_SETTINGS", "changed", "encoded", "maps_of", "settings_of"]

OFF_SETTINGS: dict[str, Any] = {"seq_proc": {"sync_en": False}}
"""Of a sequencer that takes no part: all others of the cluster that synchronise would wait for it."""
N_ADDRESSES = 15
ON_SETTINGS: dict[str, Any] = {"seq_proc": {"sync_en": True}}


def settings_of(sequencer: Sequencer, units_per_v: float) -> dict[str, Any]:
    """Return the entries of the configuration that a program needs until it starts; all others are left as they are.

    Parameters
    ----------
    sequencer : Sequencer
        What it plays.
    units_per_v : float
        What a volt at the input makes of the integral that is compared with the threshold.
    """
    awg = {
        "cont_mode": {"en_path": [False, False]},
        "gain_path": [1.0, 1.0],
        "marker_ovr": {"en": False},
        "mixer": {
            "en": sequencer.modulated,
            "corr_gain_ratio": sequencer.mixer_gain,
            "corr_phase_offset_degree": math.degrees(sequencer.mixer_phase_rad),
        },
        "nco": {"freq_hz": 0.0, "po": 0.0, "delay_comp_en": False},
        "offs_path": [0.0, 0.0],
        "real_mode_en": False,
        "upsample_rate_path": [0, 0],
    }
    wanted: dict[str, Any] = {"awg": [awg], **OFF_SETTINGS}
    if sequencer.follows:
        counts = [
            {"count_threshold": 1, "threshold_invert": a in sequencer.inverted} for a in range(1, N_ADDRESSES + 1)
        ]
        wanted["seq_proc"] = {**OFF_SETTINGS["seq_proc"], "trg": counts}
    if sequencer.inputs:
        wanted["acq"] = [
            {
                "demod": {"en": sequencer.modulated},
                "th_acq": {
                    "non_weighed_integration_len": sequencer.integration_ns,
                    "rotation_matrix_a11": math.cos(sequencer.angle_rad),
                    "rotation_matrix_a12": math.sin(sequencer.angle_rad),
                },
                "th_acq_trg_map": {"en": False},
            }
        ]
    if sequencer.sends:
        wanted["acq"][0]["th_acq"]["discr_threshold"] = sequencer.threshold_v * units_per_v
        wanted["acq"][0]["th_acq_trg_map"] = {"addr": sequencer.sends, "en": True, "inv": sequencer.sends_zero}
    return wanted


def maps_of(sequencer: Sequencer | None, model: str) -> tuple[list[list[int]], list[list[int]]]:
    """Return outputs and inputs of both paths, counted from 0; nothing where a sequencer takes no part."""
    if sequencer is None:
        return [[], []], [[], []]
    return paths_of(model, sequencer.outputs), paths_of(model, sequencer.inputs)


def changed(held: Any, wanted: Any) -> Any:
    """Return a configuration with other entries; entries that it doesn't have are not added."""
    if isinstance(wanted, dict) and isinstance(held, dict):
        return {key: changed(value, wanted[key]) if key in wanted else value for key, value in held.items()}
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return [changed(one, other) for one, other in zip(held, wanted, strict=False)] + held[len(wanted) :]
    return wanted


def encoded(content: Any) -> bytes:
    """Return content as JSON."""
    return json.dumps(content, separators=(",", ":")).encode()
