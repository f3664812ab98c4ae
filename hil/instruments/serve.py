"""Puts one emulated instrument on its socket or pty, joins it to the plant, and runs it until it is cancelled."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

from qctl.errors import RequestError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.control import Control
from qctl.hil.instruments.models import MODELS
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.servers.faults import WireFaults
from qctl.hil.instruments.servers.hislip import HislipServer
from qctl.hil.instruments.servers.http import HttpConnection
from qctl.hil.instruments.servers.pty import serve_pty
from qctl.hil.instruments.servers.raw import RawConnection
from qctl.hil.instruments.servers.serial_box import SerialBox

__all__ = ["serve"]


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
    model = MODELS.get(config.model)
    if model is None:
        raise RequestError(f"model = {config.model!r} is not one of {', '.join(sorted(MODELS))}")
    kind = getattr(importlib.import_module(f"qctl.hil.instruments.{model.module}"), model.name)
    box = kind(config, plant)
    await plant.hello(box.kind, box.n_outputs, box.n_inputs)
    faults = WireFaults()
    control = Control(box, faults)
    await control.open(config.control)
    if model.link == "pty":
        await serve_pty(box, faults, control, ready)
    elif model.link == "serial":
        await serve_pty(SerialBox(box, config.baud), faults, control, ready)
    else:
        await _listen(config, model.link, box, faults, control, ready)


async def _listen(
    config: EmulatorConfig, link: str, box: Any, faults: WireFaults, control: Control, ready: Callable[[str], None]
) -> None:
    loop = asyncio.get_running_loop()
    connections: set[Any] = set()

    def raw() -> RawConnection:
        return RawConnection(box, faults, connections)

    def http() -> HttpConnection:
        return HttpConnection(box, faults, connections)

    factories: dict[str, Callable[[], asyncio.Protocol]] = {"raw": raw, "http": http}
    factory = factories[link] if link in factories else HislipServer(box, faults, connections)
    listener = await loop.create_server(factory, config.host, config.port)
    host, port = listener.sockets[0].getsockname()[:2]
    await box.flush()
    addresses = {"hislip": f"TCPIP::{host}::hislip0,{port}::INSTR", "http": f"http://{host}:{port}"}
    ready(addresses.get(link, f"TCPIP::{host}::{port}::SOCKET"))
    try:
        while await control.changed():
            off_s = faults.take("power_cycle")
            if off_s is None:
                continue
            listener.close()
            for connection in list(connections):
                connection.close()
            done = box.power_cycle()
            if done is not None:
                await done
            await box.flush()
            await asyncio.sleep(float(off_s))
            listener = await loop.create_server(factory, host, port)
    finally:
        listener.close()
        control.close()
