"""What the format must hold: each row comes back to the bit raw, packed and as text, and reads well."""

import numpy as np
import pytest

import qctl
from qctl.program.file import from_bytes, to_bytes
from qctl.program.sections import decoded, encoded
from qctl.program.text import to_text


def controlled_x():
    c = qctl.Circuit(13)
    c.append("x", range(13), n_controls=12)
    return c


def wide_barrier():
    c = qctl.Circuit(127)
    c.barrier()
    return c


def symbolic_angle():
    c = qctl.Circuit(1)
    c.rz(2 * qctl.Parameter("a") - qctl.Parameter("b"), 0)
    return c


def nested_sweep():
    p = qctl.Program(ports=["q0.drive", "q0.readout"])
    with p.sweep("frequency", np.linspace(4.6e9, 4.8e9, 5), "Hz") as f, p.sweep("delay", [0, 1e-6, 2e-6], "s") as t:
        p.set_frequency("q0.drive", f)
        p.play("q0.drive", qctl.drag(20e-9, 0.15, 5e-9, 3.6e-10))
        p.delay("q0.drive", t)
        p.play("q0.drive", qctl.drag(20e-9, 0.15, 5e-9, 3.6e-10))
        p.barrier("q0.drive", "q0.readout")
        p.capture("q0.readout", duration_s=1e-6, into="ramsey")
    return p


def active_reset():
    c = qctl.Circuit(1)
    c.measure(0, 0)
    with c.repeat_until(0, 0, max_count=10):
        c.x(0)
        c.measure(0, 0)
    return c


def molmer_sorensen():
    c = qctl.Circuit(4)
    c.ms(np.pi / 2, 0.0, 0, 1, 2, 3)
    return c


def atoms():
    p = qctl.Program(ports=["camera"], qubits=["a0", "a1"])
    p.shuttle(["a0", "a1"], [(0.0, 0.0), (5e-6, 0.0)], 3e-4)
    p.rydberg(1.5e-6, 2e6, detuning_hz=-1e6)
    p.image("camera", into="atoms", duration_s=2e-2)
    return p


def weighted_capture():
    p = qctl.Program(ports=["q0.readout"])
    weights = qctl.samples(np.exp(1j * np.arange(8)), 1e9)
    with p.sweep("power", [0.1, 0.2], "V") as amp:
        p.play("q0.readout", qctl.constant(1e-6, amp))
        p.capture("q0.readout", weights, into="iq", axes=["shot", "power"])
    return p


TABLE = {
    controlled_x: ["ctrl(12) x q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7], q[8], q[9], q[10], q[11], q[12]"],
    wide_barrier: ["barrier " + ", ".join(f"q[{i}]" for i in range(127))],
    symbolic_angle: ["parameters a b", "rz(2.0 * a - b) q[0]"],
    nested_sweep: [
        'sweep frequency unit="Hz" [4600000000.0 4650000000.0 4700000000.0 4750000000.0 4800000000.0]',
        "sweep over=frequency {",
        "  sweep over=delay {",
        "    set_frequency(sweep(frequency)) q0.drive",
        "    waveform w0 = drag(2e-08, 5e-09, 3.6e-10)",
        "    delay(sweep(delay)) port q0.drive",
        "    capture m0 = ramsey mode=iq axes=[shot frequency delay] duration=1e-06",
    ],
    active_reset: ["repeat count=10 {", "  x q[0]", "  measure q[0], c[0]", "} until=not(bit(c[0]))"],
    molmer_sorensen: ["ms(1.5707963267948966, 0.0) q[0], q[1], q[2], q[3]"],
    atoms: [
        "shuttle(0.0003, 0.0, 0.0, 5e-06, 0.0) a0, a1",
        "rydberg(1.5e-06, 2000000.0, -1000000.0, 0.0)",
        "capture m0 = atoms mode=image axes=[shot] duration=0.02",
        "image camera, m0",
    ],
    weighted_capture: ["  capture m0 = iq mode=iq axes=[shot power] weights=w1", "  capture q0.readout, m0"],
}


@pytest.mark.parametrize("build", TABLE, ids=lambda f: f.__name__)
def test_row_of_the_table_round_trips_and_prints(build):
    program = build()
    text = program.to_text()
    print(text)
    lines = text.splitlines()
    for line in TABLE[build]:
        assert line in lines
    raw, packed = program.to_bytes(), program.to_bytes(packed=True)
    kind = type(program)
    for read in (kind.from_bytes(raw), kind.from_bytes(packed), kind.from_text(text), kind.from_body(program.body)):
        assert read.to_bytes() == raw
        assert read.hash == program.hash
        assert read.to_text() == text
    assert len(packed) <= len(raw)


@pytest.mark.parametrize(
    "bits",
    [
        0x7FF8000000000001,
        0xFFF0000000000001,
        0x7FF4DEADBEEF0000,
        0x8000000000000000,
        0x7FF0000000000000,
        0x0000DEADBEEF0001,
    ],
    ids=["quiet nan", "signalling nan", "nan payload", "minus zero", "infinity", "subnormal"],
)
def test_every_float64_survives_raw_packed_and_text(bits):
    p = qctl.Program(qubits=2, ports=["d"])
    with p.sweep("s", [1.0]):
        p.rx(0.5, 0)
        p.rzz(0.5, 0, 1)
        p.play("d", qctl.samples([0.5], 1e9))
    pattern = np.array([0.5]).tobytes()
    replaced = {k: bytes(v).replace(pattern, int(bits).to_bytes(8, "little")) for k, v in encoded(p.body).items()}
    body = decoded(replaced, p.tick_s)
    assert b"".join(encoded(body).values()).count(int(bits).to_bytes(8, "little")) == 3
    for again in (
        from_bytes(to_bytes(body)),
        from_bytes(to_bytes(body, packed=True)),
        qctl.Program.from_text(to_text(body)).body,
    ):
        assert encoded(again) == replaced


def test_metadata_does_not_change_the_hash_and_anything_else_does():
    first, second = symbolic_angle(), symbolic_angle()
    second.metadata["name"] = "Ångström"
    assert first == second
    assert qctl.Program.from_bytes(second.to_bytes()).metadata == {"name": "Ångström"}
    assert qctl.Program.from_text(second.to_text()).metadata == {"name": "Ångström"}
    second.h(0)
    assert first != second
