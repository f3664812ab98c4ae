"""The opcode space that gates, pulses and device words share, and each opcode's properties."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

__all__ = ["CONTROLLED", "CONTROLLED_NAMES", "GATES", "OPCODES", "OP_BY_NAME", "Form", "Level", "Op", "OpSpec"]


class Level(Enum):
    """Which of the three levels an opcode belongs to; structure belongs to all."""

    STRUCTURE = "structure"
    GATE = "gate"
    PULSE = "pulse"
    DEVICE = "device"


class Form(IntEnum):
    """How an opcode's operand fields are laid out; docs/instruction-format.md has the table."""

    PLAIN = 0
    """No operand."""
    BLOCK = 1
    """a = block."""
    GATE = 2
    """Qubits and angles, in the one form that their numbers ask for."""
    BARRIER = 3
    """WIDE: symbol words."""
    MEASURE = 4
    """a = qubit, b = bit."""
    QUBIT = 5
    """a = qubit."""
    DELAY = 6
    """a = symbol word; immediate seconds, expression or ticks."""
    ASSIGN = 7
    """a = register; b = expression."""
    SET_BIT = 8
    """a = bit; b = expression."""
    PLAY = 9
    """a = port, b = waveform, c = amplitude."""
    CAPTURE = 10
    """a = port, b = capture."""
    PORT_VALUE = 11
    """a = port; immediate or expression."""
    TTL = 12
    """a = port, b = level 0 or 1."""
    PORT_WIDE = 13
    """WIDE: one port (plain index), values."""
    QUBITS_WIDE = 14
    """WIDE: qubits, values."""
    RAW = 15
    """a, b, c are the controller's own words."""
    TICKS = 16
    """Ticks alone."""
    JUMP = 17
    """a = instruction."""


class Op(IntEnum):
    """Number of each opcode; numbers never change within a schema version."""

    NOP = 0x000
    BEGIN = 0x001
    END = 0x002
    CALL = 0x003
    BREAK = 0x004
    CONTINUE = 0x005
    HALT = 0x006
    BARRIER = 0x007
    MEASURE = 0x008
    RESET = 0x009
    DELAY = 0x00A
    ASSIGN = 0x00B
    SET_BIT = 0x00C

    ID = 0x100
    X = 0x101
    Y = 0x102
    Z = 0x103
    H = 0x104
    S = 0x105
    SDG = 0x106
    T = 0x107
    TDG = 0x108
    SX = 0x109
    SXDG = 0x10A
    P = 0x10B
    RX = 0x10C
    RY = 0x10D
    RZ = 0x10E
    U1 = 0x10F
    U2 = 0x110
    U = 0x111
    U3 = 0x112
    RPHI = 0x113
    GPHASE = 0x114
    CX = 0x115
    CY = 0x116
    CZ = 0x117
    CH = 0x118
    CSX = 0x119
    SWAP = 0x11A
    ISWAP = 0x11B
    ISWAPDG = 0x11C
    SQRTISWAP = 0x11D
    SQRTISWAPDG = 0x11E
    CP = 0x11F
    CRX = 0x120
    CRY = 0x121
    CRZ = 0x122
    RXX = 0x123
    RYY = 0x124
    RZZ = 0x125
    RZX = 0x126
    CU = 0x127
    CCX = 0x128
    CCZ = 0x129
    CSWAP = 0x12A
    MS = 0x12B

    PLAY = 0x200
    CAPTURE = 0x201
    SHIFT_PHASE = 0x202
    SET_PHASE = 0x203
    SHIFT_FREQUENCY = 0x204
    SET_FREQUENCY = 0x205
    TTL = 0x300
    DDS = 0x301
    RYDBERG = 0x400
    SHUTTLE = 0x401
    IMAGE = 0x402

    REGISTER = 0x500
    TRIGGER = 0x501
    WAIT = 0x502
    JUMP = 0x503


@dataclass(frozen=True, slots=True)
class OpSpec:
    """Properties of one opcode.

    Attributes
    ----------
    name : str
        Lower-case word of the text form and of OpenQASM's stdgates where it has one.
    level : Level
        Level that it belongs to.
    form : Form
        Layout of its operands.
    n_qubits, n_params : int
        Of a gate without generic controls; -1 where any number is allowed.
    """

    name: str
    level: Level
    form: Form
    n_qubits: int = 0
    n_params: int = 0


