"""The nodes of the emulated devices, as far as drivers use them, typed from the node trees of the user manuals.

Source: HDAWG, SHFSG, SHFQA, SHFQC, UHFQA user manuals, Device node tree: types, ranges and steps. Ranges of SHF outputs
go in steps of 5 dB; centre frequencies in steps of 100 MHz. A UHFQA averages powers of two (laboneq 26.7,
``device_uhfqa.py``, which has its ranges and delays, too). PQSC: laboneq 26.7, ``device_pqsc.py``,
``device_leader_base.py``; zhinst-toolkit, ``pqsc.py``, example ``active_qubit_reset.md``.
"""

from __future__ import annotations

from typing import NamedTuple

from qctl.hil.instruments.zurich.nodes import Rule, Tree, expanded

__all__ = ["KINDS", "Kind", "tree_of"]


class Kind(NamedTuple):
    """What tells the devices apart.

    Attributes
    ----------
    devtype, options : str
        As it calls itself.
    n_sg, n_qa, n_hd, n_uh : int
        Signal generator channels, quantum analyser channels, HDAWG cores, and UHFQA units.
    rate_hz : float
        Samples per second after a power cycle.
    n_zsync : int
        ZSync ports of what starts other devices.
    """

    devtype: str
    options: str
    n_sg: int
    n_qa: int
    n_hd: int
    n_uh: int
    rate_hz: float
    n_zsync: int = 0

    @property
    def n_outputs(self) -> int:
        """Return the outputs that the plant knows: two, I and Q, for each that is up-converted."""
        return 2 * (self.n_sg + self.n_qa + self.n_hd + self.n_uh)

    @property
    def n_inputs(self) -> int:
        """Return the inputs that the plant knows, I and Q of each."""
        return 2 * (self.n_qa + self.n_uh)


KINDS = {
    "zurich-shfqc": Kind("SHFQC", "QC6CH", 6, 1, 0, 0, 2.0e9),
    "zurich-shfsg": Kind("SHFSG8", "", 8, 0, 0, 0, 2.0e9),
    "zurich-shfqa": Kind("SHFQA4", "", 0, 4, 0, 0, 2.0e9),
    "zurich-hdawg": Kind("HDAWG8", "", 0, 0, 4, 0, 2.4e9),
    "zurich-uhfqa": Kind("UHFQA", "AWG\nDIG\nQA", 0, 0, 0, 1, 1.8e9),
    "zurich-pqsc": Kind("PQSC", "", 0, 0, 0, 0, 1.0e8, 18),
}
_ON = Rule("int", 0, 0, 1)
_VECTOR = Rule("vector", "", setting=False)
_READ_VECTOR = Rule("vector", "", writable=False, setting=False)
_COMMAND = Rule("int", 0, 0, 1, setting=False)
_READ = Rule("int", 0, writable=False, setting=False)
_FREQUENCY = Rule("double", 1e9, 0.6e9, 8.5e9, 1e8)
_DBM = Rule("double", 0.0, -30, 10, 5)
_INPUTS_V = (*(k / 100 for k in range(1, 10)), *(k / 10 for k in range(1, 16)))


def _sequencer(place: str) -> dict[str, Rule]:
    return {
        f"{place}/enable": Rule("int", 0, 0, 1, setting=False),
        f"{place}/single": Rule("int", 1, 0, 1),
        f"{place}/ready": Rule("int", 0, writable=False, setting=False),
        f"{place}/elf/data": _VECTOR,
        f"{place}/elf/progress": Rule("double", 0.0, writable=False, setting=False),
        f"{place}/sequencer/status": Rule("int", 0, writable=False, setting=False),
        f"{place}/auxtriggers/0/channel": Rule("int", 0, 0, 1023),
        f"{place}/auxtriggers/0/slope": Rule("int", 1, 0, 3),
    }


def _table(place: str) -> dict[str, Rule]:
    return {
        f"{place}/commandtable/data": _VECTOR,
        f"{place}/commandtable/status": Rule("int", 0, writable=False, setting=False),
    }


def _sg(n: int) -> dict[str, Rule]:
    place = f"sgchannels/{{{n}}}"
    return {
        **_sequencer(f"{place}/awg"),
        **_table(f"{place}/awg"),
        f"{place}/awg/modulation/enable": _ON,
        f"{place}/awg/diozsyncswitch": _ON,
        f"{place}/awg/outputamplitude": Rule("double", 1.0, 0, 1),
        f"{place}/output/on": _ON,
        f"{place}/output/range": _DBM,
        f"{place}/output/rflfpath": Rule("int", 1, 0, 1),
        f"{place}/output/overrangecount": _READ,
        f"{place}/oscs/{{8}}/freq": Rule("double", 0.0, -1e9, 1e9),
        f"{place}/sines/0/oscselect": Rule("int", 0, 0, 7),
        f"{place}/marker/source": Rule("int", 0, 0, 1023),
        f"{place}/trigger/level": Rule("double", 0.0, -10, 10),
        f"{place}/trigger/imp50": _ON,
        "synthesizers/{4}/centerfreq": _FREQUENCY,
    }


