"""A slow density-matrix simulator: sums over Kraus operators as dense numpy matrices, for small programs."""

import numpy as np

from qctl.program.opcodes import GATES, Op
from qctl.program.unitaries import gate_matrix


def whole(matrix, qubits, n):
    """Return an operator on all qubits (qubit 0 least significant) of one whose first qubit is most significant."""
    k = len(qubits)
    tensor = np.asarray(matrix, complex).reshape((2,) * (2 * k))
    identity = np.eye(2**n).reshape((2,) * n + (2**n,))
    axes = [n - 1 - q for q in qubits]
    return np.moveaxis(np.tensordot(tensor, identity, (range(k, 2 * k), axes)), range(k), axes).reshape(2**n, 2**n)


def exact(circuit, noise):
    """Return the density matrix at the end of a circuit of gates, resets and delays."""
    body = circuit.body
    n = body.n_qubits
    rho = np.zeros((2**n, 2**n), complex)
    rho[0, 0] = 1
    reset = [np.array([[1, 0], [0, 0]]), np.array([[0, 1], [0, 0]])]

    def channel(rho, operators, qubits):
        return sum(k @ rho @ k.conj().T for k in (whole(k, qubits, n) for k in operators))

    for i, row in enumerate(body.instructions):
        op = Op(int(row["op"]))
        qubits = body.gate(i)[1] if op in GATES else (int(row["a"]),)
        if op in GATES:
            _, _, params, controls = body.gate(i)
            rho = channel(rho, [gate_matrix(op, params, len(qubits), controls)], qubits)
        elif op is Op.RESET:
            rho = channel(rho, reset, qubits)
        elif op is Op.DELAY:
            waited = noise.waiting(qubits[0], body.operand_value(i))
            rho = channel(rho, waited.operators, qubits) if waited is not None else rho
        for found, places in noise.after(op, qubits) if op in GATES or op in (Op.RESET, Op.MEASURE) else ():
            rho = channel(rho, found.operators, places)
    return rho


def random_circuit(n, depth, seed):
    """Return gates of every kind that fits on n qubits."""
    from qctl.circuit import Circuit

    rng = np.random.default_rng(seed)
    c = Circuit(n)
    usable = [(op, spec) for op, spec in GATES.items() if spec.n_qubits <= n and op is not Op.MS]
    for _ in range(depth):
        op, spec = usable[rng.integers(len(usable))]
        qubits = rng.permutation(n)[: spec.n_qubits].tolist()
        c.append(op, qubits, rng.uniform(-3, 3, spec.n_params).tolist())
    return c
