"""The driver of a register server: what it sends and leaves out, and what it says when the server complains."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.errors import DeviceError, RefusedError, RequestError
from qctl.instruments.atoms.body import AtomMove, Picture, PulserBody, PulserSequence
from qctl.instruments.atoms.driver import AtomRegister
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import open_device
from qctl.lab import Lab, parse_lab
from qctl.lowering import compile as compile_programs
from qctl.program.device_program import DeviceProgram

TOML = Path(__file__).parents[2] / "support" / "atoms9.toml"
TEXT = json.dumps({"register": [{"name": "a0"}, {"name": "a1"}]})
NO_ERROR = ("SYSTem:ERRor?", '0,"No error"')


def body(**changes: Any) -> PulserBody:
    sequence = PulserSequence(TEXT, (0, 1), {"v": [1.0, 2.0]}, ((AtomMove(1, 0, 1000, 2.0, 3.0),), ()))
    pictures = (Picture("p", "m0", ((0, 0), (1, 0))), Picture("p", "m1", ((1, 1),)))
    return PulserBody(**({"sequences": (sequence,), "n_points": 2, "n_shots": 3, "pictures": pictures} | changes))


def program(content: PulserBody | bytes) -> DeviceProgram:
    raw = content if isinstance(content, bytes) else content.to_bytes()
    return DeviceProgram("atoms0", "qctl-atoms", raw, {}, 2)


def lab_at(address: str) -> Lab:
    text = TOML.read_text().replace("TCPIP::192.168.10.20::8000::SOCKET", address)
    return parse_lab(text.replace("pulser-digitalanalog", "qctl-atoms"))


@pytest.fixture
def device(emulated: Callable[..., Any]) -> Any:
    box = emulated("qctl-atoms", "atoms0")
    lab = lab_at(box.address)
    found = open_device(lab.instruments["pulser0"], lab)
    yield found
    found.close()


def finished(device: Any, timeout_s: float = 20.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not device.finished():
        assert time.monotonic() < end_s


def test_sequences_are_sent_once_and_photons_come_back(device: Any, emulated: Callable[..., Any]) -> None:
    p = qctl.Program(qubits=[f"a{k}" for k in range(9)], bits=["m0", "m1"])
    with p.sweep("t", [1e-7, 2e-7, 3e-7], "s") as t:
        p.rydberg(t, 1e6)
        p.measure(0, 0)
        p.measure(5, 1)
    (made,) = compile_programs(p, lab_at("TCPIP::192.168.10.20::8000::SOCKET"), shots=50).programs
    assert device.load(made) > 1000
    assert device.load(made) == 0
    device.start()
    device.fire()
    finished(device)
    found = device.integrated()
    assert set(found) == {("rydberg.drive", "m0"), ("rydberg.drive", "m1")}
    for photons in found.values():
        assert photons.shape == (50, 3) and 550 < photons.real.mean() < 650
    assert device.get("state") == "DONE" and device.get("points_done") == 3
    assert emulated("qctl-atoms", "atoms0").counters()["sequence_bytes"] > 1000
    device.stop()
    device.safe()
    with pytest.raises(RequestError, match="no program is loaded"):
        device.fire()


def test_what_the_server_refuses_is_said_in_its_words(device: Any) -> None:
    with pytest.raises(RefusedError, match=r"refused a sequence: .*no sequence of version 1"):
        device.load(program(body()))
    with pytest.raises(RequestError, match="no program of atoms"):
        device.load(program(b"\x00"))
    with pytest.raises(RequestError, match="can't be selected"):
        device.select(0)
    with pytest.raises(RequestError, match="has no parameter 'power'"):
        device.get("power")
    with pytest.raises(RequestError, match="can't be set"):
        device.set("state", "DONE")


def told(*lines: Any) -> AtomRegister:
    return AtomRegister(TranscriptLink(list(lines), "atoms0"), None)  # type: ignore[arg-type]


def test_transcript_of_a_run() -> None:
    from hashlib import blake2b

    name = blake2b(TEXT.encode(), digest_size=12).hexdigest()
    points = [
        {"sequence": name, "variables": {"v": [1.0]}, "moves": [[1, 0, 1000, 2.0, 3.0]]},
        {"sequence": name, "variables": {"v": [2.0]}, "moves": []},
    ]
    run = json.dumps({"shots": 3, "period_s": 0.4, "points": points}).encode()
    photons = np.arange(12, dtype="<u2").tobytes()
    device = told(
        ("RUN:STOP", None), ('SEQuence:DELete "all"', None), NO_ERROR,
        ((f'SEQuence:DEFine "{name}",', TEXT.encode()), None), NO_ERROR, (("RUN:LOAD ", run), None), NO_ERROR,
        ("RUN:STARt", None), NO_ERROR, ("RUN:STATe?", 'RUNNING,1,""'), ("RUN:STATe?", 'DONE,2,""'),
        ("RUN:PHOTons?", [photons]),
    )  # fmt: skip
    assert device.load(program(body())) == len(TEXT)
    device.fire()
    assert [device.finished(), device.finished()] == [False, True]
    found = device.integrated()
    assert found["p", "m0"].real.tolist() == [[0, 6], [2, 8], [4, 10]]
    assert found["p", "m1"].real.tolist() == [[7], [9], [11]]


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        ('FAILED,1,"operation 3"', RefusedError, "atoms0 stopped: operation 3"),
        ('STOPPED,1,""', DeviceError, "is STOPPED and will not finish"),
        ("what?", DeviceError, "answered 'what\\?' where its state was due"),
    ],
)
def test_run_that_does_not_end_is_an_error(reply: str, kind: type[Exception], words: str) -> None:
    device = told(("RUN:STATe?", reply))
    device._body, device._generation = body(), device.link.generation
    with pytest.raises(kind, match=words):
        device.finished()