def _qa(n: int) -> dict[str, Rule]:
    place = f"qachannels/{{{n}}}"
    return {
        **_sequencer(f"{place}/generator"),
        f"{place}/generator/waveforms/{{16}}/wave": _VECTOR,
        f"{place}/generator/clearwave": _COMMAND,
        f"{place}/mode": Rule("int", 0, 0, 1),
        f"{place}/centerfreq": Rule("double", 1e9, 1e9, 8.5e9, 1e8),
        f"{place}/input/on": _ON,
        f"{place}/input/range": Rule("double", 0.0, -50, 10, 5),
        f"{place}/input/overrangecount": _READ,
        f"{place}/output/on": _ON,
        f"{place}/output/range": _DBM,
        f"{place}/output/overrangecount": _READ,
        f"{place}/triggers/{{2}}/level": Rule("double", 0.0, -10, 10),
        f"{place}/triggers/{{2}}/imp50": _ON,
        f"{place}/readout/integration/length": Rule("int", 4, 4, 4096, 4),
        f"{place}/readout/integration/delay": Rule("double", 0.0, 0, 1e-3, 2e-9),
        f"{place}/readout/integration/clearweight": _COMMAND,
        f"{place}/readout/integration/weights/{{16}}/wave": _VECTOR,
        f"{place}/readout/discriminators/{{16}}/threshold": Rule("double", 0.0),
        f"{place}/readout/result/enable": Rule("int", 0, 0, 1, setting=False),
        f"{place}/readout/result/length": Rule("int", 1, 1, 524_288),
        f"{place}/readout/result/averages": Rule("int", 1, 1, 131_072),
        f"{place}/readout/result/mode": Rule("int", 0, 0, 1),
        f"{place}/readout/result/source": Rule("int", 1, 0, 7),
        f"{place}/readout/result/acquired": _READ,
        f"{place}/readout/result/errors": _READ,
        f"{place}/readout/result/data/{{16}}/wave": _READ_VECTOR,
    }


def _hd(n: int) -> dict[str, Rule]:
    place = f"awgs/{{{n}}}"
    return {
        **_sequencer(place),
        **_table(place),
        f"{place}/outputs/{{2}}/modulation/mode": Rule("int", 0, 0, 6),
        f"{place}/outputs/0/gains/0": Rule("double", 1.0, -1, 1),
        f"{place}/outputs/0/gains/1": Rule("double", 0.0, -1, 1),
        f"{place}/outputs/1/gains/0": Rule("double", 0.0, -1, 1),
        f"{place}/outputs/1/gains/1": Rule("double", 1.0, -1, 1),
        f"sigouts/{{{2 * n}}}/on": _ON,
        f"sigouts/{{{2 * n}}}/range": Rule("double", 1.0, choices=(0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 3.0, 4.0, 5.0)),
        f"sigouts/{{{2 * n}}}/offset": Rule("double", 0.0, -1.25, 1.25),
        f"sigouts/{{{2 * n}}}/direct": _ON,
        f"sines/{{{2 * n}}}/oscselect": Rule("int", 0, 0, 15),
        f"sines/{{{2 * n}}}/phaseshift": Rule("double", 0.0, -180, 360),
        f"oscs/{{{4 * n}}}/freq": Rule("double", 0.0, -1.2e9, 1.2e9),
        f"triggers/in/{{{2 * n}}}/level": Rule("double", 0.0, -10, 10),
        f"triggers/in/{{{2 * n}}}/imp50": _ON,
        f"triggers/out/{{{2 * n}}}/source": Rule("int", 0, 0, 52),
        f"{place}/synchronization/enable": Rule("int", 0, 0, 1, setting=False),
        f"{place}/dio/strobe/slope": Rule("int", 0, 0, 3),
        f"{place}/dio/valid/polarity": Rule("int", 0, 0, 3),
        "dios/0/mode": Rule("int", 0, 0, 3),
        "dios/0/drive": Rule("int", 0, 0, 15),
        "system/clocks/sampleclock/freq": Rule("double", 2.4e9, 2.0e9, 2.4e9),
        "system/clocks/sampleclock/status": _READ,
    }


