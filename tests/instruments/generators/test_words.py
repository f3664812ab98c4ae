"""What loads, starts, moves, stops and makes safe each family, word for word, with the source of each word."""

import re
from importlib import import_module

import pytest
from bench_link import BenchLink
from generator_boxes import BOXES, lab_with, limits, lowered

import qctl
from qctl.hil.instruments.models import MODELS
from qctl.instruments import registry
from qctl.instruments.message_generator import MessageGenerator

PYMEASURE, QCODES, GUIDE = "pymeasure Agilent33500", "QCoDeS", "33500 guide, and programs for 33512B and 33622A"
QUDI, USERS, CHIRP = "qudi M819X", "M8190A User's Guide", "BlackChirp M8190A"
TM, SQD, TABOR = "tektronix/tm_devices", "SQDToolz", "Tabor's examples"
WORDS = {
    "keysight-33500b": [
        ("TRIG1:SOUR BUS", QCODES), ("OUTP1 OFF", QCODES), ("SOUR1:DATA:VOL:CLE", PYMEASURE),
        ("FORM:BORD SWAP", GUIDE), ("OUTP1:LOAD 50", PYMEASURE), ("SOUR1:DATA:ARB:DAC idle,", PYMEASURE),
        ("SOUR1:DATA:ARB:DAC q#,", PYMEASURE), ("SOUR1:DATA:ARB:DAC q#,", PYMEASURE),
        ("SOUR1:DATA:SEQ ", GUIDE), ("SOUR1:DATA:SEQ ", GUIDE), ("SOUR1:BURS:STAT 0", PYMEASURE),
        ("SOUR1:FUNC ARB", PYMEASURE), ("SOUR1:FUNC:ARB:FILT STEP", PYMEASURE),
        ("SOUR1:FUNC:ARB:ADV SRAT", PYMEASURE), ("SOUR1:FUNC:ARB:SRAT 250000000.0", PYMEASURE),
        ("SOUR1:VOLT:UNIT VPP", PYMEASURE), ("SOUR1:VOLT 1.0", QCODES), ("SOUR1:VOLT:OFFS 0.0", QCODES),
        ("TRIG1:SLOP POS", QCODES),
        ('SOUR1:FUNC:ARB "s#"', PYMEASURE), ("TRIG1:SOUR EXT", QCODES), ("OUTP1 ON", QCODES),
        ('SOUR1:FUNC:ARB "s#";:SYST:ERR?', PYMEASURE),
        ("TRIG1:SOUR BUS", QCODES), ("TRIG1:SOUR BUS", QCODES), ("OUTP1 OFF", QCODES),
    ],
    "keysight-m8190a": [
        (":ABOR1", "IQTools"), (":OUTP1 OFF", QUDI), (":TRAC1:DEL:ALL", USERS), (":FORM:BORD SWAP", QUDI),
        (":ARM:TRIG:SOUR EXT", CHIRP), (":ARM:TRIG:LEV 0.5", CHIRP), (":ARM:TRIG:SLOP POS", CHIRP),
        (":TRAC1:DWID WPRecision", CHIRP), (":TRAC1:DEF 1,240,0", QUDI), (":TRAC1:DATA 1,0,", USERS),
        (":TRAC1:DEF 2,240,0", QUDI), (":TRAC1:DATA 2,0,", USERS), (":FUNC1:MODE STS", "programs for the box"),
        (":STAB1:DATA 0,1342177280,1,1,1,0,4294967295", QUDI), (":STAB1:DATA 1,1342177280,1,1,2,0,4294967295", QUDI),
        (":VOLT1 0.6", QUDI), (":VOLT1:OFFS 0.0", QUDI), (":INIT:CONT1:STAT OFF", CHIRP),
        (":INIT:GATE1:STAT OFF", CHIRP), (":FREQ:RAST 8000000000.0", QUDI),
        (":ABOR1", "IQTools"), (":STAB1:SEQ:SEL 0", QUDI), (":INIT:IMM1", "IQTools"), (":OUTP1 ON", QUDI),
        (":ABOR1;:STAB1:SEQ:SEL 1;:INIT:IMM1;:SYST:ERR?", QUDI),
        (":ABOR1", "IQTools"), (":ABOR1", "IQTools"), (":OUTP1 OFF", QUDI),
    ],
    "tektronix-awg70000a": [
        ("AWGC:STOP", QCODES), ("SLIS:SEQ:DEL ALL", QCODES), ("WLIS:WAV:DEL ALL", QCODES), ("INST:MODE AWG", QCODES),
        ("CLOC:SRAT 25000000000.0", QCODES),
        ('MMEM:DATA "q#.wfmx",', QCODES), ('MMEM:OPEN "q#.wfmx"', QCODES), ("*WAI", "IEEE 488.2"),
        ('MMEM:DATA "q#.wfmx",', QCODES), ('MMEM:OPEN "q#.wfmx"', QCODES), ("*WAI", "IEEE 488.2"),
        ("SLIS:SEQ:DEL ALL", QCODES), ('SLIS:SEQ:NEW "qctl",2,1', TM),
        ('SLIS:SEQ:STEP1:TASS1:WAV "qctl","q#"', TM), ('SLIS:SEQ:STEP1:RCO "qctl",1', TM),
        ('SLIS:SEQ:STEP1:WINP "qctl",ATR', TM), ('SLIS:SEQ:STEP1:GOTO "qctl",1', TM),
        ('SLIS:SEQ:STEP2:TASS1:WAV "qctl","q#"', TM), ('SLIS:SEQ:STEP2:RCO "qctl",1', TM),
        ('SLIS:SEQ:STEP2:WINP "qctl",ATR', TM), ('SLIS:SEQ:STEP2:GOTO "qctl",2', TM),
        ("SOUR1:DAC:RES 10", QCODES), ("SOUR1:VOLT 0.5", QCODES), ('SOUR1:CASS:SEQ "qctl",1', QCODES),
        ("SOUR1:VOLT:LEV:IMM:OFFS 0.0", QCODES),
        ("AWGC:STOP", QCODES), ("AWGC:RUN", QCODES), ("OUTP1:STAT 1", QCODES),
        ("SOUR1:JUMP:FORC 2;:SYST:ERR?", QCODES),
        ("AWGC:STOP", QCODES), ("AWGC:STOP", QCODES), ("OUTP1:STAT 0", QCODES),
    ],
    "tabor-p2584m": [
        (":INST:CHAN 1;:TRIG:SEL TRG1;:TRIG:STAT OFF", SQD), (":INST:CHAN 2", SQD), (":OUTP OFF", TABOR),
        (":INST:CHAN 1", SQD), (":OUTP OFF", TABOR), (":TRAC:DEL:ALL", TABOR), (":FREQ:RAST 2000000000.0", TABOR),
        (":INST:CHAN 1", SQD), (":TRAC:DEF 1, 1024", SQD), (":TRAC:SEL 1", SQD), (":TRAC:DATA ", SQD),
        (":INST:CHAN 1", SQD), (":TRAC:DEF 2, 1024", SQD), (":TRAC:SEL 2", SQD), (":TRAC:DATA ", SQD),
        (":INST:CHAN 1", SQD), (":TASK:COMP:LENG 2", SQD), (":TASK:COMP:SEL 1", SQD), (":TASK:COMP:TYPE SING", SQD),
        (":TASK:COMP:LOOP 1", SQD), (":TASK:COMP:SEGM 1", SQD), (":TASK:COMP:NEXT1 1", SQD),
        (":TASK:COMP:ENAB TRG1", SQD), (":TASK:COMP:SEL 2", SQD), (":TASK:COMP:TYPE SING", SQD),
        (":TASK:COMP:LOOP 1", SQD), (":TASK:COMP:SEGM 2", SQD), (":TASK:COMP:NEXT1 2", SQD),
        (":TASK:COMP:ENAB TRG1", SQD), (":TASK:COMP:WRIT", SQD), (":INST:CHAN 1", SQD), (":SOUR:VOLT 1.0", TABOR),
        (":INST:CHAN 1", SQD), (":SOUR:VOLT:OFFS 0.0", "general knowledge"), (":INST:CHAN 1", SQD),
        (":FUNC:MODE TASK", SQD),
        (":INST:CHAN 1;:FUNC:MODE:TASK 1", SQD), (":INST:CHAN 1;:TRIG:SEL TRG1;:TRIG:STAT ON", SQD),
        (":INST:CHAN 1;:OUTP ON", TABOR),
        (":INST:CHAN 1;:FUNC:MODE:TASK 2;:SYST:ERR?", SQD),
        (":INST:CHAN 1;:TRIG:SEL TRG1;:TRIG:STAT OFF", SQD), (":INST:CHAN 1;:TRIG:SEL TRG1;:TRIG:STAT OFF", SQD),
        (":INST:CHAN 1;:OUTP OFF", TABOR),
    ],
}  # fmt: skip
"""Blocks left out; ``#`` stands for a digest. A command and a source a row, and of queries those that command too."""


@pytest.mark.parametrize("model", WORDS)
def test_words_in_their_order(model):
    box, emulated = BOXES[model], MODELS[model]
    family = import_module(f"qctl.instruments.{registry.model_of(model).driver}").FAMILY
    link = BenchLink(getattr(import_module(f"qctl.hil.instruments.{emulated.module}"), emulated.name))
    lab = lab_with(box)
    device = MessageGenerator(link, lab.instruments["awg2"], family, limits(box))
    said, query = link.sent, link.query

    def noted(text, timeout_s=None):
        if text.endswith(";:SYST:ERR?"):
            said.append(text)
        return query(text, timeout_s)

    link.query = noted
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("amp", [0.1, 0.2]) as amp:
        p.play("q1.flux", qctl.constant(box.least / box.clock_hz, amp))
    device.load(lowered(p, lab)[0])
    device.start()
    device.select(1)
    device.stop()
    device.safe()
    link.close()
    assert [re.sub(r"(?<=[\" ][qs])[0-9a-f]{10,}", "#", text) for text in said] == [text for text, _ in WORDS[model]]
