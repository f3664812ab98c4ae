"""Start a server with fake devices and the fake compiler as a process of its own, and stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

SUPPORT = Path(__file__).parent
LAB = SUPPORT / "transmon5.toml"


class FakeServer:
    """A server process; `address` is known when it is ready."""

    def __init__(self, store: Path, lab: Path = LAB, workers: int = 1, address: str = "tcp://127.0.0.1:0") -> None:
        self.store = store
        command = [sys.executable, str(Path(__file__).resolve()), str(lab), str(store), str(workers), address]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line + (self.process.stderr.read() if self.process.stderr else "")
        self.address = line.split()[1]

    def kill(self) -> None:
        """End the broker's process without warning, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End the server cleanly, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    def children(self) -> dict[int, str]:
        """Return pid → command name of the processes below the server's."""
        found: dict[int, str] = {}
        todo = [self.process.pid]
        while todo:
            parent = todo.pop()
            for entry in Path("/proc").glob("[0-9]*/stat"):
                try:
                    said = entry.read_text()
                except OSError:
                    continue
                if int(said.rpartition(")")[2].split()[1]) == parent:
                    pid = int(entry.parent.name)
                    found[pid] = said.partition("(")[2].rpartition(")")[0]
                    todo.append(pid)
        return found

    def keeper(self) -> int:
        """Return the process that has the database open."""
        for pid in self.children():
            with suppress(FileNotFoundError):
                for descriptor in os.listdir(f"/proc/{pid}/fd"):
                    # One that was closed meanwhile, like a file of results that was just written, is none.
                    with suppress(FileNotFoundError):
                        if os.readlink(f"/proc/{pid}/fd/{descriptor}").endswith("qctl.sqlite"):
                            return pid
        raise AssertionError("no process has the database open")


def main() -> None:
    """Serve until SIGTERM."""
    sys.path.insert(0, str(SUPPORT))
    from qctl.server.app import ServerConfig, serve

    lab, store, workers, address = sys.argv[1:]
    config = ServerConfig(Path(lab), address, Path(store), "fake_lab:open_device", "fake_lab:prepare", int(workers))
    serve(config, lambda address: print(f"ready {address}", flush=True))


if __name__ == "__main__":
    main()