def _uh() -> dict[str, Rule]:
    return {
        **_sequencer("awgs/0"),
        "awgs/0/outputs/{2}/mode": Rule("int", 0, 0, 1),
        "awgs/0/outputs/{2}/amplitude": Rule("double", 1.0, 0, 1),
        "sigouts/{2}/on": _ON,
        "sigouts/{2}/imp50": _ON,
        "sigouts/{2}/range": Rule("double", 1.5, choices=(0.15, 1.5)),
        "sigouts/{2}/offset": Rule("double", 0.0, -1.5, 1.5),
        "sigins/{2}/on": _ON,
        "sigins/{2}/imp50": _ON,
        "sigins/{2}/range": Rule("double", 1.5, choices=_INPUTS_V),
        "qas/0/delay": Rule("int", 0, 0, 1020, 4),
        "qas/0/integration/mode": Rule("int", 0, 0, 1),
        "qas/0/integration/length": Rule("int", 4096, 4, 4096, 4),
        "qas/0/integration/trigger/channel": Rule("int", 0, 0, 7),
        "qas/0/integration/sources/{10}": Rule("int", 0, 0, 1),
        "qas/0/integration/weights/{10}/real": _VECTOR,
        "qas/0/integration/weights/{10}/imag": _VECTOR,
        "qas/0/rotations/{10}": Rule("complex", 1 + 0j),
        "qas/0/result/enable": Rule("int", 0, 0, 1, setting=False),
        "qas/0/result/reset": _COMMAND,
        "qas/0/result/length": Rule("int", 1, 1, 1 << 20),
        "qas/0/result/averages": Rule("int", 1, choices=tuple(float(1 << k) for k in range(18))),
        "qas/0/result/mode": Rule("int", 0, 0, 1),
        "qas/0/result/source": Rule("int", 0, 0, 7),
        "qas/0/result/acquired": _READ,
        "qas/0/result/errors": _READ,
        "qas/0/result/data/{10}/wave": _READ_VECTOR,
        "triggers/in/{4}/level": Rule("double", 0.0, -5, 5),
    }


def _zsync(n: int) -> dict[str, Rule]:
    place = f"zsyncs/{{{n}}}"
    return {
        f"{place}/connection/status": _READ,
        f"{place}/connection/serial": Rule("string", "", writable=False, setting=False),
        f"{place}/output/enable": _ON,
        f"{place}/output/source": Rule("int", 0, 0, 1),
        f"{place}/output/registerbank/sources/{{8}}/enable": _ON,
        f"{place}/output/registerbank/sources/{{8}}/register": Rule("int", 0, 0, 31),
        f"{place}/output/registerbank/sources/{{8}}/index": Rule("int", 0, 0, 7),
        "feedback/registerbank/reset": _COMMAND,
        "execution/enable": Rule("int", 0, 0, 1, setting=False),
        "execution/repetitions": Rule("int", 1, 1, 1 << 31),
        "execution/holdoff": Rule("double", 1e-7, 1e-7, 1e3, 1e-7),
    }


def tree_of(device: str, kind: Kind) -> Tree:
    """Return the nodes of a device."""
    reference = "system/clocks/referenceclock" + ("" if kind.n_hd else "/in")
    rules = {
        "features/devtype": Rule("string", kind.devtype, writable=False, setting=False),
        "features/serial": Rule("string", device.removeprefix("dev"), writable=False, setting=False),
        "features/options": Rule("string", kind.options, writable=False, setting=False),
        "system/fwrevision": Rule("int", 72_000, writable=False, setting=False),
    }
    if kind.n_uh:
        rules["system/extclk"] = _ON
    else:
        rules |= {f"{reference}/source": Rule("int", 0, 0, 2), f"{reference}/status": _READ}
    many: dict[str, tuple[Rule, int]] = {}
    if kind.n_sg:
        rules |= _sg(kind.n_sg)
        many |= {f"sgchannels/{k}/awg/waveform/waves": (_VECTOR, 16_000) for k in range(kind.n_sg)}
    if kind.n_qa:
        rules |= _qa(kind.n_qa)
    if kind.n_hd:
        rules |= _hd(kind.n_hd)
        many |= {f"awgs/{k}/waveform/waves": (_VECTOR, 16_000) for k in range(kind.n_hd)}
    elif kind.n_zsync:
        rules |= _zsync(kind.n_zsync)
    elif kind.n_uh:
        rules |= _uh()
        many["awgs/0/waveform/waves"] = (_VECTOR, 16_000)
    else:
        rules |= {
            "system/internaltrigger/enable": Rule("int", 0, 0, 1, setting=False),
            "system/internaltrigger/repetitions": Rule("int", 1, 1, 1 << 31),
            "system/internaltrigger/holdoff": Rule("double", 1e-7, 1e-7, 1e3),
            "system/internaltrigger/progress": Rule("double", 0.0, writable=False, setting=False),
        }
    return Tree(device, expanded(rules), many)
