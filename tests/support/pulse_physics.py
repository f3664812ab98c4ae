"""Driven systems that tests and benchmarks share, and exact exponentials of their slices."""

import numpy as np
import scipy.linalg

TWO_PI = 2 * np.pi
LOWER = np.diag(np.sqrt([1.0, 2.0]), 1).astype(complex)
NUMBER = np.diag([0.0, 1.0, 2.0]).astype(complex)


def transmon():
    """Return one driven three-level transmon: Hamiltonian and drive, and collapse operators of T1 and T2."""
    h = TWO_PI * np.diag([0, 4e6, 8e6 - 220e6]).astype(complex)
    return [h, LOWER.conj().T / 2], [LOWER / np.sqrt(30e-6), np.sqrt(2 * (1 / 20e-6 - 1 / 60e-6)) * NUMBER]


def two_transmons():
    """Return two coupled three-level transmons: H_0 and two drives, and collapse operators of T1 and T2."""
    one = np.eye(3)
    a, b = np.kron(LOWER, one), np.kron(one, LOWER)
    n, m = np.kron(NUMBER, one), np.kron(one, NUMBER)
    h = -110e6 * n @ (n - np.eye(9)) - 105e6 * m @ (m - np.eye(9)) + 30e6 * m + 5e6 * (a.conj().T @ b + b.conj().T @ a)
    t1_s, t2_s = (30e-6, 25e-6), (20e-6, 18e-6)
    dephasing = [2 * (1 / t2 - 1 / (2 * t1)) for t1, t2 in zip(t1_s, t2_s, strict=True)]
    collapse = [a / np.sqrt(t1_s[0]), b / np.sqrt(t1_s[1]), np.sqrt(dephasing[0]) * n, np.sqrt(dephasing[1]) * m]
    return [TWO_PI * h, a.conj().T / 2, b.conj().T / 2], collapse


def two_pulses(n_slices, amplitude=1.0, length_s=200e-9):
    """Return (n_slices, 2) drives of both transmons, in rad/s."""
    t = (np.arange(n_slices) + 0.5) * length_s / n_slices
    bell = np.exp(-0.5 * ((t - length_s / 2) / (length_s / 5)) ** 2) * np.exp(1j * TWO_PI * 3e6 * t)
    wave = np.sin(np.pi * t / length_s) ** 2 * np.exp(-1j * TWO_PI * 30e6 * t)
    return amplitude * TWO_PI * np.stack([20e6 * bell, 12e6 * wave], axis=-1)


def slice_hamiltonians(hamiltonian, drives):
    """Return (n_slices, d, d) by the definition: Hermitian operators as they are, others with their adjoints."""
    found = []
    for amplitudes in drives:
        h = np.array(hamiltonian[0], complex)
        for c, operator in zip(amplitudes, hamiltonian[1:], strict=True):
            if np.allclose(operator, np.conj(operator).T):
                h += c.real * operator
            else:
                h += c * operator + np.conj(c) * np.conj(operator).T
        found.append(h)
    return found


def exact_propagators(hamiltonian, drives, dt_s, collapse=None):
    """Return scipy's exponentials of all slices: (d, d), or with `collapse` (d * d, d * d) on matrices row by row."""
    d = len(hamiltonian[0])
    one = np.eye(d)
    dissipator = np.zeros((d * d, d * d), complex)
    for jump in collapse if collapse is not None else ():
        loss = jump.conj().T @ jump
        dissipator += np.kron(jump, jump.conj()) - 0.5 * (np.kron(loss, one) + np.kron(one, loss.T))
    found = []
    for h, dt in zip(slice_hamiltonians(hamiltonian, drives), np.broadcast_to(dt_s, len(drives)), strict=True):
        generator = -1j * h if collapse is None else dissipator - 1j * (np.kron(h, one) - np.kron(one, h.T))
        found.append(scipy.linalg.expm(dt * generator))
    return found


def exact_states(hamiltonian, drives, dt_s, collapse, state):
    """Return the states, vectors or density matrices, at all boundaries of slices."""
    states = [np.array(state, complex)]
    for step in exact_propagators(hamiltonian, drives, dt_s, collapse if np.ndim(state) == 2 else None):
        states.append((step @ states[-1].ravel()).reshape(states[-1].shape))
    return np.array(states)
