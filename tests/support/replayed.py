"""Commands that run while a block does: virtual labs, recorders, replays, and servers with a client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qctl
from qctl.hil.bench.processes import Running, start

__all__ = ["running", "served"]


@contextmanager
def running(*words: str) -> Iterator[Running]:
    """Run a command of qctl until the block ends."""
    process = start(list(words))
    try:
        yield process
    finally:
        process.end()


@contextmanager
def served(toml: str, store: Path) -> Iterator[Any]:
    """Run a server, and yield a client of it when every link is up."""
    bind = ["--bind", "tcp://127.0.0.1:0", "--store", str(store)]
    with running("serve", "--lab", toml, *bind) as server, qctl.connect(server.address) as lab:
        yield lab
