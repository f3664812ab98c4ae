"""Walks through the tokens of a program text without copying it; errors know their place."""

import os

from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcmp, strlen

cdef extern from "scan.h" nogil:
    int QCTL_POWERS
    void qctl_set_five(int place, uint64_t high, uint64_t low)
    int qctl_number(const char *p, const char *end, double *value)

cdef extern from "Python.h":
    double PyOS_string_to_double(const char *s, char **endptr, PyObject *overflow) except? -1.0
    ctypedef struct PyObject

cdef uint64_t _SEED = int.from_bytes(os.urandom(8), "little")
_SHOWN = 40
_MAX_INTEGER_DIGITS = 310
_SIGNS = {ord("="): "==", ord(">"): "->", ord("\n"): "end of line", QCTL_END: "end of file"}


def _fill_fives() -> None:
    """Compute the 128 leading bits of the powers of five: cut off, and for negative powers one more."""
    for q in range(-QCTL_POWERS, QCTL_POWERS + 1):
        power = 5 ** abs(q)
        if q < 0:
            bits = power.bit_length() + 127 if q >= -27 else 2 * power.bit_length() + 128
            power = (1 << bits) // power + 1
        shift = power.bit_length() - 128
        power = power >> shift if shift > 0 else power << -shift
        qctl_set_five(q + QCTL_POWERS, power >> 64, power & 0xFFFFFFFFFFFFFFFF)


_fill_fives()


cdef void *grown(void *old, Py_ssize_t *room, Py_ssize_t wanted, size_t size) except NULL:
    """Return a block for at least `wanted` items of `size` bytes, twice as large as before."""
    cdef Py_ssize_t more = max(2 * room[0], wanted, <Py_ssize_t> 64)
    cdef void *new = realloc(old, <size_t> more * size)
    if new == NULL:
        raise MemoryError(f"no memory for {more} items of {size} bytes")
    room[0] = more
    return new


cdef class Scanner:
    """Scan a text; subclasses read a language, and say in `refusal` what an error is.

    Parameters
    ----------
    text : str
    lines : bool
        Whether the end of a line is a token.
    """

    def __cinit__(self, str text not None, *args, bint lines=False, **kwargs):
        cdef Py_ssize_t n = 0
        self.source = text
        self.scan.text = PyUnicode_AsUTF8AndSize(text, &n)
        self.scan.n = n
        self.scan.lines = lines
        self.scan.seed = _SEED

    def refusal(self, message, at):
        """Return the exception for what is wrong at a byte of the text; subclasses override it."""
        return ValueError(f"byte {at}: {message}")

    def piece(self, start, stop):
        """Return a part of the text, by its bytes."""
        return self.scan.text[<Py_ssize_t> start : <Py_ssize_t> stop].decode("utf-8")

    def shown(self):
        """Return the token as an error message shows it."""
        if self.scan.kind in (QCTL_END, 10):
            return _SIGNS[self.scan.kind]
        text = self.piece(self.scan.start, self.scan.stop)
        return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")

    cdef int fail(self, message, Py_ssize_t at) except -1:
        """Raise the error for what is wrong at a byte of the text."""
        raise self.refusal(message, at)

    cdef int step(self) except -1:
        """Move on to the next token; the end of the file is never passed."""
        qctl_scan_next(&self.scan)
        if self.scan.kind == QCTL_WRONG:
            rest = self.scan.text[self.scan.start : min(self.scan.start + 4, self.scan.n)].decode("utf-8", "ignore")
            self.fail(f"unexpected character {rest[:1]!r}", self.scan.start)
        return 0

    cdef bint accept(self, int sign) except -1:
        """Take the token if it is a sign."""
        if self.scan.kind != sign:
            return False
        self.step()
        return True

    cdef int expect(self, int sign) except -1:
        """Take a sign or raise."""
        if self.scan.kind != sign:
            self.fail(f"expected {_SIGNS.get(sign, chr(sign))!r}, found {self.shown()}", self.scan.start)
        return self.step()

    cdef bint spells(self, const char *word) noexcept:
        """Say whether the token is a name of these letters."""
        cdef Py_ssize_t n = self.scan.stop - self.scan.start
        return (
            self.scan.kind == QCTL_NAME
            and <Py_ssize_t> strlen(word) == n
            and memcmp(self.scan.text + self.scan.start, word, <size_t> n) == 0
        )

    cdef int name(self, what) except -1:
        """Refuse a token that is no name; `what` says what it would have named. It is not taken."""
        if self.scan.kind != QCTL_NAME:
            self.fail(f"expected {what}, found {self.shown()}", self.scan.start)
        return 0

    cdef int64_t integer(self, what) except -1:
        """Take a non-negative integer; above 2**62 it is 2**62."""
        cdef int64_t found = 0
        cdef Py_ssize_t i
        if self.scan.kind != QCTL_INTEGER:
            self.fail(f"expected {what}, found {self.shown()}", self.scan.start)
        if self.scan.stop - self.scan.start > <Py_ssize_t> _MAX_INTEGER_DIGITS:
            n = self.scan.stop - self.scan.start
            self.fail(f"{what} has {n} digits, more than {_MAX_INTEGER_DIGITS}", self.scan.start)
        for i in range(self.scan.start, self.scan.stop):
            found = min(found, <int64_t> 400000000000000000) * 10 + (self.scan.text[i] - 48)
        self.step()
        return min(found, <int64_t> 1 << 62)

    cdef double number(self) except? -1.0:
        """Take a number, rounded to the nearest float64."""
        cdef double value = 0.0
        cdef char *end = NULL
        cdef Py_ssize_t start = self.scan.start
        if not qctl_number(self.scan.text + start, self.scan.text + self.scan.stop, &value):
            value = PyOS_string_to_double(self.scan.text + start, &end, NULL)
            if not isfinite(value):
                self.fail("the number is too large", start)
        self.step()
        return value
