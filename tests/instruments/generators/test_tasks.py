"""Tasks of a Proteus: each point waits for its trigger, and its last task leads back to its first."""

import numpy as np
from generator_boxes import BOXES, lab_with, lowered

import qctl
from qctl.instruments.filling import messages
from qctl.instruments.tabor.loading import FAMILY

BOX = BOXES["tabor-p2584m"]


def test_tasks_play_the_steps_and_segments_are_the_words():
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("amp", [0.1, 0.2]) as amp:
        p.play("q1.flux", qctl.constant(1e-6, amp))
        p.delay("q1.flux", 20e-6)
        p.play("q1.flux", qctl.constant(1e-6, 0.3))
    made, body = lowered(p, lab_with(BOX))
    segments, tasks, at = {}, {}, 0
    for text, block, _ in messages(FAMILY, made):
        word, _, value = text.partition(" ")
        if word in (":TRAC:SEL", ":TASK:COMP:SEL"):
            at = int(value)
        elif word == ":TRAC:DATA":
            segments[at] = np.frombuffer(block, "<u2")
        elif word.startswith(":TASK:COMP:") and value and word != ":TASK:COMP:LENG":
            tasks.setdefault(at, {})[word[11:]] = value
    first = 1
    for steps in body.points:
        for k, step in enumerate(steps):
            task, end = tasks[first + k], k == len(steps) - 1
            np.testing.assert_array_equal(segments[int(task["SEGM"])], made.blobs[step.waveforms[1]])
            assert int(task["LOOP"]) == step.n_loops
            assert int(task["NEXT1"]) == (first if end else first + k + 1)
            assert task["ENAB"] == ("NONE" if k else "TRG1")
        first += len(steps)
    assert len(tasks) == first - 1
