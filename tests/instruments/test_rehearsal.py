"""The rehearsal: a driver on a link without an instrument sends what it would send."""

from pathlib import Path

import pytest

import qctl
from qctl.errors import RequestError
from qctl.instruments.links.link import Link
from qctl.instruments.links.rehearsal import RehearsalLink
from qctl.instruments.rehearsal import commands_of
from qctl.lab import load_lab

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"


def test_link_answers_what_was_set():
    link = RehearsalLink("awg0")
    assert isinstance(link, Link)
    link.write("SOUR1:FREQ 1200000000;:SEQ:LENG 4")
    assert link.query("SOUR1:FREQ?") == "1200000000"
    assert link.query(":SEQ:LENG?;:SYST:ERR?") == '4;0,"No error"'
    link.write_block("WLIS:WAV:DATA ", b"12345")
    assert link.sent == ["SOUR1:FREQ 1200000000;:SEQ:LENG 4", "WLIS:WAV:DATA #15<5 bytes>"]


def test_each_text_instrument_can_be_rehearsed():
    lab = load_lab(LAB)
    c = qctl.Circuit(1)
    c.x(0)
    c.measure_all()
    programs = {p.instrument: p for p in qctl.compile(c, lab, shots=10).programs}
    sent = commands_of(programs["awg0"], lab.instruments["awg0"])
    assert sent[-1] == "AWGC:RUN"
    assert sum(line.endswith("bytes>") for line in sent) == 2
    assert any("SEGM" in line for line in commands_of(programs["dig0"], lab.instruments["dig0"]))
    with pytest.raises(RequestError, match="takes no text"):
        commands_of(programs["trig0"], lab.instruments["trig0"])
