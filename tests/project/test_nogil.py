"""The check of nogil kernels finds the ways in which a kernel can touch Python; `make check` runs it on all."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "nogil.py"

GOOD = '''"""Adds."""

cimport cython
from libc.math cimport sqrt


cdef double total(const double[::1] x, double complex turn) noexcept nogil:
    """Sum."""
    cdef Py_ssize_t k
    cdef double out = 0
    for k in range(x.shape[0]):
        out += x[k] / 3 + sqrt(turn.real * turn.imag)
    return out


cdef void fill(double[:, ::1] x,
               double value) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(x.shape[0]):
        x[k, 0] = value % 7


def add(const double[::1] x not None, double[:, ::1] y not None):
    """Return the sum."""
    cdef double out
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"x has {x.shape[0]} rows, y has {y.shape[0]}")
    with nogil:
        out = total(x, 1j)
        fill(y, out)
    return out
'''

BAD = {
    "an exception": (
        'cdef double f(double x) except? -1 nogil:\n    if x == 0:\n        raise ValueError("zero")\n    return x\n',
        "raise ValueError",
    ),
    "a call that may fail": (
        "cdef double f(double x) except? -1 nogil:\n    return x\n\n"
        "def g(double x):\n    cdef double y\n    with nogil:\n        y = f(x)\n    return y\n",
        "y = f(x)",
    ),
    "a print": ('cdef void f() noexcept nogil:\n    with gil:\n        print("x")\n', "print"),
    "a slice that may fail": (
        "cdef double f(double[::1] x) noexcept nogil:\n    cdef double[::1] part = x[1:]\n    return part[0]\n",
        "x[1:]",
    ),
}


def run(file: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False)


def test_a_pure_kernel_passes(tmp_path: Path) -> None:
    (tmp_path / "good.pyx").write_text(GOOD)
    got = run(tmp_path / "good.pyx")
    assert got.returncode == 0, got.stdout + got.stderr
    assert got.stdout == "1 kernel files, 11 nogil lines, 0 Python operations among them\n"


@pytest.mark.parametrize("what", BAD)
def test_a_python_operation_is_named_with_its_line(what: str, tmp_path: Path) -> None:
    text, culprit = BAD[what]
    (tmp_path / "bad.pyx").write_text(f'"""Fails."""\n\n{text}')
    got = run(tmp_path / "bad.pyx")
    assert got.returncode == 1, got.stdout + got.stderr
    number = 1 + next(k for k, line in enumerate(f"\n\n{text}".splitlines()) if culprit in line)
    assert f"bad.pyx:{number}: " in got.stdout
