"""Words of a generator's points again, after phases of some plays have changed: these plays are rendered, the rest is copied."""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

import numpy as np

from qctl.cext.bounds cimport check_bounds
from qctl.cext.carriers cimport _SHAPES, Line, Shape, angle_of, mix, pulsed, qctl_kept, qctl_silence, rounded
from qctl.cext.patch cimport Turns
from qctl.cext.row_names cimport DIGEST_BYTES, RowNames
from qctl.cext.straight cimport Play

cnp.import_array()

cdef extern from "resumed_hash.h" nogil:
    ctypedef struct qctl_mark:
        pass
    ctypedef struct qctl_roots:
        pass
    void qctl_roots_begin(qctl_roots* roots, size_t size) noexcept
    void qctl_roots_end(qctl_roots* roots) noexcept
    int64_t qctl_most_marks(int64_t n) noexcept
    int64_t qctl_words_rehash(const uint16_t* words, int64_t n, int64_t begin, int64_t end, uint16_t silence, int64_t changed,
                              qctl_mark* marks, int64_t n_marks, qctl_roots* roots, uint8_t* digest) noexcept

cdef enum:
    _GROUP = 4
    _MOST_FEEDS = 64

cdef struct held_t:
    # what one feed plays in one piece: where its first play begins and its last one ends, whether one begins before all
    # before it have ended, and marks of the hash of each output
    int64_t begin, end
    bint overlapping
    qctl_mark* marks[2]
    int64_t n_marks[2]


