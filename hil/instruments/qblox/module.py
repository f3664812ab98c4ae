"""Emulated Qblox module QCM, QRM, QCM-RF or QRM-RF: six sequencers, spoken to over its own port or the cluster's.

Source: qblox-instruments 1.4.1: the commands of its SCPI layer 1.2 (`cluster_mm_1_2`), and the binary forms that its
client reads (lists, bins, configuration). Limits as in the assembler and in qblox-scheduler's constants. That
the input's range is 1 Vpp at 0 dB, that demodulation leaves amplitudes as they are, and that a full tone of an RF
output has 5 dBm, are estimates. Markers open the switches of RF outputs as qblox-scheduler's ``default_markers`` say.

Not emulated: markers at connectors, scope records, predistortion, TTL counting; spurs of mixers that are off.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from qctl.errors import RefusedError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.qblox.lists import WaveList, packed
from qctl.hil.instruments.qblox.sequencer import ISA_VERSION, Sequencer
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.cluster import QbloxCluster

__all__ = ["KINDS", "Kind", "QbloxModule", "built", "identity"]

N_SEQUENCERS = 6


class Kind(NamedTuple):
    """What tells the modules apart; an RF output has two converters, an LO, and a marker that opens its switch.

    Identities don't say whether a module is for RF: the cluster's description does.
    """

    name: str
    n_outputs: int
    n_inputs: int
    max_instructions: int
    full_scale_v: float
    kind: str = "awg"
    los: tuple[int, ...] = ()
    switches: tuple[int, ...] = ()


KINDS = {
    "qblox-qcm": Kind("QCM", 4, 0, 16_384, 2.5),
    "qblox-qrm": Kind("QRM", 2, 2, 12_288, 0.5),
    "qblox-qcm-rf": Kind("QCM", 4, 0, 16_384, 0.8, los=(0, 1), switches=(0, 1)),
    "qblox-qrm-rf": Kind("QRM", 2, 2, 12_288, 0.8, los=(1,), switches=(1,)),
}
_MAX_BINS = 3_000_000
LO_DBM = 10.0
"""Of an LO inside, at its mixer: what the plant's mixers have their stated gain at."""


def built(version: str) -> dict[str, Any]:
    """Return how a part of the software was built."""
    numbers = [int(number) for number in version.split(".")]
    return {"version": numbers, "version_full": version, "build": 1731922856, "hash": "0x00000000", "dirty": False}


def identity(kind: str, serial: str) -> str:
    """Return what ``*IDN?`` answers."""
    builds = " ".join(
        f"{part}Version=0.13.0 {part}Build=18/11/2024-09:40:56 {part}Hash=0x00000000 {part}Dirty=0"
        for part in ("fw", "kmod", "sw")
    )
    manager = builds[builds.index("sw") :].replace("sw", "cfgMan")
    return f"Qblox,Cluster {kind},{serial},{builds} swSCPIVersion=1.2 {manager} cfgManSCPIVersion=1.2"


