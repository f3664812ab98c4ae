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
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.servers.faults import WireFaults
from qctl.hil.instruments.servers.hislip import HislipServer
from qctl.hil.instruments.servers.raw import RawConnection

__all__ = ["serve"]

_FAULT_PERIOD_S = 0.02


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
    if model.link == "pty":
        await box.serve(faults, ready)
        return
    control = Control(box, faults)
    await control.open(config.control)
    await _listen(config, model.link, box, faults, control, ready)


async def _listen(
    config: EmulatorConfig, link: str, box: Box, faults: WireFaults, control: Control, ready: Callable[[str], None]
) -> None:
    loop = asyncio.get_running_loop()
    connections: set[Any]
    if link == "hislip":
        factory = HislipServer(box, faults)
        connections = factory.connections
        listener = await loop.create_server(factory, config.host, config.port)
    else:
        connections = set()
        listener = await loop.create_server(lambda: RawConnection(box, faults, connections), config.host, config.port)
    host, port = listener.sockets[0].getsockname()[:2]
    await box.flush()
    ready(f"TCPIP::{host}::hislip0,{port}::INSTR" if link == "hislip" else f"TCPIP::{host}::{port}::SOCKET")
    try:
        while True:
            await asyncio.sleep(_FAULT_PERIOD_S)
            control.take_from_plant()
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
            listener = await loop.create_server(factory, host, port) if link == "hislip" else (
                await loop.create_server(lambda: RawConnection(box, faults, connections), host, port)
            )
    finally:
        listener.close()
        control.close()
