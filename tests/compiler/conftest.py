"""Judge: what the words of the generators do to transmons of three levels, by QuTiP, from physics alone."""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import qutip

from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.instruments.tektronix_awg5014.capabilities import code_voltages
from qctl.instruments.tektronix_awg5014.lower import lower
from qctl.lab import load_lab
from qctl.lab.snapshot import Snapshot
from qctl.program.timeline import Shots

DRIVE_HZ_PER_V = 1.0e8
LO_HZ = 5.1e9
RATE_HZ = 1.2e9


def volts(timeline, lab, name, point=0):
    """Return output → volts of one generator, from the words that would be uploaded."""
    program = lower(timeline.straights(), lab.instruments[name], lab, Shots(1, False, 2e-4))
    body = AwgBody.from_bytes(program.body)
    steps = body.points[point if len(body.points) > 1 else 0]
    words = {
        n: np.concatenate([np.tile(program.blobs[step.waveforms[n]], step.n_loops) for step in steps])
        for n in body.channels
    }
    return {n: code_voltages(body.channels[n].amplitude_vpp, body.channels[n].offset_v, words[n]) for n in words}


def driven(timeline, lab, name, i, q, point=0):
    """Return I + iQ of one drive line."""
    found = volts(timeline, lab, name, point)
    return found[i] + 1j * found[q]


def evolve(samples, frequency_hz, anharmonicity_hz):
    """Return the populations after a drive line's samples.

    The line carries Re((I + iQ) exp(2 pi i f_lo t)) and couples to a + a†; each sample is held for its period. The
    frame is that of the LO, without what turns at twice its frequency.
    """
    a = qutip.destroy(3)
    n = a.dag() * a
    rest = 2 * np.pi * (frequency_hz - LO_HZ) * n + np.pi * anharmonicity_hz * n * (n - 1)
    state = qutip.basis(3, 0)
    for v in samples:
        omega = 2 * np.pi * DRIVE_HZ_PER_V * np.conj(v)
        state = (-1j / RATE_HZ * (rest + 0.5 * (omega * a.dag() + np.conj(omega) * a))).expm() * state
    return np.abs(state.full().ravel()) ** 2


def evolve_pair(drives, flux, frequencies_hz, anharmonicity_hz, coupling_hz, flux_hz_per_v, start):
    """Return the state of two coupled transmons after both drives and the second one's flux line."""
    a, b = qutip.tensor(qutip.destroy(3), qutip.qeye(3)), qutip.tensor(qutip.qeye(3), qutip.destroy(3))
    na, nb = a.dag() * a, b.dag() * b
    rest = np.pi * anharmonicity_hz * (na * (na - 1) + nb * (nb - 1))
    rest += 2 * np.pi * coupling_hz * (a.dag() * b + b.dag() * a)
    rest += 2 * np.pi * ((frequencies_hz[0] - LO_HZ) * na + (frequencies_hz[1] - LO_HZ) * nb)
    rest, na_, nb_ = rest.full(), a.full(), b.full()
    tuned = 2 * np.pi * flux_hz_per_v * (nb.full())
    state = start
    known = {}
    for va, vb, phi in zip(*drives, flux, strict=True):
        key = (va, vb, phi)
        if key not in known:
            wa, wb = (2 * np.pi * DRIVE_HZ_PER_V * np.conj(v) for v in (va, vb))
            h = rest + tuned * phi
            h = h + 0.5 * (wa * na_.conj().T + np.conj(wa) * na_ + wb * nb_.conj().T + np.conj(wb) * nb_)
            energy, vectors = np.linalg.eigh(h)
            known[key] = (vectors * np.exp(-1j * energy / RATE_HZ)) @ vectors.conj().T
        state = known[key] @ state
    return state


@pytest.fixture(scope="session")
def lab():
    return load_lab(Path(__file__).parents[1] / "support" / "transmon5.toml")


@pytest.fixture(scope="session")
def snapshot_of(lab):
    """Return a function that lays changed values over the design values."""

    def make(qubits=None, couplers=None):
        processor = lab.processors["qpu0"]
        changed = {}
        for name, parts in (qubits or {}).items():
            value = processor.qubit[name]
            for part, fields in parts.items():
                if isinstance(fields, dict):
                    fields = msgspec.structs.replace(getattr(value, part), **fields)
                value = msgspec.structs.replace(value, **{part: fields})
            changed[name] = value
        tuned = {
            name: msgspec.structs.replace(
                processor.coupler[name], cz=msgspec.structs.replace(processor.coupler[name].cz, **fields)
            )
            for name, fields in (couplers or {}).items()
        }
        return Snapshot(number=1, time_s=0.0, processor="qpu0", qubits=changed, couplers=tuned)

    return make


@pytest.fixture(scope="session")
def judge():
    return SimpleNamespace(volts=volts, driven=driven, evolve=evolve, evolve_pair=evolve_pair, rate_hz=RATE_HZ)
