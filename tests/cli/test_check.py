"""`qctl check` says what is wrong, line by line, or draws the wiring."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from qctl.cli.check import check

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("check")(check)
    return app


def test_a_lab_in_order_is_drawn(app: typer.Typer, tmp_path: Path) -> None:
    picture = tmp_path / "wiring.png"
    got = CliRunner().invoke(app, [str(LAB), "--out", str(picture)])
    assert got.exit_code == 0, got.output
    assert got.stdout.splitlines() == [
        "transmon5.toml: transmon5 is in order",
        "  qpu0: transmon, 5 qubits, 4 couplers",
        "  10 instruments, all on this machine; 15 ports",
        f"  wiring: {picture}",
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_picture_goes_to_the_current_folder_by_default(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    got = CliRunner().invoke(app, [str(LAB), "--json"])
    summary = json.loads(got.stdout)
    assert (summary["ok"], summary["picture"], summary["loopback"]) == (True, "transmon5-wiring.png", True)
    assert summary["processors"]["qpu0"]["native_gates"] == ["rz", "sx", "cz"]
    assert (tmp_path / "transmon5-wiring.png").is_file()


def test_a_pseudo_terminal_behind_a_link_is_on_this_machine(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "trig0").symlink_to("/dev/pts/3")
    linked, elsewhere = tmp_path / "linked.toml", tmp_path / "elsewhere.toml"
    address = re.search(r"ASRL[^\"]+", LAB.read_text())
    assert address is not None
    linked.write_text(LAB.read_text().replace(address[0], f"ASRL{tmp_path}/trig0::INSTR"))
    elsewhere.write_text(LAB.read_text().replace(address[0], "ASRL/dev/ttyACM0::INSTR"))
    for file, here in ((linked, True), (elsewhere, False)):
        got = CliRunner().invoke(app, [str(file), "--json", "--out", str(tmp_path / "wiring.png")])
        assert json.loads(got.stdout)["loopback"] is here


@pytest.mark.parametrize("as_json", [False, True])
def test_every_problem_is_a_line_and_the_exit_is_not_zero(app: typer.Typer, as_json: bool, tmp_path: Path) -> None:
    wrong = tmp_path / "lab.toml"
    wrong.write_text(
        LAB.read_text().replace("t1_s = 32.0e-6", "t1_us = 32").replace("clock_hz = 5.0e8", "clock_hz = 0")
    )
    problems = [
        "lab.toml: processors.qpu0.qubit.q0.t1_us: unknown key, did you mean t1_s?",
        "lab.toml: processors.qpu0.qubit.q0.t1_s: is missing",
        "lab.toml: instruments.dig0.clock_hz: 0 is outside [1000, 1e+12]; clock rates are in hertz: 1.2 GSa/s is 1.2e9",
    ]
    got = CliRunner().invoke(app, [str(wrong), *(["--json"] if as_json else [])])
    assert got.exit_code == 1
    if as_json:
        assert json.loads(got.stdout) == {"ok": False, "code": "request", "problems": problems}
    else:
        assert got.stderr.splitlines() == problems
        assert got.stdout == ""


QBLOX = Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml"
RANGE = "amplitude_vpp = 3.0 is not the 5 V of a qblox-qcm"
RANGES = [f"q0: qcm0: output 1 {RANGE}", f"q1: qcm0: output 3 {RANGE}", f"q0-q1: qcm1: output 1 {RANGE}"]
CLOCK = (
    "clock_hz = 1200000000 is over 1000000000 Hz, the most of a qblox-qcm (qblox-scheduler): set it to 1000000000 Hz"
)


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("", "", []),
        ('q = "qcm0:2"', 'q = "qcm0:4"', ["q0: qcm0: I and Q on outputs 1 and 4, not on 1 and 2 or 3 and 4"]),
        ("amplitude_vpp = 5.0", "amplitude_vpp = 3.0", RANGES),
        ('"qblox-qrm"', '"qblox-qcm"', ["q0, q1, q0-q1: qrm0: input 2, and a qblox-qcm has none"]),
        ("clock_hz = 1.0e9", "clock_hz = 1.2e9", [f"q0, q1: qcm0: {CLOCK}", f"q0-q1: qcm1: {CLOCK}"]),
    ],
    ids=["right", "no pair", "range", "model", "clock"],
)
def test_what_the_instruments_would_refuse_is_told(
    app: typer.Typer, tmp_path: Path, old: str, new: str, refused: list[str]
) -> None:
    text = QBLOX.read_text().replace('"qcm0:4"', '"qcm0:<other>"' if "qcm0" in new else '"qcm0:4"').replace(old, new)
    (tmp_path / "lab.toml").write_text(text.replace("<other>", "2"))
    got = CliRunner().invoke(app, [str(tmp_path / "lab.toml"), "--json", "--out", str(tmp_path / "wiring.png")])
    assert got.exit_code == 0, got.output
    assert [one for one in json.loads(got.stdout)["refused"] if "q1: qcm0: I and Q" not in one] == [
        f"qpu0: {words}" for words in refused
    ]


def test_ions_without_light_and_cooling_are_told_of(app: typer.Typer, tmp_path: Path) -> None:
    text = (LAB.parent / "ions4.toml").read_text()
    bare = re.sub(r"^(detection|preparation) = .*\n(?: .*\n|\]\n)*", "", text, flags=re.M)
    for content, told in (
        (text, []),
        (bare, ["qpu0: photons are counted in the dark", "qpu0: shots begin without cooling"]),
    ):
        (tmp_path / "lab.toml").write_text(content)
        got = CliRunner().invoke(app, [str(tmp_path / "lab.toml"), "--json", "--out", str(tmp_path / "wiring.png")])
        notes = json.loads(got.stdout)["notes"]
        assert len(notes) == len(told) and all(note.startswith(words) for note, words in zip(notes, told, strict=True))


def test_a_model_without_driver_is_a_problem(app: typer.Typer, tmp_path: Path) -> None:
    wrong = tmp_path / "lab.toml"
    wrong.write_text(
        LAB.read_text().replace('"rohde-schwarz-sgs100a"', '"rohde-schwarz-sgs100"').replace('"qdevil-qdac2"', '"x"')
    )
    got = CliRunner().invoke(app, [str(wrong)])
    assert got.exit_code == 1
    close = "there is no driver 'rohde-schwarz-sgs100', did you mean rohde-schwarz-sgs100a?"
    problems = got.stderr.splitlines()
    assert f"lab.toml: instruments.lo_drive.model: {close}" in problems
    assert f"lab.toml: instruments.lo_readout.model: {close}" in problems
    assert any("dc0.model: there is no driver 'x', there are artiq-crate, " in problem for problem in problems)
    assert not (tmp_path / "lab-wiring.png").exists()


def test_a_picture_of_unknown_kind_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    got = CliRunner().invoke(app, [str(LAB), "--out", str(tmp_path / "wiring.doc")])
    assert got.exit_code == 1
    assert got.stderr.strip() == "wiring.doc: the ending is not one of .png, .svg, .pdf"


def test_rule_that_no_driver_holds_is_a_problem(app: typer.Typer, tmp_path: Path) -> None:
    lab = tmp_path / "lab.toml"
    more = '[instruments.ls0]\nmodel = "lakeshore-372"\naddress = "TCPIP::127.0.0.1::9::SOCKET"\n'
    lab.write_text(LAB.read_text() + more + "parameter.output0_rnge.words = ['OFF']\n")
    got = CliRunner().invoke(app, [str(lab), "--out", str(tmp_path / "wiring.png")])
    assert got.exit_code == 1
    says = "lab.toml: instruments.ls0.parameter.output0_rnge: there is no such parameter, did you mean output0_range?"
    assert got.stderr.splitlines() == [says]


def test_clocks_and_interlocks_are_told(app: typer.Typer, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "open_architecture.toml"
    got = CliRunner().invoke(app, [str(example), "--out", str(tmp_path / "wiring.svg")])
    assert got.exit_code == 0, got.output
    assert "  clock of qcm0 from cluster0" in got.stdout.splitlines()
    assert "  interlock mxc: fridge tmixing_k in [-inf, 0.05]" in got.stdout.splitlines()
