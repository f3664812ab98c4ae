"""Keys of a connector that nothing in the instrument would hear are refused, by name, before it is opened."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from qctl.errors import RequestError
from qctl.instruments.registry import check_entry
from qctl.lab import Instrument, load_lab
from qctl.lab.rack import Input, Output, TriggerLine

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
LABS = [*sorted(EXAMPLES.glob("*.toml")), *sorted((Path(__file__).parents[1] / "support").glob("*.toml"))]
LINE = TriggerLine(number=3)
NUMBERS = {"output": 1, "input": 2, "line": 3}
OUTPUT, INPUT = Output(number=1, limits_v=(-1.0, 1.0), amplitude_vpp=1.0), Input(number=2, range_v=1.0)


def box(model: str, **keys: dict[str, float]) -> Instrument:
    output = replace(OUTPUT, **keys.get("output", {}))
    given = replace(INPUT, **keys.get("input", {}))
    line = replace(LINE, **keys.get("line", {}))
    return Instrument(name="box0", model=model, address="", output={1: output}, input={2: given}, line={3: line})


@pytest.mark.parametrize("file", LABS, ids=lambda file: file.stem)
def test_labs_of_the_manual_have_no_such_key(file: Path) -> None:
    for instrument in load_lab(file).instruments.values():
        check_entry(instrument)


@pytest.mark.parametrize(
    ("model", "side", "key", "value"),
    [
        ("zurich-shfqc", "output", "attenuation_db", 10.0),
        ("tektronix-awg5014c", "output", "attenuation_db", 10.0),
        ("tektronix-awg5014c", "output", "lo_hz", 5e9),
        ("keysight-33600a", "output", "lo_hz", 5e9),
        ("zurich-shfsg", "output", "offset_v", 0.1),
        ("zurich-uhfqa", "output", "offset_v", 0.1),
        ("qblox-qcm-rf", "output", "offset_v", 0.1),
        ("qblox-qrm", "input", "attenuation_db", 3.0),
        ("qblox-qrm", "input", "offset_v", 0.1),
        ("keysight-infiniium-s", "input", "attenuation_db", 3.0),
        ("zurich-hdawg", "output", "tones", (1, 2)),
        ("qblox-cluster", "line", "delay_s", 1e-6),
    ],
)
def test_key_that_would_not_be_set_is_refused(model: str, side: str, key: str, value: float) -> None:
    with pytest.raises(RequestError, match=rf"box0\.{side}\.{NUMBERS[side]}\.{key}: .* a {model} has none, leave"):
        check_entry(box(model, **{side: {key: value}}))


@pytest.mark.parametrize(
    ("model", "side", "key", "value"),
    [
        ("qblox-qcm-rf", "output", "attenuation_db", 10.0),
        ("qblox-qrm-rf", "input", "attenuation_db", 2.0),
        ("qblox-qcm", "output", "offset_v", 0.1),
        ("zurich-hdawg", "output", "offset_v", 0.1),
        ("zurich-shfqa", "output", "lo_hz", 7e9),
        ("keysight-infiniium-s", "input", "offset_v", 0.1),
        ("qctl-sequencer", "output", "tones", (1, 9)),
        ("qctl-trigger", "line", "delay_s", 1e-6),
    ],
)
def test_key_of_what_a_model_has_is_taken(model: str, side: str, key: str, value: float) -> None:
    check_entry(box(model, **{side: {key: value}}))
