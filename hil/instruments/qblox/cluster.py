"""Emulated Qblox cluster: the management module on its own port, the modules in its slots, and what starts them all.

Source: qblox-instruments 1.4.1, SCPI layer 1.2: ``*DESCribe?``, ``*MODS?``, BP:MODules?, STATus:GENeral:STATE?,
STATE:GENeral:STATE?, STATus:QUEStionable:FREQuency:REFerence:SRC, and ``SLOT<n>:`` before the commands of a module; a
command of all sequencers leaves the numbers out. Port 5025 is the cluster's, 25000 + slot those of modules.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

from qctl.errors import QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Parts, Plant
from qctl.hil.instruments.qblox.following import Followed, follow, n_left
from qctl.hil.instruments.qblox.lists import packed
from qctl.hil.instruments.qblox.module import KINDS, QbloxModule, built, identity
from qctl.hil.instruments.qblox.playing import play
from qctl.hil.instruments.qblox.sequencer import Sequencer
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.commands import Command, CommandTable, Found
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["QbloxCluster"]


class _SlotTable(CommandTable):
    """The cluster's own commands, and behind SLOT<n>: those of the module."""

    modules: Mapping[int, QbloxModule] = {}

    def find(self, header: str) -> Found:
        """Return the command of a header."""
        if not header.startswith("SLOT"):
            return super().find(header)
        slot, _, rest = header.partition(":")
        if slot == "SLOT":
            found = [module.table.find(rest) for module in self.modules.values()]
            if not found or rest.endswith("?"):
                raise refusal(-114, header[:60])

            def all_of_them(suffixes: tuple[int, ...], args: list[Any]) -> Any:
                done = [one.command.call(suffixes, args) for one in found]
                late = [one for one in done if isawaitable(one)]
                return _all(late) if late else None

            return Found(Command(all_of_them, found[0].command.n_min, found[0].command.n_max), found[0].suffixes)
        if not slot[4:].isdigit() or int(slot[4:]) not in self.modules:
            raise refusal(-241, f"Module in {slot.lower()} is not available.")
        return self.modules[int(slot[4:])].table.find(rest)


async def _all(late: Sequence[Awaitable[Any]]) -> None:
    for one in late:
        await one


