"""The supervisor of a virtual lab: starts the plant and every instrument, says when all answer, ends them all."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qctl.errors import DeviceError, RequestError
from qctl.hil.labs.description import modules_of
from qctl.hil.labs.kinds import boxes_of, described, drawn, truth_of
from qctl.hil.labs.qick import joined_lines
from qctl.hil.offspring import END_SIGNALS, Child, ToldToEnd, fork_child, stop_children
from qctl.hil.plant.file import AnyFile, PlantFile

__all__ = ["FOLDERS", "VirtualLab", "ask_plant", "running_labs"]

FOLDERS = Path("/dev/shm")
_PREFIX = "qctl-lab-"
_PATIENCE_S = 20.0
_END_PATIENCE_S = 2.0
_LONG_LIFE_S, _LONGEST_PAUSE_S = 5.0, 5.0
_WATCHED = {*END_SIGNALS, signal.SIGCHLD}


_PLANT_NICE = 10
"""Physics is worked out ahead while boxes answer; where processors are few, the boxes come first."""


class VirtualLab:
    """One virtual lab, from the fork of its plant to the end of its last process.

    Parameters
    ----------
    name : str
        A built-in lab.
    seed : int
        Of the hidden parameters, the noise and the quantum chance.
    rate : float
        Lab seconds per wall second.
    """

    def __init__(self, name: str, seed: int, rate: float = 1000.0) -> None:
        self.name = name
        self.rate = rate
        self.file: AnyFile = drawn(name, seed)
        self.addresses: dict[str, str] = {}
        self._plant: Child | None = None
        self._boxes: dict[str, Child] = {}
        self._births_s: dict[str, float] = {}
        self._pauses_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}
        self._folder = ""

    @property
    def socket(self) -> str:
        """Return the plant's socket, which takes faults and tells counters."""
        return f"{self._folder}/plant"

    def run(self, out: Path, truth: Path | None, ready: Callable[[str], None]) -> int:
        """Start everything, write lab.toml and truth.json, call `ready`, and stay until a signal asks for the end.

        Returns
        -------
        int
            0 when asked to end; 1 when the plant ended by itself.

        Raises
        ------
        DeviceError
            If a process does not come up.
        """
        watched = {number for number in _WATCHED if signal.getsignal(number) is not signal.SIG_IGN}
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        handlers = {number: signal.signal(number, _to_main) for number in END_SIGNALS if number in watched}
        try:
            self._start()
            text = described(self.name, self.file, self.addresses)
            _write(out, re.sub(r'^(address = "ASRL(.+?)::INSTR")$', r'\1\nalso_at = "\2.port*"', text, flags=re.M))
            if truth is not None:
                _write(truth, json.dumps(truth_of(self.file), indent=2) + "\n")
            ready(self.socket)
            return self._watch(watched)
        except ToldToEnd:
            return 0
        finally:
            self._stop()
            while signal.sigtimedwait(watched, 0) is not None:
                pass
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)

    def _start(self) -> None:
        _sweep()
        self._folder = tempfile.mkdtemp(prefix=_PREFIX, dir=FOLDERS)
        _import_all(boxes_of(self.file).values())
        deadline_s = time.monotonic() + _PATIENCE_S
        self._plant = fork_child("plant", self._plant_work)
        self._plant.wait_ready(deadline_s)
        for box in boxes_of(self.file):
            self._boxes[box] = self._fork_box(box, "127.0.0.1:0")
        for box, child in self._boxes.items():
            self.addresses[box] = self._reached(box, child.wait_ready(deadline_s))
        self._note()

    def _plant_work(self) -> int:
        import asyncio

        from qctl.hil.plant.__main__ import run_plant

        try:
            said = lambda address: print("ready", address, flush=True)  # noqa: E731
            os.nice(_PLANT_NICE)
            asyncio.run(run_plant(self.file, self.socket, self._folder, self.rate, said))
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        return 0

    def _fork_box(self, box: str, bind: str) -> Child:
        from qctl.hil.instruments.__main__ import main

        serial = f"{self.file.seed % 10_000:04d}{list(boxes_of(self.file)).index(box):02d}"
        options = ["--model", boxes_of(self.file)[box], "--name", box, "--plant", self.socket, "--bind", bind]
        options += ["--serial", serial, "--control", f"{self._folder}/{box}.control"]
        held = modules_of(self.file, box) if isinstance(self.file, PlantFile) else {}
        modules = [f"{slot}={name}:{model}" for name, (slot, model) in held.items()]
        modules += joined_lines(self.file.cables) if isinstance(self.file, PlantFile) else []
        options += ["--modules", ",".join(modules)] if modules else []

        self._births_s[box] = time.monotonic()
        return fork_child(box, lambda: main(options))

    def _reached(self, box: str, address: str) -> str:
        """Return the address for lab.toml; a pty is reached through a link that outlives a restart."""
        if not address.startswith("ASRL"):
            return address
        link = Path(self._folder) / box
        link.unlink(missing_ok=True)
        link.symlink_to(address.removeprefix("ASRL").removesuffix("::INSTR"))
        return f"ASRL{link}::INSTR"

    def _note(self) -> None:
        """Write who runs where, for judges and for `qctl hil fault`."""
        assert self._plant is not None
        pids = {box: child.pid for box, child in self._boxes.items()}
        note = {"name": self.name, "seed": self.file.seed, "supervisor": os.getpid(), "plant": self._plant.pid}
        _write(Path(self._folder) / "lab.json", json.dumps(note | {"pids": pids, "addresses": self.addresses}))

    def _watch(self, watched: set[signal.Signals]) -> int:
        """Wait for the end; an instrument that dies is started again, ever more slowly if it dies at once."""
        while True:
            left_s = min(self._due_s.values(), default=time.monotonic() + _PATIENCE_S) - time.monotonic()
            found = signal.sigtimedwait(watched, max(left_s, 0.0))
            if found is not None and found.si_signo != signal.SIGCHLD:
                return 0
            if not self._bury():
                return 1
            now_s = time.monotonic()
            for box in [box for box, due_s in self._due_s.items() if due_s <= now_s]:
                del self._due_s[box]
                self._revive(box)

    def _bury(self) -> bool:
        """Note when each instrument that died is started again; return whether the plant goes on."""
        assert self._plant is not None
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._plant.pid:
                return False
            now_s = time.monotonic()
            for box in [box for box, child in self._boxes.items() if child.pid == pid]:
                long = now_s - self._births_s[box] > _LONG_LIFE_S
                pause_s = self._pauses_s.get(box, 0.0)
                self._due_s[box] = now_s + (0.0 if long else pause_s)
                self._pauses_s[box] = 0.0 if long else min(2 * pause_s + 0.2, _LONGEST_PAUSE_S)

    def _revive(self, box: str) -> None:
        host_port = "127.0.0.1:0"
        address = self.addresses[box]
        if address.startswith("TCPIP"):
            parts = address.split("::")
            port = parts[2].rpartition(",")[2] if "hislip" in parts[2] else parts[2]
            host_port = f"{parts[1]}:{port}"
        elif "://" in address:
            host_port = address.partition("://")[2].partition("/")[0]
        os.close(self._boxes[box].pipe)
        Path(self._folder, f"{box}.control").unlink(missing_ok=True)
        self._boxes[box] = self._fork_box(box, host_port)
        with contextlib.suppress(DeviceError):
            self.addresses[box] = self._reached(box, self._boxes[box].wait_ready(time.monotonic() + _PATIENCE_S))
        self._note()

    def _stop(self) -> None:
        stop_children(list(self._boxes.values()), _END_PATIENCE_S)
        if self._plant is not None:
            stop_children([self._plant], _END_PATIENCE_S)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _to_main(number: int, _frame: Any) -> None:
    """Hand a signal on to the thread that waits for it: until the first fork, NumPy's threads may get it instead."""
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def running_labs() -> dict[str, dict[str, Any]]:
    """Return the note of every virtual lab on this machine, by its plant's socket."""
    found = {}
    for note in sorted(FOLDERS.glob(f"{_PREFIX}*/lab.json"), key=lambda path: path.stat().st_mtime):
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(note.read_text())
            os.kill(content["plant"], 0)
            found[str(note.parent / "plant")] = content
    return found


