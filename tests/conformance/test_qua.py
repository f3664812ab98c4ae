"""QUA: qm-qua builds the text and reads the configuration, and its script says the same again."""

from __future__ import annotations

import ast

import pytest
from building import built as program_of
from heard_qua import built
from programs import PROGRAMS
from qua_judge import Recorder
from targets import TARGETS, frames_of

import qctl
from qctl.instruments.quantum_machines.body import QuaBody

OPX = next(t for t in TARGETS if t.name == "qm-opx")


@pytest.mark.parametrize("name", ["rabi", "ramsey", "cpmg", "cz", "weights"])
def test_the_vendor_s_script_of_the_program_plays_the_same(name: str) -> None:
    example = next(e for e in PROGRAMS if e.name == name)
    lab = OPX.lab()
    ready = qctl.compile(program_of(example, OPX.rack, frames_of(lab).hz), lab, shots=2)
    body = QuaBody.from_bytes(ready.programs[0].body)
    script = built(body)
    theirs = ast.parse(script[: script.index("config = ")])
    ours = ast.parse(body.program)
    assert _calls(theirs) == _calls(ours)


def _calls(tree: ast.AST) -> list[tuple[str, int]]:
    """Return which calls a program has, whatever its variables are named."""
    names = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    kept = ("play", "measure", "wait", "align", "frame_rotation_2pi", "update_frequency", "save", "for_", "reset_frame")
    return sorted((name, names.count(name)) for name in kept)


def test_the_stand_in_refuses_what_an_opx_would() -> None:
    config = {"elements": {"e": {"intermediate_frequency": 0, "operations": {}}}}
    text = "from qm.qua import *\nwith program() as prog:\n    wait(3, 'e')\n"
    with pytest.raises(AssertionError):
        Recorder(text, config)
