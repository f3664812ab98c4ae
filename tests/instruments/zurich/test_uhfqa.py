"""A UHFQA's results of two integrators, its averages, and the HDAWG whose marker starts it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

import qctl
from qctl.errors import RequestError
from qctl.hil.instruments.zurich.device import Device
from qctl.hil.instruments.zurich.nodes import Refusal
from qctl.hil.labone import core
from qctl.hil.labs.description import boxes_of, describe_lab
from qctl.hil.labs.draw import draw_lab
from qctl.instruments.zurich import uhfqa
from qctl.instruments.zurich.body import Integrator, Readout, ZurichBody
from qctl.instruments.zurich.driver import open_driver
from qctl.lab import Lab, parse_lab


def lab_of(change: Any = None) -> Lab:
    file = draw_lab("zurich2-uhf", 3)
    places = {box: f"TCPIP::127.0.0.1::{5025 + k}::SOCKET" for k, box in enumerate(boxes_of(file))}
    text = describe_lab("zurich2-uhf", file, places | {"zds0": "zhinst-emulated://127.0.0.1:8004"})
    return parse_lab(change(text) if change else text)


def bodies(program: Any, shots: int, averaged: bool = True) -> dict[str, ZurichBody]:
    ready = qctl.compile(program, lab_of(), shots=shots, averaged=averaged)
    return {one.instrument: ZurichBody.from_bytes(one.body) for one in ready.programs if one.model.startswith("zurich")}


def measured(*qubits: str) -> qctl.Program:
    p = qctl.Program([f"{q}.readout" for q in qubits], list(qubits), list(qubits))
    for q in qubits:
        p.measure(q, q)
    return p


def test_two_integrators_give_the_sum_of_weights_times_both_inputs() -> None:
    """Sources, rotations and the real part are those of LabOne Q's controller, written out here."""
    rng = np.random.default_rng(1)
    n = 40
    z, pairs = rng.normal(size=n) + 1j * rng.normal(size=n), rng.normal(size=(n, 2))
    one = Integrator(3, "q0.readout", "q0", ((0, 1, 1),), n, "w")
    readout = Readout(0, ("q0.readout",), (1, 2), (1, 2), 0.0, (0.3, 0.3), (0.6, 0.6), "", (), (one,), 8, n, 1, 1, (1,))
    nodes = dict(uhfqa.readout_settings(readout)) | dict(uhfqa.weight_settings(3, pairs))
    found = []
    for k in (6, 7):
        first, second = (z.real, z.imag) if nodes[f"qas/0/integration/sources/{k}"] == 0 else (z.imag, z.real)
        real = (nodes[f"qas/0/integration/weights/{k}/real"] * first).sum()
        imag = (nodes[f"qas/0/integration/weights/{k}/imag"] * second).sum()
        found.append(((real + 1j * imag) * nodes[f"qas/0/rotations/{k}"]).real)
    assert complex(*found) == pytest.approx((pairs @ np.array([1, 1j]) * z).sum())
    vectors = {f"qas/0/result/data/{k}/wave": np.array([value]) for k, value in zip((6, 7), found, strict=True)}
    assert uhfqa.results_of(readout, vectors)[3][0] == pytest.approx(complex(*found))
    assert nodes["sigouts/0/range"] == 0.15 and nodes["sigins/1/range"] == 0.3


def test_a_result_takes_two_integrators_of_ten() -> None:
    found = bodies(measured("q0", "q1"), 8)
    (readout,) = found["uh0"].readouts
    assert "startQA(QA_INT_0|QA_INT_1|QA_INT_2|QA_INT_3,0,0,0);" in readout.program
    ready = qctl.compile(measured("q0", "q1"), lab_of(), shots=8)
    (row,) = [u for _, u in ready.lowered.report if u.resource == "integrators"]
    assert (row.used, row.allowed) == (4, 10)


