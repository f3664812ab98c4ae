"""The areas, and how one is measured: in a process of its own, with thread pools pinned before a package is loaded."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qctl.bench.measure import judge_means
from qctl.errors import InternalError, RequestError

__all__ = ["AREAS", "joined", "machine", "present", "run_area"]

AREAS = {
    "build": "building circuits",
    "translate": "translating and routing",
    "binary": "binary form",
    "text": "OpenQASM and OriginIR",
    "simulate": "state vectors",
    "noise": "density matrices and trajectories",
    "physics": "pulse physics",
    "pulses": "compiling pulse sequences",
    "link": "firmware link",
}
"""Area → what it is about; the cases are in the module of that name."""

POOLS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "QISKIT_NUM_PROCS"),
)
"""Environment variables by which packages size their thread pools when they are loaded."""


def present() -> list[str]:
    """Return the areas whose cases are there."""
    return [area for area in AREAS if find_spec(f"qctl.bench.{area}")]


def run_area(area: str, cases: Sequence[str] = (), threads: Sequence[int] = ()) -> dict[str, Any]:
    """Measure an area, and return its machine, cases and geometric means as plain values.

    Parameters
    ----------
    area : str
    cases : sequence of str
        Only these; all if it is empty.
    threads : sequence of int
        Only these numbers of threads; all that the cases ask for if it is empty.

    Raises
    ------
    RequestError
        If there is no such area or case.
    """
    if area not in present():
        raise RequestError(f"there is no area {area!r}; there are {', '.join(present())}")
    module = import_module(f"qctl.bench.{area}")
    unknown = sorted(set(cases) - {case.name for case in module.CASES})
    if unknown:
        raise RequestError(f"area {area} has no case {unknown[0]!r}; it has {', '.join(c.name for c in module.CASES)}")
    wanted = sorted({n for case in module.CASES if not cases or case.name in cases for n in case.threads})
    measured = [row for n in wanted if not threads or n in threads for row in _in_process(area, n, cases)]
    return _judged(area, measured) | {"machine": machine()}


def joined(older: dict[str, Any], newer: dict[str, Any], area: str) -> dict[str, Any]:
    """Return an area's cases as measured last, where only some of them were measured anew.

    Raises
    ------
    RequestError
        If they were measured on different machines or versions.
    """
    for what, value in newer["machine"].items():
        if what != "date" and older["machine"].get(what) != value:
            said = f"{what} {older['machine'].get(what)!r}, this is {value!r}"
            raise RequestError(f"the other cases of area {area} were measured with {said}: measure the whole area")
    rows = {(row["threads"], row["case"]): row for found in (older, newer) for row in found["cases"]}
    names = [case.name for case in import_module(f"qctl.bench.{area}").CASES]
    kept = sorted((key for key in rows if key[1] in names), key=lambda key: (key[0], names.index(key[1])))
    dates = sorted(date for found in (older, newer) for date in found["machine"]["date"].split(" to "))
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return _judged(area, [rows[key] for key in kept]) | {"machine": newer["machine"] | {"date": when}}


def _judged(area: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"cases": rows, "means": judge_means(getattr(import_module(f"qctl.bench.{area}"), "MEANS", ()), rows)}


def _in_process(area: str, n_threads: int, cases: Sequence[str]) -> list[dict[str, Any]]:
    pinned = dict.fromkeys(POOLS, str(n_threads)) | {"QISKIT_PARALLEL": "FALSE", "JAX_ENABLE_X64": "1"}
    if n_threads == 1:
        pinned["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    # What packages print goes to standard error; standard output has the JSON alone, on its last line.
    done = subprocess.run(
        [sys.executable, "-m", "qctl.bench", area, str(n_threads), *cases],
        env=os.environ | pinned,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InternalError(f"measuring {area} with {n_threads} threads ended with exit code {done.returncode}")
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def machine() -> dict[str, Any]:
    """Return what the numbers are measured on, and when."""
    model = platform.processor()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = listing.read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "n_cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "qctl": version("qctl"),
        "date": datetime.now(UTC).date().isoformat(),
    }
