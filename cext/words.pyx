"""DAC words of one output or IQ pair at many sweep points: mix, correct the mixer, round and hash in one call."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from qctl.cext.bounds cimport check_bounds
from qctl.cext.carriers cimport (
    _GROUP, _SHAPES, QCTL_KEPT, QCTL_KEPT_SAMPLES, Line, Shape, angle_of, kept_of, mix, qctl_kept, qctl_rooms_free, qctl_silence,
    rounded
)
from qctl.cext.straight cimport Play

cdef extern from "words_hash.h" nogil:
    ctypedef struct qctl_roots:
        pass
    void qctl_roots_begin(qctl_roots* roots, size_t size) noexcept
    void qctl_roots_end(qctl_roots* roots) noexcept
    void qctl_words_hash(const uint16_t* words, int64_t n, int64_t begin, int64_t end, uint16_t silence,
                         qctl_roots* roots, uint8_t* digest) noexcept
    void qctl_words_hash_two(const uint16_t* words, const uint16_t* others, int64_t n, int64_t begin, int64_t end,
                             uint16_t silence, qctl_roots* roots, uint8_t* digest, uint8_t* of_others) noexcept

DIGEST_BYTES = 20
GROUP = 4
"""Rows of words begin at multiples of this many, and are filled up with silence."""

cdef enum:
    _DIGEST = 20


cdef int64_t _mixed(
    Line* line, const Play* plays, int64_t n_plays, int64_t first, int64_t n, int output, uint16_t* row, int32_t* reach,
    double* volts
) noexcept nogil:
    """Round what was mixed of the plays that are in a piece; return the first sample that is out of range, or -1."""
    cdef Py_ssize_t j
    cdef int64_t a, b, last_a = 0, last_b = -1, found, over = -1
    cdef double v = 0.0
    for j in range(n_plays):
        a = plays[j].start - first
        if not 0 <= a < n:
            continue
        b = a + line.offsets[plays[j].waveform + 1] - line.offsets[plays[j].waveform]
        if last_a <= a and b <= last_b:
            continue
        last_a = a
        last_b = b
        found = rounded(line, output, a, b, row, reach, &v)
        if found >= 0 and (over < 0 or found < over):
            over = found
            volts[0] = v
    return over


cdef int64_t _cluster(
    const Line* line, const Play* plays, int64_t n_plays, int64_t first, int64_t n, int64_t* end
) noexcept nogil:
    """Return how many plays there are until one begins when all before have ended, and when they do; -1 if one of them
    begins before the first."""
    cdef int64_t j, a, begin = plays[0].start - first
    end[0] = begin + line.offsets[plays[0].waveform + 1] - line.offsets[plays[0].waveform]
    for j in range(1, n_plays):
        a = plays[j].start - first
        if a >= n or (a >= end[0] and a >= 0):
            return j
        if a < begin:
            return -1
        end[0] = max(end[0], a + line.offsets[plays[j].waveform + 1] - line.offsets[plays[j].waveform])
    return n_plays


cdef bint _in_turn(
    Line* line, const Play* plays, int64_t n_plays, int64_t first, int64_t n, int64_t n_padded, uint16_t* words,
    int32_t* reached, int64_t* begin, int64_t* last
) noexcept nogil:
    """Render a piece whose plays come one after the other, or few at a time; return false where they don't, or a sample
    is out of range. Plays that stand alone are taken from those that were rendered before."""
    cdef int64_t j = 0, k, a, end, length, many, done = 0
    cdef int output
    cdef bint fine
    cdef double volts
    cdef qctl_kept* one
    for output in range(line.n_outputs):
        reached[2 * output] = reached[2 * output + 1] = line.zero
    while j < n_plays:
        a = plays[j].start - first
        if not 0 <= a < n:
            j += 1
            continue
        many = _cluster(line, &plays[j], n_plays - j, first, n, &end)
        if many < 0 or a < done:
            return False
        begin[0] = min(begin[0], a)
        last[0] = end
        for output in range(line.n_outputs):
            qctl_silence(words + output * n_padded + done, a - done, line.silence)
        length = end - a
        if many == 1 and length <= QCTL_KEPT_SAMPLES:
            one = kept_of(line, &plays[j])
            if one == NULL:
                return False
            for output in range(line.n_outputs):
                memcpy(words + output * n_padded + a, one.words + output * length, 2 * length)
                reached[2 * output] = min(reached[2 * output], one.reach[output][0])
                reached[2 * output + 1] = max(reached[2 * output + 1], one.reach[output][1])
        else:
            for k in range(j, j + many):
                mix(line, &plays[k], angle_of(line, &plays[k]), first)
            fine = True
            for output in range(line.n_outputs):
                fine &= _mixed(
                    line, &plays[j], many, first, n, output, words + output * n_padded, &reached[2 * output], &volts) < 0
            memset(line.volts[0] + a, 0, length * sizeof(double))
            memset(line.volts[1] + a, 0, length * sizeof(double))
            if not fine:
                return False
        done = end
        j += many
    for output in range(line.n_outputs):
        qctl_silence(words + output * n_padded + done, n_padded - done, line.silence)
    return True


cdef void _hash(
    const Line* line, const uint16_t* words, int64_t n, int64_t n_padded, int64_t begin, int64_t end, qctl_roots* roots,
    uint8_t* digests
) noexcept nogil:
    """Hash the row of each output; those of a pair side by side."""
    if line.n_outputs == 2:
        qctl_words_hash_two(words, words + n_padded, n, begin, end, line.silence, roots, digests, digests + _DIGEST)
    else:
        qctl_words_hash(words, n, begin, end, line.silence, roots, digests)


cdef void _piece(
    Line* line, const Play* plays, int64_t n_plays, int64_t first, int64_t n, int64_t n_padded,
    uint16_t* words, qctl_roots* roots, uint8_t* digests, int64_t* over, double* over_v, int32_t* reached
) noexcept nogil:
    """Render one piece of one point: the samples from `first` on, with the plays that are in it."""
    cdef int64_t j, begin = n, end = 0, a, b
    cdef int output
    cdef uint16_t* row
    if _in_turn(line, plays, n_plays, first, n, n_padded, words, reached, &begin, &end):
        for output in range(line.n_outputs):
            over[output] = -1
        _hash(line, words, n, n_padded, begin, end, roots, digests)
        return
    begin = n
    end = 0
    for j in range(n_plays):
        a = plays[j].start - first
        if 0 <= a < n:
            b = a + line.offsets[plays[j].waveform + 1] - line.offsets[plays[j].waveform]
            begin = min(begin, a)
            end = max(end, b)
            mix(line, &plays[j], angle_of(line, &plays[j]), first)
    for output in range(line.n_outputs):
        row = words + output * n_padded
        qctl_silence(row, n_padded, line.silence)
        reached[2 * output] = reached[2 * output + 1] = line.zero
        over[output] = _mixed(line, plays, n_plays, first, n, output, row, &reached[2 * output], &over_v[output])
    _hash(line, words, n, n_padded, begin, end, roots, digests)
    if begin < end:
        memset(line.volts[0] + begin, 0, (end - begin) * sizeof(double))
        memset(line.volts[1] + begin, 0, (end - begin) * sizeof(double))


cdef void _all(
    Line* line, const Play[::1] plays, const int64_t[::1] bounds, const int64_t[:, ::1] pieces, uint16_t[::1] words,
    uint8_t[:, :, ::1] digests, int64_t[:, ::1] over, double[:, ::1] over_v, int32_t[:, :, ::1] reached
) noexcept nogil:
    cdef Py_ssize_t k
    cdef int64_t n_padded, p, n_plays
    cdef qctl_roots roots
    qctl_roots_begin(&roots, _DIGEST)
    for k in range(pieces.shape[0]):
        p = pieces[k, 0]
        n_padded = (pieces[k, 2] + _GROUP - 1) // _GROUP * _GROUP
        n_plays = bounds[p + 1] - bounds[p]
        _piece(line, &plays[bounds[p]] if n_plays else NULL, n_plays, pieces[k, 1], pieces[k, 2], n_padded,
               &words[pieces[k, 3]], &roots, &digests[k, 0, 0], &over[k, 0], &over_v[k, 0], &reached[k, 0, 0])
    qctl_roots_end(&roots)


def render(
    const Play[::1] plays not None,
    const int64_t[::1] bounds not None,
    const int64_t[:, ::1] pieces not None,
    const double[::1] env_i not None,
    const double[::1] env_q not None,
    const int64_t[::1] offsets not None,
    double rate_hz,
    const double[::1] half_v not None,
    double gain,
    double phase_rad,
    int32_t top,
    int32_t zero,
    int shift,
    double[:, ::1] volts not None,
    uint16_t[::1] words not None,
    uint8_t[:, :, ::1] digests not None,
    int64_t[:, ::1] over not None,
    double[:, ::1] over_v not None,
    int32_t[:, :, ::1] reached not None,
):
    """Render pieces of sweep points on one output, or on the two of an IQ pair.

    The volts are the sum of amplitude * envelope * exp(i (2 pi f t - phase)) over the plays, with phases to 2**-44 of a
    turn, Q then turned by `phase_rad` and scaled by `gain`: it becomes gain (Q cos phase + I sin phase). The words are ``(rint(volts / half_v *
    top) + zero) << shift``, ties to even, their lowest 16 bits; a sample out of range is clipped.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        Of all points, one after the other; starts in samples from time zero of the shot, where t is 0.
    bounds : (n_points + 1,) int64
        Plays of point p are ``plays[bounds[p]:bounds[p + 1]]``.
    pieces : (n_pieces, 4) int64
        Point, first sample, number of samples, and place of its first row in `words`; a multiple of `GROUP`. The row
        of the second output follows at the next multiple. A play is in one piece, or in none.
    env_i, env_q : (m,) float64
        Unit envelopes, one after the other.
    offsets : (n_envelopes + 1,) int64
        Envelope w is ``env[offsets[w]:offsets[w + 1]]``.
    rate_hz : float
        Samples per second.
    half_v : (n_outputs,) float64
        Half of each output's peak-to-peak range; one output or two.
    gain, phase_rad : float
        Correction of the mixer; 1 and 0 is none.
    top, zero, shift : int
        Coding of the words: code of +`half_v` above that of 0 V, code of 0 V, and bits below the code's lowest one.
        ``zero = 0`` is two's complement.
    volts : (2, at least the longest piece) float64
        All 0, for work; all 0 again afterwards.
    words : (n_words,) uint16
        Filled where the pieces are; bits beside the code are 0, such as markers.
    digests : (n_pieces, n_outputs, DIGEST_BYTES) uint8
        Filled with the hash (see `cext/words_hash.h`) of the piece's length and, for each run of groups that are not
        silent, of the first group's number, the number of groups (all these as 64 bits) and its words.
    over : (n_pieces, n_outputs) int64
        Filled with the first sample of the piece that is out of range or NaN, or -1.
    over_v : (n_pieces, n_outputs) float64
        Filled with the volts there.
    reached : (n_pieces, n_outputs, 2) int32
        Filled with the lowest and the highest code, silence included; they are not shifted.

    Returns
    -------
    fine : bool
        Whether no sample is out of range.

    Raises
    ------
    ValueError
        If shapes don't fit, or a play or piece reaches outside what holds it.
    """
    cdef Py_ssize_t j, k, n_points = bounds.shape[0] - 1
    cdef Py_ssize_t n_envelopes = offsets.shape[0] - 1, n_pieces = pieces.shape[0], n_outputs = half_v.shape[0]
    cdef int64_t n, start, n_padded, n_words = words.shape[0]
    cdef Line line
    if not 1 <= n_outputs <= 2:
        raise ValueError(f"half_v has {n_outputs} outputs, not 1 or 2")
    for k in range(n_outputs):
        if not half_v[k] > 0.0:
            raise ValueError(f"half_v = {half_v[k]} is not above 0")
        line.half_v[k] = half_v[k]
    if not (1 <= top <= 32767 and 0 <= shift <= 15 and (zero == 0 or top <= zero <= 65535 - top)):
        raise ValueError(f"top = {top}, zero = {zero}, shift = {shift} are no coding of 16 bits")
    if ((top if zero == 0 else zero + top) << shift) > (32767 if zero == 0 else 65535):
        raise ValueError(f"top = {top}, zero = {zero}, shift = {shift} are no coding of 16 bits")
    line.top = top
    line.zero = zero
    line.shift = shift
    line.silence = <uint16_t> (zero << shift)
    if env_i.shape[0] != env_q.shape[0]:
        raise ValueError(f"env_i has {env_i.shape[0]} samples, env_q {env_q.shape[0]}")
    if not rate_hz > 0.0:
        raise ValueError(f"rate_hz = {rate_hz} is not above 0")
    if n_envelopes < 0 or offsets[0] != 0 or offsets[n_envelopes] != env_i.shape[0]:
        raise ValueError(f"offsets of {n_envelopes} envelopes don't span the {env_i.shape[0]} samples")
    for k in range(n_envelopes):
        if offsets[k + 1] < offsets[k]:
            raise ValueError(f"offsets[{k + 1}] = {offsets[k + 1]} is below {offsets[k]}")
    check_bounds(bounds, plays.shape[0], " plays", "point")
    for j in range(plays.shape[0]):
        if plays[j].waveform >= n_envelopes:
            raise ValueError(f"play {j} has waveform {plays[j].waveform} of {n_envelopes}")
    if pieces.shape[1] != 4 or volts.shape[0] != 2:
        raise ValueError(f"pieces have {pieces.shape[1]} columns, not 4; volts {volts.shape[0]} rows, not 2")
    if digests.shape[0] != n_pieces or digests.shape[1] != n_outputs or digests.shape[2] != _DIGEST:
        raise ValueError(f"digests are {digests.shape[0]} x {digests.shape[1]} x {digests.shape[2]}")
    if over.shape[0] != n_pieces or over.shape[1] != n_outputs:
        raise ValueError(f"over is {over.shape[0]} x {over.shape[1]}, not {n_pieces} x {n_outputs}")
    if over_v.shape[0] != n_pieces or over_v.shape[1] != n_outputs:
        raise ValueError(f"over_v is {over_v.shape[0]} x {over_v.shape[1]}, not {n_pieces} x {n_outputs}")
    if reached.shape[0] != n_pieces or reached.shape[1] != n_outputs or reached.shape[2] != 2:
        raise ValueError(f"reached is {reached.shape[0]} x {reached.shape[1]} x {reached.shape[2]}")
    for k in range(n_pieces):
        n = pieces[k, 2]
        if not 0 <= pieces[k, 0] < n_points:
            raise ValueError(f"piece {k} is of point {pieces[k, 0]} of {n_points}")
        if not 1 <= n <= volts.shape[1] or pieces[k, 1] < 0:
            raise ValueError(f"piece {k} has {n} samples from {pieces[k, 1]} on; there is room for {volts.shape[1]}")
        n_padded = (n + _GROUP - 1) // _GROUP * _GROUP
        if pieces[k, 3] < 0 or pieces[k, 3] % _GROUP or pieces[k, 3] > n_words - n_outputs * n_padded:
            raise ValueError(f"piece {k} of {n} samples at word {pieces[k, 3]} is outside {n_words}")
        for j in range(bounds[pieces[k, 0]], bounds[pieces[k, 0] + 1]):
            start = plays[j].start - pieces[k, 1]
            if 0 <= start < n and start > n - (offsets[plays[j].waveform + 1] - offsets[plays[j].waveform]):
                raise ValueError(
                    f"play {j - bounds[pieces[k, 0]]} at sample {start} is outside the {n} samples of piece {k}"
                )
    if not n_pieces:
        return True
    line.n_outputs = n_outputs
    line.env_i = &env_i[0] if env_i.shape[0] else NULL
    line.env_q = &env_q[0] if env_q.shape[0] else NULL
    line.offsets = &offsets[0]
    line.rate_hz = rate_hz
    line.gain = gain
    line.phase_rad = phase_rad
    line.corrected = gain != 1.0 or phase_rad != 0.0
    line.volts[0] = &volts[0, 0]
    line.volts[1] = &volts[1, 0]
    line.n_shapes = line.next_shape = line.failed = 0
    line.shapes = <Shape*> calloc(_SHAPES, sizeof(Shape))
    line.rooms = NULL
    line.n_kept = 16
    while line.n_kept < QCTL_KEPT and line.n_kept < plays.shape[0]:
        line.n_kept *= 2
    line.kept = <qctl_kept*> calloc(line.n_kept, sizeof(qctl_kept))
    if line.shapes == NULL or line.kept == NULL:
        free(line.shapes)
        free(line.kept)
        raise MemoryError("no room for carriers")
    for j in range(line.n_kept):
        line.kept[j].waveform = -1
    with nogil:
        _all(&line, plays, bounds, pieces, words, digests, over, over_v, reached)
        for j in range(_SHAPES):
            free(line.shapes[j].samples[0])
        free(line.shapes)
        qctl_rooms_free(line.rooms)
        free(line.kept)
    if line.failed:
        raise MemoryError("no room for carriers")
    for k in range(n_pieces):
        for j in range(n_outputs):
            if over[k, j] >= 0:
                return False
    return True
