"""Broken texts raise ParseError and nothing else; mutants of valid files stand for all broken ones."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.errors import ParseError, RequestError
from qctl.formats.load import loads

SEEDS = [
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nopaque o(a) p;\ngate g(a,b) p,r { rz(a*2-b/3^2) p; barrier p,r; cx p,r; }\n'
    "qreg q[3];\ncreg c[2];\nh q;\ng(sin(0.3),-pi) q[0],q[2];\nbarrier q[0],q[1];"
    "\nif(c==1) measure q[1] -> c[0];\nreset q;\n",
    'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput angle[32] w;\ngate g(a) p, r { ctrl @ rz(a) p, r; '
    "inv @ pow(2) @ s r; }\n"
    "qubit[3] q;\nbit[2] c;\nconst int n = 2 ** 3;\nlet a = q[0:1] ++ q[2:2];"
    "\nfor int i in [0:n] { rx(i * w) q[i % 3]; }\n"
    "c[0] = measure q[0];\nif (c == 2) { x q[0]; } else { negctrl @ x q[1], q[2]; }\nint k = 0;"
    "\nwhile (k < 3 && !c[1]) { k += 1; }\n"
    'delay[10.5ns] q[0];\nbarrier q;\nbox { reset q; }\nc = "01";\ng(arcsin(0.5)) q[0], q[1];\ngphase(pi / 2);\n',
    'OPENQASM 3.0;\ndefcalgrammar "openpulse";\npragma qctl dt_s 1e-9\ncal {\n  port q0_drive;'
    "\n  frame f = newframe(q0_drive, 5e9, 0.0);\n"
    "  waveform w = drag(0.1 + 0.2im, 160dt, 40ns, 0.4);\n  waveform s = {0.1, 0.2im};\n}\n"
    "defcal x $0 { play(f, w); shift_phase(f, pi); }\ndefcal measure $0 -> bit { return capture_v2(f, s); "
    "}\nbit c = measure $0;\n",
    "QINIT 4\nCREG 2\n// text\nQGATE g a,b,(t)\nRX a,(t/2)\nCNOT a,b\nENDQGATE\nH q\ng q[0],q[1],(-PI/3)\nDAGGER\n"
    "CONTROL q[0],q[2]\nU4 q[1],(0.1,2e-3,3,4)\nBARRIER q[1],q[3]\nENDCONTROL\nS q[3]\nENDDAGGER\nMEASURE q[0],c[1]\n"
    "QIF c[0],c[1]\nX q[0]\nQELSEIF c[0]\nRESET q[1]\nQELSE\nECHO q[1],(0)\nQENDIF\nQWHILE c[1]==0\nENDQWHILE\n",
]
_WORDS = """
q c w ( ) [ ] { } ; , 0 1 -1 9999999999 1e400 pi -> == @ ctrl pow(3) inv if else for in : " $0 $9999999 += ** / % 1ns
DAGGER ENDDAGGER CONTROL ENDCONTROL QIF QELSE QENDIF QGATE ENDQGATE q[0] c[0]
"""
TOKENS = _WORDS.split()


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """Return a valid text with a few cuts, copies, swaps and insertions."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(text)))
        last = min(len(text), first + draw(st.integers(0, 12)))
        to = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["cut", "copy", "token", "character"]))
        if kind == "cut":
            text = text[:first] + text[last:]
        elif kind == "copy":
            text = text[:to] + text[first:last] + text[to:]
        elif kind == "token":
            text = f"{text[:first]} {draw(st.sampled_from(TOKENS))} {text[last:]}"
        else:
            text = text[:first] + draw(st.characters()) + text[first + 1 :]
    return text


@settings(max_examples=300, deadline=None)
@given(mutants())
def test_mutants_are_read_or_refused(text: str) -> None:
    """Anything but a RequestError (ParseError is one) fails the test."""
    with suppress(RequestError):
        loads(text).to_bytes()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Unstructured text."""
    with suppress(RequestError):
        loads(text)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_are_valid(seed: str) -> None:
    """Or the mutants would test little."""
    loads(seed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rx(" + "-" * 50_000 + "1) q;", "line 4, column 68: signs are nested more than 64 deep"),
        ("rx(" + "-/* */\n" * 50_000 + "1) q;", "line 68, column 1: signs are nested more than 64 deep"),
        ("rx(" + "+".join(["1"] * 50_000) + ") q;", "line 4, column 2003: the expression has more than 1000 operators"),
        ("int a = b" + "[0]" * 50_000 + ";", "the expression has more than 1000 operators"),
        ("if (true) " * 50_000 + "x q;", "the expression has more than 1000 operators"),
        ('include "pragma"; rx(' + "-" * 50_000 + "1) q;", "signs are nested more than 64 deep"),
    ],
)
def test_deep_expressions_are_refused_before_they_are_parsed(text: str, told: str) -> None:
    began_s = time.process_time()
    with pytest.raises(ParseError) as caught:
        loads('OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\n' + text)
    assert told in caught.value.message
    assert time.process_time() - began_s < 1.0


def test_what_is_long_but_not_deep_is_read() -> None:
    head = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2000] q;\n'
    dashes = "-" * 5000
    signs = "rx(" + "-" * 64 + "0.5) q[0];\n"
    joined = "let a = " + " ++ ".join(f"q[{n}]" for n in range(400)) + ";\nx a[399];\n"
    terms = "rx(" + " + ".join(["-0.01"] * 100) + ") q[1];\n"
    many = "rx(-0.5) q[3];\ncx q[0], q[1];\n" * 600
    text = f"{head}// {dashes}\n/* {dashes} */\n@note {dashes}\nx q[0];\npragma other {dashes}\n"
    program = loads(text + signs + joined + terms + many)
    assert program.to_bytes()
