"""Emulated Qblox module QCM, QRM, QCM-RF, QRM-RF or QRC: its sequencers, spoken to over its own port or the cluster's.

Source: qblox-instruments 1.4.1: the commands of its SCPI layer 1.2 (`cluster_mm_1_2`), and the binary forms that its
client reads (lists, bins, configuration), for a QRC with four paths of scope and bins in units of two; which connectors
the sequencers of a QRC reach (`get_allowed_channels`). Limits as in the assembler and in qblox-scheduler's constants.
That demodulation leaves amplitudes as they are is an estimate. Markers open the switches of RF outputs as
qblox-scheduler's ``default_markers`` say; a QRC has none there. Connectors are in `front_ends`.

Not emulated: markers at connectors, scope records, predistortion, TTL counting, users' frequency plans; spurs of mixers
that are off.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from qctl.errors import RefusedError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.qblox.front_ends import Amplifiers, FrontEnd, Mixers, Upconverters
from qctl.hil.instruments.qblox.lists import WaveList, packed
from qctl.hil.instruments.qblox.sequencer import ISA_VERSION, Build, Sequencer
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.cluster import QbloxCluster

__all__ = ["KINDS", "Kind", "QbloxModule", "built", "identity"]


class Kind(NamedTuple):
    """What tells the modules apart; an RF output has two converters, an LO, and maybe a marker that opens its switch.

    Identities don't say whether a QCM or QRM is for RF: the cluster's description does.
    """

    name: str
    n_outputs: int
    n_inputs: int
    max_instructions: int
    full_scale_v: float
    front: FrontEnd
    switches: tuple[int, ...] = ()
    max_bins: int = 3_000_000
    unit: float = 1.0
    reach: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()

    @property
    def builds(self) -> tuple[Build, ...]:
        """Return what its sequencers are; where no reach is given there are six that can be joined to everything."""
        reach = self.reach or ((tuple(range(self.n_outputs)), tuple(range(self.n_inputs))),) * 6
        more = self.max_instructions, self.max_bins, self.front.turns_always, self.n_inputs, self.unit
        return tuple(Build(outputs, inputs, *more) for outputs, inputs in reach)


def _qrc_reach() -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Return the converters of each of a QRC's eight sequencers that read out and four that only play."""
    reads = tuple(((0, 1, 2, 3, 4 + 2 * (k % 4), 5 + 2 * (k % 4)), (0, 1, 2, 3)) for k in range(8))
    return reads + ((tuple(range(4, 12)), ()),) * 4


KINDS = {
    "qblox-qcm": Kind("QCM", 4, 0, 16_384, 2.5, Amplifiers(2.5)),
    "qblox-qrm": Kind("QRM", 2, 2, 12_288, 0.5, Amplifiers(0.5)),
    "qblox-qcm-rf": Kind("QCM", 4, 0, 16_384, 0.8, Mixers(0.8, (0, 1)), switches=(0, 1)),
    "qblox-qrm-rf": Kind("QRM", 2, 2, 12_288, 0.8, Mixers(0.8, (1,)), switches=(1,)),
    "qblox-qrc": Kind("QRC", 12, 4, 12_288, 0.8, Upconverters(0.8), max_bins=7_000_000, unit=2.0, reach=_qrc_reach()),
}


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
        self.sequencers = [Sequencer(build) for build in self.type.builds]
        self._place = f"SEQuencer<0:{len(self.sequencers) - 1}>"
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
        place = self._place
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
        add, root = self.table.add, f"{self._place}:{path}"

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
        place = self._place + ":ACQ"
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
        n = self.type.n_inputs
        self.known(scope={
            "sel_acq": 0, "avg_en_path": [False] * n, "sel_path": [0] * n,
            "trig": {"mode_path": [False] * n, "lvl_path": [0.0] * n},
        })  # fmt: skip
        add("ACQ:SCOpe:CONFiguration", lambda s, a: self.put("scope", json.loads(arg.block(a[0]))), 1)
        add("ACQ:SCOpe:CONFiguration?", lambda s, a: _json(self.value("scope")))
        add("SCOpe:TRG:ARM", lambda s, a: None)

    def _analogue_group(self) -> None:
        self.type.front.commands(self)
        for number in () if self.type.reach else range(4):
            self.switch(f"MRK{number}:INVert:ENAble", f"marker{number}_inverted")
        self.known(predistortion={})
        self.table.add(
            "PREDISTortion:CONFiguration", lambda s, a: self.put("predistortion", json.loads(arg.block(a[0]))), 1
        )
        self.table.add("PREDISTortion:CONFiguration?", lambda s, a: _json(self.value("predistortion")))

    def known(self, **defaults: Any) -> None:
        """Give values of a name that is no setting of its own what they are after a reset."""
        self._defaults |= defaults

    # what arrives at the connectors ----------------------------------------------------------------

    @property
    def carriers(self) -> dict[str, tuple[float, float, bool]]:
        """Return the LOs of the mixers inside, by the name that the plant has for each."""
        return self.type.front.carriers(self)

    def level(self, number: int) -> tuple[float, float]:
        """Return peak to peak and offset, in volts, of what a converter's full scale gives at the connector."""
        return self.type.front.level(self, number)

    def gain(self, number: int) -> float:
        """Return how much more of what comes in there is at a converter."""
        return self.type.front.gain(self, number)

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
