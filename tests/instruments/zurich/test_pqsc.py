"""Results by a PQSC: registers and messages that all boxes of a rack plan alike; what it can't is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from emulators import Emulator

import qctl
from qctl.errors import CompileError, RefusedError, RequestError
from qctl.instruments.registry import open_device
from qctl.instruments.zurich import lower as zurich
from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich_pqsc.body import PqscBody
from qctl.lab import parse_lab
from qctl.lowering import compile

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "zurich2-pqsc.toml"
TEXT = EXAMPLE.read_text()


def rounds(n, all_at_once=False):
    """Return a circuit that measures a qubit round after round, and turns it by each result, or by all at the end."""
    c = qctl.Circuit(2, n + 1)
    for k in range(n):
        c.x(0)
        c.measure(0, k)
        if not all_at_once:
            with c.if_(k):
                c.x(0)
        else:
            c.delay(0, 40e-9)
    if all_at_once:
        with c.if_(list(range(n)), 1):
            c.x(0)
    c.measure(0, n)
    return c


def programs_of(circuit, text=TEXT):
    batch = compile(circuit, parse_lab(text), shots=10).lowered.batches[0]
    return {one.instrument: one for one in batch.programs}


def registers_of(programs):
    (readout,) = ZurichBody.from_bytes(programs["qa0"].body).readouts
    return [int(r) for r in re.findall(r"startQA\([^,]*,[^,]*,0,(\d+),0\)", readout.program)]


def test_register_is_taken_again_when_its_result_is_used_up():
    programs = programs_of(rounds(4))
    assert registers_of(programs) == [0, 0, 0, 0, 31]
    links = {link.port: link for link in PqscBody.from_bytes(programs["pq0"].body).links}
    assert [links[port].device for port in (1, 2, 3)] == ["dev12001", "dev12002", "dev8001"]
    assert {pair[0] for pair in links[2].pairs} == {0} and not links[1].pairs and not links[3].pairs


def test_results_that_decide_together_are_kept_in_registers_of_their_own():
    programs = programs_of(rounds(3, all_at_once=True))
    assert registers_of(programs) == [0, 1, 2, 31]
    (link,) = (one for one in PqscBody.from_bytes(programs["pq0"].body).links if one.port == 2)
    assert [register for register, _ in link.pairs] == [0, 1, 2]
    assert {row.resource: row.used for row in programs["pq0"].usage}["registers"] == 4


def test_more_pairs_than_a_message_has_are_refused_by_name():
    with pytest.raises(CompileError, match="sg0 plays by 9 pairs of results; pq0 sends a box 8 at a time"):
        programs_of(rounds(9, all_at_once=True))


def test_late_play_is_refused_with_latency_and_bound(monkeypatch):
    monkeypatch.setattr(zurich, "HUB_FEEDBACK_NS", 200)
    with pytest.raises(CompileError, match=r"whose integration ends at \d+: that is known 792 samples later"):
        programs_of(rounds(1))


_HD0 = 'dev8001"\ngroup = "zurich"\nclock_hz = '
_WIRE = '{ source = "pq0", line = '


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (_HD0 + "2.0e9", _HD0 + "2.4e9", "hd0: clock_hz"),
        (_WIRE + "3", _WIRE + "2", "hd0 is at line 2; each box needs a ZSync port"),
    ],
    ids=["rate", "port"],
)
def test_rack_that_no_pqsc_can_have_is_refused(old, new, words):
    assert old in TEXT
    c = qctl.Circuit(2, 2)
    c.cz(0, 1)
    c.measure(0, 0)
    with pytest.raises(CompileError, match=words):
        programs_of(c, TEXT.replace(old, new))


def test_box_that_hangs_nowhere_is_refused_before_the_run(tmp_path):
    """The emulated PQSC has no cables here: no port has a connection."""
    programs, text = programs_of(rounds(1)), TEXT.replace("dev12001", "dev12009").replace("dev10001", "dev12001")
    server = Emulator("zurich-data-server", "zds0", tmp_path, modules="1=pq0:zurich-pqsc")
    try:
        lab = parse_lab(text.replace("zhinst://127.0.0.1:8004", server.address))
        device = open_device(lab.instrument("pq0"), lab)
        assert device.identify().startswith("Zurich Instruments,PQSC,") and device.locked()
        with pytest.raises(RefusedError, match="dev12001 should hang on its ZSync port 1, where nothing is"):
            device.load(programs["pq0"])
        with pytest.raises(RequestError, match="no program is loaded"):
            device.fire()
        device.safe()
        device.close()
    finally:
        server.stop()
