"""Where the server's processes meet: socket names, shared-memory files, and the store's folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from qctl.errors import ScheduleError

__all__ = ["Places", "make_places", "remove_places"]


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of one running server; picklable, handed to every process.

    Attributes
    ----------
    shared : Path
        Private folder in shared memory, with a name that no other server has: sockets, waveforms of device programs,
        records of the runs.
    store : Path
        The database, results and calibration snapshots.
    """

    shared: Path
    store: Path

    @property
    def waveforms(self) -> Path:
        """Return the folder of waveform words, one file for each device program."""
        return self.shared / "waveforms"

    @property
    def records(self) -> Path:
        """Return the folder where hosts put records for the keeper."""
        return self.shared / "records"

    @property
    def known(self) -> Path:
        """Return the folder where hosts note who answers at which address, for hosts and servers that come after."""
        return self.store / "known"

    @property
    def database(self) -> Path:
        """Return the path of the database."""
        return self.store / "qctl.sqlite"

    @property
    def results(self) -> Path:
        """Return the folder of result folders."""
        return self.store / "results"

    @property
    def snapshots(self) -> Path:
        """Return the folder of calibration snapshots."""
        return self.store / "snapshots"

    def forget_records(self, run: int) -> None:
        """Remove the record files of a run that nobody took: its host died, or its records could not be read."""
        for name in os.listdir(self.records):
            if name.startswith(f"{run}-"):
                (self.records / name).unlink(missing_ok=True)

    def endpoint(self, name: str, generation: int = 0) -> str:
        """Return the address of a process; a restarted one gets a new address, so nothing old reaches it."""
        return f"ipc://{self.shared}/{name}.{generation}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def make_places(store: Path) -> Places:
    """Make the folders of a server, and remove shared memory that a killed one left behind.

    Raises
    ------
    ScheduleError
        If a folder can't be made.
    """
    memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(tempfile.gettempdir())
    for old in memory.glob(f"qctl-{os.getuid()}-*"):
        pid = old.name.split("-")[2]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    shared = Path(tempfile.mkdtemp(prefix=f"qctl-{os.getuid()}-{os.getpid()}-", dir=memory))
    places = Places(shared, store)
    try:
        for folder in (places.waveforms, places.records, places.known, places.results, places.snapshots):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        remove_places(places)
        raise ScheduleError(f"a folder can't be made: {problem}") from problem
    return places


def remove_places(places: Places) -> None:
    """Remove the shared-memory folder; the store stays."""
    shutil.rmtree(places.shared, ignore_errors=True)
