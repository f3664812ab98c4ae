"""A lab.toml becomes frozen values, or a refusal that names the key."""

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qctl.errors import ParseError, QctlError, RequestError
from qctl.lab import Lab, OutputRef, load_lab, parse_lab, processor_meant

SUPPORT = Path(__file__).parents[1] / "support"
LABS = {name: (SUPPORT / f"{name}.toml").read_text() for name in ("transmon5", "ions2", "ions4", "atoms4")}


@pytest.mark.parametrize("name", LABS)
def test_every_platform_can_be_described(name: str) -> None:
    lab = load_lab(SUPPORT / f"{name}.toml")
    assert lab.name == name
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(lab), type=Lab) == lab
    assert pickle.loads(pickle.dumps(lab)) == lab


def test_names_and_references_are_filled_in() -> None:
    lab = parse_lab(LABS["transmon5"])
    assert lab.processor("qpu0").platform == "transmon"
    assert lab.instrument("awg2").output[3].number == 3
    port = lab.port("q1/drive")
    assert (port.name, port.target, port.role) == ("q1.drive", "q1", "drive")
    assert port.i == OutputRef("awg0", 3)
    assert str(port.q) == "awg0:4"
    assert [str(ref) for ref in lab.port("q4.readout").inputs] == ["dig0:1", "dig0:2"]
    assert lab.output(port.outputs[0]).limits_v == (-2.25, 2.25)
    assert lab.input(lab.port("q0.readout").inputs[1]).range_v == 0.8
    assert lab.processor("qpu0").coupler["q2-q3"].qubits == ("q2", "q3")


def test_a_run_occupies_every_instrument_that_its_ports_reach() -> None:
    lab = parse_lab(LABS["transmon5"])
    names = [instrument.name for instrument in lab.instruments_of("qpu0")]
    assert names[0] == "trig0"
    assert sorted(names) == sorted(lab.instruments)
    assert len(lab.ports_of("qpu0")) == 15


def test_values_can_not_be_changed() -> None:
    lab = parse_lab(LABS["transmon5"])
    with pytest.raises(AttributeError):
        lab.processor("qpu0").qubit["q0"].frequency_hz = 5e9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda lab: lab.processor("qpu"), "no processor qpu; did you mean qpu0?"),
        (lambda lab: lab.instrument("awg9"), "no instrument awg9; did you mean awg4?"),
        (lambda lab: lab.port("q0.drve"), "no port q0.drve; did you mean q0.drive?"),
        (lambda lab: lab.output(OutputRef("awg4", 3)), "no output of awg4 3; the lab has 1, 2"),
    ],
)
def test_asking_for_what_is_not_there_says_what_is(ask, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask(parse_lab(LABS["transmon5"]))
    assert caught.value.message == message


def test_a_syntax_error_has_line_and_column() -> None:
    with pytest.raises(ParseError) as caught:
        parse_lab("schema = 1\nname = = 2\n", where="rack.toml")
    assert (caught.value.line, caught.value.column) == (2, 8)
    assert caught.value.message.startswith("line 2, column 8: rack.toml: ")


def test_a_missing_file_and_a_binary_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="No such file"):
        load_lab(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ParseError, match=r"x\.toml: byte 0 is not UTF-8"):
        load_lab(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "not NoneType"),
        (5, "not int"),
        (b"lab.toml", "not bytes"),
        ("schema = 1\nname = 'x'\n", "not 22 characters"),
    ],
)
def test_what_is_no_path_is_refused_in_one_line(given: Any, said: str) -> None:
    with pytest.raises(RequestError, match=f"a lab is a Lab or the path of its lab.toml, {said}"):
        load_lab(given)


def test_all_problems_are_reported_at_once() -> None:
    text = LABS["transmon5"].replace("t1_s = 32.0e-6", 't1_s = "long"').replace("clock_hz = 5.0e8", "clock_hz = nan")
    with pytest.raises(QctlError) as caught:
        parse_lab(text)
    assert caught.value.message.endswith("(and 1 more)")
    assert caught.value.details["problems"] == [
        "lab.toml: processors.qpu0.qubit.q0.t1_s: expected a number",
        "lab.toml: instruments.dig0.clock_hz: nan is not a finite number",
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("9" * 5000, "a value can't be read: "),
        ("[" * 100_000, "brackets are nested too deep"),
        ("0x" + "f" * 5000, "schema: a whole number of 20000 bits is not one of 1"),
    ],
)
def test_hostile_values_are_refused_with_the_name_of_the_file(value: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "rack.toml"
    file.write_text(f"schema = {value}\n")
    with pytest.raises(RequestError) as caught:
        load_lab(file)
    assert caught.value.message.startswith("rack.toml: " + told)


def test_a_number_beyond_any_value_is_refused() -> None:
    text = LABS["transmon5"].replace("t1_s = 32.0e-6", "t1_s = 0x" + "f" * 400)
    with pytest.raises(RequestError, match=r"qubit\.q0\.t1_s: a whole number of 1600 bits is more than any value"):
        parse_lab(text)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ParseError, match="/dev/zero: is larger than 4194304 bytes"):
        load_lab("/dev/zero")


def test_whole_lab_has_the_boards_that_it_names_in_it() -> None:
    from qctl.lab import load_lab, whole_lab

    example = Path(__file__).parents[2] / "docs" / "examples" / "qick2.toml"
    assert parse_lab(whole_lab(example)) == load_lab(example)


def test_whole_lab_says_which_board_is_missing(tmp_path: Path) -> None:
    from qctl.lab import whole_lab

    text = (Path(__file__).parents[2] / "docs" / "examples" / "qick2.toml").read_text()
    (tmp_path / "lab.toml").write_text(text)
    for read in (whole_lab, load_lab):
        with pytest.raises(RequestError, match=r"qick_zcu216\.json: No such file") as caught:
            read(tmp_path / "lab.toml")
        assert caught.value.message.startswith("lab.toml: instruments.board0.board: ")
        assert caught.value.details["problems"] == [caught.value.message]


def test_lab_of_instruments_alone_is_in_order_and_has_nothing_to_run_on():
    lab = parse_lab(
        'schema = 1\nname = "bench"\n[instruments.fridge]\nmodel = "bluefors-gen1"\naddress = "http://192.168.0.9:49099"\n'
    )
    assert (lab.processors, lab.ports, list(lab.instruments)) == ({}, {}, ["fridge"])
    with pytest.raises(RequestError, match=r"lab bench has no processor.*describe one under \[processors\.NAME\]"):
        processor_meant(lab.processors, f"lab {lab.name}")


def test_processor_is_the_named_one_the_only_one_or_where_that_will_do_the_first():
    assert processor_meant(["qpu0"], "lab a") == "qpu0"
    assert processor_meant(["qpu0", "qpu1"], "lab a", "qpu1") == "qpu1"
    assert processor_meant(["qpu0", "qpu1"], "lab a", first=True) == "qpu0"
    with pytest.raises(RequestError, match="lab a has 2 processors: name one of qpu0, qpu1"):
        processor_meant(["qpu0", "qpu1"], "lab a")
