"""The lab that a bench plays against: started, or only connected to, with a hand at its faults where it is virtual."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from qctl.client import Lab, connect
from qctl.errors import QctlError, RequestError, ScheduleError
from qctl.hil.bench.known import SERVER
from qctl.hil.bench.processes import Running, start
from qctl.hil.bench.scenario import LabWanted
from qctl.hil.lab import ask_plant, running_labs
from qctl.hil.record.stand_in import DIFFERENCE
from qctl.lab import load_lab, read_lab

__all__ = ["BenchLab", "open_lab", "plant_behind"]

_ANY_PORT = "tcp://127.0.0.1:0"
_PAUSE_S = 0.02
_HEARD_S = 2.0


class BenchLab:
    """A lab with a server and a client of it.

    Attributes
    ----------
    client : Lab
        A connection to the server; another one after `restart`.
    plant : str
        Socket of the virtual lab behind it; empty for a real one.
    """

    def __init__(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._folder = folder
        self._rack: Running | None = None
        self._server: Running | None = None
        self._toml: Path | None = None
        self.client: Lab
        self.address = ""
        self.plant = ""
        self._record, self._strict = "", False
        self._n_told = 0

    # -- opening ---------------------------------------------------------------------------------

    def begin(self, wanted: LabWanted, beside: Path) -> None:
        """Start what is wanted, and connect; relative paths are below `beside`."""
        inner = Path(self._folder.name)
        if wanted.virtual:
            toml = inner / "lab.toml"
            options = ["--seed", str(wanted.seed), "--rate", str(wanted.rate), "--out", str(toml)]
            self._rack = start(["hil", "lab", wanted.virtual, *options])
            self.plant = self._rack.address
        elif wanted.record:
            self._record, self._strict = str(beside / wanted.record), wanted.strict
            toml, how = inner / "lab.toml", "--strict" if wanted.strict else "--tolerant"
            self._rack = start(["hil", "replay", self._record, how, "--out", str(toml)])
        elif wanted.file:
            toml = beside / wanted.file
            self.plant = plant_behind(toml)
        else:
            self.address = wanted.server
            self.client = connect(wanted.server)
            self.plant = _plant_of(one.address for one in self.client.description.instruments.values())
            return
        if wanted.timeout_s is not None:
            text = re.sub(r"^timeout_s = .*\n", "", read_lab(toml), flags=re.M)
            text = re.sub(r"^(\[instruments\.[\w-]+\])$", rf"\1\ntimeout_s = {wanted.timeout_s}", text, flags=re.M)
            toml = inner / "timed.toml"
            toml.write_text(text)
        self._toml = toml
        self._serve(_ANY_PORT)

    def _serve(self, bind: str) -> None:
        store = str(Path(self._folder.name) / "store")
        self._server = start(["serve", "--lab", str(self._toml), "--bind", bind, "--store", store, "--workers", "1"])
        self.address = self._server.address
        self.client = connect(self.address)

    def close(self) -> None:
        """End what was started."""
        client = getattr(self, "client", None)
        if client is not None:
            with contextlib.suppress(QctlError):  # the server may have been killed
                client.close()
        self.end_replay()
        for process in (self._server, self._rack):
            if process is not None:
                process.end()
        self._folder.cleanup()

    def __enter__(self) -> BenchLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- a rack that is played from a record -----------------------------------------------------

    @property
    def replays(self) -> bool:
        """Say whether the rack is played from a record; one playing of it serves one scenario."""
        return bool(self._record)

    @property
    def differences(self) -> list[str]:
        """Return which commands were not as recorded, up to now; whole after `end_replay`."""
        said = [line.strip().partition(DIFFERENCE) for line in list(self._rack.said)] if self._rack else []
        return [text for before, mark, text in said if mark and not before]

    def new_differences(self, patience_s: float = 0.0) -> list[str]:
        """Return the differences that were not returned before; one that is to come is waited for so long."""
        end_s = time.monotonic() + patience_s
        while len(self.differences) == self._n_told and time.monotonic() < end_s and not self.rack_ended():
            time.sleep(_PAUSE_S)
        found = self.differences[self._n_told :]
        self._n_told += len(found)
        return found

    def end_replay(self) -> None:
        """End a rack that is played from a record, ahead of the server: what that says at its end is in no record."""
        if self._record and self._rack is not None:
            self._rack.end()

    def rack_ended(self) -> str:
        """Return a sentence about a rack that ended by itself, with the command that differed; empty while it runs.

        A strict replay that has told of a difference is at its end.
        """
        if self._rack is None or not (self._rack.ended or (self._strict and self.differences)):
            return ""
        if not self._record:
            return "the virtual lab ended by itself"
        return f"the replay of {self._record} ended: {'; '.join(self.differences) or 'it does not say why'}"

    # -- what steps need -------------------------------------------------------------------------

    def ask_plant(self, verb: str, **content: Any) -> dict[str, Any]:
        """Ask the virtual lab's plant.

        Raises
        ------
        RequestError
            If the lab is a real one, or the plant refuses.
        """
        if not self.plant:
            raise RequestError("this lab is real (no virtual lab of this machine stands behind it)")
        return asyncio.run(ask_plant(self.plant, verb, **content))

    def set_fault(self, name: str, on: str | None = None, value: Any = None) -> None:
        """Set a fault of the virtual lab; return when the instrument has it."""
        fault, box, _ = self.ask_plant("set_fault", name=name, on=on, value=value)["fault"]
        self._settle(box, fault, True)

    def clear_faults(self, name: str | None = None, on: str | None = None) -> None:
        """Clear faults of the virtual lab; return when no instrument has them."""
        for fault, box, _ in self.ask_plant("clear_faults", name=name, on=on)["faults_cleared"]:
            self._settle(box, fault, False)

    def _settle(self, box: str, fault: str, there: bool) -> None:
        """Wait until an instrument has heard of its faults: the plant tells it of them, and it acts a turn later."""
        path = Path(self.plant).parent / f"{box}.control"
        if not path.exists():  # a fault of cables is the plant's own
            return
        end_s = time.monotonic() + _HEARD_S
        with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as plug:
            plug.settimeout(_HEARD_S)
            plug.connect(str(path))
            stream = plug.makefile("rwb")
            n_left = 2
            while n_left and time.monotonic() < end_s:
                stream.write(b'{"get": "faults"}\n')
                stream.flush()
                if (fault in json.loads(stream.readline())) is there:
                    n_left -= 1
                else:
                    time.sleep(_PAUSE_S / 10)

    def kill(self, what: str) -> None:
        """End the process of an emulated instrument, or the server's, by SIGKILL.

        Raises
        ------
        RequestError
            If it is not there, or not the bench's to kill.
        """
        pids = self.processes()
        if what not in pids:
            raise RequestError(f"{what} is no process of this lab that can be killed; there are {', '.join(pids)}")
        os.kill(pids[what], signal.SIGKILL)
        if what == SERVER and self._server is not None:
            self._server.process.wait()

    def processes(self) -> dict[str, int]:
        """Return the processes that are this bench's to kill: emulated instruments, and its own server."""
        pids: dict[str, int] = {}
        if self.plant:
            note = json.loads((Path(self.plant).parent / "lab.json").read_text())
            pids = {name: int(pid) for name, pid in note["pids"].items()}
        return pids | ({SERVER: self._server.process.pid} if self._server is not None else {})

    def restart(self) -> None:
        """End the server in order, unless it is gone already, and start it anew with the same store and address.

        Raises
        ------
        RequestError
            If the server was not started by this bench.
        """
        if self._server is None:
            raise RequestError("the server was not started by this bench, and is not restarted by it")
        bind = self.address
        with contextlib.suppress(QctlError):  # it may have been killed
            self.client.close()
        self._server.end()
        self._serve(bind)

    def links(self) -> dict[str, str]:
        """Ask for the state of every link."""
        return {row["name"]: str(row["link"]) for row in self.client.instrument_rows()}

    def make_ready(self, timeout_s: float = 30.0) -> None:
        """Clear all faults of a virtual lab, and wait until every link is up.

        Raises
        ------
        ScheduleError
            If one stays down, or the rack has ended; of a record the message has the command that differed.
        """
        if self.plant:
            self.clear_faults()
        end_s = time.monotonic() + timeout_s
        while down := [f"{name} ({state})" for name, state in self.links().items() if state != "up"]:
            if ended := self.rack_ended():
                raise ScheduleError(ended)
            if time.monotonic() > end_s:
                said = "; ".join([f"links are not up after {timeout_s:g} s: {', '.join(down)}", *self.differences])
                raise ScheduleError(said)
            time.sleep(_PAUSE_S)


def open_lab(wanted: LabWanted, beside: Path) -> BenchLab:
    """Start or reach a lab, and wait until every link is up; close it in the end.

    Raises
    ------
    QctlError
        If it does not come up.
    """
    lab = BenchLab(tempfile.TemporaryDirectory(prefix="qctl-bench-"))
    try:
        lab.begin(wanted, beside)
        lab.make_ready()
    except BaseException:
        lab.close()
        raise
    return lab


def plant_behind(toml: Path) -> str:
    """Return the socket of the virtual lab on this machine that a lab.toml reaches; empty where there is none.

    Raises
    ------
    RequestError
        If lab.toml is wrong.
    """
    return _plant_of(one.address for one in load_lab(toml).instruments.values())


def _plant_of(addresses: Iterable[str]) -> str:
    """Return the socket of the virtual lab on this machine that has these addresses, or an empty text."""
    wanted = set(addresses)
    for plant, note in running_labs().items():
        if wanted & set(note.get("addresses", {}).values()):
            return plant
    return ""
