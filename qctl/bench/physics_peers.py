"""The benchmark of pulse physics in the words of each package: one system, its drives, and who solves it how."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LENGTH_S",
    "amplitudes",
    "dynamics_side",
    "dynamiqs_side",
    "exact_side",
    "pulses",
    "qctl_side",
    "qutip_side",
    "transmons",
]

LENGTH_S = 200e-9
TWO_PI = 2 * np.pi

Matrices = list[NDArray[np.complex128]]
Solver = Callable[[NDArray[np.complex128], int], Callable[[], NDArray[np.complex128]]]
"""From drives (n_batch, n_slices, 2) in rad/s and a number of threads to what solves them: (n_batch, 9, 9)."""


@lru_cache(maxsize=1)
def transmons() -> tuple[Matrices, Matrices, NDArray[np.complex128]]:
    """Return two coupled three-level transmons: H_0 and a†/2 of each in rad/s, collapse operators, ground state."""
    lower, number, one = np.diag(np.sqrt([1.0, 2.0]), 1), np.diag([0.0, 1.0, 2.0]), np.eye(3)
    a, b, n, m = np.kron(lower, one), np.kron(one, lower), np.kron(number, one), np.kron(one, number)
    h = -110e6 * n @ (n - np.eye(9)) - 105e6 * m @ (m - np.eye(9)) + 30e6 * m + 5e6 * (a.T @ b + b.T @ a)
    t1_s, t2_s = (30e-6, 25e-6), (20e-6, 18e-6)
    pure = [2 * (1 / t2 - 1 / (2 * t1)) for t1, t2 in zip(t1_s, t2_s, strict=True)]
    jumps = [a / np.sqrt(t1_s[0]), b / np.sqrt(t1_s[1]), np.sqrt(pure[0]) * n, np.sqrt(pure[1]) * m]
    rho = np.zeros((9, 9), complex)
    rho[0, 0] = 1
    operators = [TWO_PI * h, a.T / 2, b.T / 2]
    return [o.astype(complex) for o in operators], [j.astype(complex) for j in jumps], rho


def pulses(n_slices: int) -> NDArray[np.complex128]:
    """Return (1, n_slices, 2) drives in rad/s: a Gaussian on one transmon and a detuned sine on the other."""
    t = (np.arange(n_slices) + 0.5) * LENGTH_S / n_slices
    bell = 20e6 * np.exp(-0.5 * ((t - LENGTH_S / 2) / (LENGTH_S / 5)) ** 2) * np.exp(1j * TWO_PI * 3e6 * t)
    wave = 12e6 * np.sin(np.pi * t / LENGTH_S) ** 2 * np.exp(-1j * TWO_PI * 30e6 * t)
    return np.asarray(TWO_PI * np.stack([bell, wave], axis=-1)[None])


def amplitudes(n_batch: int, n_slices: int) -> NDArray[np.complex128]:
    """Return (n_batch, n_slices, 2) drives whose amplitudes go from 0 to those of `pulses`."""
    return np.asarray(np.linspace(0, 1, n_batch)[:, None, None] * pulses(n_slices))


def qctl_side(drives: NDArray[np.complex128], n_threads: int) -> Callable[[], NDArray[np.complex128]]:
    """Solve by `qctl.propagate`, the set-up of its equation of motion included."""
    from qctl.simulation.propagate import propagate

    hamiltonian, jumps, rho = transmons()
    dt_s = LENGTH_S / drives.shape[1]
    return lambda: np.asarray(propagate(hamiltonian, drives, dt_s, jumps, rho, threads=n_threads), np.complex128)


def exact_side(drives: NDArray[np.complex128], n_threads: int) -> Callable[[], NDArray[np.complex128]]:
    """Solve by scipy's exponential of each slice's generator, the judge of all errors."""
    import scipy.linalg

    (h0, *operators), jumps, rho = transmons()
    one, dt_s = np.eye(9), LENGTH_S / drives.shape[1]
    loss = np.sum([j.conj().T @ j for j in jumps], axis=0)
    fixed = np.sum([np.kron(j, j.conj()) for j in jumps], axis=0) - 0.5 * (np.kron(loss, one) + np.kron(one, loss.T))

    def solve() -> NDArray[np.complex128]:
        found = np.empty((len(drives), 9, 9), complex)
        for k, run in enumerate(drives):
            vector = rho.ravel()
            for row in run:
                turning = sum(c * o for c, o in zip(row, operators, strict=True))
                h = h0 + turning + turning.conj().T
                vector = scipy.linalg.expm(dt_s * (fixed - 1j * (np.kron(h, one) - np.kron(one, h.T)))) @ vector
            found[k] = vector.reshape(9, 9)
        return found

    return solve


def qutip_side(drives: NDArray[np.complex128], n_threads: int) -> Callable[[], NDArray[np.complex128]]:
    """Solve by QuTiP's Adams integrator on step-wise coefficients.

    Without a limit its steps jump over slices of 1 ns, and over less at finer ones: there the fastest setting is kept.
    """
    import qutip

    (h0, *operators), jumps, rho = transmons()
    n_slices = drives.shape[1]
    times = np.linspace(0, LENGTH_S, n_slices + 1)
    options = {
        "method": "adams",
        "atol": 1e-8,
        "rtol": 1e-6,
        "max_step": 1e-9 if n_slices <= LENGTH_S / 1e-9 else 0.0,
        "nsteps": 1_000_000,
        "progress_bar": "",
        "store_final_state": True,
    }
    solvers = []
    for run in drives:
        held = np.concatenate([run, run[-1:]])
        terms: list[Any] = [qutip.Qobj(h0)]
        for k, operator in enumerate(operators):
            samples = np.ascontiguousarray(held[:, k])
            terms.append([qutip.Qobj(operator), qutip.coefficient(samples, tlist=times, order=0)])
            terms.append([qutip.Qobj(operator.conj().T), qutip.coefficient(samples.conj(), tlist=times, order=0)])
        solvers.append(qutip.MESolver(qutip.QobjEvo(terms), [qutip.Qobj(j) for j in jumps], options=options))
    start = qutip.Qobj(rho)
    return lambda: np.array([solver.run(start, [0, LENGTH_S]).final_state.full() for solver in solvers])


def dynamiqs_side(drives: NDArray[np.complex128], n_threads: int) -> Callable[[], NDArray[np.complex128]]:
    """Solve by dynamiqs' default integrator in double precision, compiled before it is timed."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import dynamiqs
    import jax.numpy as jnp

    dynamiqs.set_precision("double")
    dynamiqs.set_progress_meter(False)
    (h0, *operators), jumps, rho = transmons()
    times = jnp.linspace(0, LENGTH_S * 1e9, drives.shape[1] + 1)  # ns, so that default tolerances fit

    def solve(c: Any) -> Any:
        h = dynamiqs.asqarray(h0 * 1e-9)
        for k, operator in enumerate(operators):
            h += dynamiqs.pwc(times, c[..., k] * 1e-9, dynamiqs.asqarray(operator))
            h += dynamiqs.pwc(times, c[..., k].conj() * 1e-9, dynamiqs.asqarray(operator.conj().T))
        listed = [dynamiqs.asqarray(j * 1e-9**0.5) for j in jumps]
        method = dynamiqs.method.Tsit5(rtol=1e-6, atol=1e-8, max_steps=1_000_000)
        found = dynamiqs.mesolve(h, listed, rho, jnp.array([0.0, LENGTH_S * 1e9]), method=method)
        return found.final_state.to_jax()

    compiled = jax.jit(solve)
    given = jnp.asarray(drives)
    compiled(given).block_until_ready()
    return lambda: np.asarray(compiled(given).block_until_ready())


