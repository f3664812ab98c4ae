"""The sequencers of Zurich Instruments' boxes: how many, on which grid, what words cost, and what their tables allow.

Source: zhinst-seqc-compiler 26.7.2.5, the vendor's compiler, tried one by one (cost of instructions, blocks of waveform
memory, longest playZero); laboneq 26.7, ``compiler/common/device_type.py`` (rates, time that a reset of the oscillators
takes), ``controller/devices/device_uhfqa.py`` (ranges, delay, averages), ``controller/devices/device_shfsg.py``
(ranges, synthesizers); LabOne Q manual, Phase and amplitude of pulses (signs). Limits are those of `capabilities`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qctl.instruments.capability import limit
from qctl.instruments.zurich.capabilities import TABLES
from qctl.units import Limits

__all__ = [
    "BASE_INSTRUCTIONS",
    "FULL_SCALE",
    "HEAD_S",
    "INTEGRATION",
    "LOOP_FROM_S",
    "MAX_AVERAGES",
    "MAX_FREQUENCIES",
    "MAX_RESULTS",
    "MAX_WAVE_INDEX",
    "MODELS",
    "PERIOD_S",
    "READOUT_GRID",
    "READOUT_SAMPLES",
    "REARM_S",
    "Model",
    "Player",
    "Readout",
]


@dataclass(frozen=True, slots=True)
class Player:
    """One kind of AWG core.

    Attributes
    ----------
    word : str
        What the compiler calls the sequencer of a box that has two kinds; empty otherwise.
    n_channels : int
        Outputs of one core.
    mixes : bool
        Whether the core's I and Q are up-converted inside and leave by one output.
    grid, least : int
        Samples: multiples and shortest length of waveforms and of playZero.
    reset : int
        Instructions of ``resetOscPhase()``.
    n_oscillators : int
        Oscillators that a core can choose among while it plays.
    max_instructions : int
        Of one core.
    max_samples : int
        Samples of I and Q (each) of a core's waveforms together.
    most_counted : int
        Samples of one waveform that count against `max_samples`: of longer ones a part is kept at hand only.
    max_entries : int
        Of the command table; 0 for a core that has none.
    schema : str
        Version of the command table's form.
    block_bytes : int
        Waveforms are fetched in blocks of so many bytes, by two instructions each; 0: one after the other.
    """

    word: str
    n_channels: int
    mixes: bool
    grid: int
    least: int
    reset: int
    n_oscillators: int
    max_instructions: int
    max_samples: int
    most_counted: int
    max_entries: int
    schema: str
    block_bytes: int


@dataclass(frozen=True, slots=True)
class Readout:
    """One kind of readout channel.

    Attributes
    ----------
    word : str
        What the compiler calls the sequencer of a box that has two kinds; empty otherwise.
    n_slots : int
        Waveform generators, and as many integrators.
    grid, least : int
        Samples: multiples and shortest length of waveforms and playZero.
    max_instructions : int
        Of one channel.
    generates : bool
        Whether each slot has a generator of its own that startQA starts, and up-converts inside; otherwise two outputs
        play waveforms as an AWG does.
    base, silence, start : int
        Instructions of a program with nothing but the trigger, of one playZero and of startQA; at most.
    longest_zero : int
        Samples of one playZero.
    trigger : str
        What waits for the trigger.
    max_samples : int
        Samples of I and Q (each) of the waveforms together; of an AWG.
    each : int
        Integrators that a result takes: those of a UHFQA give a real number each.
    most_delay : int
        Samples from startQA to the integration, at most: weights begin with zeros where it is later. 0: not known.
    """

    word: str
    n_slots: int
    grid: int
    least: int
    max_instructions: int
    generates: bool
    base: int
    silence: int
    start: int
    longest_zero: int
    trigger: str
    max_samples: int
    each: int
    most_delay: int

    def averages(self, n_shots: int) -> bool:
        """Say whether the box can average so many shots: a UHFQA averages powers of two."""
        return self.generates or not n_shots & (n_shots - 1)


@dataclass(frozen=True, slots=True)
class Model:
    """What tells the boxes apart.

    Attributes
    ----------
    device : str
        What the compiler calls it.
    rates_hz : tuple of float
        Samples per second that it can be set to.
    player : Player or None
        Its AWG cores.
    n_cores : int
        How many of them.
    readout : Readout or None
        Its readout channels.
    n_readouts : int
        How many of them; their outputs are counted after those of the AWG cores.
    ranges_vpp : tuple of float
        Full-scale amplitudes of an output into 50 ohm, in volts peak to peak.
    """

    device: str
    rates_hz: tuple[float, ...]
    player: Player | None
    n_cores: int
    readout: Readout | None
    n_readouts: int
    ranges_vpp: tuple[float, ...]


def _vpp(power_dbm: float) -> float:
    """Return the peak-to-peak voltage of a sine wave into 50 ohm."""
    return float(2 * (2 * 50 * 1e-3 * 10 ** (power_dbm / 10)) ** 0.5)


def _most(model: str, path: str) -> int:
    return limit(TABLES[f"zurich-{model}"], path).most


_SHF_VPP = tuple(_vpp(power_dbm) for power_dbm in range(-30, 11, 5))
_HDAWG_VPP = (0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 3.0, 4.0, 5.0)
_HDAWG = Player(
    "", 2, False, 16, 32, 6, 1, _most("hdawg", "instructions.count"), _most("hdawg", "waveforms.samples"), 2_048,
    _most("hdawg", "table.entries"), "0.2", 0,
)  # fmt: skip
_SHFSG = Player(
    "", 1, True, 16, 32, 4, 8, _most("shfsg", "instructions.count"), _most("shfsg", "waveforms.samples"),
    _most("shfsg", "waveforms.samples"), _most("shfsg", "table.entries"), "1.1.0", 4_096,
)  # fmt: skip
_SHFQA = Readout(
    "", _most("shfqa", "weights.count"), 16, 32, _most("shfqa", "instructions.count"), True, 6, 1, 5, 524_272,
    "waitDigTrigger(1);\n", 16 * 4_096, 1, 0,
)  # fmt: skip
_UHFQA = Readout(
    "", _most("uhfqa", "weights.count"), 8, 16, _most("uhfqa", "instructions.count"), False, 8, 2, 7, 131_064,
    "waitDigTrigger(1,1);\n", _most("uhfqa", "waveforms.samples"), 2, 1_020,
)  # fmt: skip

MODELS = {
    "zurich-hdawg": Model("HDAWG8", (2.4e9, 2.0e9), _HDAWG, 4, None, 0, _HDAWG_VPP),
    "zurich-shfsg": Model("SHFSG8", (2.0e9,), _SHFSG, 8, None, 0, _SHF_VPP),
    "zurich-shfqa": Model("SHFQA4", (2.0e9,), None, 0, _SHFQA, 4, _SHF_VPP),
    "zurich-shfqc": Model("SHFQC", (2.0e9,), replace(_SHFSG, word="sg"), 6, replace(_SHFQA, word="qa"), 1, _SHF_VPP),
    "zurich-uhfqa": Model("UHFQA", (1.8e9,), None, 0, _UHFQA, 1, (0.3, 3.0)),
}
BASE_INSTRUCTIONS = 6
"""Instructions of a program with nothing but ``waitDigTrigger(1)``."""
MAX_FREQUENCIES = 4_096
"""Frequencies of one core in one batch, as far as qctl goes."""
MAX_WAVE_INDEX = _most("shfsg", "waveforms.count")
"""Waveform indices are below it; the compiler (the schema takes more)."""
PERIOD_S = 40e-9
"""Points last a multiple of it: whole grids of all these boxes, at 2.0, 2.4 and 1.8 GSa/s."""
HEAD_S = 80e-9
"""From the start of a point to its earliest pulse: the oscillators start anew, which takes 80 ns at most (laboneq)."""
REARM_S = 4e-7
"""From the end of a shot's text until the sequencer waits for the next trigger; a guess on the safe side."""
LOOP_FROM_S = 2e-7
"""Distance from which on equal pulses are played in a loop; a guess on the safe side."""
READOUT_SAMPLES = _most("shfqa", "weights.samples")
"""Samples of one readout waveform, and of one integrator's weights."""
READOUT_GRID = 4
"""Samples: grid of readout waveforms, weights, and of the delay of the integration."""
MAX_AVERAGES = _most("shfqa", "settings.averages")
"""Shots of one average."""
MAX_RESULTS = _most("shfqa", "bins")
"""Results of one integrator."""
INTEGRATION = Limits(4, 4_096)
"""Samples of an integration."""
FULL_SCALE = 32_767
"""Steps of a waveform's full scale: 16 bits with sign."""
