"""Names of rows of words by their content, in the text of a generator's points: who has which, and how often."""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t
from libc.string cimport memcpy

import numpy as np

from qctl.cext.bounds cimport check_bounds
from qctl.cext.carriers cimport _GROUP

cnp.import_array()


cdef class RowNames:
    """Rows of words of many points, and the names under which a generator knows them.

    A row is the words of one output in one piece of one point: row ``piece * n_outputs + output``.

    Parameters
    ----------
    bounds : (n_points + 1,) int64
        Pieces of each point.
    lengths : (n_pieces,) int64
        Samples of each piece.
    digits : (n_rows,) int64
        Place of each row's name in the text of its point.
    names : list of str
        Of each row.
    held : list of (n_samples,) uint16
        Words of each row.

    Attributes
    ----------
    names, held
        Of the latest program.
    counts : list of dict of str to int
        How often each output has each name.
    total : dict of str to int
        How often all of them do.
    sizes : list of int
        Samples that each output holds.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """

    def __init__(
        self, const int64_t[::1] bounds not None, const int64_t[::1] lengths not None, const int64_t[::1] digits not None,
        list names not None, list held not None,
    ):
        cdef Py_ssize_t k, column, n = lengths.shape[0]
        check_bounds(bounds, n, " pieces", "point")
        if not digits.shape[0] == len(names) == len(held) or not n or not digits.shape[0] or digits.shape[0] % n:
            raise ValueError(f"there are {digits.shape[0]} places, {len(names)} names, {len(held)} rows of {n} pieces")
        self.width = digits.shape[0] // n
        self.counts = [{} for _ in range(self.width)]
        self.sizes = [0] * self.width
        self.total = {}
        for k in range(len(held)):
            if (not isinstance(held[k], np.ndarray) or held[k].dtype != np.uint16
                    or held[k].shape != (lengths[k // self.width],) or not held[k].flags.c_contiguous):
                raise ValueError(f"row {k} has not {lengths[k // self.width]} words")
            column = k % self.width
            if more(<dict> self.counts[column], names[k]):
                self.sizes[column] += lengths[k // self.width]
            more(self.total, names[k])
        self.names, self.held, self.digits, self.bounds, self.lengths = names, held, digits, bounds, lengths

    cdef int put(self, const int64_t* rows, const uint8_t* digests, Py_ssize_t n, list texts, list points, list changed) except -1:
        """Name rows, which come point by point, by their hashes; exchange texts and rows of points that change.

        Texts begin with one that is no point's.
        """
        cdef Py_ssize_t k, p = 0, last = -1
        cdef bytes text = None
        for k in range(n):
            while self.bounds[p + 1] <= rows[k] // self.width:
                p += 1
            if p != last:
                if text is not None:
                    self.close(last, text, texts, points)
                text = None
                last = p
            text = self.name(rows[k], digests + k * DIGEST_BYTES, <bytes> texts[p + 1], text, changed)
        if text is not None:
            self.close(last, text, texts, points)
        return 0

    cdef int close(self, Py_ssize_t point, bytes text, list texts, list points) except -1:
        """Exchange the text and the rows of a point."""
        cdef Py_ssize_t row
        texts[point + 1] = text
        points[point] = tuple([
            (self.names[row], self.held[row])
            for row in range(self.bounds[point] * self.width, self.bounds[point + 1] * self.width)
        ])
        return 0

    cdef bytes name(self, Py_ssize_t row, const uint8_t* digest, bytes old, bytes text, list changed):
        """Name a row; return the text of its point with the name, a copy of the old one if it is the first."""
        cdef Py_ssize_t column = row % self.width
        cdef int64_t at = self.digits[row], n = self.lengths[row // self.width]
        cdef char[2 * DIGEST_BYTES] written
        cdef str came = name_of(digest, written), gone = <str> self.names[row]
        if came == gone:
            return text
        if text is None:
            text = PyBytes_FromStringAndSize(PyBytes_AS_STRING(old), PyBytes_GET_SIZE(old))
        if not 0 <= at <= PyBytes_GET_SIZE(text) - 2 * DIGEST_BYTES:
            raise ValueError(f"row {row} has its name at {at} of {PyBytes_GET_SIZE(text)} bytes")
        memcpy(PyBytes_AS_STRING(text) + at, written, 2 * DIGEST_BYTES)
        self.names[row] = came
        fewer(self.total, gone)
        more(self.total, came)
        if fewer(<dict> self.counts[column], gone):
            self.sizes[column] -= n
        if more(<dict> self.counts[column], came):
            self.sizes[column] += n
        changed.append(row)
        return text


cdef str name_of(const uint8_t* digest, char* written):
    """Return a hash as a name, and write its characters."""
    cdef Py_ssize_t k
    cdef const char* hexadecimal = b"0123456789abcdef"
    for k in range(DIGEST_BYTES):
        written[2 * k] = hexadecimal[digest[k] >> 4]
        written[2 * k + 1] = hexadecimal[digest[k] & 15]
    return PyUnicode_DecodeASCII(written, 2 * DIGEST_BYTES, NULL)


def lay(list cuts not None, list points not None, int n_outputs):
    """Give the pieces of points their places in a buffer of words, one after the other, as `words.render` takes them.

    Parameters
    ----------
    cuts : list of tuple of (first, n_samples, n_loops)
        Pieces of each point.
    points : list of int
        Number of each point.
    n_outputs : int
        1 or 2.

    Returns
    -------
    pieces : (n_pieces, 4) int64
        Point, first sample, number of samples, and place of the first row.
    spans : (n_pieces * n_outputs, 2) int64
        First word of each row, and that after its last one.
    bounds : (n_points + 1,) int64
        Pieces of each point.
    n_words, n_samples, longest : int
        Words of all rows, filled up as `words.GROUP` says; samples of all pieces, and of the longest one.

    Raises
    ------
    ValueError
        If there are not as many points as cuts, a piece has no sample, or there are more outputs than two.
    """
    cdef Py_ssize_t p, k = 0, n_pieces = 0
    cdef int output
    cdef int64_t first, n, n_words = 0, n_samples = 0, longest = 0, most = <int64_t> 1 << 40
    cdef tuple cut
    cdef object piece
    if len(points) != len(cuts) or not 1 <= n_outputs <= 2:
        raise ValueError(f"{len(cuts)} cuts of {len(points)} points on {n_outputs} outputs")
    for cut in cuts:
        n_pieces += len(cut)
    made = np.empty((n_pieces, 4), np.int64), np.empty((n_pieces * n_outputs, 2), np.int64), np.empty(len(cuts) + 1, np.int64)
    cdef int64_t[:, ::1] pieces = made[0], spans = made[1]
    cdef int64_t[::1] bounds = made[2]
    bounds[0] = 0
    for p in range(len(cuts)):
        for piece in <tuple> cuts[p]:
            # Pieces are tuples with names, which take long to unpack.
            if not isinstance(piece, tuple) or len(<tuple> piece) < 2:
                raise ValueError(f"piece {k} is {piece!r}")
            first = (<tuple> piece)[0]
            n = (<tuple> piece)[1]
            if not 1 <= n <= most or n_words > most:
                raise ValueError(f"piece {k} has {n} samples, behind {n_words} words")
            pieces[k, 0] = points[p]
            pieces[k, 1] = first
            pieces[k, 2] = n
            pieces[k, 3] = n_words
            for output in range(n_outputs):
                spans[k * n_outputs + output, 0] = n_words
                spans[k * n_outputs + output, 1] = n_words + n
                n_words += (n + _GROUP - 1) // _GROUP * _GROUP
            n_samples += n
            longest = max(longest, n)
            k += 1
        bounds[p + 1] = k
    return *made, n_words, n_samples, longest


def rows_of(
    cnp.ndarray words not None, const int64_t[:, ::1] spans not None, const uint8_t[:, :, ::1] digests not None,
    const int32_t[:, :, ::1] reached not None, const int64_t[::1] bounds not None,
):
    """Return the rows of each point by their names: of each piece, those of each output.

    Parameters
    ----------
    words : (n_words,) uint16
        Read-only.
    spans : (n_pieces * n_outputs, 2) int64
        First word of each row, and that after its last one.
    digests, reached
        As `words.render` fills them.
    bounds : (n_points + 1,) int64
        Pieces of each point.

    Returns
    -------
    list of tuple of tuple of (str, array, int, int)
        Name, words, lowest and highest code.

    Raises
    ------
    ValueError
        If shapes don't fit, or a row is not in the words.
    """
    cdef Py_ssize_t p, k, row, output, n = digests.shape[0], n_outputs = digests.shape[1], n_words = words.shape[0]
    cdef char[2 * DIGEST_BYTES] written
    cdef cnp.npy_intp size
    cdef cnp.ndarray part
    cdef list made = [], pieces, piece
    if (words.ndim != 1 or words.descr.type_num != cnp.NPY_UINT16 or not cnp.PyArray_IS_C_CONTIGUOUS(words)
            or cnp.PyArray_ISWRITEABLE(words)):
        raise ValueError(f"words are {words.dtype} of shape {(<object> words).shape}, not 16 bits in a row, read-only")
    check_bounds(bounds, n, " pieces", "point")
    if (digests.shape[2] != DIGEST_BYTES or reached.shape[0] != n or reached.shape[1] != n_outputs or reached.shape[2] != 2
            or spans.shape[0] != n * n_outputs or spans.shape[1] != 2):
        raise ValueError(f"{n} x {n_outputs} hashes, spans of {spans.shape[0]} rows, and codes of {reached.shape[0]} pieces")
    for row in range(n * n_outputs):
        if not 0 <= spans[row, 0] <= spans[row, 1] <= n_words:
            raise ValueError(f"row {row} is words {spans[row, 0]} to {spans[row, 1]} of {n_words}")
    for p in range(bounds.shape[0] - 1):
        pieces = []
        for k in range(bounds[p], bounds[p + 1]):
            piece = []
            for output in range(n_outputs):
                row = k * n_outputs + output
                size = spans[row, 1] - spans[row, 0]
                part = cnp.PyArray_SimpleNewFromData(
                    1, &size, cnp.NPY_UINT16, <uint16_t*> cnp.PyArray_DATA(words) + spans[row, 0])
                cnp.set_array_base(part, words)
                cnp.PyArray_CLEARFLAGS(part, cnp.NPY_ARRAY_WRITEABLE)
                piece.append((name_of(&digests[k, output, 0], written), part, reached[k, output, 0], reached[k, output, 1]))
            pieces.append(tuple(piece))
        made.append(tuple(pieces))
    return made


cdef bint more(dict counts, str name) except -1:
    """Count one more of a name; return whether it is the first."""
    cdef object n = counts.get(name)
    counts[name] = 1 if n is None else n + 1
    return n is None


cdef bint fewer(dict counts, str name) except -1:
    """Count one less of a name; return whether there is none any more."""
    cdef Py_ssize_t left = counts[name]
    if left > 1:
        counts[name] = left - 1
        return False
    del counts[name]
    return True