class QbloxModule(Box):
    """A module in a slot of the cluster."""

    reply_end = "\r\n"

    def __init__(self, config: EmulatorConfig, plant: Plant, slot: int, cluster: QbloxCluster) -> None:
        self.slot, self._cluster = slot, cluster
        self.type = KINDS[config.model]
        self.idn = identity(self.type.name, "{serial}")
        kind = self.type
        self.sequencers = [
            Sequencer(kind.n_outputs, kind.n_inputs, kind.max_instructions, _MAX_BINS) for _ in range(N_SEQUENCERS)
        ]
        self._log, self._assembled = "", True
        super().__init__(config, plant)
        self.counters = {"waveforms": 0, "waveform_bytes": 0, "programs": 0, "program_bytes": 0}

    def commands(self) -> None:
        """Add the commands of the vendor's layer."""
        add = self.table.add
        add("PING?", lambda s, a: "1")
        add("STATus:ASSEMbler:SUCCess?", lambda s, a: str(int(self._assembled)))
        add("STATus:ASSEMbler:LOG?", lambda s, a: [packed(self._log.encode())])
        add("STATus:GENeral:STATE?", lambda s, a: "OKAY;")
        add("STATE:GENeral:STATE?", lambda s, a: json.dumps({"ACTIVE": [], "RESOLVED": []}, separators=(",", ":")))
        self._program_group()
        self._list_group("AWG:WLISt", "WAVeform", lambda one: one.waveforms)
        self._analogue_group()
        if self.type.n_inputs:
            self._list_group("ACQ:WLISt", "WEIght", lambda one: one.weights)
            self._acquisition_group()

    def _each(self, number: int) -> list[Sequencer]:
        """Return one sequencer, or all of them where none is named."""
        return self.sequencers if number < 0 else [self.sequencers[number]]

    def _one(self, number: int) -> Sequencer:
        if number < 0:
            raise refusal(-114, "a sequencer has to be named")
        return self.sequencers[number]

    def _program_group(self) -> None:
        add, one = self.table.add, self._one
        place = "SEQuencer<0:5>"
        add(place + ":PROGram", lambda s, a: self._load(one(s[0]), arg.block(a[0]), False), 1)
        add(place + ":ASSEmble", lambda s, a: self._load(one(s[0]), arg.block(a[0]), True), 1)
        add(place + ":CONFiguration", lambda s, a: self._configure(one(s[0]), arg.block(a[0])), 1)
        add(place + ":CONFiguration?", lambda s, a: _json(one(s[0]).config))
        add(place + ":CHANnelmap", lambda s, a: one(s[0]).route(bytes(arg.block(a[0]))), 1)
        add(place + ":CHANnelmap?", lambda s, a: _json(one(s[0]).outputs))
        add(place + ":REGisterS", lambda s, a: self._put_registers(one(s[0]), arg.block(a[0])), 1)
        add(
            place + ":REGisterS?",
            lambda s, a: _json({f"R{k}": int(v) for k, v in enumerate(one(s[0]).registers)}),
            0,
            2,
        )
        add(place + ":ISAversion?", lambda s, a: _json({"major": ISA_VERSION, "minor": 0}))
        add(place + ":STATE?", lambda s, a: self._cluster.state(one(s[0])))
        add(place + ":ARM", lambda s, a: self._arm(self._each(s[0])))
        add(place + ":START", lambda s, a: self._cluster.start(self._each(s[0])))
        add(place + ":STOP", lambda s, a: self._cluster.stop(self._each(s[0])))
        add(place + ":CLR:FLAGS", lambda s, a: self._clear_flags(self._each(s[0])))

    def _list_group(self, path: str, word: str, of: Callable[[Sequencer], WaveList]) -> None:
        """Add the commands of a list of waveforms or weights."""
        add, root = self.table.add, f"SEQuencer<0:5>:{path}"

        def held(suffixes: tuple[int, ...]) -> WaveList:
            return of(self._one(suffixes[0]))

        def put(s: tuple[int, ...], a: list[Any]) -> None:
            data = arg.block(a[1])
            held(s).put(arg.string(a[0]), data)
            self._count(waveforms=1, waveform_bytes=len(data))

        item = f"{root}:{word}"
        add(item + ":NEW", lambda s, a: held(s).new(arg.string(a[0]), arg.integer(a[1], 0, 1 << 20)), 2, 3)
        add(
            item + ":NEWEncoded",
            lambda s, a: held(s).new(arg.string(a[0]), arg.integer(a[1], 0, 1 << 20), arg.integer(a[2], 0, 2)),
            3,
        )
        add(item + ":DELete", lambda s, a: held(s).delete(arg.string(a[0])), 1)
        add(item + ":DATA", put, 2)
        add(item + ":PACKed", put, 2)
        add(
            item + ":DATA?",
            lambda s, a: [packed(held(s).get(arg.string(a[0]), arg.integer(a[1], 0), arg.integer(a[2], 0)))],
            3,
        )
        add(item + ":INDex", lambda s, a: held(s).set_index(arg.string(a[0]), arg.integer(a[1])), 2)
        add(item + ":INDex?", lambda s, a: str(held(s).index(arg.string(a[0]))), 1)
        add(item + ":LENGth?", lambda s, a: str(held(s).length(arg.string(a[0]))), 1)
        add(item + ":NAME?", lambda s, a: held(s).name(arg.integer(a[0])), 1)
        add(root + ":SIZE?", lambda s, a: str(len(held(s))))
        add(root + "?", lambda s, a: [held(s).whole()])

    def _acquisition_group(self) -> None:
        add, one = self.table.add, self._one
        place = "SEQuencer<0:5>:ACQ"
        item = place + ":ALISt:ACQuisition"
        add(place + ":CHANnelmap", lambda s, a: one(s[0]).route(bytes(arg.block(a[0])), True), 1)
        add(place + ":CHANnelmap?", lambda s, a: _json(one(s[0]).inputs))
        add(item + ":NEW", lambda s, a: one(s[0]).acquisitions.new(arg.string(a[0]), arg.integer(a[1], 1)), 2)
        add(item + ":DELete", lambda s, a: one(s[0]).acquisitions.delete(arg.string(a[0])), 1)
        add(item + ":DATA", lambda s, a: one(s[0]).acquisitions.get(arg.string(a[0])) and None, 1)
        add(item + ":DATA:DELete", lambda s, a: one(s[0]).acquisitions.clear(arg.string(a[0])), 1)
        add(item + ":DATA?", lambda s, a: [one(s[0]).acquisitions.get(arg.string(a[0])).whole()], 1)
        add(
            item + ":PARTial:DATA?",
            lambda s, a: [one(s[0]).acquisitions.get(arg.string(a[0])).encoded(arg.integer(a[1], 0))],
            2,
        )
        add(item + ":INDex", lambda s, a: one(s[0]).acquisitions.set_index(arg.string(a[0]), arg.integer(a[1])), 2)
        add(item + ":INDex?", lambda s, a: str(one(s[0]).acquisitions.get(arg.string(a[0])).index), 1)
        add(item + ":BINs?", lambda s, a: str(len(one(s[0]).acquisitions.get(arg.string(a[0])).counts)), 1)
        add(item + ":NAME?", lambda s, a: one(s[0]).acquisitions.name(arg.integer(a[0])), 1)
        add(place + ":ALISt:SIZE?", lambda s, a: str(len(one(s[0]).acquisitions.all)))
        add(place + ":ALISt?", lambda s, a: [one(s[0]).acquisitions.whole()])
        add(place + ":PARTial:ALISt?", lambda s, a: [one(s[0]).acquisitions.whole(arg.integer(a[0], 0))], 1)
        scope = {"sel_acq": 0, "avg_en_path": [False] * 2, "sel_path": [0, 0],
                 "trig": {"mode_path": [False] * 2, "lvl_path": [0.0, 0.0]}}  # fmt: skip
        self._defaults["scope"] = scope
        add("ACQ:SCOpe:CONFiguration", lambda s, a: self.put("scope", json.loads(arg.block(a[0]))), 1)
        add("ACQ:SCOpe:CONFiguration?", lambda s, a: _json(self.value("scope")))
        add("SCOpe:TRG:ARM", lambda s, a: None)

    def _analogue_group(self) -> None:
        kind = self.type
        for number in range(kind.n_outputs):
            top = kind.full_scale_v
            if kind.los:
                self.number(f"AFE:OFFSet:OUTAMP{number}", f"mixer{number}_mv", 0.0, -84.0, 73.0, "{:.9g}")
            else:
                self.number(f"AFE:OFFSet:DAC{number}", f"offset{number}_v", 0.0, -top, top, "{:.9g}")
        for number, lo in enumerate(kind.los):
            self.integer(f"STATus:QUEStionable:FREQuency:LO{lo}", f"lo{lo}_hz", 6_000_000_000, 2 * 10**9, 18 * 10**9)
            self.switch(f"LO{lo}:ENAble", f"lo{lo}_on")
            self._attenuator(f"AFE:ATT:OUT{number}", f"attenuation{number}_db", 60)
        for number in range(kind.n_inputs):
            if kind.los:
                self._defaults["in_attenuation_db"] = 0
            else:
                self.integer(f"AFE:GAIN:INAMP{number}", f"gain{number}_db", 0, -6, 26)
            self.number(f"AFE:OFFSet:IN{number}", f"in_offset{number}_v", 0.0, -0.09, 0.09, "{:.9g}")
        if kind.los and kind.n_inputs:
            self._attenuator("AFE:ATT:IN0", "in_attenuation_db", 30)
        for number in range(4):
            self.switch(f"MRK{number}:INVert:ENAble", f"marker{number}_inverted")
        self._defaults["predistortion"] = {}
        self.table.add(
            "PREDISTortion:CONFiguration", lambda s, a: self.put("predistortion", json.loads(arg.block(a[0]))), 1
        )
        self.table.add("PREDISTortion:CONFiguration?", lambda s, a: _json(self.value("predistortion")))

    def _attenuator(self, path: str, name: str, most_db: int) -> None:
        """Add the commands of an attenuator that goes in steps of 2 dB."""

        def put(given: Any) -> int:
            value = arg.integer(given, 0, most_db)
            if value % 2:
                raise refusal(-222, f"{value} dB is no multiple of 2 dB")
            return value

        self.setting(path, name, 0, put, str)
        self.table.add(path + ":MAX?", lambda s, a: str(most_db))

    # what arrives at the connectors ----------------------------------------------------------------

    @property
    def carriers(self) -> dict[str, tuple[float, float, bool]]:
        """Return the LOs of the mixers inside, by the name that the plant has for each."""
        return {
            f"{self.config.name}.lo{k + 1}": (float(self.value(f"lo{lo}_hz")), LO_DBM, bool(self.value(f"lo{lo}_on")))
            for k, lo in enumerate(self.type.los)
        }

    def level(self, number: int) -> tuple[float, float]:
        """Return peak to peak and offset, in volts, of what a converter's full scale gives at the connector."""
        if not self.type.los:
            return 2 * self.type.full_scale_v, float(self.value(f"offset{number}_v"))
        less = 10 ** (-self.value(f"attenuation{number // 2}_db") / 20)
        return 2 * self.type.full_scale_v * less, float(self.value(f"mixer{number}_mv")) * 1e-3 * less

    def gain(self, number: int) -> float:
        """Return how much more of what comes in there is at a converter."""
        db = -self.value("in_attenuation_db") if self.type.los else self.value(f"gain{number}_db")
        return float(10 ** (db / 20))

    # what handlers do ------------------------------------------------------------------------------

    def _load(self, one: Sequencer, program: bytearray, later: bool) -> None:
        self._count(programs=1, program_bytes=len(program))
        if one.state == "RUNNING":
            self._cluster.stop([one])
        try:
            self._log = one.load(program.decode("ascii", "replace"), later)
            self._assembled = True
        except RefusedError as error:
            self._log, self._assembled = error.message, False
            raise refusal(-300, f"Assembly failed. {error.message}") from None

    def _arm(self, sequencers: list[Sequencer]) -> None:
        for one in sequencers:
            one.arm()

    def _clear_flags(self, sequencers: list[Sequencer]) -> None:
        for one in sequencers:
            one.clear_flags()

    def _configure(self, one: Sequencer, text: bytearray) -> None:
        one.configure(bytes(text))

    def _put_registers(self, one: Sequencer, text: bytearray) -> None:
        for name, value in json.loads(text).items():
            number = int(name[1:])
            if not 0 <= number < 64:
                raise refusal(-222, f"there is no register {name}")
            one.registers[number] = value & 0xFFFFFFFF

    def _count(self, **amounts: int) -> None:
        for name, amount in amounts.items():
            self.counters[name] += amount
        self._cluster.count(self.config.name, amounts)

    def reset(self) -> Any:
        """Do what ``*RST`` does."""
        self._cluster.stop(self.sequencers)
        for one in self.sequencers:
            one.reset()
        return super().reset()


def _json(content: Any) -> list[bytes]:
    return [packed(json.dumps(content).encode())]
