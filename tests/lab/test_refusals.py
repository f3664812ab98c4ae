"""Each way to get a lab.toml wrong is refused with the path of the key; the rows are in refusals.toml."""

import tomllib
from pathlib import Path

import pytest

from qctl.errors import RequestError
from qctl.lab import parse_lab

HERE = Path(__file__).parent
ROWS = [(lab, row) for lab, rows in tomllib.loads((HERE / "refusals.toml").read_text()).items() for row in rows]


def text_of(lab: str) -> str:
    return (HERE.parent / "support" / f"{lab}.toml").read_text()


def refusal(text: str) -> list[str]:
    with pytest.raises(RequestError) as caught:
        parse_lab(text)
    return caught.value.details["problems"]


@pytest.mark.parametrize(("lab", "row"), ROWS, ids=[f"{lab}: {row['what']}" for lab, row in ROWS])
def test_a_wrong_lab_is_refused_with_the_path_of_the_key(lab: str, row: dict[str, str]) -> None:
    text = text_of(lab)
    assert row["find"] in text
    found = refusal(text.replace(row["find"], row["put"], 1))
    assert found[0].startswith(f"lab.toml: {row['says']}")


def test_a_bias_without_dc_output_is_refused() -> None:
    text = text_of("transmon5").replace('dc = "dc0:1"\n', "").replace("offset_v = 0.0 }", "offset_v = 0.1 }", 1)
    assert refusal(text) == [
        "lab.toml: processors.qpu0.qubit.q0.flux.offset_v: 0.1 V, but there is no port q0.flux with dc"
    ]


def test_trigger_wires_in_a_circle_are_refused() -> None:
    text = text_of("transmon5")
    head, tail = text.split("[instruments.awg1]")
    wire = 'trigger = { source = "trig0", line = 1, delay_s = 0.0 }'
    head = head.replace(wire, wire.replace("trig0", "awg1") + "\nline.1 = {}")
    tail = tail.replace(wire, wire.replace("trig0", "awg0") + "\nline.1 = {}", 1)
    circle = "instruments.awg0.trigger.source: the trigger wires go in a circle and never reach trig0"
    assert f"lab.toml: {circle}" in refusal(f"{head}[instruments.awg1]{tail}")


def test_an_event_from_another_than_fires_the_shots_is_refused() -> None:
    head, tail = text_of("transmon5").split("[instruments.awg1]")
    head = head.replace('event = { source = "trig0", line = 2 }', 'event = { source = "awg1", line = 1 }')
    found = refusal(f"{head}[instruments.awg1]\nline.1 = {{}}{tail}")
    says = "awg1 does not know when a block is over: trig0 fires it"
    assert found == [f"lab.toml: instruments.awg0.event.source: {says}"]


def test_a_chain_of_triggers_is_accepted() -> None:
    text = text_of("transmon5")
    head, tail = text.split("[instruments.awg1]")
    wire = 'trigger = { source = "trig0", line = 1, delay_s = 0.0 }'
    head = head.replace(wire, wire + "\nline.1 = {}")
    tail = tail.replace(wire, wire.replace("trig0", "awg0"), 1)
    assert parse_lab(f"{head}[instruments.awg1]{tail}").instrument("awg1").trigger.source == "awg0"


def test_a_qubit_of_two_processors_is_refused() -> None:
    text = text_of("transmon5")
    first = text.index("[processors.qpu0]")
    last = text.index("[instruments.awg0]")
    twice = text[:last] + text[first:last].replace("qpu0", "qpu1") + text[last:]
    assert refusal(twice)[0] == "lab.toml: processors.qpu1.qubits[0]: 'q0' is a qubit of qpu0 too"


def test_the_message_names_the_file() -> None:
    with pytest.raises(RequestError, match=r"^rack\.toml: colour: unknown key"):
        parse_lab(text_of("transmon5").replace("schema = 1", "schema = 1\ncolour = 2"), where="rack.toml")