cdef class Rewords:
    """What a generator plays at many points, in a form that takes other phases.

    Parameters
    ----------
    plays, bounds
        As `shots.deal` filled them; phases are changed in place.
    places : (n,) int32
        As `patch.dealt_places` filled it.
    first, base : int
        The first point and the first play among those of the run.
    feeds : (n_feeds, 2) int32
        Feeds that play: row of `bounds`, and number of outputs.
    settings : (n_feeds, 4) float64
        Of each: half of its outputs' peak-to-peak range, gain and phase of the mixer.
    pieces : (n_pieces, 2) int64
        First sample and number of samples of each piece of all points.
    piece_bounds : (n_points + 1,) int64
        Where each point's begin.
    env_i, env_q, offsets, rate_hz, top, zero, shift
        As `words.render` takes them.
    row_names : RowNames
        Words of all rows, and their names: outputs in the order of the feeds.

    Raises
    ------
    ValueError
        If shapes don't fit, or a play is in no piece.
    """

    cdef Play[::1] plays
    cdef const int64_t[:, ::1] bounds, pieces
    cdef const int64_t[::1] piece_bounds, offsets
    cdef const int32_t[::1] places
    cdef const int32_t[:, ::1] feeds
    cdef const double[::1] env_i, env_q
    cdef int64_t first, base
    cdef Py_ssize_t n_feeds, width
    cdef readonly RowNames row_names
    cdef list held
    cdef Line* lines
    cdef held_t* groups
    cdef double* volts
    cdef int64_t most
    cdef qctl_kept one
    # of each feed, its first output
    cdef int32_t[::1] columns
    # of the groups whose words are made anew: the first sample that changed, or -1; their list, and hashes of their rows
    cdef int64_t[::1] changed_from, listed
    cdef uint8_t* digests
    cdef int64_t* rows
    cdef Py_ssize_t room

    def __init__(
        self, Play[::1] plays not None, const int64_t[:, ::1] bounds not None, const int32_t[::1] places not None, int64_t first,
        int64_t base, const int32_t[:, ::1] feeds not None, const double[:, ::1] settings not None,
        const int64_t[:, ::1] pieces not None, const int64_t[::1] piece_bounds not None, const double[::1] env_i not None,
        const double[::1] env_q not None, const int64_t[::1] offsets not None, double rate_hz, int32_t top, int32_t zero,
        int shift, RowNames row_names not None,
    ):
        cdef Py_ssize_t f, p, k, i, n_points = piece_bounds.shape[0] - 1, n_envelopes = offsets.shape[0] - 1
        cdef int64_t a, b, longest = 0
        cdef held_t* group
        if self.lines != NULL:
            raise ValueError("it has begun already")
        check_bounds(piece_bounds, pieces.shape[0], " pieces", "point")
        if bounds.shape[1] != n_points + 1 or pieces.shape[1] != 2 or feeds.shape[1] != 2 or settings.shape[1] != 4:
            raise ValueError(
                f"bounds are {bounds.shape[0]} x {bounds.shape[1]} of {n_points} points, pieces, feeds and settings have "
                f"{pieces.shape[1]}, {feeds.shape[1]} and {settings.shape[1]} columns"
            )
        self.n_feeds = feeds.shape[0]
        if settings.shape[0] != self.n_feeds or not 1 <= self.n_feeds <= _MOST_FEEDS:
            raise ValueError(f"there are {self.n_feeds} feeds, settings of {settings.shape[0]}")
        if env_i.shape[0] != env_q.shape[0] or n_envelopes < 0 or offsets[0] or offsets[n_envelopes] != env_i.shape[0]:
            raise ValueError(f"offsets of {n_envelopes} envelopes don't span {env_i.shape[0]}, {env_q.shape[0]} samples")
        self.columns = np.empty(self.n_feeds, np.int32)
        self.width = 0
        for f in range(self.n_feeds):
            if not 0 <= feeds[f, 0] < bounds.shape[0] or not 1 <= feeds[f, 1] <= 2:
                raise ValueError(f"feed {feeds[f, 0]} of {bounds.shape[0]} has {feeds[f, 1]} outputs")
            for p in range(n_points):
                if not 0 <= bounds[feeds[f, 0], p] <= bounds[feeds[f, 0], p + 1] <= plays.shape[0]:
                    raise ValueError(f"bounds of feed {feeds[f, 0]} are wrong at point {p}")
            self.columns[f] = <int32_t> self.width
            self.width += feeds[f, 1]
        k = row_names.lengths.shape[0]
        if row_names.width != self.width or k != pieces.shape[0]:
            raise ValueError(f"names are of {k} x {row_names.width} rows, not {pieces.shape[0]} x {self.width}")
        for k in range(pieces.shape[0]):
            if row_names.lengths[k] != pieces[k, 1]:
                raise ValueError(f"rows of piece {k} have {row_names.lengths[k]} words, not {pieces[k, 1]}")
        for k in range(places.shape[0]):
            if not -1 <= places[k] < plays.shape[0]:
                raise ValueError(f"place {places[k]} of {plays.shape[0]} plays")
        for k in range(pieces.shape[0]):
            longest = max(longest, pieces[k, 1])
        self.plays, self.bounds, self.places, self.feeds, self.pieces = plays, bounds, places, feeds, pieces
        self.piece_bounds, self.offsets, self.env_i, self.env_q = piece_bounds, offsets, env_i, env_q
        self.first, self.base, self.row_names, self.held = first, base, row_names, row_names.held
        self.changed_from = np.full(max(pieces.shape[0] * self.n_feeds, 1), -1, np.int64)
        self.listed = np.empty(max(pieces.shape[0] * self.n_feeds, 1), np.int64)
        self.lines = <Line*> calloc(self.n_feeds, sizeof(Line))
        self.groups = <held_t*> calloc(max(pieces.shape[0] * self.n_feeds, 1), sizeof(held_t))
        self.volts = <double*> calloc(2 * longest + 1, sizeof(double))
        self.most = longest
        if self.lines == NULL or self.groups == NULL or self.volts == NULL:
            raise MemoryError("no room for rows")
        for f in range(self.n_feeds):
            self.begin_line(f, settings[f, 0], settings[f, 1], settings[f, 2], settings[f, 3], rate_hz, top, zero, shift)
            for p in range(n_points):
                i = piece_bounds[p]
                for k in range(bounds[feeds[f, 0], p], bounds[feeds[f, 0], p + 1]):
                    if plays[k].waveform >= n_envelopes:
                        raise ValueError(f"play {k} has waveform {plays[k].waveform} of {n_envelopes}")
                    i = self.piece_of(plays[k].start, p, i)
                    a = plays[k].start - pieces[i, 0] if i >= 0 else -1
                    b = a + offsets[plays[k].waveform + 1] - offsets[plays[k].waveform]
                    if i < 0 or b > pieces[i, 1]:
                        raise ValueError(f"play {k} is in no piece of point {p}")
                    group = &self.groups[i * self.n_feeds + f]
                    if group.end == 0 and group.begin == 0:
                        group.begin = a
                    elif a < group.end:
                        group.overlapping = True
                    group.begin = min(group.begin, a)
                    group.end = max(group.end, b)

    def __dealloc__(self):
        cdef Py_ssize_t f, j
        if self.groups != NULL:
            for j in range(self.pieces.shape[0] * self.n_feeds):
                free(self.groups[j].marks[0])
                free(self.groups[j].marks[1])
        if self.lines != NULL:
            for f in range(self.n_feeds):
                if self.lines[f].shapes != NULL:
                    for j in range(_SHAPES):
                        free(self.lines[f].shapes[j].samples[0])
                    free(self.lines[f].shapes)
        free(self.lines)
        free(self.groups)
        free(self.volts)
        free(self.one.words)
        free(self.digests)
        free(self.rows)

    cdef int begin_line(
        self, Py_ssize_t f, double half_i, double half_q, double gain, double phase_rad, double rate_hz, int32_t top, int32_t zero,
        int shift,
    ) except -1:
        cdef Line* line = &self.lines[f]
        line.shapes = <Shape*> calloc(_SHAPES, sizeof(Shape))
        if line.shapes == NULL:
            raise MemoryError("no room for carriers")
        line.env_i = &self.env_i[0] if self.env_i.shape[0] else NULL
        line.env_q = &self.env_q[0] if self.env_q.shape[0] else NULL
        line.offsets = &self.offsets[0]
        line.rate_hz = rate_hz
        line.gain = gain
        line.phase_rad = phase_rad
        line.corrected = gain != 1.0 or phase_rad != 0.0
        line.n_outputs = self.feeds[f, 1]
        line.volts[0] = self.volts
        line.volts[1] = self.volts + self.most
        line.half_v[0] = half_i
        line.half_v[1] = half_q
        line.top = top
        line.zero = zero
        line.shift = shift
        line.silence = <uint16_t> (zero << shift)
        return 0

    cdef Py_ssize_t piece_of(self, int64_t start, Py_ssize_t point, Py_ssize_t near) noexcept:
        """Return the piece of a point in which a play starts, from a near one on; -1 if there is none."""
        cdef Py_ssize_t i = near
        while i > self.piece_bounds[point] and start < self.pieces[i, 0]:
            i -= 1
        while i < self.piece_bounds[point + 1] and not self.pieces[i, 0] <= start < self.pieces[i, 0] + self.pieces[i, 1]:
            i += 1
        return i if i < self.piece_bounds[point + 1] else -1

    cdef Py_ssize_t feed_of(self, int64_t place, Py_ssize_t point) noexcept:
        """Return which of the feeds has a play."""
        cdef Py_ssize_t f
        for f in range(self.n_feeds):
            if self.bounds[self.feeds[f, 0], point] <= place < self.bounds[self.feeds[f, 0], point + 1]:
                return f
        return -1

    def turned(self, Turns turned not None, Py_ssize_t low, Py_ssize_t high, list texts not None, list points not None, list rows not None):
        """Take over the phases of plays that changed, and render these.

        Parameters
        ----------
        turned : Turns
            What changed last.
        low, high : int
            Of its points those that the generator has.
        texts : list of bytes
            Pieces of the body: one, and one for each point. Those of points that change are exchanged.
        points : list of tuple of (str, array)
            Names and words of the rows of each point; likewise.
        rows : list of int
            Takes the rows whose words changed.

        Returns
        -------
        bool
            Whether all samples are in range; otherwise it is not to be used again.

        Raises
        ------
        ValueError
            If something is not there.
        """
        cdef Py_ssize_t j, p, c, f, i, n_listed = 0, n_points = self.piece_bounds.shape[0] - 1
        cdef int64_t play, place, a, g
        cdef qctl_roots roots
        if not 0 <= low <= high <= turned.n_points:
            raise ValueError(f"points {low} to {high} of {turned.n_points}")
        if len(texts) != n_points + 1 or len(points) != n_points:
            raise ValueError(f"there are {len(texts)} texts, {len(points)} points, not {n_points + 1} and {n_points}")
        for j in range(low, high):
            p = turned.points[j] - self.first
            if not 0 <= p < n_points:
                raise ValueError(f"point {turned.points[j]} is not one of {n_points} from {self.first} on")
            i = self.piece_bounds[p]
            for c in range(turned.changed_bounds[j], turned.changed_bounds[j + 1]):
                play = turned.changed[c] - self.base
                if not 0 <= play < self.places.shape[0]:
                    raise ValueError(f"play {turned.changed[c]} is outside of {self.base} to {self.base + self.places.shape[0]}")
                place = self.places[play]
                if place < 0:
                    continue
                self.plays[place].phase_rad = turned.plays[turned.changed[c]].phase_rad
                f = self.feed_of(place, p)
                i = self.piece_of(self.plays[place].start, p, i)
                if f < 0 or i < 0:
                    raise ValueError(f"play {turned.changed[c]} is in no piece of point {p}")
                g = i * self.n_feeds + f
                a = self.plays[place].start - self.pieces[i, 0]
                if self.changed_from[g] < 0:
                    self.changed_from[g] = a
                    self.listed[n_listed] = g
                    n_listed += 1
                    self.renew(i, f)
                self.changed_from[g] = min(self.changed_from[g], a)
                if not self.groups[g].overlapping and not self.put(i, f, place, a):
                    return False
        self.make_room(n_listed)
        qctl_roots_begin(&roots, DIGEST_BYTES)
        p = 0
        i = 0
        for c in range(n_listed):
            g = self.listed[c]
            if self.groups[g].overlapping:
                while self.piece_bounds[p + 1] <= g // self.n_feeds:
                    p += 1
                if not self.put_all(g // self.n_feeds, g % self.n_feeds, p):
                    return False
            i += self.hash(g, i, &roots)
            self.changed_from[g] = -1
        qctl_roots_end(&roots)
        self.row_names.put(self.rows, self.digests, i, texts, points, rows)
        return True

    cdef int renew(self, Py_ssize_t i, Py_ssize_t f) except -1:
        """Exchange the words of one feed in one piece for copies."""
        cdef Py_ssize_t output, row = i * self.width + self.columns[f]
        cdef cnp.npy_intp n = self.pieces[i, 1], n_padded = (n + _GROUP - 1) // _GROUP * _GROUP
        cdef object made
        cdef uint16_t* data
        for output in range(self.feeds[f, 1]):
            made = cnp.PyArray_SimpleNew(1, &n_padded, cnp.NPY_UINT16)
            data = <uint16_t*> cnp.PyArray_DATA(made)
            memcpy(data, cnp.PyArray_DATA(self.held[row + output]), 2 * n)
            qctl_silence(data + n, n_padded - n, self.lines[f].silence)
            cnp.PyArray_CLEARFLAGS(made, cnp.NPY_ARRAY_WRITEABLE)
            self.held[row + output] = made if n == n_padded else made[:n]
        return 0

    cdef bint put(self, Py_ssize_t i, Py_ssize_t f, int64_t place, int64_t a) except -1:
        """Render a play that stands alone; return false where a sample is out of range."""
        cdef const Play* play = &self.plays[place]
        cdef Line* line = &self.lines[f]
        cdef Py_ssize_t output, row = i * self.width + self.columns[f]
        cdef int64_t n = line.offsets[play.waveform + 1] - line.offsets[play.waveform]
        cdef uint16_t* words
        if self.one.room < n:
            words = <uint16_t*> realloc(self.one.words, 4 * n)
            if words == NULL:
                raise MemoryError("no room for a pulse")
            self.one.words = words
            self.one.room = n
        if not pulsed(line, play, angle_of(line, play), &self.one):
            return False
        for output in range(line.n_outputs):
            memcpy(<uint16_t*> cnp.PyArray_DATA(self.held[row + output]) + a, self.one.words + output * n, 2 * n)
        return True

    cdef bint put_all(self, Py_ssize_t i, Py_ssize_t f, Py_ssize_t p) except -1:
        """Render all plays of one feed in one piece; return false where a sample is out of range."""
        cdef Line* line = &self.lines[f]
        cdef held_t* group = &self.groups[i * self.n_feeds + f]
        cdef Py_ssize_t output, k, row = i * self.width + self.columns[f]
        cdef int64_t first = self.pieces[i, 0], n = self.pieces[i, 1], a, b, begin = self.bounds[self.feeds[f, 0], p]
        cdef int64_t end = self.bounds[self.feeds[f, 0], p + 1]
        cdef int32_t[2] reach
        cdef double volts = 0.0
        cdef bint fine = True
        cdef uint16_t* words
        for k in range(begin, end):
            if 0 <= self.plays[k].start - first < n:
                mix(line, &self.plays[k], angle_of(line, &self.plays[k]), first)
        for output in range(line.n_outputs):
            words = <uint16_t*> cnp.PyArray_DATA(self.held[row + output])
            for k in range(begin, end):
                a = self.plays[k].start - first
                if 0 <= a < n:
                    b = a + line.offsets[self.plays[k].waveform + 1] - line.offsets[self.plays[k].waveform]
                    reach[0] = reach[1] = line.zero
                    fine = rounded(line, output, a, b, words, reach, &volts) < 0 and fine
        memset(line.volts[0] + group.begin, 0, (group.end - group.begin) * sizeof(double))
        memset(line.volts[1] + group.begin, 0, (group.end - group.begin) * sizeof(double))
        if line.failed:
            raise MemoryError("no room for carriers")
        self.changed_from[i * self.n_feeds + f] = group.begin
        return fine

    cdef int make_room(self, Py_ssize_t n_groups) except -1:
        """Make room for the hashes of so many groups."""
        if n_groups > self.room:
            free(self.digests)
            free(self.rows)
            self.room = 0
            self.digests = <uint8_t*> malloc(2 * n_groups * DIGEST_BYTES)
            self.rows = <int64_t*> malloc(2 * n_groups * sizeof(int64_t))
            if self.digests == NULL or self.rows == NULL:
                raise MemoryError("no room for hashes")
            self.room = n_groups
        return 0

    cdef Py_ssize_t hash(self, int64_t g, Py_ssize_t at, qctl_roots* roots) except -1:
        """Hash the words of one feed in one piece, as far as they changed, to place `at` on; return how many rows it has."""
        cdef held_t* group = &self.groups[g]
        cdef Py_ssize_t output, i = g // self.n_feeds, f = g % self.n_feeds, row = i * self.width + self.columns[f]
        for output in range(self.feeds[f, 1]):
            if group.marks[output] == NULL:
                group.marks[output] = <qctl_mark*> malloc(qctl_most_marks(group.end - group.begin) * sizeof(qctl_mark))
                group.n_marks[output] = 0
                if group.marks[output] == NULL:
                    raise MemoryError("no room for marks")
            group.n_marks[output] = qctl_words_rehash(
                <const uint16_t*> cnp.PyArray_DATA(self.held[row + output]), self.pieces[i, 1], group.begin, group.end,
                self.lines[f].silence, self.changed_from[g] // _GROUP, group.marks[output], group.n_marks[output],
                roots, self.digests + (at + output) * DIGEST_BYTES)
            self.rows[at + output] = row + output
        return self.feeds[f, 1]