def dynamics_side(drives: NDArray[np.complex128], n_threads: int) -> Callable[[], NDArray[np.complex128]]:
    """Solve by Qiskit Dynamics with JAX's integrator in the frame of H_0, compiled before it is timed.

    Version 0.6.0 needs a Qiskit older than 1.4, so that it can't stand in one environment with the other peers.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from qiskit_dynamics import DiscreteSignal, Solver

    (h0, *operators), jumps, rho = transmons()
    dt_s = LENGTH_S / drives.shape[1]
    terms = [term for o in operators for term in (o + o.conj().T, 1j * (o - o.conj().T))]
    solver = Solver(
        static_hamiltonian=h0,
        hamiltonian_operators=np.array(terms),
        static_dissipators=np.array(jumps),
        rotating_frame=h0,
        array_library="jax",
    )

    def solve(c: Any) -> Any:
        samples = jnp.stack([c.real, c.imag], axis=-1).reshape(len(c), -1)
        signals = [DiscreteSignal(dt=dt_s, samples=samples[:, k]) for k in range(len(terms))]
        how = {"method": "jax_odeint", "atol": 1e-8, "rtol": 1e-6, "hmax": 1e-9}
        y = solver.solve(t_span=[0.0, LENGTH_S], y0=rho, signals=(signals, None), convert_results=False, **how).y[-1]
        return solver.model.rotating_frame.operator_out_of_frame(LENGTH_S, y)

    compiled = jax.jit(jax.vmap(solve))
    given = jnp.asarray(drives)
    compiled(given).block_until_ready()
    return lambda: np.asarray(compiled(given).block_until_ready())
