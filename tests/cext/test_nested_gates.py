"""Gates in DAGGER and CONTROL blocks against the matrices of what they mean."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import program_twin as twin

from qctl.cext.nested_gates import NestedGateReader
from qctl.errors import ParseError
from qctl.formats.originir import read_originir
from qctl.formats.originir_gates import MACROS, NAMES
from qctl.program.opcodes import GATES

HEAD = "QINIT 4\nCREG 0\n"
SHAPES = {name: (GATES[op].n_qubits, GATES[op].n_params) for name, op in NAMES.items()}
SHAPES |= {"X1": (1, 0), "Y1": (1, 0), "Z1": (1, 0), "U4": (1, 4), "CU": (2, 4), "MS": (2, 0)}


def matrix(text: str) -> np.ndarray:
    return twin.unitary(read_originir(HEAD + text).body)


def plain(name, qubits, angles):
    behind = f",({','.join(map(repr, angles))})" if angles else ""
    return f"{name} {','.join(f'q[{q}]' for q in qubits)}{behind}\n"


@st.composite
def blocks(draw, free=(0, 1, 2, 3), depth=0):
    """Return a text, and the matrix that it means by the matrices of its gates alone."""
    text, total = "", np.eye(16, dtype=complex)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["gate", "DAGGER", "CONTROL"])) if depth < 3 else "gate"
        if kind == "gate":
            name = draw(st.sampled_from([name for name, (n, _) in SHAPES.items() if n <= len(free)]))
            n_qubits, n_params = SHAPES[name]
            angles = draw(st.lists(st.floats(-4, 4), min_size=n_params, max_size=n_params))
            line = plain(name, draw(st.permutations(free))[:n_qubits], angles)
            text, total = text + line, matrix(line) @ total
        elif kind == "DAGGER":
            inner, found = draw(blocks(free, depth + 1))
            text, total = f"{text}DAGGER\n{inner}ENDDAGGER\n", found.conj().T @ total
        elif len(free) > 1:
            control = draw(st.sampled_from(free))
            inner, found = draw(blocks(tuple(q for q in free if q != control), depth + 1))
            on = np.array([i >> control & 1 for i in range(16)])  # qubit 0 is the least significant bit
            both = np.diag(1 - on) + np.diag(on) @ found
            text, total = f"{text}CONTROL q[{control}]\n{inner}ENDCONTROL\n", both @ total
    return text, total


@settings(max_examples=150, deadline=None)
@given(blocks())
def test_blocks_mean_the_inverse_and_the_controlled_matrix(block):
    text, wanted = block
    assert np.allclose(matrix(text), wanted, atol=1e-9), text


def test_every_gate_has_its_inverse_and_its_controlled_form():
    assert issubclass(NestedGateReader, object)
    assert {line.split("(")[0].split()[0] for line in MACROS.strip().splitlines()} <= set(SHAPES)
    for name, (n_qubits, n_params) in SHAPES.items():
        line = plain(name, [2, 0, 1][:n_qubits], [0.3, -1.1, 2.2, 0.7][:n_params])
        own = matrix(line)
        assert np.allclose(matrix(f"{line}DAGGER\n{line}ENDDAGGER\n"), np.eye(16), atol=1e-12), name
        under = matrix(f"CONTROL q[3]\n{line}ENDCONTROL\n")
        assert np.allclose(under[8:, 8:], own[8:, 8:], atol=1e-12), name
        assert np.allclose(under[:8, :8], np.eye(8), atol=1e-12), name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ENDDAGGER", "line 3, column 1: ENDDAGGER ends no DAGGER"),
        ("DAGGER\nENDCONTROL", "line 4, column 1: ENDCONTROL ends no CONTROL"),
        ("DAGGER\nX q[0]", "line 3, column 1: DAGGER is never ended"),
        ("CONTROL q[0]\nX q[0]\nENDCONTROL", "line 5, column 1: a gate acts on its own control"),
        ("CONTROL q[0],q[0]\nENDCONTROL", "line 3, column 1: CONTROL names a qubit twice"),
        ("CONTROL q\nENDCONTROL", "line 3, column 1: CONTROL takes single qubits"),
        ("DAGGER\nRESET q[0]\nENDDAGGER", "line 4, column 1: 'RESET' can't stand in a DAGGER block"),
        ("DAGGER\n" * 65, "line 67, column 1: blocks are nested more than 64 deep"),
        ("QINIT 3", "line 3, column 1: QINIT can't stand here"),
    ],
)
def test_broken_blocks_are_refused(text, told):
    with pytest.raises(ParseError) as caught:
        read_originir(HEAD + text + "\n")
    assert str(caught.value) == told


def test_controls_are_at_most_255():
    names = ",".join(f"q[{k}]" for k in range(256))
    with pytest.raises(ParseError, match="more than 255 controls"):
        read_originir(f"QINIT 300\nCREG 0\nCONTROL {names}\nX q[299]\nENDCONTROL\n")


def test_what_is_kept_is_counted():
    text = "DAGGER\n" * 60 + "H q\n" * 30_000 + "ENDDAGGER\n" * 60
    with pytest.raises(ParseError, match="expands to more than"):
        read_originir(HEAD + text)
