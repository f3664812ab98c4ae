"""What sequencers did falls apart into shots, and alike ones are found, whatever their place in the run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.hil.instruments.zurich.device import Device
from qctl.hil.instruments.zurich.rendering import rendered, track_of
from qctl.hil.instruments.zurich.shots import cut, parted, with_phases
from qctl.hil.labone.core import compile_seqc

SG, QA = "sgchannels/0/awg", "qachannels/0/generator"
WAVE = "wave a = placeholder(32);\nassignWaveIndex(1,2,a,1,2,a,0);\n"
AMPLITUDES = (0.1, 0.2)


def device(sg, qa, modulated=1):
    """Return a device whose first channels hold programs."""
    one = Device("qc0", "zurich-shfqc", "dev1", lambda **amounts: None)
    for place, text, word in ((SG, WAVE + sg, "sg"), (QA, qa, "qa")):
        elf, _ = compile_seqc(text, "SHFQC", sequencer=word)
        one.set(f"{place}/elf/data", np.frombuffer(elf, np.uint8))
    one.set(f"{SG}/waveform/waves/0", np.full(64, 16384, np.int16))
    rows = [
        {"index": k, "waveform": {"index": 0}}
        | {f"amplitude{name}": {"value": sign * a} for name, sign in (("00", 1), ("01", -1), ("10", 1), ("11", 1))}
        for k, a in enumerate(AMPLITUDES)
    ]
    one.set(f"{SG}/commandtable/data", json.dumps({"header": {"version": "1.1"}, "table": rows}))
    one.set(f"{SG}/modulation/enable", modulated)
    one.set("sgchannels/0/oscs/0/freq", 1.1e8)
    one.set("qachannels/0/readout/integration/length", 2000)
    return one


def tracks(one):
    return [with_phases(track_of(one, sequencer)) for sequencer in (one.sequencers[0], one.sequencers[6])]


def points(reset="resetOscPhase();\n", times=5):
    """Return SeqC that plays both entries in turn, and reads out."""
    sg = "".join(f"playZero(160);\n{reset}executeTableEntry({k});\nplayZero(39808);\n" for k in range(2))
    qa = "playZero(400);\nplayZero(39600);\nstartQA(1,1,0,0,0);\n" * 2
    head = f"waitDigTrigger(1);\nrepeat ({times}) {{\n"
    return head + sg + "}\n", head + qa + "}\n"


def test_averages_are_of_one_kind_each_and_start_at_their_pulses():
    found = cut(tracks(device(*points())))
    assert found.kinds.tolist() == [0, 1] * 5 and found.models.tolist() == [0, 1]
    np.testing.assert_allclose(found.starts_s, 80e-9 + 20e-6 * np.arange(10))
    np.testing.assert_allclose(found.stops_s - found.starts_s, 200e-9 - 80e-9 + 1e-6)


def test_oscillator_that_is_never_reset_tells_all_shots_apart():
    assert len(cut(tracks(device(*points(reset="")))).models) == 10
    assert len(cut(tracks(device(*points(reset=""), modulated=0))).models) == 2


def test_shot_is_rendered_with_its_amplitude_and_phase():
    (track, _) = tracks(device(*points()))
    found = cut([track, tracks(device(*points()))[1]])
    low, high = (int(ends[found.models[1]]) for ends in found.bounds[0])
    samples = rendered(track, low, high, int(found.origins[0][found.models[1]]), 200)
    k = np.arange(160, 192)  # the oscillator begins with the silence before the pulse
    z = AMPLITUDES[1] * 16384 / 32767 * (1 + 1j) * np.exp(2j * np.pi * 0.055 * k)
    np.testing.assert_allclose(samples[:, :32], [z.real, z.imag], atol=1e-12)
    assert not samples[:, 32:].any()


def test_what_is_played_after_the_samples_that_are_wanted_is_left_out():
    for track, n in zip(tracks(device(*points())), (1000, 40_200), strict=True):
        start = int(track.rows["time"][0])
        whole = rendered(track, 0, len(track.rows), start, 400_000)
        np.testing.assert_array_equal(rendered(track, 0, len(track.rows), start, n), whole[:, :n])


def test_each_trigger_begins_a_shot():
    sg, qa = (
        f"repeat (3) {{\nwaitDigTrigger(1);\n{a}}}\nrepeat (2) {{\nwaitDigTrigger(1);\n{b}}}\n"
        for a, b in (
            ("playZero(160);\nresetOscPhase();\nexecuteTableEntry(0);\n", "playZero(160);\nresetOscPhase();\n"),
            ("playZero(400);\nplayZero(1600);\nstartQA(1,1,0,0,0);\n",) * 2,
        )
    )
    found = parted(tracks(device(sg, qa)))
    assert found.kinds.tolist() == [0, 0, 0, 1, 1] and not found.starts_s.any()
    np.testing.assert_allclose(found.stops_s, 1.2e-6)
    with pytest.raises(
        RequestError, match=r"differently many triggers \(sgchannels/0/awg: 5, qachannels/0/generator: 1"
    ):
        parted(tracks(device(sg, "waitDigTrigger(1);\nplayZero(400);\nstartQA(1,1,0,0,0);\n")))
    with pytest.raises(RequestError, match="it plays before the first trigger"):
        parted(tracks(device("executeTableEntry(0);\n" + sg, qa)))
