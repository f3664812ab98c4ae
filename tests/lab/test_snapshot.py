"""Snapshots are numbered, whole, never overwritten, and overlay the design values."""

import os
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from qctl.errors import ParseError, RequestError
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lab.snapshot import Snapshot, effective, latest, numbers, read, write
from qctl.server.calibration import overlay

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab(SUPPORT / "transmon5.toml")


def tuned(lab: Lab, frequency_hz: float = 4.71e9) -> Snapshot:
    qubit = replace(lab.processor("qpu0").qubit["q0"], frequency_hz=frequency_hz)
    coupler = lab.processor("qpu0").coupler["q1-q2"]
    coupler = replace(coupler, cz=replace(coupler.cz, amplitude_v=0.31))
    return Snapshot(
        number=0, time_s=12.5, processor="qpu0", qubits={"q0": qubit}, couplers={"q1-q2": coupler}, note="test"
    )


def test_without_a_snapshot_the_design_values_hold(lab: Lab) -> None:
    values = effective(lab, "qpu0")
    assert values.number == 0
    assert tuple(values.qubits) == lab.processor("qpu0").qubits
    assert values.qubits["q3"] is lab.processor("qpu0").qubit["q3"]
    assert values.couplers == lab.processor("qpu0").coupler


def test_a_snapshot_overlays_only_what_it_holds(lab: Lab, tmp_path: Path) -> None:
    snapshot = write(tmp_path, tuned(lab))
    values = effective(lab, "qpu0", read(tmp_path, "qpu0", 1))
    assert values.number == snapshot.number == 1
    assert values.qubits["q0"].frequency_hz == 4.71e9
    assert values.qubits["q1"] == lab.processor("qpu0").qubit["q1"]
    assert values.couplers["q1-q2"].cz.amplitude_v == 0.31
    assert values.couplers["q0-q1"] == lab.processor("qpu0").coupler["q0-q1"]
    assert lab.processor("qpu0").qubit["q0"].frequency_hz == 4.70e9


def test_what_is_read_is_what_was_written(lab: Lab, tmp_path: Path) -> None:
    for frequency_hz in (4.71e9, 4.72e9 + 1 / 3):
        written = write(tmp_path, replace(tuned(lab, frequency_hz), parent=len(numbers(tmp_path, "qpu0"))))
        assert read(tmp_path, "qpu0", written.number) == written
        assert latest(tmp_path, "qpu0") == written
    assert numbers(tmp_path, "qpu0") == [1, 2]
    assert sorted(os.listdir(tmp_path / "qpu0")) == ["000001.json", "000002.json"]


@pytest.mark.parametrize("name", ["ions2", "atoms4"])
def test_every_platform_has_snapshots(name: str, tmp_path: Path) -> None:
    lab = load_lab(SUPPORT / f"{name}.toml")
    (processor,) = lab.processors.values()
    qubit = replace(processor.qubit[processor.qubits[0]], t2_s=0.125)
    write(tmp_path, Snapshot(number=0, time_s=0.0, processor=processor.name, qubits={qubit.name: qubit}))
    found = latest(tmp_path, processor.name)
    assert effective(lab, processor.name, found).qubits[qubit.name].t2_s == 0.125


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert latest(tmp_path, "qpu0") is None
    assert numbers(tmp_path, "qpu0") == []
    with pytest.raises(RequestError, match="qpu0 has no snapshot 3"):
        read(tmp_path, "qpu0", 3)


def test_a_number_is_never_used_again_nor_overwritten(lab: Lab, tmp_path: Path) -> None:
    write(tmp_path, tuned(lab))
    (tmp_path / "qpu0" / "000007.json").write_text("precious")
    assert write(tmp_path, tuned(lab)).number == 8
    assert (tmp_path / "qpu0" / "000007.json").read_text() == "precious"
    assert not os.stat(tmp_path / "qpu0" / "000001.json").st_mode & 0o222


def _write_many(args: tuple[str, Snapshot]) -> list[int]:
    folder, snapshot = args
    return [write(folder, snapshot).number for _ in range(10)]


def test_concurrent_writers_get_distinct_numbers(lab: Lab, tmp_path: Path) -> None:
    jobs = [(str(tmp_path), tuned(lab))] * 4
    with ThreadPoolExecutor(4) as pool:
        got = [number for batch in pool.map(_write_many, jobs) for number in batch]
    assert sorted(got) == list(range(1, 41))
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        got = [number for batch in pool.map(_write_many, jobs[:2]) for number in batch]
    assert sorted(got) == list(range(41, 61))
    assert numbers(tmp_path, "qpu0") == list(range(1, 61))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "000001.json: damaged: "),
        (lambda data: b"", "000001.json: damaged: "),
        (lambda data: bytes(len(data)), "000001.json: damaged: "),
        (lambda data: data.replace(b"4710000000.0", b"4710000001.0"), "values don't have the checksum"),
        (lambda data: data.replace(b'"schema": 1', b'"schema": 9'), "000001.json: damaged: "),
        (lambda data: data.replace(b'"note"', b'"nope"'), "000001.json: damaged: "),
    ],
)
def test_a_damaged_file_is_a_clear_error(damage, message: str, lab: Lab, tmp_path: Path) -> None:
    write(tmp_path, tuned(lab))
    file = tmp_path / "qpu0" / "000001.json"
    data = damage(file.read_bytes())
    file.unlink()
    file.write_bytes(data)
    with pytest.raises(ParseError, match=message):
        read(tmp_path, "qpu0", 1)


