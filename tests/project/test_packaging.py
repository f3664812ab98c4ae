"""The sdist builds a wheel that installs and imports elsewhere, and puts nothing generic into site-packages."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"qctl": "qctl", "cext": "qctl/cext", "instruments": "qctl/instruments"}
FOLDERS |= {"firmware_io": "qctl/firmware_io", "hil": "qctl/hil"}
pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]  # it compiles every kernel: a minute of two cores
NEEDED = {".py", ".pyi", ".pxd", ".h", ".toml", ".html", ".inc", ".qasm", ".typed"}

IMPORT_ALL = """
import importlib, pkgutil, qctl
names = ["qctl"] + [module.name for module in pkgutil.walk_packages(qctl.__path__, "qctl.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(qctl.__file__)
print(*names)
"""


def run(*command: str, cwd: Path, **extra: str) -> str:
    """Run a command and return what it printed; its whole output is shown when it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("QCTL_", "PYTHON"))}
    got = subprocess.run(command, cwd=cwd, env=environment | extra, capture_output=True, text=True, check=False)
    assert got.returncode == 0, f"{' '.join(command)}\n{got.stdout}\n{got.stderr}"
    return got.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from nothing but the sdist.

    Kernels are compiled without optimisation, which takes most of the time and changes no name.
    """
    folder = tmp_path_factory.mktemp("dist")
    backend = "import sys, setuptools.build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    # the sdist is made from a copy without build products, so that none of them can slip in
    copy = folder / "checkout"
    copy.mkdir()
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).split("\n") if _in_git() else _walk()
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    (copy / "README.md").touch()
    sdist = folder / run(sys.executable, "-c", backend, "build_sdist", str(folder), cwd=copy).split()[-1]
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    if (copy / "build").exists():  # what Cython made of the same sources a moment ago
        (copy / "build").rename(source / "build")
    compiler = folder / "cc"
    compiler.write_text(f'#!/bin/sh\nexec {os.environ.get("CC", "cc")} "$@" -O0 -g0\n')
    compiler.chmod(0o755)
    n_jobs = str(os.cpu_count() or 1)
    run(sys.executable, "setup.py", "-q", "build_ext", "-j", n_jobs, cwd=source, CC=str(compiler))
    built = run(sys.executable, "-c", backend, "build_wheel", str(folder), cwd=source, CC=str(compiler))
    wheel = folder / built.split()[-1]
    return sdist, wheel


def _in_git() -> bool:
    return (ROOT / ".git").exists()


def _walk() -> list[str]:
    skipped = {".venv", "build", "dist", "out", "__pycache__"}
    files = (file.relative_to(ROOT) for file in ROOT.rglob("*") if file.is_file())
    return [str(name) for name in files if not skipped & set(name.parts) and name.suffix not in (".so", ".pyc")]


def sources() -> set[str]:
    """Return where each file of the project must be in the wheel."""
    found = set()
    for folder, package in FOLDERS.items():
        for file in (ROOT / folder).rglob("*"):
            inside = file.relative_to(ROOT / folder)
            firmware = folder == "firmware_io" and inside.parts[0] == "reference"
            if file.suffix in NEEDED and "__pycache__" not in inside.parts and not firmware:
                found.add(f"{package}/{inside}")
    return found


def test_the_wheel_has_all_files_and_only_one_name(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"qctl"}
    assert len(tops) == 2
    assert sorted(sources() - names) == []
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert {f"qctl/cext/{file.stem}{suffix}" for file in (ROOT / "cext").glob("*.pyx")} <= names
    assert not [name for name in names if name.endswith((".c", ".pyx"))]


def test_the_sdist_has_the_sources_of_the_kernels(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        f"cext/{file.name}" for file in (ROOT / "cext").iterdir() if file.suffix in (".pyx", ".pxd", ".pyi", ".h")
    }
    assert wanted | {"setup.py", "pyproject.toml", "LICENSE"} <= names
    firmware = {f"firmware_io/reference/{name}" for name in ("Makefile", "link.c", "link.h", "lm3s6965/memory.ld")}
    assert firmware <= names
    assert not [name for name in names if name.endswith(".so") or (name.endswith(".c") and "reference" not in name)]


def test_an_installed_wheel_imports_every_module(built: tuple[Path, Path], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(venv), cwd=tmp_path)
    python = str(venv / "bin" / "python")
    install = ("install", "-q", "--no-index", "--no-deps", str(built[1]))
    run(sys.executable, "-m", "pip", "--python", python, *install, cwd=tmp_path)
    # the dependencies are those of this environment; its own editable qctl is not reached by PYTHONPATH
    printed = run(python, "-c", IMPORT_ALL, cwd=tmp_path, PYTHONPATH=sysconfig.get_path("purelib")).splitlines()
    assert printed[-2].startswith(str(venv))
    modules = set(printed[-1].split())
    for folder, package in FOLDERS.items():
        for file in (ROOT / folder).rglob("*.py"):
            parts = [part for part in file.relative_to(ROOT / folder).with_suffix("").parts if part != "__init__"]
            assert ".".join([package.replace("/", "."), *parts]) in modules
