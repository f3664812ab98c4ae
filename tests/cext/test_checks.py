"""The checking kernel names the first wrong instruction and what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest

import qctl
from qctl.cext.checks import check
from qctl.program.body import Body
from qctl.program.checking import fault
from qctl.program.layout import NONE
from qctl.program.tables import Block, BlockKind

E = NONE


def base() -> Body:
    p = qctl.Program(qubits=2, bits=1, ports=["d"])
    p.play("d", qctl.constant(1e-6, 0.5))
    p.capture("d")
    p.add_register("n")
    p.assign("n", qctl.Parameter("a"))
    return p.body


CASES = {
    "unknown opcode": ((0x999, 0, E, E, E), "unknown opcode"),
    "opcode between": ((0x00F, 0, E, E, E), "unknown opcode"),
    "x with angle": ((0x101, 1, 0, 0, 0), "flags"),
    "x on a qubit outside": ((0x101, 0, 2, E, E), "symbol"),
    "x with a second operand": ((0x101, 0, 0, 0, E), "must be empty"),
    "rx without an angle": ((0x10C, 0, 0, E, E), "flags"),
    "rx of an unknown expression": ((0x10C, 2, 0, 1, E), "value"),
    "cx twice": ((0x115, 0, 1, 1, E), "twice"),
    "rzz of an unknown constant": ((0x125, 0, 0, 1, 1), "value"),
    "rzz without an angle": ((0x125, 0, 0, 1, E), "value"),
    "u not wide": ((0x111, 0, 0, E, E), "flags"),
    "u past the operand list": ((0x111, 4, 0, 1, 3), "operand list"),
    "u with counts that overflow": ((0x111, 4, 0, 1, E), "symbols or values"),
    "barrier with counts that overflow": ((0x007, 4, 0, E, 0), "operand list"),
    "barrier with values": ((0x007, 4, 0, 0, 1), "symbols or values"),
    "x wide without controls": ((0x101, 4, 0, 1, 0), "flags"),
    "x with more controls than qubits": ((0x101, 0x0204, 0, 1, 0), "symbols or values"),
    "measure into a bit outside": ((0x008, 0, 0, 1, E), "symbol"),
    "delay on a port outside": ((0x00A, 1, 0x40000001, 0, 0), "symbol"),
    "play of no waveform": ((0x200, 0, 0, 1, E), "table row"),
    "capture of no row": ((0x201, 0, 0, 1, E), "table row"),
    "ttl at level 2": ((0x300, 0, 0, 2, E), "value"),
    "assign to no register": ((0x00B, 2, 1, 0, E), "symbol"),
    "assign an immediate": ((0x00B, 1, 0, 0, 0), "flags"),
    "jump outside": ((0x503, 0, 9, E, E), "table row"),
    "begin of no block": ((0x001, 0, 0, E, E), "table row"),
    "break outside a loop": ((0x004, 0, E, E, E), "outside of any loop"),
    "wait without ticks": ((0x502, 0, E, E, E), "flags"),
    "rydberg of no value": ((0x400, 4, 0, 0, 0), "symbols or values"),
}


@pytest.mark.parametrize(("row", "words"), CASES.values(), ids=CASES)
def test_wrong_row_is_named(row, words):
    body = base()
    rows = np.append(body.instructions, np.array([row], body.instructions.dtype))
    found = fault(replace(body, instructions=rows))
    assert found.startswith("instruction 3 (")
    assert words in found
    assert fault(body) == ""


def nested(*rows: tuple[int, int], blocks: tuple[Block, ...]) -> str:
    dtype = base().instructions.dtype
    return fault(Body(instructions=np.array([(op, 0, a, E, E) for op, a in rows], dtype), blocks=blocks))


def test_ill_nested_blocks_are_refused():
    loop = BlockKind.LOOP
    box = BlockKind.BOX
    assert nested((1, 0), (2, 0), blocks=(Block(loop, 0, 1, 2),)) == ""
    cases = {
        "leaves blocks open": nested((1, 0), (0, E), blocks=(Block(loop, 0, 1, 2),)),
        "instruction 2 (end)": nested((1, 0), (1, 1), (2, 0), (2, 1), blocks=(Block(box, 0, 2), Block(box, 1, 3))),
        "instruction 0 (end)": nested((2, 0), (1, 0), blocks=(Block(box, 1, 0),)),
        "instruction 1 (begin)": nested((1, 0), (1, 0), (2, 0), (2, 0), blocks=(Block(box, 0, 3),)),
        "is an else": nested((1, 0), (2, 0), blocks=(Block(BlockKind.ELSE, 0, 1),)),
        "calls no finished": nested((1, 0), (3, 0), (2, 0), blocks=(Block(BlockKind.CALL, 0, 2, name="s"),)),
        "has not one count": nested((1, 0), (2, 0), blocks=(Block(loop, 0, 1),)),
        "no condition": nested((1, 0), (2, 0), blocks=(Block(BlockKind.WHILE, 0, 1),)),
        "no name of their own": nested((1, 0), (2, 0), blocks=(Block(BlockKind.CALL, 0, 1),)),
        "which is no gate": nested((1, 0), (2, 0), blocks=(Block(BlockKind.CAL, 0, 1, name="barrier"),)),
    }
    for words, found in cases.items():
        assert words in found


@pytest.mark.parametrize(("depth", "wrong"), [(64, False), (65, True), (5000, True)])
def test_depth_is_bounded(depth, wrong):
    rows = [(1, k) for k in range(depth)] + [(2, k) for k in reversed(range(depth))]
    blocks = tuple(Block(BlockKind.BOX, k, 2 * depth - 1 - k) for k in range(depth))
    assert ("64 deep" in nested(*rows, blocks=blocks)) == wrong


def test_shapes_are_checked():
    words, blocks, none = np.zeros(0, np.uint32), np.zeros((0, 3), np.int32), (0,) * 8
    with pytest.raises(ValueError, match="not 16 n"):
        check(b"1", words, blocks, none)
    with pytest.raises(ValueError, match="7 counts"):
        check(b"", words, blocks, none[1:])
    with pytest.raises(ValueError, match="n_ports = -1 is outside"):
        check(b"", words, blocks, (0, 0, -1, 0, 0, 0, 0, 0))
    assert check(b"", words, blocks, none) is None
