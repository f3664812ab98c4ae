"""The hand-typed vectors of docs/instruction-format.md are what the code reads and writes."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.cext.packing import pack, unpack
from qctl.program.opcodes import OPCODES
from qctl.program.sections import TOKENS

PAGE = (Path(__file__).parents[2] / "docs" / "instruction-format.md").read_text()


def golden() -> dict[str, bytes]:
    found = {}
    for block in re.findall(r"```golden\n(.*?)```", PAGE, re.DOTALL):
        name, *lines = block.splitlines()
        found[name] = bytes.fromhex("".join(line.split("#")[0] for line in lines))
    return found


VECTORS = golden()
HASHES = re.findall(r"Hash: `([0-9a-f]{64})`", PAGE)


def empty() -> qctl.Program:
    return qctl.Program()


def rz() -> qctl.Program:
    p = qctl.Program(qubits=["q0"], bits=["c0"])
    p.metadata["name"] = "rz"
    p.h(0)
    p.rz(2 * qctl.Parameter("a") - qctl.Parameter("b"), 0)
    p.rx(-0.0, "q0")
    p.measure(0, 0)
    return p


def pulse() -> qctl.Program:
    p = qctl.Program(bits=["m"])
    p.add_port("d", 1_200_000_000)
    p.add_port("r")
    with p.sweep("a", [0.25, 0.5], "V") as a:
        p.play("d", qctl.constant(0.5, a))
        p.capture("r", qctl.samples([1 - 2j], 1e9), into="m", bit="m")
        with p.if_("m"):
            p.delay_ticks("d", 100)
    return p


@pytest.mark.parametrize(("name", "build", "digest"), [*zip(VECTORS, (empty, rz, pulse), HASHES, strict=False)])
def test_program_has_the_bytes_and_hash_of_the_page(name, build, digest):
    program = build()
    assert program.to_bytes().hex(" ") == VECTORS[name].hex(" ")
    assert program.hash == digest
    read = qctl.Program.from_bytes(VECTORS[name])
    assert read.hash == digest
    assert read.metadata == program.metadata


def test_packed_vectors_are_what_the_kernels_write_and_read():
    values, derived = qctl.Circuit(260), qctl.Circuit(3)
    for angle, qubit in ((0.1, 0), (0.2, 1), (0.1, 2), (0.2, 259)):
        values.rx(angle, qubit)
    values.cx(0, 1)
    values.cx(2, 1)
    derived.rzz(0.5, 0, 1)
    derived.rzz(0.25, 0, 2)
    derived.u(1.0, 2.0, 3.0, 1)
    derived.u(4.0, 5.0, 6.0, 1)
    cases = {
        "packed instructions": (16, rz().instruction_bytes()),
        "packed instructions with values": (16, values.instruction_bytes()),
        "packed instructions that derive": (16, derived.instruction_bytes()),
        "packed operands": (4, np.array([0, 1, 2, 1 << 30], "<u4").tobytes()),
        "packed constants": (8, struct.pack("<3d", 1.0, 1.0, -0.0)),
    }
    for name, (item, raw) in cases.items():
        assert pack(raw, item) == VECTORS[name], name
        assert unpack(VECTORS[name], item, len(raw)) == raw, name


def test_every_opcode_and_token_of_the_code_is_on_the_page():
    table = PAGE[PAGE.index("| opcodes | fields |") : PAGE.index("They are those of OpenQASM")]
    opcodes = dict(re.findall(r"\b([0-9A-F]{3}) ([a-z_0-9]+)", table))
    assert opcodes == {f"{op:03X}": spec.name for op, spec in OPCODES.items()}
    words = PAGE[PAGE.index("Words of expressions") : PAGE.index("Kinds of blocks")]
    assert re.findall(r"\b(\d+) ([a-z]+)", words) == [(str(i), word) for i, word in enumerate(TOKENS)]
