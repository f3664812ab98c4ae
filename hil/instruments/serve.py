"""Puts one emulated instrument on its socket or pty, joins it to the plant, and runs it until it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.control import Control
from qctl.hil.instruments.models import emulated_by, shown_by
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.servers.hislip import HislipServer
from qctl.hil.instruments.servers.http import HttpConnection
from qctl.hil.instruments.servers.modbus import ModbusConnection
from qctl.hil.instruments.servers.pty import serve_pty
from qctl.hil.instruments.servers.pyro import PyroConnection
from qctl.hil.instruments.servers.raw import RawConnection
from qctl.hil.instruments.servers.serial_box import SerialBox
from qctl.hil.instruments.zurich.connection import LabOneConnection

__all__ = ["serve"]

_ATTEMPTS = 50


async def serve(config: EmulatorConfig, plant: Plant, ready: Callable[[str], None]) -> None:
    """Run one emulated instrument until cancelled.

    Parameters
    ----------
    config : EmulatorConfig
        Model, name and where to listen.
    plant : Plant
        A connected plant client, or `NoPlant`.
    ready : callable
        Called with the VISA address once the instrument answers.

    Raises
    ------
    RequestError
        If there is no such model.
    """
    kind, link = emulated_by(config.model)
    box = kind(config, plant)
    await plant.hello(box.kind, box.n_outputs, box.n_inputs, getattr(box, "parts", None))
    faults = WireFaults()
    control = Control(box, faults, shown_by(link))
    await control.open(config.control)
    if link == "pty":
        await serve_pty(box, faults, control, ready, config.ports)
    elif link == "serial":
        await serve_pty(SerialBox(box, config.baud), faults, control, ready, config.ports)
    else:
        await _listen(config, link, box, faults, control, ready)


async def _listen(
    config: EmulatorConfig, link: str, box: Any, faults: WireFaults, control: Control, ready: Callable[[str], None]
) -> None:
    connections: set[Any] = set()

    def answered_by(one: Box) -> Callable[[], asyncio.Protocol]:
        if link == "hislip":
            return HislipServer(one, faults, connections)
        if link == "http":
            return lambda: HttpConnection(box, faults, connections)
        if link == "labone":
            return lambda: LabOneConnection(box, faults, connections)
        if link == "modbus":
            return lambda: ModbusConnection(box, faults, connections)
        if link == "pyro":
            return lambda: PyroConnection(lambda: box.inner, faults, connections)
        return lambda: RawConnection(one, faults, connections)

    boxes: dict[int, Box] = {0: box, **getattr(box, "slots", {})}
    factories = {place: answered_by(one) for place, one in boxes.items()}
    host, port, listeners = await _bound(factories, config.host, config.port)
    await box.flush()
    addresses = {"labone": f"zhinst-emulated://{host}:{port}"}
    addresses |= {"hislip": f"TCPIP::{host}::hislip0,{port}::INSTR", "http": f"http://{host}:{port}"}
    addresses |= {"pyro": box.announce(host, port)} if link == "pyro" else {}
    ready(addresses.get(link, f"TCPIP::{host}::{port}::SOCKET"))
    try:
        while await control.changed():
            for connection in list(connections):
                connection.stall()
            off_s = faults.take("power_cycle")
            if off_s is None:
                continue
            for listener in listeners:
                listener.close()
            for connection in list(connections):
                connection.close()
            done = box.power_cycle()
            if done is not None:
                await done
            await box.flush()
            await asyncio.sleep(float(off_s))
            _, _, listeners = await _bound(factories, host, port)
    finally:
        for listener in listeners:
            listener.close()
        control.close()


async def _bound(
    factories: Mapping[int, Callable[[], asyncio.Protocol]], host: str, port: int
) -> tuple[str, int, list[asyncio.Server]]:
    """Listen on a port, and on those behind it that slots have; with port 0, where all of them are free."""
    loop = asyncio.get_running_loop()
    left = _ATTEMPTS
    while True:
        left -= 1
        listeners = [await loop.create_server(factories[0], host, port)]
        name, first = listeners[0].sockets[0].getsockname()[:2]
        try:
            for place, factory in factories.items():
                if place:
                    listeners.append(await loop.create_server(factory, host, first + place))
        except OSError:
            for listener in listeners:
                listener.close()
            if port or not left:
                raise
        else:
            return str(name), int(first), listeners
