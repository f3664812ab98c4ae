"""SeqC as the emulator reads and executes it, against a slow twin that goes through it call by call."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.hil.instruments.zurich import sequence
from qctl.hil.instruments.zurich.seqc import Call, Repeat, parse
from qctl.hil.instruments.zurich.sequence import ENTRY, LOOK, RESET, START, TRIGGER, WAVE, executed
from qctl.hil.labone.elf import sections, source_of, written

HEAD = (
    "wave a = placeholder(48);\nwave b = placeholder(64);\nassignWaveIndex(1,2,a,1,2,b,3);\nassignWaveIndex(1,a,0);\n"
)


def twin(body, entries, state=None, out=None):
    """Return (time, length, operation, a, b) of every row."""
    state = state if state is not None else {"now": 0, "last": None}
    out = out if out is not None else []

    def play(length):
        state["last"], state["now"] = state["now"], state["now"] + length

    for one in body:
        if isinstance(one, Repeat):
            for _ in range(one.times):
                twin(one.body, entries, state, out)
        elif one.name == "playZero":
            play(one.arguments[0])
        elif one.name == "executeTableEntry":
            out.append((state["now"], entries[one.arguments[0]], ENTRY, one.arguments[0], 0))
            play(entries[one.arguments[0]])
        elif one.name == "playWave":
            out.append((state["now"], 64, WAVE, 3, 0))
            play(64)
        elif one.name == "startQA":
            out.append((state["now"] if state["last"] is None else state["last"], 0, START, *one.arguments[:2]))
        elif one.name == "resetOscPhase":
            out.append((state["now"] if state["last"] is None else state["last"], 0, RESET, 0, 0))
        elif one.name == "waitDigTrigger":
            out.append((state["now"], 0, TRIGGER, 0, 0))
            state["last"] = None
    return out


def ran(text, entries=None):
    entries = entries if entries is not None else {0: 48, 1: 32, 7: 16}
    script = parse(text)
    rows = executed(script, entries, lambda names: 3)
    assert [row[:5] for row in rows.tolist()] == twin(script.body, entries)
    return rows


def test_loops_are_what_their_calls_are_one_by_one():
    rng = np.random.default_rng(1)
    words = [
        "playZero(32);", "executeTableEntry(0);", "executeTableEntry(1);", "playZero(48);resetOscPhase();",
        "playZero(64);startQA(QA_GEN_1|QA_GEN_3,QA_INT_0|0x4,0,0,0);", "playWave(1,2,a,1,2,b);", "setTrigger(1);",
    ]  # fmt: skip
    for _ in range(60):
        text = HEAD + "waitDigTrigger(1);\n"
        depth = 0
        for _ in range(int(rng.integers(1, 30))):
            choice = int(rng.integers(9))
            if choice == 7 and depth < 3:
                text, depth = text + f"repeat ({int(rng.integers(0, 4))}) {{\nplayZero(16);\n", depth + 1
            elif choice == 8 and depth:
                text, depth = text + "}\n", depth - 1
            else:
                text += words[choice % 7] + "\n"
        ran(text + "}\n" * depth)


def test_start_takes_effect_where_what_was_issued_last_begins():
    rows = ran("waitDigTrigger(1);\nplayZero(400);\nplayZero(1600);\nstartQA(3,1,0,0,0);\nplayZero(32);\n")
    assert rows["time"][rows["operation"] == START].tolist() == [400]


def test_triggers_part_what_is_played():
    rows = ran("repeat (3) {\nwaitDigTrigger(1);\nplayZero(32);\nexecuteTableEntry(1);\n}\n")
    assert rows["operation"].tolist() == [TRIGGER, ENTRY] * 3 and rows["time"].tolist() == [0, 32, 64, 96, 128, 160]


def looks(text, entries):
    rows = executed(parse(text), entries, lambda names: 3)
    return rows[rows["operation"] == LOOK]


def test_entries_by_results_count_when_they_look_through_loops():
    found = looks(
        "var t = 0;\nconfigureFeedbackProcessing(QA_DATA_PROCESSED,4,1,2);\nwaitDigTrigger(1);\nrepeat (2) {\n"
        "repeat (3) {\nplayZero(64);\nexecuteTableEntry(QA_DATA_PROCESSED, t + 5);\nt += 12;\n}\n"
        "playZero(80);\nt += 10;\n}\nexecuteTableEntry(QA_DATA_PROCESSED, 89);\n",
        {2: 32, 3: 32},
    )
    assert found["time"].tolist() == [64, 160, 256, 432, 528, 624, 736]
    assert found["read"].tolist() == [5, 17, 29, 51, 63, 75, 89]
    assert {(int(a), int(b)) for a, b in zip(found["a"], found["b"], strict=True)} == {(2, 4 << 8 | 1)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("executeTableEntry(QA_DATA_PROCESSED, 5);", "says when, behind configureFeedbackProcessing"),
        ("configureFeedbackProcessing(QA_DATA_PROCESSED,0,1,2);executeTableEntry(QA_DATA_PROCESSED);", "says when"),
        (
            "configureFeedbackProcessing(QA_DATA_PROCESSED,0,1,3);executeTableEntry(QA_DATA_PROCESSED,9);",
            "of different",
        ),
        ("configureFeedbackProcessing(QA_DATA_PROCESSED,0,2,2);executeTableEntry(QA_DATA_PROCESSED,9);", "are missing"),
        ("var t = 5;", "t does not begin at 0"),
        ("var t = 0;\nvar u = 0;", "var is not emulated"),
    ],
)
def test_entries_by_results_that_are_not_emulated_are_refused(text, words):
    with pytest.raises(RequestError, match=words):
        looks(text, {2: 32, 3: 32, 4: 48})


def test_numbers_constants_and_comments_are_read():
    script = parse(
        "const n = 2 * (3 + 1); // eight\n/* two\nlines */ playZero(n * 4 + 0x10);\nstartQA(QA_GEN_ALL, 1|2);\n"
    )
    assert script.body == (Call(3, "playZero", (48,)), Call(4, "startQA", (0xFFFF, 3)))
    script = parse(HEAD)
    assert script.lengths == {"a": 48, "b": 64} and script.length_of(3) == 64 and script.length_of(0) == 48
    assert script.length_of(1) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("playZero(32)", "line 1: the end where ; was expected"),
        ("\nplayZero(1.5);", "line 2: 1.5 is no whole number"),
        ("playWav(1);", "playWav is not a function"),
        ("while (1) {}", "while is not emulated"),
        ("wave w = gauss(32, 1, 2);", "wave w = gauss"),
        ("repeat (2) { playZero(32);", "the end"),
        ("playZero(m);", "m is not known"),
        ("playZero(3/0);", "division by zero"),
        ("playZero(1,2,3);", "playZero takes 1 to 2 arguments, not 3"),
        ("wave a = placeholder(32);\nassignWaveIndex(1,a,16000);", "line 2: 16000 is no index"),
        ("playZero(32)§", "'§' is not SeqC"),
    ],
)
def test_what_is_not_emulated_is_refused_with_its_line(text, words):
    with pytest.raises(RequestError, match=words):
        parse(text)


def test_missing_entry_and_endless_loops_are_refused(monkeypatch):
    with pytest.raises(RequestError, match="line 1: the command table has no entry 5"):
        ran("executeTableEntry(5);")
    monkeypatch.setattr(sequence, "MOST_ROWS", 1000)
    with pytest.raises(RequestError, match="over 1000 events"):
        ran("repeat (100) { repeat (11) { executeTableEntry(0); } }")


def test_elf_files_keep_their_source():
    elf = written({".c": b"playZero(32);\n", ".asm": b"nop"})
    assert source_of(elf) == "playZero(32);\n" and sections(elf)[".asm"] == b"nop"
    for broken in (b"", b"\x7fELF", elf[:60], elf.replace(b"\x7fELF", b"\x7fFLE")):
        with pytest.raises(RequestError, match="ELF"):
            source_of(broken)
    with pytest.raises(RequestError, match="no source"):
        source_of(written({".text": b"\0" * 8}))