class QbloxCluster(Box):
    """The cluster; its configuration lists its modules as ``slot=name:model,…``."""

    kind = "cluster"
    own_faults = Box.own_faults | {"unlocked", "full_buffer"}
    reply_end = "\r\n"
    table_type = _SlotTable

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.idn = identity("MM", "{serial}")
        self.slots: dict[int, QbloxModule] = {}
        super().__init__(config, plant)
        for entry in filter(None, config.modules.split(",")):
            slot, _, rest = entry.partition("=")
            name, _, model = rest.partition(":")
            if model not in KINDS:
                raise refusal(-241, f"no module is called {model!r}")
            part = EmulatorConfig(model, name, f"{config.serial}{int(slot):02d}")
            self.slots[int(slot)] = QbloxModule(part, plant, int(slot), self)
        assert isinstance(self.table, _SlotTable)
        self.table.modules = self.slots
        self._running: dict[int, Sequencer] = {}
        self._task: asyncio.Task[None] | None = None
        self._following = False

    @property
    def parts(self) -> Parts:
        """Return what the plant has to know of the modules."""
        found: dict[str, tuple[str, int, int]] = {}
        for module in self.slots.values():
            found[module.config.name] = ("awg", module.type.n_outputs, module.type.n_inputs)
            found |= dict.fromkeys(module.carriers, ("source", 0, 0))
        return found

    def commands(self) -> None:
        """Add the commands of the management module."""
        add = self.table.add
        add("PING?", lambda s, a: "1")
        add("*DESCribe?", lambda s, a: [packed(json.dumps(self._description()).encode())])
        add("*MODS?", lambda s, a: [packed(json.dumps(self._identities()).encode())])
        add("BP:MODules?", lambda s, a: str(sum(1 << slot - 1 for slot in self.slots)))
        add("STATus:GENeral:STATE?", lambda s, a: "ERROR;PLL UNLOCKED," if self.unlocked() else "OKAY;")
        add("STATE:GENeral:STATE?", lambda s, a: self._state())
        self.setting(
            "STATus:QUEStionable:FREQuency:REFerence:SRC", "reference", "INT",
            lambda a: "INT" if str(a) not in ("0", "OFF") else "EXT", lambda v: str(int(v == "INT")),
            changed=self.reference_changed,
        )  # fmt: skip
        self.integer("TRG:IN:DLY", "trigger_delay_ps", 0, 0, 63 * 39)
        self.switch("TRG:IN:MAP:ENAble", "trigger_mapped")
        self.integer("TRG:IN:MAP:ADDRess", "trigger_address", 1, 1, 15)

    def _description(self) -> dict[str, Any]:
        version, compatible = built("0.13.0"), {"scpi_version": [1, 2]}
        common = {
            "manufacturer": "Qblox", "os": "0.13.0", "sw": version, "fw": version, "kmod": version, "cfg_man": version,
            "sw_compat": compatible, "cfg_man_compat": compatible, "is_rf": False,
        }  # fmt: skip
        modules = {
            str(slot): common
            | {"model": f"cluster_{module.type.name.lower()}", "name": module.config.name, "ser": module.config.serial}
            | {
                "is_rf": module.type.front.is_rf,
                "is_extended_instrument": False,
                "qtm_eom": False,
                "features": {"partial_acquisition": True},
            }
            for slot, module in self.slots.items()
        }
        own = {"model": "cluster_mm", "name": self.config.name, "ser": self.config.serial}
        return common | own | {"mac_address": "02:00:00:00:00:01", "modules": modules}

    def _identities(self) -> dict[str, Any]:
        return {
            f"SLOT {slot}": {"IDN": module.idn.format(serial=module.config.serial)}
            for slot, module in self.slots.items()
        }

    def _state(self) -> str:
        active = ["PLL_UNLOCKED"] if self.unlocked() else []
        own = {"STATE": "ERROR" if active else "OKAY", "ACTIVE": active, "RESOLVED": []}
        slots: dict[str, Any] = {f"SLOT {slot}": {"ACTIVE": [], "RESOLVED": []} for slot in self.slots}
        return json.dumps({"CLUSTER": own, "SLOTS": slots}, separators=(",", ":"))

    # sequencers ------------------------------------------------------------------------------------

    def start(self, sequencers: Sequence[Sequencer]) -> Any:
        """Start those that are armed; a run begins when all that synchronise with each other have been started.

        Where the trigger input is mapped to an address, the answer comes when all wait for it.
        """
        for one in sequencers:
            if one.state == "ARMED":
                one.state = "RUNNING"
        every = [one for module in self.slots.values() for one in module.sequencers]
        waiting = [one for one in every if one.state == "RUNNING" and id(one) not in self._running and not one.endless]
        if any(one.synchronised and one.state != "RUNNING" for one in every):
            waiting = [one for one in waiting if not one.synchronised]
        if not waiting:
            return None
        if self._task is not None or self._following:
            raise refusal(-221, "sequencers are running; the emulator starts no others meanwhile")
        self._running = {id(one): one for one in waiting}
        if self.value("trigger_mapped"):
            return self._follow()
        self._task = asyncio.get_running_loop().create_task(self._play())
        return None

    async def _follow(self) -> None:
        """Say what is played at the triggers that come."""
        pairs = [(module, one) for module in self.slots.values() for one in module.sequencers]
        running = [(module, one) for module, one in pairs if id(one) in self._running]
        self._following = True
        followed = None
        try:
            followed = await follow(self.plant, running, int(self.value("trigger_address")))
        except QctlError as error:
            for _, one in running:
                one.fail("UNKNOWN", error.message)
        if followed is None:
            self._end_following()
            return
        self._task = asyncio.get_running_loop().create_task(self._followed(running, followed))

    async def _followed(self, running: Sequence[tuple[QbloxModule, Sequencer]], followed: Followed) -> None:
        try:
            followed.fill(await followed.done)
        except QctlError as error:
            for _, one in running:
                if one.state == "RUNNING":
                    one.fail("UNKNOWN", error.message)
        self._end_following()
        self._task = None

    def state(self, one: Sequencer) -> Any:
        """Return what a sequencer says of itself, when it is known whether it waits for more triggers."""
        return self._state_behind_triggers(one) if self._following else one.status()

    async def _state_behind_triggers(self, one: Sequencer) -> str:
        task = self._task
        if task is not None and not await n_left(self.plant):
            await asyncio.wait([task])
        return one.status()

    def _end_following(self) -> None:
        for one in self._running.values():
            if one.state == "RUNNING":
                one.state = "STOPPED"
        self._following, self._running = False, {}

    async def _play(self) -> None:
        pairs = [(module, one) for module in self.slots.values() for one in module.sequencers]
        running = [(module, one) for module, one in pairs if id(one) in self._running]
        try:
            await play(self.plant, running)
        except QctlError as error:
            for _, one in running:
                one.fail("UNKNOWN", error.message)
        finally:
            for _, one in running:
                if one.state == "RUNNING" and not one.endless:
                    one.state = "STOPPED"
            self._running = {}
            self._task = None

    def stop(self, sequencers: Sequence[Sequencer]) -> Any:
        """Stop sequencers; those that played with them go on to the end of what is under way."""
        for one in sequencers:
            one.stop()
        if self._task is None or any(one.state == "RUNNING" for one in self._running.values()):
            return None
        return self._wait_for_end()

    async def _wait_for_end(self) -> None:
        if self._following:
            for module in self.slots.values():
                self.plant.tell_unfollow(module.config.name)
        else:
            await self.plant.abort()
        if self._task is not None:
            await asyncio.wait([self._task])

    def count(self, module: str, amounts: Mapping[str, int]) -> None:
        """Add to the counters, which judges read."""
        for name, amount in amounts.items():
            self.counters[name] = self.counters.get(name, 0) + amount
        self.plant.tell_count(**amounts)

    def reset(self) -> Any:
        """Do what ``*RST`` does; the modules are reset, too."""
        for module in self.slots.values():
            module.reset()
        return super().reset()

    def power_cycle(self) -> Any:
        """Forget everything, as after a power cut."""
        for module in self.slots.values():
            module.power_cycle()
        return super().power_cycle()
