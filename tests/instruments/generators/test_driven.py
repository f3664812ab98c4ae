"""Generators that are set by messages, driven: what is sent once, what their emulators play, what is refused."""

import msgspec
import numpy as np
import pytest
from bench_link import BenchLink
from emulators import emulator
from generator_boxes import BOXES, lab_with, limits, lowered, played

import qctl
from qctl.device import Player, Synchronised
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.hil.instruments.keysight_m8190a import KeysightM8190a, KeysightM8190a12bit
from qctl.hil.instruments.keysight_trueform import Keysight33500b, Keysight33600a
from qctl.hil.instruments.tabor_proteus import TaborP2584m
from qctl.hil.instruments.tektronix_awg_files import TektronixAwg5200, TektronixAwg70000a
from qctl.instruments.capability import replaced
from qctl.instruments.keysight_generators import m8190a, trueform
from qctl.instruments.message_generator import MessageGenerator
from qctl.instruments.registry import open_device
from qctl.instruments.tabor import loading as tabor
from qctl.instruments.tektronix_files import loading as files

KINDS = {
    "keysight-33500b": (Keysight33500b, trueform.FAMILY),
    "keysight-33600a": (Keysight33600a, trueform.FAMILY),
    "keysight-m8190a": (KeysightM8190a, m8190a.FAMILY),
    "keysight-m8190a-12bit": (KeysightM8190a12bit, m8190a.FAMILY),
    "tabor-p2584m": (TaborP2584m, tabor.FAMILY),
    "tektronix-awg5200": (TektronixAwg5200, files.FAMILY),
    "tektronix-awg70000a": (TektronixAwg70000a, files.FAMILY),
}
EACH = pytest.mark.parametrize("box", [BOXES[name] for name in KINDS], ids=KINDS)


def sweep(amps, last=0.25):
    """Return a program of several points; each ends with one constant pulse after a long silence."""
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("amp", amps) as amp:
        p.play("q1.flux", qctl.gaussian(4e-6, amp=amp))
        p.delay("q1.flux", 200e-6)
        p.play("q1.flux", qctl.constant(2e-6, last))
    return p


class Bench:
    """A driver on its emulator, and what the emulator's outputs play."""

    def __init__(self, box, **changes):
        kind, family = KINDS[box.model]
        self.lab = lab_with(box, **changes)
        self.link = BenchLink(kind, "awg2")
        self.device = MessageGenerator(self.link, self.lab.instruments["awg2"], family, limits(box))

    def load(self, program):
        made, body = lowered(program, self.lab)
        return made, body, self.device.load(made)

    def volts(self, output=1):
        """Return what is played at the next trigger, loops unrolled."""
        _, _, levels, _, _ = next(call for call in reversed(self.link.plant.calls) if call[0] == "sequence")
        vpp, offset_v, on = levels[output]
        assert on
        return np.concatenate([np.tile(w * vpp / 2 + offset_v, n) for w, n in self.link.plant.heard(output)])

    def rate_hz(self):
        return next(call for call in reversed(self.link.plant.calls) if call[0] == "sequence")[3]

    def armed(self):
        """Return whether the next trigger plays anything."""
        call = next(c for c in reversed(self.link.plant.calls) if c[0] in ("sequence", "outputs"))
        return call[0] == "sequence"


@pytest.fixture
def bench():
    made = []

    def make(box, **changes):
        made.append(Bench(box, **changes))
        return made[-1]

    yield make
    for one in made:
        one.link.close()


@EACH
def test_each_point_is_played_sample_by_sample(bench, box):
    one = bench(box)
    made, body, n_bytes = one.load(sweep([0.1, 0.2, -0.05]))
    assert n_bytes >= sum(words.nbytes for words in made.blobs.values())
    assert not one.armed(), "loaded, not started"
    one.device.start()
    for point in (0, 2, 1):
        one.device.select(point)
        ideal = played(made, body, box, 1, point)
        volts = one.volts()
        np.testing.assert_allclose(volts[: len(ideal)], ideal, atol=1e-6)
        assert not volts[len(ideal) :].any() and len(volts) - len(ideal) <= box.least
        assert one.rate_hz() == box.clock_hz
    one.device.stop()
    assert not one.armed()


@EACH
def test_a_repeated_program_uploads_nothing_and_a_changed_waveform_only_itself(bench, box):
    one = bench(box)
    made, body, _ = one.load(sweep([0.1, 0.2, 0.15]))
    one.device.start()
    n_sent = one.link.box.counters["waveforms"]
    _, _, n_bytes = one.load(sweep([0.1, 0.2, 0.15]))
    assert n_bytes == 0 and one.link.box.counters["waveforms"] == n_sent
    one.device.start()
    np.testing.assert_allclose(one.volts()[: box.least], played(made, body, box, 1)[: box.least], atol=1e-6)
    changed, body, n_bytes = one.load(sweep([0.1, 0.22, 0.15]))
    (new,) = set(changed.blobs) - set(made.blobs)
    assert one.link.box.counters["waveforms"] == n_sent + 1
    assert changed.blobs[new].nbytes <= n_bytes <= changed.blobs[new].nbytes + 2000
    one.device.start()
    for point in range(3):
        one.device.select(point)
        ideal = played(changed, body, box, 1, point)
        np.testing.assert_allclose(one.volts()[: len(ideal)], ideal, atol=1e-6)
    assert one.load(sweep([0.1, 0.2, 0.15]))[2] == 0, "what was uploaded before is still there"


