"""A whole virtual lab with a server, both as the processes that people start, and the command line against them."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from descendants import family_of

import qctl
from qctl.cli.running import Running, start

ENVIRONMENT = {**os.environ, "COLUMNS": "200"}


class WholeLab:
    """A lab and its server in a folder; `client` is connected to the server.

    Parameters
    ----------
    folder : Path
        Gets lab.toml, truth.json and the store.
    name : str
        Of the built-in lab.
    seed : int
        Of the hidden parameters.
    rate : float
        Lab seconds per wall second.
    timeout_s : float
        Time-out of every instrument, where it is not to be lab.toml's.
    edit : callable, optional
        Returns the text of lab.toml that the server gets instead of the lab's.
    serve : callable
        Starts the server, given the arguments of `qctl`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        seed: int,
        rate: float = 1000.0,
        timeout_s: float = 0.0,
        edit: Callable[[str], str] | None = None,
        serve: Callable[[list[str]], Running] = start,
    ) -> None:
        self.folder, self.name, self.seed = folder, name, seed
        self.toml, self.truth_file = folder / "lab.toml", folder / "truth.json"
        self._server: Running | None = None
        options = ["--seed", str(seed), "--out", str(self.toml), "--truth", str(self.truth_file), "--rate", str(rate)]
        self._rack = start(["hil", "lab", name, *options])
        self.plant = self._rack.address
        try:
            if timeout_s:
                text = re.sub(r"^timeout_s = .*\n", "", self.toml.read_text(), flags=re.M)
                text = re.sub(r"^(\[instruments\.\w+\])$", rf"\1\ntimeout_s = {timeout_s}", text, flags=re.M)
                self.toml.write_text(text)
            if edit is not None:
                self.toml.write_text(edit(self.toml.read_text()))
            self._server = serve(
                ["serve", "--lab", str(self.toml), "--bind", "tcp://127.0.0.1:0", "--store", str(folder / "store")]
            )
            self.client = qctl.connect(self._server.address)
        except BaseException:
            self.end()
            raise
        self.address = self._server.address

    @property
    def truth(self) -> dict[str, Any]:
        """Return the hidden parameters."""
        found: dict[str, Any] = json.loads(self.truth_file.read_text())
        return found

    @property
    def qubits(self) -> tuple[str, ...]:
        """Return the names of the processor's qubits."""
        return tuple(self.client.processors["qpu0"].qubits)

    def end(self) -> None:
        """End server and lab."""
        if hasattr(self, "client"):
            self.client.close()
        if self._server is not None:
            self._server.end()
        self._rack.end()

    # -- the command line ------------------------------------------------------------------------

    def command(self, *words: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a qctl command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "qctl", *words],
            capture_output=True, text=True, timeout=timeout_s, env=ENVIRONMENT, cwd=self.folder,
        )  # fmt: skip

    def online(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that talks to the server."""
        return self.command(*words, "--server", self.address)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command that talks to the server."""
        return subprocess.Popen(
            [sys.executable, "-m", "qctl", *words, "--server", self.address],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=self.folder,
        )  # fmt: skip

    def run_file(self, file: Path, shots: int = 2000) -> dict[str, Any]:
        """Return what `qctl run FILE --shots N --json` prints."""
        done = self.online("run", str(file), "--shots", str(shots), "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def hil(self, *words: str) -> Any:
        """Return what a `qctl hil` command prints as JSON about this lab."""
        done = self.command("hil", *words, "--lab", self.plant, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def fault(self, name: str, on: str, value: str = "") -> None:
        """Set a fault."""
        self.hil("fault", "set", name, "--on", on, *(["--value", value] if value else []))

    def clear(self) -> None:
        """Remove every fault."""
        self.hil("fault", "clear")

    def counters(self) -> dict[str, tuple[int, int]]:
        """Return (waveforms, bytes) that each generator has received."""
        found = self.hil("counters")
        return {box: (row.get("waveforms", 0), row.get("waveform_bytes", 0)) for box, row in found.items()}

    # -- waiting ---------------------------------------------------------------------------------

    def until(self, happened: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
        """Ask again and again until the answer is true, and return it."""
        end_s = time.monotonic() + timeout_s
        while not (found := happened()):
            assert time.monotonic() < end_s, f"{what} did not happen within {timeout_s:g} s"
            select.select([], [], [], 0.02)
        return found

    def row(self, instrument: str) -> dict[str, Any]:
        """Return what the server says of an instrument."""
        found: dict[str, Any] = next(row for row in self.client.instrument_rows() if row["name"] == instrument)
        return found

    def link(self, instrument: str) -> str:
        """Return the state of an instrument's link."""
        return str(self.row(instrument)["link"])

    def all_up(self) -> None:
        """Wait until every link is up."""
        rows: list[dict[str, Any]] = []

        def up() -> bool:
            rows[:] = self.client.instrument_rows()
            return all(row["link"] == "up" for row in rows)

        try:
            self.until(up, "every link up")
        except AssertionError as error:
            down = [f"{row['name']} is {row['link']}: {row.get('why')}" for row in rows if row["link"] != "up"]
            raise AssertionError(f"{error}; {'; '.join(down)}") from None

    def pid_of(self, box: str) -> int:
        """Return the process of an emulated instrument."""
        note = json.loads((Path(self.plant).parent / "lab.json").read_text())
        return int(note["pids"][box])

    def host(self) -> int:
        """Return the server's process that has the threads of the instruments."""
        assert self._server is not None
        family = family_of(self._server.process.pid)
        return max((len(os.listdir(f"/proc/{pid}/task")), pid) for pid in family)[1]

    def kill(self, box: str) -> None:
        """Kill an emulated instrument."""
        os.kill(self.pid_of(box), signal.SIGKILL)
