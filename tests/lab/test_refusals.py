"""Each way to get a lab.toml wrong is refused with the path of the key; the rows are in refusals.toml."""

import re
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


def test_what_is_wrong_is_told_once_of_a_module_that_plays_and_records() -> None:
    text = (HERE.parents[1] / "docs" / "examples" / "qblox2.toml").read_text()
    before, entry, module = text.partition("[instruments.qrm0]")
    assert refusal(before + entry + module.replace('reference = "external"\n', "", 1)) == [
        "lab.toml: instruments.qrm0.reference: is missing; a synchronised instrument must have it"
    ]


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


def test_problems_of_keys_and_of_values_are_found_together() -> None:
    text = text_of("transmon5").replace("power_dbm =", "powerr_dbm =", 1)
    text = re.sub(r"(drive = .*)amplitude_v = [\d.]+", r"\1amplitude_v = 9.0", text, count=1)
    with pytest.raises(RequestError) as caught:
        parse_lab(text)
    found = "\n".join(caught.value.details["problems"])
    assert "powerr_dbm: unknown key, did you mean power_dbm?" in found
    assert "drive.amplitude_v: 9 V is above the" in found
    assert len(caught.value.details["problems"]) == 2


def test_a_key_in_another_unit_is_not_taken_for_its_value() -> None:
    text = re.sub(r"(drive = .*)amplitude_v = [\d.]+", r"\1amplitude_mv = 150", text_of("transmon5"), count=1)
    with pytest.raises(RequestError) as caught:
        parse_lab(text)
    found = caught.value.details["problems"]
    assert "amplitude_mv: unknown key, did you mean amplitude_v?" in found[0] and not any(
        "above" in one for one in found
    )
