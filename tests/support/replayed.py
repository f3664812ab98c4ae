"""Commands that run while a block does: virtual labs, recorders, replays, and servers with a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import qctl
from qctl.hil.bench.processes import Running, start

__all__ = ["recorded_story", "running", "served"]


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


def recorded_story(folder: Path, lab: str, story: Callable[[Any], dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """Return the record of what is done with a client of a virtual lab, and what came of it."""
    with ExitStack() as stack:
        stack.enter_context(running("hil", "lab", lab, "--out", str(folder / "lab.toml")))
        record = ["--lab", str(folder / "lab.toml"), "--out", str(folder / "record")]
        proxies = stack.enter_context(running("hil", "record", *record))
        assert proxies.address == str(folder / "record" / "recorded.toml")
        client = stack.enter_context(served(proxies.address, folder / "store"))
        return folder / "record", story(client)
