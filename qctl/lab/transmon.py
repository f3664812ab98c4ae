"""Design and calibrated values of superconducting processors: transmons on drive, flux and readout lines."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from qctl.lab.quantities import (
    AmperesA,
    AmplitudeV,
    AngleRad,
    AnharmonicityHz,
    DelayS,
    FrequencyHz,
    IntervalS,
    LifetimeS,
    OffsetHz,
    PeriodS,
    Probability,
    PulseS,
    RateHz,
    VoltsV,
)

__all__ = [
    "CzPulse",
    "DrivePulse",
    "FluxLine",
    "TransmonCoupler",
    "TransmonProcessor",
    "TransmonQubit",
    "TransmonReadout",
]


class DrivePulse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The calibrated pi/2 pulse of a qubit: a Gaussian with a derivative quadrature (DRAG).

    Attributes
    ----------
    length_s : float
        Length of the pulse.
    sigma_s : float
        Standard deviation of the Gaussian.
    amplitude_v : float
        Peak of the envelope at the output, into 50 ohm.
    beta_s : float
        The quadrature is beta_s times the time derivative of the in-phase envelope.
    error : float, optional
        Measured average infidelity of the pulse, as randomized benchmarking gives it.
    """

    length_s: PulseS
    sigma_s: PulseS
    amplitude_v: AmplitudeV
    beta_s: DelayS = 0.0
    error: Probability | UnsetType = UNSET


class FluxLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The static bias of a qubit's flux line.

    Attributes
    ----------
    offset_v : float
        Voltage of the port's `dc` output while programs run.
    offset_a : float, optional
        Its current, where it is an output of a current source; none is set where it is left out.
    """

    offset_v: VoltsV = 0.0
    # Unset, not None: so snapshots that were written before this field have the same checksums as ever.
    offset_a: AmperesA | UnsetType = UNSET


class TransmonReadout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dispersive readout: the pulse, the integration window, and how a point becomes a state.

    Attributes
    ----------
    frequency_hz : float
        Frequency of the readout pulse.
    amplitude_v : float
        Peak of the envelope at the output, into 50 ohm.
    length_s : float
        Length of the pulse, and of the integration.
    delay_s : float
        Start of the integration after the start of the pulse.
    angle_rad : float
        Rotation of the IQ plane after which the real part tells the states apart.
    threshold_v : float
        A rotated real part above it is state 1.
    center0_v, center1_v, center2_v : pair of float, optional
        Mean IQ points of the states, in volts at the input.
    error0, error1 : float, optional
        Measured probability to read state 0 as 1, and state 1 as 0.
    """

    frequency_hz: FrequencyHz
    amplitude_v: AmplitudeV
    length_s: PulseS
    delay_s: DelayS = 0.0
    angle_rad: AngleRad = 0.0
    threshold_v: VoltsV = 0.0
    center0_v: tuple[VoltsV, VoltsV] | None = None
    center1_v: tuple[VoltsV, VoltsV] | None = None
    center2_v: tuple[VoltsV, VoltsV] | None = None
    # Unset, not None: so snapshots that were written before these fields have the same checksums as ever.
    error0: Probability | UnsetType = UNSET
    error1: Probability | UnsetType = UNSET


class TransmonQubit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="transmon"):
    """One transmon.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    frequency_hz : float
        Frequency of 0-1 at the static bias.
    anharmonicity_hz : float
        Frequency of 1-2 less that of 0-1.
    t1_s, t2_s : float
        Relaxation time, and coherence time by Hahn echo or Ramsey.
    drive : DrivePulse
        The pi/2 pulse.
    readout : TransmonReadout
        The measurement.
    flux : FluxLine, optional
        The static bias.
    delays_s : mapping of str to float, optional
        Role of a port (flux, drive) to a measured delay, added to all its times beside the port's own `delay_s`: it
        makes pulses of several instruments meet at the qubit.
    """

    name: str
    frequency_hz: FrequencyHz
    anharmonicity_hz: AnharmonicityHz
    t1_s: LifetimeS
    t2_s: LifetimeS
    drive: DrivePulse
    readout: TransmonReadout
    flux: FluxLine | None = None
    delays_s: dict[str, DelayS] | UnsetType = UNSET


class CzPulse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The controlled-Z of a coupler: a flat-top flux pulse and the virtual Z that completes it.

    Attributes
    ----------
    length_s : float
        Length of the flux pulse.
    amplitude_v : float
        Plateau at the output, into 50 ohm; may be negative.
    rise_s : float
        Length of each raised-cosine edge, inside `length_s`.
    phase_rad : mapping of str to float
        Virtual Z on each of the two qubits after the pulse.
    error : float, optional
        Measured average infidelity of the gate, as interleaved randomized benchmarking gives it.
    """

    length_s: PulseS
    amplitude_v: VoltsV
    rise_s: IntervalS = 0.0
    phase_rad: dict[str, AngleRad] = {}
    error: Probability | UnsetType = UNSET


class TransmonCoupler(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="transmon"):
    """Two transmons that interact; its key is both names joined by a hyphen.

    Attributes
    ----------
    name : str
        Its key in lab.toml, ``q0-q1``.
    flux_qubit : str
        The qubit whose flux line is pulsed.
    cz : CzPulse
        The controlled-Z.
    coupling_hz : float, optional
        Exchange coupling g / 2 pi.
    zz_hz : float, optional
        Residual ZZ at the static bias.
    """

    name: str
    flux_qubit: str
    cz: CzPulse
    coupling_hz: RateHz | None = None
    zz_hz: OffsetHz | None = None

    @property
    def qubits(self) -> tuple[str, str]:
        """Return the names of the two qubits."""
        first, _, second = self.name.partition("-")
        return first, second


class TransmonProcessor(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="platform", tag="transmon"
):
    """A processor of transmons.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    qubits : tuple of str
        Names, in the order of the processor's own indices.
    native_gates : tuple of str
        What the compiler may emit.
    shot_period_s : float
        Time from one trigger to the next.
    trigger : str
        Instrument that fires the shots.
    qubit : mapping of str to TransmonQubit
        Design values.
    coupler : mapping of str to TransmonCoupler
        Design values; the keys are the coupling graph.
    """

    name: str
    qubits: tuple[str, ...]
    native_gates: tuple[str, ...]
    shot_period_s: PeriodS
    trigger: str
    qubit: dict[str, TransmonQubit]
    coupler: dict[str, TransmonCoupler] = {}

    @property
    def platform(self) -> str:
        """Return the platform's name in lab.toml."""
        return "transmon"
