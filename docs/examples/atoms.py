"""Blockade, an antiferromagnet and the tones of tweezers: `atoms.py [ADDRESS] [FOLDER]`, with `qctl hil lab atoms9`."""

import sys
from pathlib import Path

import numpy as np

import qctl

ATOMS = [f"a{k}" for k in range(9)]
RF_LAB = Path(__file__).with_name("atoms_rf.toml")


def after_excited(other, times_s, rabi_hz=1e6):
    """Excite atom 0, then drive another one for different times; both are measured."""
    p = qctl.Program(qubits=ATOMS, bits=["first", "other"])
    with p.sweep("t", times_s, "s") as t:
        p.rydberg(0.5 / rabi_hz, rabi_hz, qubits=[0])
        p.barrier()
        p.rydberg(t, rabi_hz, qubits=[other])
        p.measure(0, 0)
        p.measure(other, 1)
    return p


def swept(n_steps=64, length_s=3.2e-6, rabi_hz=1.8e6, detunings_hz=(-4e6, 5e6)):
    """Drive all atoms from below to above resonance: excited atoms keep their neighbours from being excited."""
    p = qctl.Program(qubits=ATOMS, bits=[f"m{k}" for k in range(9)])
    low, high = detunings_hz
    for k in range(n_steps):
        at = (k + 0.5) / n_steps
        p.rydberg(length_s / n_steps, rabi_hz * np.sin(np.pi * at) ** 2, detuning_hz=low + (high - low) * at)
    for k in range(9):
        p.measure(k, k)
    return p


def around():
    """Take atom 8 from its corner around the others, to 5 um beside atom 0."""
    p = qctl.Program(qubits=ATOMS, bits=["first", "moved"])
    for place, length_s in (((16e-6, 10e-6), 30e-6), ((16e-6, -5e-6), 60e-6), ((0.0, -5e-6), 65e-6)):
        p.shuttle([8], [place], length_s)
    p.barrier()
    for bit, atom in enumerate((0, 8)):
        p.rydberg(0.5e-6, 1e6, qubits=[atom])
        p.barrier()
        p.measure(atom, bit)
    return p


def share(counts, bit):
    """Return the part of shots in which a bit is 1."""
    return sum(n for word, n in counts.items() if word[-1 - bit] == "1") / sum(counts.values())


def draw_blockade(lab, path, shots=500):
    """Draw what atoms at three distances do beside an excited one."""
    from matplotlib.figure import Figure

    times_s = np.linspace(5e-8, 1.5e-6, 25)
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for other, apart in ((1, "5 um"), (2, "10 um"), (8, "14.1 um")):
        counts = lab.run(after_excited(other, times_s), shots=shots).result(120).counts
        axes.plot(times_s * 1e6, [share(one, 1) for one in counts], "o-", ms=3, label=apart)
    axes.set(xlabel="length of the second pulse in us", ylabel="part of shots with a dark trap", ylim=(0, 1))
    axes.legend(title="from an excited atom")
    figure.savefig(path, dpi=120)


def draw_order(lab, path, shots=1000):
    """Draw the sites after the sweep, and the words that were read most often."""
    from matplotlib.figure import Figure

    counts = lab.run(swept(), shots=shots).result(120).counts
    figure = Figure(figsize=(7, 3.0), layout="constrained")
    sites, words = figure.subplots(1, 2, width_ratios=(1, 1.6))
    mean = np.array([share(counts, k) for k in range(9)]).reshape(3, 3)
    image = sites.imshow(mean, origin="lower", vmin=0, vmax=1, cmap="viridis")
    sites.set(xticks=[], yticks=[], title="dark in part of shots")
    figure.colorbar(image)
    most = sorted(counts, key=lambda word: -counts[word])[:10]
    words.barh(range(len(most)), [counts[word] for word in most])
    words.set(yticks=range(len(most)), yticklabels=most, xlabel=f"counts of {shots}")
    words.tick_params(axis="y", labelfontfamily="monospace")
    words.invert_yaxis()
    figure.savefig(path, dpi=120)


def draw_tones(path):
    """Draw the spectrum of both axes of the tweezers while three atoms in a row move up, and one goes to the side."""
    from matplotlib.figure import Figure

    p = qctl.Program(qubits=["a0", "a1", "a2"])
    p.shuttle([0, 1, 2], [(0.0, 12e-6), (5e-6, 12e-6), (15e-6, 12e-6)], 60e-6)
    p.barrier()
    p.shuttle([2], [(35e-6, 12e-6)], 60e-6)
    program = next(one for one in qctl.compile(p, RF_LAB).programs if one.instrument == "awg0")
    from qctl.instruments.tektronix_awg5014.body import AwgBody

    body = AwgBody.from_bytes(program.body)
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    for axes, output, name in zip(figure.subplots(1, 2, sharey=True), (2, 3), "xy", strict=True):
        steps = [np.tile(program.blobs[step.waveforms[output]].astype(float), step.n_loops) for step in body.points[0]]
        signal = np.concatenate(steps) - 8191
        axes.specgram(signal, NFFT=8192, Fs=body.clock_hz / 1e6, noverlap=6144, vmin=-40, cmap="magma")
        axes.set(ylim=(95, 125), xlabel="us", title=f"tweezers_{name}")
    figure.axes[0].set_ylabel("MHz")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
    with qctl.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5650") as found:
        draw_blockade(found, folder / "atoms-blockade.png")
        draw_order(found, folder / "atoms-order.png")
    draw_tones(folder / "atoms-tones.png")
