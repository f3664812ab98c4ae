"""Commands that run while a block does: virtual labs, recorders, replays, and servers with a client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import qctl
from qctl.errors import DeviceError
from qctl.hil.bench.processes import Running, start

__all__ = ["FLIP", "differs", "flipped_twice", "played_again", "recorded_story", "running", "served"]

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; sx $0; c[0] = measure $0;'


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


def played_again(record: Path, how: str, folder: Path, story: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Return what comes of a story on a replay of a record, which must end without a difference."""
    with (
        running("hil", "replay", str(record), how, "--out", str(folder / "lab.toml")) as rack,
        served(rack.address, folder / "store") as lab,
    ):
        found = story(lab)
    assert rack.address == str(folder / "lab.toml")
    assert rack.process.returncode == 0
    return found


def flipped_twice(lab: Any) -> dict[str, Any]:
    """Return counts and IQ of two runs."""
    runs = [lab.run(FLIP, shots=200, seed=1).result(60) for _ in range(2)]
    return {
        "counts": [run[0].content["counts"] for run in runs],
        "iq": [[complex(value) for value in iq.ravel()] for run in runs for iq in run[0].iq.values()],
    }


def differs(
    record: Path, folder: Path, tell: Callable[[Any], Any], changed: Callable[[str], str] = lambda text: text
) -> str:
    """Return what a strict replay says that ends in the middle of what is told, as that is not in the record.

    Parameters
    ----------
    tell : function
        What is done with a client of the replay.
    changed : function
        Makes another lab.toml of the replay's.
    """
    written, other = folder / "replayed.toml", folder / "other.toml"
    command = [sys.executable, "-m", "qctl", "hil", "replay", str(record), "--out", str(written)]
    rack = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert rack.stdout is not None and rack.stdout.readline().startswith("ready ")
        other.write_text(changed(written.read_text()))
        with pytest.raises(DeviceError), served(str(other), folder / "store") as lab:
            tell(lab)
        _, said = rack.communicate(timeout=20)
    finally:
        rack.kill()
    assert rack.returncode == 1
    return said
