"""Runs one emulated instrument as a process: ``python -m qctl.hil.instruments --model qdevil-qdac2 --name dc0``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
from typing import Any

from qctl.errors import QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.models import MODELS
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.serve import serve


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qctl.hil.instruments", description=__doc__)
    parser.add_argument("--model", required=True, help=f"{', '.join(sorted(MODELS))}, or MODULE:CLASS of your own")
    parser.add_argument("--name", required=True, help="name in the lab")
    parser.add_argument("--plant", default="none", help="unix socket of the plant, or none")
    parser.add_argument("--serial", default="B010001")
    parser.add_argument("--bind", default="127.0.0.1:0", help="host:port; port 0 takes a free one")
    parser.add_argument("--control", default="", help="unix socket for faults and counters")
    parser.add_argument("--baud", type=int, default=9600, help="speed of a serial line")
    parser.add_argument("--modules", default="", help="slot=name:model,… of a chassis")
    return parser.parse_args(argv)


async def _run(args: argparse.Namespace) -> None:
    config = EmulatorConfig(args.model, args.name, args.serial, args.bind, args.control, args.baud, args.modules)
    plant: Any = NoPlant()
    if args.plant != "none":
        from qctl.hil.plant.client import PlantClient

        plant = PlantClient(args.plant, args.name)
        await plant.connect()
    task = asyncio.ensure_future(serve(config, plant, lambda address: print("ready", address, flush=True)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    gc.freeze()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM; print ``ready ADDRESS`` when the instrument answers."""
    args = _arguments(argv)
    try:
        asyncio.run(_run(args))
    except (QctlError, OSError) as error:
        print(f"{args.name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
