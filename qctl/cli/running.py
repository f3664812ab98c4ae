"""Starts a virtual lab and a server as processes of their own, and ends them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qctl.hil.bench.processes import Running, start

__all__ = ["Running", "running_lab", "start"]


@contextlib.contextmanager
def running_lab(folder: Path, seed: int, screen: Any, name: str = "transmon5") -> Iterator[Any]:
    """Start a built-in virtual lab and a server beside it, yield a client, and end both.

    Parameters
    ----------
    folder : Path
        Gets lab.toml, truth.json and the server's store.
    seed : int
        Of the hidden parameters.
    screen : Screen
        Shows the steps.
    name : str
        Of the built-in lab.
    """
    import qctl

    description, truth = folder / "lab.toml", folder / "truth.json"
    with screen.step("start the virtual lab"):
        rack = start(["hil", "lab", name, "--seed", str(seed), "--out", str(description), "--truth", str(truth)])
    try:
        with screen.step("start the server"):
            address = ["--bind", "tcp://127.0.0.1:0", "--store", str(folder / "store")]
            server = start(["serve", "--lab", str(description), *address])
        try:
            with qctl.connect(server.address) as lab:
                yield lab
        finally:
            server.end()
    finally:
        rack.end()
