"""Starts qctl's own commands as processes, waits until they are ready, and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence

from qctl.errors import ScheduleError

__all__ = ["Running", "start"]

START_TIMEOUT_S = 60.0
_LAST_WORDS_S = 1.0
"""Children of what ended may keep its output open for ever."""


class Running:
    """A qctl command in a process of its own, ready to be used.

    Attributes
    ----------
    process : subprocess.Popen
    address : str
        What it printed after `ready`.
    """

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Keep what it prints from now on: nobody reading would make it wait at last."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)

    @property
    def ended(self) -> bool:
        """Say whether it has ended, by itself or as it was asked; all that it printed is in `said` then."""
        if self.process.poll() is None:
            return False
        self._reader.join(_LAST_WORDS_S)
        return True

    def end(self, timeout_s: float = 20.0) -> None:
        """Ask it to end, and wait; kill it if it does not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout_s)


def start(arguments: Sequence[str]) -> Running:
    """Start a qctl command and wait until it prints `ready ADDRESS`.

    Raises
    ------
    ScheduleError
        If it ends or stays silent; the message has its last line.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "qctl", *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ
        )
        assert process.stdout is not None
        late = threading.Timer(START_TIMEOUT_S, process.kill)
        late.start()
        try:
            for line in process.stdout:
                word, _, address = line.strip().partition(" ")
                if word == "ready":
                    return Running(process, address)
        finally:
            late.cancel()
        process.wait()
        log.seek(0)
        last = log.read().strip().splitlines()[-1:] or ["it said nothing"]
    raise ScheduleError(f"qctl {' '.join(arguments[:2])} did not get ready: {last[0]}")
