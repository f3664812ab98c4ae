"""The emulated QRC: which connectors its sequencers reach, its settings, and what comes in at another frequency.

Judges: the table of `get_allowed_channels` in qblox-instruments 1.4.1, typed here anew, and sums worked out by hand.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from qblox_box import EXAMPLE, emulated_cluster

from qctl.errors import DeviceError, LimitError, RefusedError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qblox.cluster import QbloxCluster
from qctl.hil.instruments.qblox.front_ends import shifted
from qctl.instruments.qblox.connectors import numbers_of
from qctl.instruments.registry import open_device
from qctl.lab import parse_lab

QRC = "qblox-qrc"
REACHED = {
    0: {0, 1, 2, 3, 4, 5}, 1: {0, 1, 2, 3, 6, 7}, 2: {0, 1, 2, 3, 8, 9}, 3: {0, 1, 2, 3, 10, 11},
    4: {0, 1, 2, 3, 4, 5}, 7: {0, 1, 2, 3, 10, 11}, 8: set(range(4, 12)), 11: set(range(4, 12)),
}  # fmt: skip


@pytest.fixture
def module():
    return QbloxCluster(EmulatorConfig("qblox-cluster", "cluster0", modules=f"2=qrc0:{QRC}"), NoPlant()).slots[2]


def ask(module, query):
    header, _, given = query.partition(" ")
    found = module.table.find(header)
    reply = found.command.call(found.suffixes, [*filter(None, given.split(","))])
    if isinstance(reply, str):
        return reply
    (block,) = reply
    return json.loads(block[2 + int(block[1:2]) :])


def test_sequencers_reach_what_the_vendor_lets_them(module):
    assert len(module.sequencers) == 12
    for number, outputs in REACHED.items():
        one = module.sequencers[number]
        for converter in range(12):
            given = json.dumps([[converter], []]).encode()
            if converter in outputs:
                one.route(given)
            else:
                with pytest.raises(RefusedError, match="reaches channels"):
                    one.route(given)
        if number < 8:
            one.route(b"[[2],[3]]", True)
        else:
            one.route(b"[[],[]]", True)
            with pytest.raises(RefusedError, match="reaches channels"):
                one.route(b"[[0],[1]]", True)


def test_its_nco_cannot_be_turned_off(module):
    one = module.sequencers[0]
    one.configure(b'{"awg":[{"mixer":{"en":false}}],"acq":[{"demod":{"en":false}}]}')
    assert one.modulation.on and one.demodulates
    assert not module.sequencers[8].demodulates


def test_settings_are_queries_that_say_what_happened(module):
    assert ask(module, "AFE:OUT:FREQ:SET? 4,5100") == "Ok"
    assert ask(module, "AFE:OUT:FREQ:GET? 4") == {"frequency": 5100}
    assert module.carriers["qrc0.lo5"] == (5.1e9, 10.0, True)
    assert float(ask(module, "AFE:OUT:MAX:ATT:GET? 4")) == 26.0
    assert ask(module, "AFE:OUT:ATT:SET? 4,6.5") == "Ok"
    assert float(ask(module, "AFE:OUT:ATT:GET? 4")) == 6.5
    full_vpp, _ = module.level(0)
    assert module.level(8) == (pytest.approx(full_vpp * 10 ** (-6.5 / 20)), 0.0)
    for query in ("OUT:FREQ:SET? 4,5150", "OUT:FREQ:SET? 6,5100", "OUT:ATT:SET? 4,6.25", "OUT:ATT:SET? 4,26.5",
                  "IN:FREQ:SET? 2,5100", "IN:FREQ:SET? 0,10200"):  # fmt: skip
        n_errors = module.status.n_errors
        assert ask(module, f"AFE:{query}").startswith("Error"), query
        assert module.status.n_errors == n_errors + 1, query


def test_attenuation_follows_the_most_at_another_frequency(module):
    ask(module, "AFE:OUT:ATT:SET? 2,31.5")
    ask(module, "AFE:OUT:FREQ:SET? 2,10100")
    assert float(ask(module, "AFE:OUT:ATT:GET? 2")) == float(ask(module, "AFE:OUT:MAX:ATT:GET? 2")) == 20.5


def test_input_that_is_mixed_down_with_another_frequency_is_not_turned_back():
    n, start_ns, hertz = 400, 13, 3e6
    rng = np.random.default_rng(1)
    weights, x = rng.normal(size=(2, 2, n)), rng.normal(size=(2, n))
    turn = np.exp(2j * np.pi * hertz * 1e-9 * (start_ns + np.arange(n)))
    other = (x[0] + 1j * x[1]) * turn
    wanted = (weights * np.stack([other.real, other.imag])).sum(axis=(1, 2))
    np.testing.assert_allclose((shifted(weights, hertz, start_ns) * x).sum(axis=(1, 2)), wanted, atol=1e-9)


def test_bins_and_threshold_are_in_units_of_two(module):
    one, slow = module.sequencers[0], module.sequencers[9]
    one.acquisitions.new("m", 1)
    held = one.acquisitions.get("m")
    held.fill(np.zeros(1, int), np.array([[0.5, -0.25]]), np.ones(1, bool))
    raw = np.frombuffer(held.whole()[-32:], "<i8")[1:3]
    assert raw.tolist() == [0.5 * 2048**2 / 2, -0.25 * 2048**2 / 2]
    assert held.whole().count(b"#10") == 4  # a path of scope for each converter of its inputs
    with pytest.raises(RefusedError, match="over 0 in all"):
        slow.acquisitions.new("m", 1)


def test_ports_are_given_sequencers_that_reach_their_connectors():
    drives, readouts = [((k,), ()) for k in (3, 4, 5, 6)], [((1,), (1,)), ((2,), (2,))]
    found = numbers_of(QRC, drives * 2 + readouts * 2)
    assert found is not None and len(set(found)) == 12
    for number, (outputs, inputs) in zip(found, drives * 2 + readouts * 2, strict=True):
        assert {2 * k - 2 for k in outputs} <= (set(range(4, 12)) if number > 7 else REACHED[number % 4]), number
        assert number < 8 or not inputs
    assert numbers_of(QRC, drives + readouts) == [8, 9, 10, 11, 0, 1]
    assert numbers_of(QRC, readouts * 4) is not None and numbers_of(QRC, readouts * 4 + readouts[:1]) is None
    assert numbers_of(QRC, drives[:1] * 6) is not None and numbers_of(QRC, drives[:1] * 7) is None
    assert numbers_of("qblox-qcm-rf", drives) == [0, 1, 2, 3]


# --- the driver on it ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port():
    with emulated_cluster({2: ("qrc0", QRC), 3: ("qcm0", "qblox-qcm"), 4: ("qrm0", "qblox-qrm-rf")}) as found:
        yield found


def rack(port, more="", lo="4.9e9"):
    """Return the RF example with a QRC in the place of the QCM-RF; it has an output and an input 1, too."""
    text = EXAMPLE.with_name("qblox_rf2.toml").read_text().replace("qblox-qcm-rf", QRC)
    text = text.replace("4.95e9", lo).replace("output.2 = ", "input.1 = { range_v = 1.0 }\noutput.2 = ", 1) + more
    for old, slot in ((25003, 2), (25002, 3), (25004, 4)):
        text = text.replace(f"::{old}::", f"::{port + slot}::")
    return parse_lab(text)


def test_settings_of_connectors_are_set_read_and_bounded(port):
    lab = rack(port)
    device = open_device(lab.instrument("rf0"), lab)
    try:
        assert len([one for one in device.parameters() if one.name.startswith("sequencer")]) == 12
        assert device.get("sequencer11_state").startswith("OKAY;IDLE")
        for name, value in (("output1_lo_hz", 6.9e9), ("output2_attenuation_db", 3.5), ("input1_attenuation_db", 0.5)):
            device.set(name, value)
            assert device.get(name) == value, name
        with pytest.raises(LimitError, match=r"output2_attenuation_db = 5\.25 is not a multiple"):
            device.set("output2_attenuation_db", 5.25)
        with pytest.raises(LimitError, match="Attenuation of output 1 = 31 dB is over 24 dB, the most around its LO"):
            device.set("output1_attenuation_db", 31)
        with pytest.raises(LimitError, match=r"output1_lo_hz = 1\.02e\+10 is outside"):
            device.set("output1_lo_hz", 10.2e9)
        device.safe()
        assert device.get("output1_attenuation_db") == 24
    finally:
        device.close()


def test_input_that_was_left_at_another_frequency_is_told(port):
    lab = rack(port)
    device = open_device(lab.instrument("rf0"), lab)
    try:
        device.set("output1_lo_hz", 5e9)
        device.link.query_chain("AFE:IN:FREQ:SET? 0,5100", 1)
        with pytest.raises(DeviceError, match=r"LO of output 1 is 5e\+09 Hz and 5.1e\+09 Hz for output and input"):
            device.get("output1_lo_hz")
        device.set("output1_lo_hz", 5e9)
        assert device.get("output1_lo_hz") == 5e9
    finally:
        device.close()
