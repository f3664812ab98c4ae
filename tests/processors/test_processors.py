"""The same installation on processors with and without AVX2, which QEMU plays: programs are bit-identical.

What CPUID says decides which kernels run. QEMU would play an AVX2 instruction all the same, so this shows that results
don't depend on the choice, not that every instruction is one of the processor's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qctl.hil.labs.description import boxes_of, describe_lab
from qctl.hil.labs.draw import draw_lab

WORK = Path(__file__).with_name("work.py")
START = """
import runpy, site, sys
_, packages, *sys.argv = sys.argv
site.addsitedir(packages)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("lab") / "lab.toml"
    drawn = draw_lab("transmon5", 1)
    addresses = {box: f"TCPIP::127.0.0.1::{40000 + k}::SOCKET" for k, box in enumerate(boxes_of(drawn))}
    path.write_text(describe_lab("transmon5", drawn, addresses), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def here(lab, tmp_path_factory) -> dict[str, np.ndarray]:
    out = tmp_path_factory.mktemp("here") / "found.npz"
    subprocess.run([sys.executable, WORK, lab, out], check=True)
    with np.load(out) as found:
        return dict(found)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("processor", ["Nehalem", "SandyBridge", "Haswell"])
def test_results_do_not_depend_on_the_processor(processor, lab, here, tmp_path) -> None:
    out = tmp_path / "found.npz"
    python = str(Path(sys.executable).resolve())  # the interpreter itself: QEMU doesn't follow an environment's link
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    subprocess.run(["qemu-x86_64", "-cpu", processor, python, "-c", START, packages, WORK, lab, out], check=True)
    with np.load(out) as found:
        assert set(found) == set(here)
        for name, value in here.items():
            if name.startswith("hash"):
                assert found[name] == value, name
            else:
                bound = 1e-5 if name == "single" else 1e-12
                assert np.abs(found[name] - value).max() < bound, name
