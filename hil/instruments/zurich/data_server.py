"""Emulated LabOne data server: devices behind it, sessions with their transactions, and what starts the sequencers.

Source: LabOne programming manual, Data server; SHFQC user manual, Internal trigger unit, and AWG trigger inputs. The
link between client and server is no protocol of the vendor's (API, not wire); `qctl.hil.labone` speaks it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Any

import numpy as np

from qctl.errors import InternalError, QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Parts, Plant
from qctl.hil.instruments.zurich.device import Device, Sequencer
from qctl.hil.instruments.zurich.nodes import Refusal
from qctl.hil.instruments.zurich.playing import Run, prepared
from qctl.hil.instruments.zurich.steering import check_holdoff
from qctl.hil.instruments.zurich.trees import KINDS
from qctl.hil.plant.messages import array_from_wire

__all__ = ["DataServer", "device_id"]

_LOG = logging.getLogger(__name__)
_FIRST_SERIAL = 12_000


def device_id(slot: int) -> str:
    """Return the name of the device in a slot of the emulated server."""
    return f"dev{_FIRST_SERIAL + slot}"


class DataServer:
    """The data server; its configuration lists its devices as ``slot=name:model,…``."""

    kind = "cluster"
    n_outputs = 0
    n_inputs = 0
    own_faults = frozenset({"unlocked"})

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.config, self.plant = config, plant
        self.counters: dict[str, int] = {}
        self.devices: dict[str, Device] = {}
        self.wires: Mapping[str, str] = {}
        for entry in filter(None, config.modules.split(",")):
            slot, _, rest = entry.partition("=")
            name, _, model = rest.partition(":")
            if model not in KINDS:
                raise Refusal("DeviceNotFoundError", f"no device is called {model!r}")
            one = device_id(int(slot))
            self.devices[one] = Device(name, model, one, self._count)
        self._task: asyncio.Task[None] | None = None
        self._following: dict[str, asyncio.Task[None]] = {}

    @property
    def parts(self) -> Parts:
        """Return what the plant has to know of the devices: their outputs and inputs, and their carriers."""
        found: dict[str, tuple[str, int, int]] = {}
        for device in self.devices.values():
            kind = device.kind
            if kind.n_zsync:
                found[device.name] = ("trigger", 0, 0)
                continue
            found[device.name] = ("awg", kind.n_outputs, kind.n_inputs)
            found |= {f"{device.name}.sg{k + 1}": ("source", 0, 0) for k in range((kind.n_sg + 1) // 2)}
            found |= {f"{device.name}.qa{k + 1}": ("source", 0, 0) for k in range(kind.n_qa)}
        return found

    async def flush(self) -> None:
        """Ask which trigger wires reach the devices; those from a PQSC are ZSync cables."""
        self.wires = await self.plant.wires()
        by_name = {one.name: one for one in self.devices.values()}
        for device in self.devices.values():
            source, _, line = self.wires.get(device.name, "").partition(":")
            hub = by_name.get(source)
            device.hub = (hub, int(line) - 1) if hub is not None and hub.kind.n_zsync else None
        self._connect()

    def _connect(self) -> None:
        """Show at each PQSC which devices hang on it, and at these whether they have its clock."""
        for device in self.devices.values():
            if device.hub is not None:
                hub, port = device.hub
                hub.tree.put(f"zsyncs/{port}/connection/status", 2)
                hub.tree.put(f"zsyncs/{port}/connection/serial", device.id.removeprefix("dev"))
            device.lock_changed()

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; those of a device stand under its name."""
        for device in self.devices.values():
            own = faults.get(device.name)
            device.faults = {**faults, **(own if isinstance(own, dict) else {})}
            device.lock_changed()

    def power_cycle(self) -> Awaitable[None] | None:
        """Forget everything, as after a power cut."""
        for device in self.devices.values():
            self._unfollow(device)
            device.reset()
        self._connect()
        return self.plant.abort() if self._task is not None else None

    def _count(self, **amounts: int) -> None:
        for name, amount in amounts.items():
            self.counters[name] = self.counters.get(name, 0) + amount
        self.plant.tell_count(**amounts)

    # sessions ---------------------------------------------------------------------------------------

    async def answer(self, message: dict[str, Any]) -> Any:
        """Carry out one call of a client, and return its value.

        Raises
        ------
        Refusal
            If it is refused.
        """
        call = message.get("call")
        if call in ("hello", "sync"):
            return None
        if call == "connect":
            self._device(str(message["device"]).lower())
            return None
        if call == "set":
            await self._set(message["items"])
            return None
        if call == "one":
            return self._one(message["path"], message["kind"])
        if call == "get":
            return self._get(message)
        if call == "list":
            found = []
            for device, path in self._places(message["path"]):
                found += [f"/{device.id}/{one}" for one in device.tree.matching(path)]
            return found
        raise Refusal("CoreError", f"call {call!r} is not known")

    def _device(self, name: str) -> Device:
        found = self.devices.get(name)
        if found is None:
            raise Refusal("DeviceNotFoundError", f"Device {name.upper()} not found")
        return found

    def _places(self, paths: str) -> list[tuple[Device, str]]:
        """Return the device and the rest of each path of a list."""
        found = []
        for path in paths.lower().split(","):
            name, _, rest = path.strip().strip("/").partition("/")
            if name not in self.devices:
                raise Refusal("NotFoundError", f"No node matches path {path}")
            found.append((self.devices[name], rest))
        return found

    def _one(self, path: str, kind: str) -> Any:
        ((device, rest),) = self._places(path)
        value = device.tree.value(rest)
        if (kind == "string") != isinstance(value, str) or isinstance(value, np.ndarray):
            raise Refusal("InvalidArgumentError", f"Node {path} is no {kind}")
        return value

    def _get(self, message: dict[str, Any]) -> list[Any]:
        now, rows = time.time_ns() // 1000, []
        for device, rest in self._places(message["paths"]):
            settings, vectors = bool(message["settingsonly"]), not message["excludevectors"]
            if "*" not in rest:
                settings = False
            for path in device.tree.matching(rest, settings, vectors):
                value = device.tree.value(path)
                if isinstance(value, complex):
                    value = {"complex": [value.real, value.imag]}
                elif isinstance(value, np.ndarray):
                    value = {"shape": list(value.shape), "dtype": value.dtype.str, "bytes": value.tobytes()}
                rows.append([f"/{device.id}/{path}", now, value])
        return rows

    async def _set(self, items: list[Any]) -> None:
        for path, value in items:
            ((device, rest),) = self._places(path)
            if isinstance(value, dict):
                value = complex(*value["complex"]) if "complex" in value else array_from_wire(value, "")
            device.set(rest, value)
        await self._settle()

    # starting and stopping --------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Do what a transaction has asked for: stop, wait for outside triggers, or start."""
        for device in self.devices.values():
            waiting = self._outside(device)
            if not waiting:
                self._unfollow(device)
            elif any(one.state == "waiting" for one in waiting):
                self._unfollow(device)  # one more waits: what each trigger plays is said anew
                await self._follow(device, waiting)
        if self._task is not None and all(
            one.state != "running" for d in self.devices.values() for one in d.sequencers
        ):
            await self._stopped()
        for device in self.devices.values():
            if device.started:
                device.started = False
                self._start(device)
            free = [one for one in device.sequencers if one.state == "waiting" and not device.waits_for_trigger(one)]
            if free and device.together(free):
                self._begin(device, {device.name: (device, free)})

    async def _stopped(self) -> None:
        await self.plant.abort()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _outside(self, device: Device) -> list[Sequencer]:
        """Return the sequencers that wait for a trigger from another box than those of this server."""
        source = self.wires.get(device.name, "").partition(":")[0]
        if not source or source in {one.name for one in self.devices.values()}:
            return []
        return [one for one in device.sequencers if one.state != "idle" and not device.waits_inside(one)]

    def _start(self, device: Device) -> None:
        """Begin a run: a device's own trigger reaches its sequencers, and devices whose trigger wire comes from it."""
        found = [one for one in device.sequencers if one.state == "waiting" and device.waits_inside(one)]
        waiting = {device.name: (device, found)} if found else {}
        if not waiting and not self._reached(device):
            self._done(device)
            return
        self._begin(device, waiting)

    def _done(self, device: Device) -> None:
        """Show that a device has fired its trigger."""
        if device.kind.n_zsync:
            device.tree.put("execution/enable", 0)
        elif device.has_trigger:
            device.tree.put("system/internaltrigger/enable", 0)
            device.tree.put("system/internaltrigger/progress", 1.0)

    def _reached(self, device: Device) -> dict[str, tuple[Device, list[Sequencer]]]:
        """Return what waits at its trigger input for what a device shows at the output that its wire comes from."""
        waiting: dict[str, tuple[Device, list[Sequencer]]] = {}
        for other in self.devices.values():
            source, _, line = self.wires.get(other.name, "").partition(":")
            if other is device or source != device.name or not device.shows(int(line or 1)):
                continue
            found = [one for one in other.sequencers if one.state == "waiting" and not other.waits_inside(one)]
            found = [one for one in found if (other.hears_zsync if device.kind.n_zsync else other.hears_input)(one)]
            if found:
                waiting[other.name] = (other, found)
        return waiting

    def _begin(self, device: Device, waiting: dict[str, tuple[Device, list[Sequencer]]]) -> None:
        """Run sequencers of a device, and those that it triggers."""
        if self._task is not None:
            raise Refusal("CoreError", "sequencers are running; the emulator starts no others meanwhile")
        waiting = waiting | self._reached(device)
        for _, every in waiting.values():
            for one in every:
                one.state = "running"
        self._task = asyncio.get_running_loop().create_task(self._play(device, waiting))

    async def _play(self, device: Device, waiting: Mapping[str, tuple[Device, list[Sequencer]]]) -> None:
        try:
            run = await asyncio.to_thread(prepared, waiting, False)
            check_holdoff(device, run.tracks, run.shots)
            await run.play(self.plant)
        except QctlError as error:
            self._fail(waiting, error)
        except Exception as problem:  # nobody waits for this task: its end is to be seen in the nodes
            self._fail(waiting, InternalError(f"{self.config.name}: {type(problem).__name__}: {problem}"))
        finally:
            self._end(waiting)
            self._done(device)
            self._task = None

    def _end(self, waiting: Mapping[str, tuple[Device, list[Sequencer]]]) -> None:
        for device, every in waiting.values():
            for one in every:
                if one.state != "idle":
                    device.ended(one)

    def _fail(self, waiting: Mapping[str, tuple[Device, list[Sequencer]]], error: Exception) -> None:
        """Show that a run failed; why is nowhere in a device's nodes, and goes to the log."""
        _LOG.error("%s: a run failed", self.config.name, exc_info=error)
        for device, every in waiting.values():
            for one in every:
                device.tree.put(f"{one.place}/sequencer/status", 8)

    async def _follow(self, device: Device, sequencers: list[Sequencer]) -> None:
        """Wait for the triggers of another box, one for each shot; when this returns, the plant knows."""
        waiting = {device.name: (device, sequencers)}
        try:
            run = await asyncio.to_thread(prepared, waiting, True)
            armed = await run.arm(self.plant)
        except QctlError as error:
            self._fail(waiting, error)
            self._end(waiting)
            return
        for one in sequencers:
            one.state = "running"
        task = asyncio.get_running_loop().create_task(self._followed(device, waiting, run, armed))
        self._following[device.name] = task

    async def _followed(
        self, device: Device, waiting: Mapping[str, tuple[Device, list[Sequencer]]], run: Run, armed: Any
    ) -> None:
        try:
            await run.finish(armed)
        except asyncio.CancelledError:
            return
        except QctlError as error:
            self._fail(waiting, error)
        except Exception as problem:  # nobody waits for this task: its end is to be seen in the nodes
            self._fail(waiting, InternalError(f"{self.config.name}: {type(problem).__name__}: {problem}"))
        self._following.pop(device.name, None)
        self._end(waiting)

    def _unfollow(self, device: Device) -> None:
        task = self._following.pop(device.name, None)
        if task is not None:
            task.cancel()
            self.plant.tell_unfollow(device.name)
