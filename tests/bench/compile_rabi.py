"""Print how long compiling and lowering takes, and the kernel of words against its NumPy twin: medians of one run.

Goals: 20 ms for a 51-point Rabi sweep once its envelopes are kept; the kernel not slower than NumPy.
"""

from hashlib import blake2b
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import qctl
from qctl.cext import words
from qctl.lab import load_lab
from qctl.program.timeline import PLAY

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"


def timed(work, rounds=15):
    """Return the median seconds of one call."""
    spent = []
    for _ in range(rounds):
        begin = perf_counter()
        work()
        spent.append(perf_counter() - begin)
    return median(spent)


def rabi_s():
    """Return seconds of compile and lower for a 51-point Rabi sweep."""
    lab = load_lab(LAB)
    p = qctl.Program(ports=["q0.drive"], qubits=["q0"], bits=1)
    with p.sweep("amp", np.linspace(0, 0.3, 51)) as a:
        p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
        p.measure("q0", 0)
    qctl.compile(p, lab, shots=100, averaged=True)
    return timed(lambda: qctl.compile(p, lab, shots=100, averaged=True))


def kernel_s():
    """Return seconds of the kernel and of its twin for the two outputs of 1 us at 70 MHz, hashed."""
    plays, bounds = np.array([(0, 0, 0, 0.05, 70e6, 0.3)], PLAY), np.array([0, 1])
    env, offsets, half_v = np.ones(1200), np.array([0, 1200]), np.array([0.5, 0.5])
    volts, made, pieces = np.zeros((2, 1200)), np.empty(2400, np.uint16), np.array([[0, 0, 1200, 0]])
    digests, reached = np.empty((1, 2, words.DIGEST_BYTES), np.uint8), np.empty((1, 2, 2), np.int32)
    over, over_v = np.empty((1, 2), np.int64), np.empty((1, 2))
    t = (np.arange(1200) + 0.5) / 1.2e9

    def kernel():
        words.render(
            plays, bounds, pieces, env, env, offsets, 1.2e9, half_v, 1.0, 0.0, 8191, 8191, 0, volts, made, digests,
            over, over_v, reached,
        )  # fmt: skip

    def twin():
        wave = 0.05 * env * np.exp(1j * (2 * np.pi * 70e6 * t - 0.3))
        for line in (wave.real, wave.imag):
            blake2b((np.rint(line * (8191 / 0.5)) + 8191).astype(np.uint16).data, digest_size=20).digest()

    return timed(kernel, 300), timed(twin, 300)


if __name__ == "__main__":
    kernel, twin = kernel_s()
    print(f"51-point Rabi, compile and lower: {rabi_s() * 1e3:.2f} ms (goal 20)")
    print(f"words of 1200 samples: {kernel * 1e6:.1f} us, NumPy {twin * 1e6:.1f} us, ratio {twin / kernel:.1f}")