@EACH
def test_a_full_memory_is_cleared_and_filled_anew(bench, box):
    one = bench(box)
    made, _, first = one.load(sweep([0.1, 0.2]))
    held = sum(len(words) for words in made.blobs.values())
    one.device.table = replaced(one.device.table, "waveforms.samples", high=held + box.least + 40)
    made, body, n_bytes = one.load(sweep([0.11, 0.21, 0.05][:2]))
    assert n_bytes == first
    one.device.start()
    one.device.select(1)
    ideal = played(made, body, box, 1, 1)
    np.testing.assert_allclose(one.volts()[: len(ideal)], ideal, atol=1e-6)


@EACH
def test_a_reopened_link_is_filled_anew(bench, box):
    one = bench(box)
    made, body, first = one.load(sweep([0.1, 0.2]))
    one.link.generation += 1
    one.link.box.power_cycle()
    with pytest.raises(DeviceError, match="reopened since the program was loaded"):
        one.device.start()
    assert one.load(sweep([0.1, 0.2]))[2] == first
    one.device.start()
    ideal = played(made, body, box, 1)
    np.testing.assert_allclose(one.volts()[: len(ideal)], ideal, atol=1e-6)


@EACH
def test_what_the_box_refuses_is_said_in_its_words_and_mended_by_the_next_load(bench, box):
    one = bench(box)
    one.load(sweep([0.1]))
    one.link.box.power_cycle()  # behind the driver's back: the link is the same
    with pytest.raises(RefusedError, match=r"awg2 refused .*-2"):
        one.load(sweep([0.1, 0.2]))
    made, body, _ = one.load(sweep([0.1, 0.2]))
    one.device.start()
    one.device.select(1)
    ideal = played(made, body, box, 1, 1)
    np.testing.assert_allclose(one.volts()[: len(ideal)], ideal, atol=1e-6)


@EACH
def test_voltages_over_the_limits_of_lab_toml_are_never_sent(bench, box):
    one = bench(box)
    made, _ = lowered(sweep([0.1]), one.lab)
    output = {n: msgspec.structs.replace(o, limits_v=(-0.2, 0.2)) for n, o in one.device.instrument.output.items()}
    one.device.instrument = msgspec.structs.replace(one.device.instrument, output=output)
    with pytest.raises(LimitError, match=r"awg2: output 1 would reach .* outside \[-0.2, 0.2\] V"):
        one.device.load(made)
    with pytest.raises(LimitError, match="outside"):
        one.device.set("output1_amplitude_vpp", 0.6)
    assert one.link.sent == []


@EACH
def test_safe_stops_and_switches_off_and_what_is_loaded_can_start_again(bench, box):
    one = bench(box)
    with pytest.raises(RequestError, match="no program is loaded"):
        one.device.start()
    one.load(sweep([0.1]))
    one.device.start()
    assert one.armed() and one.device.get("output1_on")
    one.device.safe()
    assert not one.armed() and not one.device.get("output1_on")
    one.device.start()
    assert one.armed() and one.device.get("output1_on")
    with pytest.raises(RequestError, match=r"point = 1 is outside \[0, 0\]"):
        one.device.select(1)


@EACH
def test_the_reference_is_set_and_its_loss_is_seen(bench, box):
    one = bench(box, reference="external")
    one.device.prepare()
    assert one.device.locked()
    one.link.box.new_faults({"unlocked": True})
    assert not one.device.locked()


@EACH
def test_values_are_set_confirmed_and_read_all_at_once(bench, box):
    one = bench(box)
    one.load(sweep([0.1]))
    one.device.set("output1_amplitude_vpp", box.vpp / 2)
    found = one.device.get_all()
    assert found["output1_amplitude_vpp"] == pytest.approx(box.vpp / 2)
    assert set(found) == {parameter.name for parameter in one.device.parameters()}
    one.load(sweep([0.1]))
    assert one.device.get("output1_amplitude_vpp") == pytest.approx(box.vpp), "a program's own level is set again"


@EACH
def test_over_its_socket(box, tmp_path):
    lab = lab_with(box)
    with emulator(box.model, "awg2", tmp_path) as running:
        instrument = msgspec.structs.replace(lab.instruments["awg2"], address=running.address)
        device = open_device(instrument, lab)
        assert isinstance(device, Player) and isinstance(device, Synchronised)
        made, _ = lowered(sweep([0.1, 0.2]), lab)
        assert device.load(made) > 0
        device.start()
        device.select(1)
        assert device.load(made) == 0
        device.safe()
        device.close()