def test_it_averages_powers_of_two_and_keeps_the_results_of_other_numbers_of_shots() -> None:
    for shots, kept in ((1024, 1), (1000, 1000)):
        (readout,) = bodies(measured("q0"), shots)["uh0"].readouts
        assert (readout.n_results, readout.n_averages) == (kept, shots // kept)


def test_the_core_of_a_line_raises_its_marker_whatever_is_played() -> None:
    p = qctl.Program(["q1.drive", "q0.readout"], ["q0", "q1"], ["q0"])
    p.sx("q1")
    p.measure("q0", "q0")
    for program in (measured("q0"), p):
        found = bodies(program, 4)
        first, *others = sorted(found["hd0"].cores, key=lambda one: one.number)
        assert first.number == 0 and first.program.startswith("setTrigger(1);\nwait(240);\nsetTrigger(0);")
        assert all("Trigger" not in one.program for one in others)
        (readout,) = found["uh0"].readouts
        assert "waitDigTrigger(1,1);" in readout.program
    c = qctl.Circuit(1, 1)
    c.sx(0)
    c.measure(0, 0)
    with_drive = bodies(c, 4)
    (one,) = with_drive["hd0"].cores
    assert one.program.endswith("setTrigger(0);\n") and "\nsetTrigger(1);\n" in one.program


def test_a_uhfqa_can_t_start_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server:
        def __init__(self, *_: Any) -> None: ...

        def connectDevice(self, *_: Any) -> None: ...

        def disconnect(self) -> None: ...

    monkeypatch.setattr(core, "ziDAQServer", Server)
    lab = lab_of()
    started = msgspec.structs.replace(lab.processors["qpu0"], trigger="uh0")
    with pytest.raises(RequestError, match="uh0: a UHFQA has no trigger of its own"):
        open_driver(lab.instruments["uh0"], msgspec.structs.replace(lab, processors={"qpu0": started}))


def elf_of(text: str) -> Any:
    return np.frombuffer(core.compile_seqc(text, "HDAWG8", "", 0, samplerate=2.4e9)[0], np.uint8)


def hdawg(*texts: str, together: bool = True) -> Device:
    """Return an emulated HDAWG whose cores hold programs, and are enabled."""
    device = Device("hd0", "zurich-hdawg", "dev1", lambda **amounts: None)
    for k, text in enumerate(texts):
        device.set(f"awgs/{k}/elf/data", elf_of(text))
        device.set(f"awgs/{k}/synchronization/enable", int(together))
        device.set(f"awgs/{k}/enable", 1)
    return device


def test_emulated_markers_start_others_where_a_program_raises_them() -> None:
    raised, plain = "setTrigger(1);\nplayZero(64);\n", "playZero(64);\n"
    device = hdawg(raised, plain)
    assert device.shows(1) and device.shows(2) and not device.shows(3) and not device.shows(9)
    device.set("triggers/out/0/source", 1)
    assert not device.shows(1)
    assert not hdawg("playZero(64);\nsetTrigger(1);\n").shows(1)
    cores = [one for one in device.sequencers if one.state == "waiting"]
    assert len(cores) == 2 and device.together(cores) and not device.together(cores[:1])
    loose = hdawg(plain, plain, together=False)
    with pytest.raises(Refusal, match="cores that begin by themselves are not synchronized"):
        loose.together([one for one in loose.sequencers if one.state == "waiting"])


def test_emulated_uhfqa_rounds_what_it_does_not_have() -> None:
    device = Device("uh0", "zurich-uhfqa", "dev2", lambda **amounts: None)
    for path, given, taken in (
        ("qas/0/result/averages", 1000, 1024), ("sigouts/0/range", 0.3, 1.5), ("sigins/0/range", 0.15, 0.2),
        ("qas/0/delay", 2000, 1020), ("qas/0/rotations/3", 1 - 1j, 1 - 1j), ("system/extclk", 1, 1),
    ):  # fmt: skip
        device.set(path, given)
        assert device.tree.value(path) == taken, path
    with pytest.raises(Refusal, match="real numbers"):
        device.set("qas/0/integration/weights/0/real", np.zeros(4, complex))
    assert device.tree.value("features/devtype") == "UHFQA"
