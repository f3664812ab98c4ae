"""Makes the circuits of the demo with MQT Bench; run it to write them again, a test compares.

MQT Bench: N. Quetschlich, L. Burgholzer, R. Wille, Quantum 7, 1062 (2023), MIT licence.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "qctl" / "cli" / "demo_circuits"
TABLE = (("bv", 5, 2), ("ghz", 4, 2), ("wstate", 3, 3), ("qpeexact", 3, 2), ("graphstate", 4, 3), ("grover", 3, 2))
"""Family, number of qubits, version of OpenQASM."""


def make(family: str, size: int, version: int) -> str:
    """Return the text of one circuit."""
    from importlib.metadata import version as installed

    from mqt.bench import BenchmarkLevel, get_benchmark
    from qiskit import qasm2, qasm3, transpile

    circuit = get_benchmark(family, level=BenchmarkLevel.INDEP, circuit_size=size)
    flat = transpile(circuit, basis_gates=["u", "cx", "cz", "h", "x"], optimization_level=0)
    text = (qasm2 if version == 2 else qasm3).dumps(flat)
    return f"// {family}, {size} qubits: made by MQT Bench {installed('mqt.bench')} (MIT), written by Qiskit\n{text}\n"


def name(family: str, size: int) -> str:
    """Return the file name of one circuit."""
    return f"{family}_{size}.qasm"


if __name__ == "__main__":
    for family, size, version in TABLE:
        (FOLDER / name(family, size)).write_text(make(family, size, version))