def test_a_renamed_file_is_refused(lab: Lab, tmp_path: Path) -> None:
    write(tmp_path, tuned(lab))
    (tmp_path / "qpu0" / "000001.json").rename(tmp_path / "qpu0" / "000002.json")
    with pytest.raises(ParseError, match="holds snapshot 1 of qpu0; was it renamed"):
        read(tmp_path, "qpu0", 2)


def test_values_that_lab_toml_would_refuse_are_never_written(lab: Lab, tmp_path: Path) -> None:
    good = tuned(lab)
    for wrong, message in (
        ({"frequency_hz": float("nan")}, "qubits.q0.frequency_hz: nan is not a finite number"),
        ({"t1_s": 30}, None),
        ({"t1_s": 3e9}, "qubits.q0.t1_s: 3e[+]09 is outside"),
        ({"frequency_hz": "5e9"}, "qubits.q0.frequency_hz: expected a number"),
        ({"name": "q1"}, "qubits.q0: holds values of q1"),
    ):
        snapshot = replace(good, qubits={"q0": replace(good.qubits["q0"], **wrong)})
        if message is None:
            write(tmp_path, snapshot)
            continue
        with pytest.raises(RequestError, match=message):
            write(tmp_path, snapshot)
    with pytest.raises(RequestError, match=r"'\.\./x' is not a processor's name"):
        write(tmp_path, replace(good, processor="../x"))
    assert os.listdir(tmp_path) == ["qpu0"]
    assert len(numbers(tmp_path, "qpu0")) == 1


def test_a_snapshot_of_something_else_can_not_be_laid_over(lab: Lab) -> None:
    good = tuned(lab)
    stranger = replace(good.qubits["q0"], name="q9")
    for wrong, message in (
        ({"processor": "qpu1"}, "snapshot 0 of qpu1 can't be laid over qpu0"),
        ({"qubits": {"q9": stranger}}, "snapshot 0 of qpu0: qubit q9 is not in lab.toml"),
        ({"couplers": {"q0-q4": good.couplers["q1-q2"]}}, "coupler q0-q4 is not in lab.toml"),
    ):
        with pytest.raises(RequestError, match=message):
            effective(lab, "qpu0", replace(good, **wrong))
    ion = load_lab(SUPPORT / "ions2.toml").processor("trap0").qubit["i0"]
    with pytest.raises(RequestError, match="qubit q0 is of another platform"):
        effective(lab, "qpu0", replace(good, qubits={"q0": ion}))


def changed(lab: Lab, **changes: Any) -> Snapshot:
    """Return what the server would write for values of q0 over the design."""
    return overlay(lab, "qpu0", None, {"qubits": {"q0": changes}}, "test")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"flux": {"offset_v": 25.0}}, "qubits.q0.flux.offset_v: 25 V is outside limits_v"),
        ({"drive": {"amplitude_v": 9.0}}, "qubits.q0.drive.amplitude_v: 9 V is above the"),
        ({"readout": {"amplitude_v": 9.0}}, "readout.amplitude_v: "),
        ({"readout": {"length_s": 5e-4}}, "qubits.q0.readout.length_s: does not end within shot_period_s"),
    ],
)
def test_what_the_wiring_can_not_deliver_is_refused_as_lab_toml_is(lab: Lab, changes: dict, told: str) -> None:
    with pytest.raises(RequestError) as caught:
        changed(lab, **changes)
    assert any(told in problem for problem in caught.value.details["problems"]), caught.value
    text = (SUPPORT / "transmon5.toml").read_text()
    (name, inner), *_ = changes.items()
    ((key, value),) = inner.items()
    head, table, rest = text.partition("[processors.qpu0.qubit.q0]")
    own, brace, after = rest.partition("[processors.qpu0.qubit.q1]")
    own = re.sub(rf"({name} = {{[^}}]*?\b{key} = )[-+.e0-9]+", rf"\g<1>{value}", own)
    with pytest.raises(RequestError) as design:
        parse_lab(head + table + own + brace + after)
    said = [
        problem.replace("lab.toml: processors.qpu0.qubit.", "qubits.") for problem in design.value.details["problems"]
    ]
    assert caught.value.details["problems"] == said


def test_values_inside_the_limits_are_taken(lab: Lab) -> None:
    assert changed(lab, flux={"offset_v": -0.5}).qubits["q0"].flux.offset_v == -0.5
    found = changed(lab, t2_s=2.5 * lab.processor("qpu0").qubit["q0"].t1_s)
    assert found.qubits["q0"].t2_s == 2.5 * lab.processor("qpu0").qubit["q0"].t1_s
