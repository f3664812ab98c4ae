"""Start the plant: `python -m qctl.hil.plant LAB.json SOCKET FOLDER [--rate R] [--seed S]`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import time
from collections.abc import Callable
from pathlib import Path

from qctl.hil.labs.kinds import lines_of, models_of
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.file import AnyFile, physics_of, read_plant_file
from qctl.hil.plant.service import Plant, Session

__all__ = ["main", "run_plant"]

_OBJECTS = 10_000
"""New ones after which garbage is collected."""


async def run_plant(file: AnyFile, path: str, folder: str, rate: float, ready: Callable[[str], None]) -> None:
    """Serve the plant's socket until SIGTERM or SIGINT."""
    plant = Plant(physics_of(file), LabClock(time.time(), rate), folder)
    plant.physics.faults.models, plant.physics.faults.on_lines = models_of(file), lines_of(file)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_unix_server(lambda: Session(plant), path)
    # What is here now stays; what a point makes is let go of without cycles, so that garbage is seldom looked for.
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    ready(path)
    await stop.wait()
    server.close()
    for session in list(plant.sessions.values()):
        session.close()


def main(arguments: list[str] | None = None) -> None:
    """Start the plant from a lab's file and print `ready SOCKET`."""
    parser = argparse.ArgumentParser(prog="qctl.hil.plant", description="physics and lab time of a virtual lab")
    parser.add_argument("file", type=Path, help="the lab's plant file, made from its seed")
    parser.add_argument("socket", help="unix socket to serve")
    parser.add_argument("folder", help="folder in /dev/shm for arrays")
    parser.add_argument("--rate", type=float, default=1000.0, help="lab seconds per wall second")
    options = parser.parse_args(arguments)
    file = read_plant_file(options.file.read_bytes())
    asyncio.run(
        run_plant(file, options.socket, options.folder, options.rate, lambda at: print("ready", at, flush=True))
    )


if __name__ == "__main__":
    main()
