"""One sequencer as its module shows it: configuration, memories, program, and the state that status queries tell.

Source: qblox-instruments 1.4.1, what its client exchanges with a cluster (configuration as JSON, state line).
"""

from __future__ import annotations

import json
import math
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RefusedError
from qctl.hil.instruments.qblox.assembly import assemble
from qctl.hil.instruments.qblox.core import Core, Settings
from qctl.hil.instruments.qblox.lists import AcquisitionList, WaveList
from qctl.hil.instruments.qblox.rendering import TURN, Modulation
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["Build", "Sequencer"]

ISA_VERSION = 2
_WAVE_SAMPLES = 16_384


def _defaults(acquires: bool) -> dict[str, Any]:
    """Return what a sequencer is set to after a reset."""
    awg = {
        "cont_mode": {"en_path": [False, False], "wave_idx_path": [0, 0]},
        "gain_path": [1.0, 1.0],
        "marker_ovr": {"en": False, "val": 0},
        "mixer": {"en": False, "corr_gain_ratio": 1.0, "corr_phase_offset_degree": 0.0},
        "nco": {"freq_hz": 0.0, "po": 0.0, "delay_comp": 0, "delay_comp_en": False},
        "offs_path": [0.0, 0.0],
        "real_mode_en": False,
        "upsample_rate_path": [0, 0],
    }
    mapped = {"addr": 0, "en": False, "inv": False}
    acq = {
        "demod": {"en": False},
        "th_acq": {
            "discr_threshold": 0.0,
            "non_weighed_integration_len": 1024,
            "rotation_matrix_a11": 1.0,
            "rotation_matrix_a12": 0.0,
        },
        "th_acq_mrk_map": dict(mapped),
        "th_acq_trg_map": dict(mapped),
        "ttl": {"auto_bin_incr_en": False, "in": False, "threshold": 0.0},
    }
    triggers = [{"count_threshold": 1, "threshold_invert": False} for _ in range(15)]
    config: dict[str, Any] = {"awg": [awg], "seq_proc": {"sync_en": False, "trg": triggers}}
    return config | ({"acq": [acq]} if acquires else {})


class Build(NamedTuple):
    """What tells sequencers apart.

    Attributes
    ----------
    outputs, inputs : tuple of int
        Converters that it can be joined to.
    max_instructions, max_bins : int
        What its memories take.
    turns_always : bool
        Whether its NCO can't be turned off.
    n_scopes : int
        Paths of the module's scope.
    unit : float
        Of its bins and of its threshold, beside those of a QRM.
    """

    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    max_instructions: int
    max_bins: int
    turns_always: bool = False
    n_scopes: int = 2
    unit: float = 1.0


