"""Ctrl-C of `qctl run` while the server has not yet said that it took the job: it is not played behind one's back."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qctl.client import connect


def waits(seconds: float) -> None:
    """Let other processes go on."""
    select.select([], [], [], seconds)


@pytest.mark.parametrize("presses", [1, 2])
def test_job_that_is_taken_after_ctrl_c_is_cancelled(start: Any, tmp_path: Path, presses: int) -> None:
    server = start()
    file = tmp_path / "program.qasm"
    file.write_text('{"block_s": 5.0}')
    with connect(server.address) as lab:
        keeper = server.keeper()
        os.kill(keeper, signal.SIGSTOP)
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "qctl", "run", str(file), "--shots", "10", "--server", server.address],
                stderr=subprocess.PIPE,
                text=True,
            )
            # It sleeps in its submission once it has nothing left to import.
            quiet_since_s, spent = time.monotonic(), -1
            while time.monotonic() - quiet_since_s < 0.7:
                waits(0.05)
                now = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
                if now != spent:
                    quiet_since_s, spent = time.monotonic(), now
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                waits(0.3)
            if presses == 2:
                assert process.wait(5) == 130
        finally:
            os.kill(keeper, signal.SIGCONT)
        assert process.wait(20) == 130
        *became, last = process.communicate()[1].splitlines()
        assert last == "qctl run: interrupted"
        if presses == 1:
            (job,) = lab.jobs()
            assert became == [f"qctl run: job {job['id']} was cancelled"]
            end_s = time.monotonic() + 60
            while lab.job(job["id"]).state != "cancelled":
                assert time.monotonic() < end_s, lab.job(job["id"]).row