def _gates() -> dict[Op, OpSpec]:
    shapes = {
        (1, 0): "id x y z h s sdg t tdg sx sxdg",
        (1, 1): "p rx ry rz u1",
        (1, 2): "u2 rphi",
        (1, 3): "u u3",
        (0, 1): "gphase",
        (2, 0): "cx cy cz ch csx swap iswap iswapdg sqrtiswap sqrtiswapdg",
        (2, 1): "cp crx cry crz rxx ryy rzz rzx",
        (2, 4): "cu",
        (3, 0): "ccx ccz cswap",
        (-1, 2): "ms",
    }
    return {
        Op[name.upper()]: OpSpec(name, Level.GATE, Form.GATE, n_qubits, n_params)
        for (n_qubits, n_params), names in shapes.items()
        for name in names.split()
    }


def _words(level: Level, forms: dict[Op, Form]) -> dict[Op, OpSpec]:
    return {op: OpSpec(op.name.lower(), level, form) for op, form in forms.items()}


GATES: dict[Op, OpSpec] = dict(sorted(_gates().items()))
"""The unitary gates."""

OPCODES: dict[Op, OpSpec] = {
    **_words(
        Level.STRUCTURE,
        {
            Op.NOP: Form.PLAIN,
            Op.BEGIN: Form.BLOCK,
            Op.END: Form.BLOCK,
            Op.CALL: Form.BLOCK,
            Op.BREAK: Form.PLAIN,
            Op.CONTINUE: Form.PLAIN,
            Op.HALT: Form.PLAIN,
            Op.BARRIER: Form.BARRIER,
            Op.MEASURE: Form.MEASURE,
            Op.RESET: Form.QUBIT,
            Op.DELAY: Form.DELAY,
            Op.ASSIGN: Form.ASSIGN,
            Op.SET_BIT: Form.SET_BIT,
        },
    ),
    **GATES,
    **_words(
        Level.PULSE,
        {
            Op.PLAY: Form.PLAY,
            Op.CAPTURE: Form.CAPTURE,
            Op.SHIFT_PHASE: Form.PORT_VALUE,
            Op.SET_PHASE: Form.PORT_VALUE,
            Op.SHIFT_FREQUENCY: Form.PORT_VALUE,
            Op.SET_FREQUENCY: Form.PORT_VALUE,
            Op.TTL: Form.TTL,
            Op.IMAGE: Form.CAPTURE,
        },
    ),
    Op.DDS: OpSpec("dds", Level.PULSE, Form.PORT_WIDE, 0, 3),
    Op.RYDBERG: OpSpec("rydberg", Level.PULSE, Form.QUBITS_WIDE, -1, 4),
    Op.SHUTTLE: OpSpec("shuttle", Level.PULSE, Form.QUBITS_WIDE, -1, -1),
    **_words(
        Level.DEVICE,
        {Op.REGISTER: Form.RAW, Op.TRIGGER: Form.RAW, Op.WAIT: Form.TICKS, Op.JUMP: Form.JUMP},
    ),
}
"""Every opcode's properties."""

OP_BY_NAME: dict[str, Op] = {spec.name: op for op, spec in OPCODES.items()}
"""Opcode of each word of the text form."""

CONTROLLED: dict[Op, tuple[Op, int]] = {
    Op.CX: (Op.X, 1),
    Op.CY: (Op.Y, 1),
    Op.CZ: (Op.Z, 1),
    Op.CH: (Op.H, 1),
    Op.CSX: (Op.SX, 1),
    Op.CP: (Op.P, 1),
    Op.CRX: (Op.RX, 1),
    Op.CRY: (Op.RY, 1),
    Op.CRZ: (Op.RZ, 1),
    Op.CSWAP: (Op.SWAP, 1),
    Op.CCX: (Op.X, 2),
    Op.CCZ: (Op.Z, 2),
}
"""Gates with controls in their names: the gate without them, and how many they are."""

CONTROLLED_NAMES: dict[tuple[Op, int], Op] = {base: op for op, base in CONTROLLED.items()} | {(Op.U1, 1): Op.CP}
"""A gate and a number of controls: the gate that has them in its name."""
