"""What a sequencer of a Qblox QCM or QRM can do: limits of program, memories and NCO, each with its source.

Source: q1asm 1.1.1, the vendor's assembler in qblox-instruments (ranges of operands, tried one by one);
qblox-scheduler, ``backends/qblox/constants.py`` (instructions, memories, grid, gaps between acquisitions, NCO);
qblox-instruments, ``constants.py`` (sequencers of a module); q1simulator 1.3.4 (output ranges, timing of the classical
core); qibolab, ``validate.py`` (number of weights); Qblox documentation, Sequencer (NCO, gain, wait, synchronisation).
"""

from __future__ import annotations

from dataclasses import dataclass

from qctl.units import Limits

__all__ = [
    "ACQUISITION_GAP_NS",
    "CLOCK_HZ",
    "DURATION_NS",
    "FREQUENCY_HZ",
    "FREQUENCY_STEPS_PER_HZ",
    "FULL_SCALE",
    "GAP_NS",
    "INTEGRATION_NS",
    "LOOPS",
    "MAX_ACQUISITIONS",
    "MAX_BINS",
    "MAX_WAVEFORMS",
    "MAX_WEIGHTS",
    "MODULATED_SCALE",
    "MODULES",
    "N_SEQUENCERS",
    "PHASE_STEPS",
    "WAVEFORM_SAMPLES",
    "WEIGHT_SAMPLES",
    "Module",
]


@dataclass(frozen=True, slots=True)
class Module:
    """What tells the modules apart.

    Attributes
    ----------
    max_instructions : int
        Of one sequencer's program; the assembler takes up to 16,384 for all modules (qblox-scheduler).
    n_outputs, n_inputs : int
        Connectors O1 … and I1 ….
    full_scale_v : float
        Largest output into 50 ohm, peak; q1simulator, data sheets.
    """

    max_instructions: int
    n_outputs: int
    n_inputs: int
    full_scale_v: float


MODULES = {
    "qblox-qcm": Module(16_384, 4, 0, 2.5),
    "qblox-qrm": Module(12_288, 2, 2, 0.5),
}
CLOCK_HZ = 1e9
"""Samples per second of every output and input, and the grid of every time."""
N_SEQUENCERS = 6
"""Sequencers of a module; qblox-instruments."""
DURATION_NS = Limits(4, 65_535)
"""Of wait, play, acquire, upd_param and wait_sync; q1asm. A longer wait is several, or a loop."""
GAP_NS = 4
"""Shortest time between two real-time instructions; qblox-scheduler."""
ACQUISITION_GAP_NS = 300
"""Shortest time between two acquisitions of one sequencer; qblox-scheduler."""
INTEGRATION_NS = Limits(4, 16_777_212)
"""Length of an acquisition's square integration, a multiple of 4; qblox-instruments."""
WAVEFORM_SAMPLES = 16_384
"""Samples of all waveforms of a sequencer; qblox-scheduler."""
MAX_WAVEFORMS = 1024
"""Waveforms of a sequencer: play takes the indices 0 … 1023; q1asm."""
WEIGHT_SAMPLES = 16_384
"""Samples of all weights of a sequencer; qblox-scheduler."""
MAX_WEIGHTS = 32
"""Weights of a sequencer; qibolab. The assembler takes more."""
MAX_ACQUISITIONS = 32
"""Acquisitions of a sequencer: acquire takes the indices 0 … 31; q1asm."""
MAX_BINS = 3_000_000
"""Bins of all acquisitions of a module; qblox-scheduler (131,072 before cluster firmware 0.13)."""
LOOPS = Limits(1, 4_294_967_295)
"""Count of a loop: registers have 32 bits; q1asm."""
FULL_SCALE = 32_768
"""Steps of a waveform's, a gain's and an offset's full scale: 16 bits with sign."""
FREQUENCY_HZ = Limits(-500e6, 500e6)
"""Of the NCO; qblox-instruments. The assembler takes any 32 bits."""
FREQUENCY_STEPS_PER_HZ = 4
"""set_freq counts quarters of a hertz; q1asm."""
PHASE_STEPS = 1_000_000_000
"""set_ph counts so many steps a turn; q1asm."""
MODULATED_SCALE = 0.5**0.5
"""What the NCO leaves of an amplitude, so that both quadratures together stay within the range; q1simulator."""
