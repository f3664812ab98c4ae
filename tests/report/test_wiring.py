"""The picture of the wiring shows every connection, and its words can be read."""

from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from qctl.errors import RequestError
from qctl.lab import Lab, load_lab, parse_lab
from qctl.report.sketch import Box, figure
from qctl.report.wiring import draw_wiring, sketch_wiring

SUPPORT = Path(__file__).parents[1] / "support"
LABS = ("transmon5", "ions2", "atoms4")


def lab_of(name: str) -> Lab:
    return load_lab(SUPPORT / f"{name}.toml")


@pytest.mark.parametrize("name", LABS)
def test_every_instrument_and_qubit_has_its_box(name: str) -> None:
    lab = lab_of(name)
    titles = [box.title for box in sketch_wiring(lab).boxes]
    wanted = [*lab.instruments, *(qubit for processor in lab.processors.values() for qubit in processor.qubits)]
    assert len(titles) == len(set(titles))
    assert set(wanted) <= set(titles)


def test_instruments_alone_are_named(tmp_path: Path) -> None:
    one = msgspec.structs.replace(lab_of("transmon5"), processors={}, ports={})
    (rest,) = [label.text for label in sketch_wiring(one).labels if "not wired: " in label.text]
    named = {box.title for box in sketch_wiring(one).boxes} | set(rest.removeprefix("not wired: ").split(", "))
    assert named == set(one.instruments)
    for lab in (one, msgspec.structs.replace(one, instruments={"lo_drive": one.instruments["lo_drive"]})):
        assert draw_wiring(lab, tmp_path / "a.png").stat().st_size > 0


@pytest.mark.parametrize("name", LABS)
def test_every_output_starts_a_wire_and_every_port_ends_at_its_qubit(name: str) -> None:
    lab = lab_of(name)
    sketch = sketch_wiring(lab)
    boxes = {box.title: box for box in sketch.boxes}
    dots = {(mark.x, mark.y) for mark in sketch.marks if mark.shape == "dot"}
    for port in lab.ports.values():
        target = boxes[port.target]
        assert any(x == target.x + target.width / 2 for x, _ in dots), port.name
        shared = [other.name for other in lab.ports.values() if port.feedline and other.feedline == port.feedline]
        starts = [
            wire.points[0] for wire in sketch.wires if wire.name in (port.name, *shared) and wire.kind != "acquire"
        ]
        for ref in port.outputs:
            box = boxes[ref.instrument]
            assert any(x == box.x + box.width and box.y < y < box.y + box.height for x, y in starts), str(ref)
    assert len(dots) == len(lab.ports)


def test_each_triggered_box_gets_a_trigger_wire_and_each_lo_its_mixers() -> None:
    lab = lab_of("transmon5")
    sketch = sketch_wiring(lab)
    fired = {wire.name for wire in sketch.wires if wire.kind == "trigger"}
    assert fired == {name for name, instrument in lab.instruments.items() if instrument.trigger is not None}
    led = {wire.name for wire in sketch.wires if wire.kind == "event"}
    assert led == {name for name, instrument in lab.instruments.items() if instrument.event is not None} != set()
    assert sum(mark.shape == "mixer" for mark in sketch.marks) == 5 + 1 + 1
    assert sum(mark.shape == "tee" for mark in sketch.marks) == 5
    referenced = {wire.name for wire in sketch.wires if wire.kind == "reference"}
    external = {name for name, instrument in lab.instruments.items() if instrument.reference == "external"}
    assert external <= referenced


def test_ttl_lines_have_wires_of_their_own() -> None:
    assert {wire.name for wire in sketch_wiring(lab_of("ions4")).wires if wire.kind == "ttl"} == {"cool.ttl"}


def apart(first: Box, second: Box) -> bool:
    return (
        first.x + first.width <= second.x
        or second.x + second.width <= first.x
        or first.y + first.height <= second.y
        or second.y + second.height <= first.y
    )


def test_lab_without_ports_lists_its_instruments(tmp_path: Path) -> None:
    lab = parse_lab(
        'schema = 1\nname = "bench"\n[instruments.fridge]\nmodel = "bluefors-gen1"\naddress = "http://b:1"\n'
    )
    assert [label.text for label in sketch_wiring(lab).labels] == ["not wired: fridge"]
    assert draw_wiring(lab, tmp_path / "bench.png").stat().st_size > 1000


@pytest.mark.parametrize("name", LABS)
def test_no_box_or_word_covers_another(name: str) -> None:
    sketch = sketch_wiring(lab_of(name))
    assert all(apart(first, second) for first, second in combinations(sketch.boxes, 2))
    drawn = figure(sketch)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    texts = [text for text in drawn.axes[0].texts if text.get_text()]
    extents = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    for (a, first), (b, second) in combinations(zip(texts, extents, strict=True), 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(width, height) <= 1, (a.get_text(), b.get_text())


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_ending_chooses_the_format(ending: str, tmp_path: Path) -> None:
    file = draw_wiring(lab_of("atoms4"), tmp_path / f"wiring{ending}")
    head = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending]
    assert file.read_bytes().startswith(head)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="No such file"):
        draw_wiring(lab_of("atoms4"), tmp_path / "none" / "x.png")


def test_register_is_drawn_to_scale_with_pairs_that_blockade() -> None:
    sketch = sketch_wiring(lab_of("atoms4"))
    spots = [(mark.x, mark.y) for mark in sketch.marks if mark.shape == "atom"]
    (left, low), (right, _), _, (_, high) = spots
    assert len(spots) == 4 and right > left
    assert high - low == pytest.approx(right - left)
    # C6 / r^6 is 2.5 MHz at 8.4 um: all six pairs of the square are nearer.
    pairs = {f"a{i}-a{k}" for i, k in combinations(range(4), 2)}
    assert pairs <= {wire.name for wire in sketch.wires if wire.kind == "qubit"}