async def ask_plant(socket: str, verb: str, **content: Any) -> dict[str, Any]:
    """Ask a running lab's plant one thing (``set_fault``, ``clear_faults``, ``faults``, ``counters``).

    Raises
    ------
    RequestError
        If nobody answers there.
    """
    from qctl.hil.plant.client import PlantClient

    client = PlantClient(socket, "control")
    try:
        await client.connect()
    except OSError as error:
        raise RequestError(f"no virtual lab answers at {socket}: {error}") from error
    try:
        return await client.ask(verb, **content)
    finally:
        await client.close()


def _import_all(models: Any) -> None:
    """Import what children need, so that forking is all that is left to do."""
    from qctl.hil.instruments.models import MODELS

    for model in set(models):
        importlib.import_module(f"qctl.hil.instruments.{MODELS[model].module}")
    for module in ("__main__", "serve"):
        importlib.import_module(f"qctl.hil.instruments.{module}")
    importlib.import_module("qctl.hil.plant.__main__")


def _sweep() -> None:
    """Remove folders of labs whose plant is gone."""
    for folder in FOLDERS.glob(f"{_PREFIX}*"):
        try:
            os.kill(json.loads((folder / "lab.json").read_text())["plant"], 0)
        except FileNotFoundError:
            if time.time() - folder.stat().st_mtime > 60:
                shutil.rmtree(folder, ignore_errors=True)
        except (ProcessLookupError, ValueError, KeyError):
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue


def _write(path: Path, text: str) -> None:
    """Put a whole file in place at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        raise RequestError(f"{path} can't be written: {error}") from error