class Sequencer:
    """A sequencer of a module."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        build = self.build
        self.config = _defaults(len(build.inputs) > 0)
        self.waveforms = WaveList("Waveform", _WAVE_SAMPLES, 1023)
        self.weights = WaveList("Weight", _WAVE_SAMPLES if build.inputs else 0, 31)
        self.acquisitions = AcquisitionList(build.max_bins if build.inputs else 0, build.n_scopes, build.unit)
        self.outputs = [[number for number in build.outputs if number % 2 == path] for path in (0, 1)]
        self.inputs = [list(build.inputs[path : path + 1]) for path in (0, 1)]
        self.registers = np.zeros(64, np.uint32)
        self.code: NDArray[np.int64] | None = None
        self._next_code: NDArray[np.int64] | None = None
        self.state = "IDLE"
        self.exit_code = 0
        self.flags: dict[str, list[str]] = {"info": [], "warning": [], "error": []}
        self.log = ""
        self.endless = False

    # program and settings --------------------------------------------------------------------------

    def load(self, program: str, later: bool = False) -> str:
        """Assemble a program, and hold it from now on or, `later`, from the next time that it is armed.

        Raises
        ------
        RefusedError
            If it can't be assembled, or is too long.
        """
        code = assemble(program, ISA_VERSION)
        if len(code) > self.build.max_instructions:
            raise refusal(-225, f"{len(code)} instructions are over {self.build.max_instructions}")
        self._next_code = code
        if not later:
            self.stop()
            self.code = code
        return f"{len(code)} instructions"

    def configure(self, text: bytes) -> None:
        """Take a configuration, or a part of one, as JSON."""
        try:
            given = json.loads(text)
            changed = _merged(self.config, given)
        except (ValueError, TypeError) as error:
            raise refusal(-300, f"configuration can't be read: {error}") from None
        gains = [*changed["awg"][0]["gain_path"], *changed["awg"][0]["offs_path"]]
        if not all(-1 <= value <= 1 for value in gains):
            raise refusal(-222, f"gains and offsets {gains} are not all in [-1, 1]")
        if not -500e6 <= changed["awg"][0]["nco"]["freq_hz"] <= 500e6:
            raise refusal(-222, f"NCO frequency {changed['awg'][0]['nco']['freq_hz']} Hz is outside [-500e6, 500e6]")
        length = changed["acq"][0]["th_acq"]["non_weighed_integration_len"] if "acq" in changed else 4
        if not 4 <= length <= 16_777_212 or length % 4:
            raise refusal(-222, f"integration length {length} is no multiple of 4 in [4, 16777212]")
        self.config = changed

    def route(self, text: bytes, inputs: bool = False) -> None:
        """Take the outputs, or inputs, of both paths as JSON."""
        known = self.build.inputs if inputs else self.build.outputs
        try:
            found = [[int(number) for number in path] for path in json.loads(text)]
        except (ValueError, TypeError) as error:
            raise refusal(-300, f"channel map can't be read: {error}") from None
        if len(found) != 2 or any(number not in known for path in found for number in path):
            raise refusal(-222, f"channel map {found}, and the sequencer reaches channels {list(known)}")
        if inputs:
            self.inputs = found
        else:
            self.outputs = found

    @property
    def awg(self) -> dict[str, Any]:
        """Return the settings of the generator."""
        found: dict[str, Any] = self.config["awg"][0]
        return found

    @property
    def acq(self) -> dict[str, Any]:
        """Return the settings of the digitizer."""
        found: dict[str, Any] = self.config["acq"][0]
        return found

    @property
    def synchronised(self) -> bool:
        """Say whether wait_sync waits for the other sequencers."""
        return bool(self.config["seq_proc"]["sync_en"])

    @property
    def modulation(self) -> Modulation:
        """Return what happens to both paths behind gain and offset."""
        mixer = self.awg["mixer"]
        phase_rad = math.radians(mixer["corr_phase_offset_degree"])
        return Modulation(self.build.turns_always or bool(mixer["en"]), float(mixer["corr_gain_ratio"]), phase_rad)

    @property
    def turns(self) -> bool:
        """Say whether the NCO is in use."""
        return self.modulation.on or self.demodulates

    @property
    def demodulates(self) -> bool:
        """Say whether what is acquired is turned back."""
        return "acq" in self.config and (self.build.turns_always or bool(self.acq["demod"]["en"]))

    def core(self) -> Core:
        """Return the processor, ready to run what is loaded."""
        assert self.code is not None
        nco, awg = self.awg["nco"], self.awg
        triggers = self.config["seq_proc"]["trg"]
        settings = Settings(
            freq=round(nco["freq_hz"] * 4),
            phase=round(nco["po"] / 360 * (TURN // 4)) % (TURN // 4),
            gain=(int(awg["gain_path"][0] * 32_767), int(awg["gain_path"][1] * 32_767)),
            offset=(int(awg["offs_path"][0] * 32_767), int(awg["offs_path"][1] * 32_767)),
            counts=tuple(int(one["count_threshold"]) for one in triggers),
            inverts=tuple(int(one["threshold_invert"]) for one in triggers),
            synchronised=self.synchronised,
        )
        return Core(self.code, settings, registers=self.registers)

    # state -----------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Be ready to start."""
        self.code = self._next_code
        if self.code is None:
            raise refusal(-221, "no program is loaded")
        self.stop()
        self.clear_flags()
        self.state = "ARMED"

    def stop(self) -> None:
        """Stop, whatever it does."""
        if self.state == "ARMED":
            self.flags["info"] = ["DISARMED"]
        elif self.state == "RUNNING":
            self.flags["info"] = ["FORCED STOP"]
        self.endless = False
        if self.state != "IDLE":
            self.state = "STOPPED"

    def clear_flags(self) -> None:
        """Forget what happened."""
        self.flags, self.log, self.exit_code = {"info": [], "warning": [], "error": []}, "", 0

    def fail(self, flag: str, log: str = "") -> None:
        """Note an error."""
        if flag not in self.flags["error"]:
            self.flags["error"].append(flag)
        self.log = self.log or log

    def status(self) -> str:
        """Return the answer to STATE?: status, state, exit code, flags by weight, log."""
        status = "ERROR" if self.flags["error"] else "WARNING" if self.flags["warning"] else "OKAY"
        lists = ["".join(f"{flag}," for flag in self.flags[weight]) for weight in ("info", "warning", "error")]
        return ";".join([status, self.state, str(self.exit_code), *lists, self.log])


def _merged(old: Any, new: Any) -> Any:
    """Return a configuration with what a part of it changes."""
    if isinstance(old, dict):
        if not isinstance(new, dict):
            raise RefusedError(f"{new!r} where an object has to be", number=-300)
        return {key: _merged(value, new[key]) if key in new else deepcopy(value) for key, value in old.items()}
    if isinstance(old, list) and old and isinstance(old[0], dict):
        return [_merged(one, other) for one, other in zip(old, new, strict=True)]
    if isinstance(old, list):
        return [_merged(one, other) for one, other in zip(old, new, strict=True)]
    return type(old)(new)
