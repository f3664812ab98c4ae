"""The table of opcodes that kernels have is the one that Python has, and nobody keeps a third."""

import re
from pathlib import Path

from qctl.cext.opcodes import GATE_RANGE, SIZE, TABLE
from qctl.program.opcodes import GATES, OPCODES, Form, Op

SOURCES = Path(__file__).parents[2] / "cext"


def test_kernels_and_python_have_the_same_table():
    assert {op: (op.name, spec.form, spec.n_qubits, spec.n_params) for op, spec in OPCODES.items()} == TABLE
    assert [Op(number).name for number in TABLE] == [name for name, *_ in TABLE.values()]
    assert (min(GATES), max(GATES)) == GATE_RANGE
    assert max(OPCODES) + 1 == SIZE


def test_forms_have_the_same_numbers():
    header = (SOURCES / "opcodes.h").read_text()
    names = re.findall(r"QCTL_FORM_(\w+)", header[header.index("enum {") : header.index("QCTL_N_FORMS")])
    assert names == [form.name for form in sorted(Form)]


def test_no_other_kernel_writes_numbers_of_gates():
    for path in sorted(SOURCES.glob("*.p[yx][xd]")) + sorted(SOURCES.glob("*.h")):
        if path.name != "opcodes.h":
            found = re.findall(r"\b0x1[0-2][0-9A-Fa-f]\b", path.read_text())
            assert not found, f"{path.name} writes {found} by hand; opcodes.pxd has names"
