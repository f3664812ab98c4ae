"""Commands of a 33500B: the words that pymeasure and QCoDeS send, and blocks that are read back here."""

import re

import numpy as np
from generator_boxes import BOXES, lab_with, lowered
from pymeasure.adapters import Adapter
from pymeasure.instruments.agilent import Agilent33500
from qcodes.instrument import Instrument
from qcodes.instrument_drivers.Keysight.KeysightAgilent_33XXX import Keysight33xxxOutputChannel

import qctl
from qctl.instruments.filling import messages as all_messages
from qctl.instruments.keysight_generators.trueform import FAMILY
from qctl.instruments.rehearsal import blocks_of, commands_of

BOX = BOXES["keysight-33500b"]


def messages(made):
    """Return what loads a program into a box that holds nothing."""
    return all_messages(FAMILY, made)


def program():
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("amp", [0.1, 0.2]) as amp:
        p.play("q1.flux", qctl.gaussian(400e-9, amp=amp))
        p.delay("q1.flux", 1e-3)
        p.play("q1.flux", qctl.constant(80e-9, 0.25))
    return p


class Written(Adapter):
    """Keep what pymeasure writes."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def _write(self, command, **kwargs):
        self.sent.append(command)


class Parent(Instrument):
    """Keep what a channel of QCoDeS' driver writes."""

    model, sent = "33522B", []
    _max_freqs, _max_freq = {"33522B": 30e6}, 30e6

    def write_raw(self, cmd):
        self.sent.append(cmd)


def header(command):
    """Return a command's header in short form (its capitals and digits), and its parameters."""
    words, _, rest = command.strip().partition(" ")
    return re.sub("[a-z]", "", words), rest.strip()


def test_settings_and_selection_are_in_the_words_of_pymeasure():
    made, _ = lowered(program(), lab_with(BOX))
    adapter = Written()
    channel = Agilent33500(adapter).ch_1
    channel.data_volatile_clear()
    channel.shape = "ARB"
    ours = [message.text for message in messages(made)]
    selected = next(text for text in ours if ":FUNC:ARB " in text)
    channel.arb_file = selected.split()[1]
    channel.arb_filter = "STEP"
    channel.arb_advance = "SRAT"
    channel.amplitude_unit = "VPP"
    assert sorted(text for text in ours if text in adapter.sent) == sorted(adapter.sent)
    adapter.sent.clear()
    channel.arb_srate = BOX.clock_hz
    channel.data_arb("q1", [0] * 8)
    rate, words = adapter.sent
    (sent,) = [text for text in ours if header(text)[0] == header(rate)[0]]
    assert float(header(sent)[1]) == float(header(rate)[1]) == 250e6
    assert {text.split()[0] for text in ours if ":DAC" in text} == {words.split()[0]}


def test_levels_and_triggers_are_in_the_words_of_qcodes():
    made, _ = lowered(program(), lab_with(BOX))
    parent = Parent("parent")
    channel = Keysight33xxxOutputChannel(parent, "ch1", 1)
    parent.sent.clear()
    channel.amplitude(1.0)
    channel.offset(0.0)
    channel.trigger_source("EXT")
    channel.trigger_slope("POS")
    channel.output("ON")
    parent.close()
    ours = dict(header(message.text) for message in messages(made))
    said = dict(map(header, parent.sent))
    assert said.pop("OUTP1") == "1" and ours["OUTP1"] == "ON"
    assert said == {"SOUR1:VOLT": "1.0", "SOUR1:VOLT:OFFS": "0.0", "TRIG1:SOUR": "EXT", "TRIG1:SLOP": "POS"}
    assert {name: ours[name] for name in said} == said


def test_blocks_are_the_words_and_a_sequence_that_waits_for_its_trigger():
    made, body = lowered(program(), lab_with(BOX))
    blocks = {message.text.split()[-1].rstrip(","): message for message in messages(made) if message.block is not None}
    sequences = [message for message in messages(made) if "DATA:SEQ" in message.text]
    assert len(sequences) == 2
    head = b"SOUR1:DATA:SEQ #3"
    assert sequences[0].sent().startswith(head)
    length = int(sequences[0].sent()[len(head) : len(head) + 3])
    assert length == len(sequences[0].block)
    fields = sequences[0].block.decode().split(",")
    selected = [message.text.split()[1] for message in messages(made) if ":FUNC:ARB " in message.text]
    assert selected == [fields[0]] and len(fields[0]) <= 14
    rows = [fields[k : k + 5] for k in range(1, len(fields), 5)]
    assert rows[0] == ['"idle"', "0", "onceWaitTrig", "maintain", "4"]
    volts = []
    for name, count, control, *_ in rows[1:]:
        assert control == ("repeat" if count != "0" else "once") and len(name) <= 14
        words = np.frombuffer(blocks[name.strip('"')].block, "<i2")
        volts.append(np.tile(words / 32767 * 0.5, max(int(count), 1)))
    played = np.concatenate(volts)
    expected = np.concatenate([np.tile(made.blobs[s.waveforms[1]] / 32767 * 0.5, s.n_loops) for s in body.points[0]])
    np.testing.assert_array_equal(played, expected)
    assert len(played) == round((400e-9 + 1e-3 + 80e-9) * 250e6)
    np.testing.assert_allclose(played[-20:], 0.25, atol=1 / 65535)


def test_what_would_be_sent_shows_the_heads_of_blocks_and_files_hold_the_blocks():
    made, _ = lowered(program(), lab_with(BOX))
    shown = commands_of(made, None)
    assert shown[:3] == ["TRIG1:SOUR BUS", "OUTP1 OFF", "SOUR1:DATA:VOL:CLE"]
    assert shown[5] == "SOUR1:DATA:ARB:DAC idle,#216<16 bytes>"
    files = blocks_of(made)
    assert files["output1.idle.bin"] == bytes(16)
    assert len(files) == sum(message.block is not None for message in messages(made))


def test_steps_at_the_bound_of_one_sequence_pass_and_one_more_is_over(monkeypatch):
    from qctl.instruments.capability import replaced
    from qctl.instruments.keysight_generators import capabilities as can

    lab = lab_with(BOX)
    for most, fits in ((4, True), (3, False)):
        monkeypatch.setitem(can.TABLES, BOX.model, replaced(can.TABLES[BOX.model], "sequence", high=most))
        made, _ = lowered(program(), lab)
        row = next(row for row in made.usage if row.resource == "sequence elements")
        assert (row.used, row.fits) == (4, fits)
