"""Plays on their carriers as volts, and volts as DAC words: what `words.pyx` does for each play."""

from libc.math cimport M_PI, cos, fabs, floor, fmod, sin
from libc.stdint cimport int32_t, int64_t, uint16_t
from libc.stdlib cimport realloc

from qctl.cext.straight cimport Play

cdef extern from "words.h" nogil:
    void qctl_mix(Py_ssize_t n, double c, double s, const double* x, const double* y, double* out_i, double* out_q) noexcept
    int qctl_round(Py_ssize_t n, double scale, double c, double s, const double* own, const double* other, int32_t most,
                   int32_t zero, int shift, uint16_t* words, int32_t* reach) noexcept
    int qctl_pulse(Py_ssize_t n, double c, double s, const double* x, const double* y, int n_outputs, const double* scales,
                   int corrected, double c_q, double s_q, int32_t most, int32_t zero, int shift, uint16_t* words,
                   int32_t (*reach)[2]) noexcept

cdef extern from "kept_words.h" nogil:
    enum:
        QCTL_KEPT
        QCTL_KEPT_SAMPLES
    ctypedef struct qctl_kept:
        int64_t waveform, room
        uint16_t* words
        int32_t[2][2] reach
    qctl_kept* qctl_kept_place(qctl_kept* kept, int64_t n, int64_t waveform, double amplitude, double hz, double angle) noexcept
    bint qctl_kept_is(const qctl_kept* one, int64_t waveform, double amplitude, double hz, double angle) noexcept
    ctypedef struct qctl_room:
        pass
    bint qctl_kept_take(qctl_kept* one, qctl_room** rooms, int64_t waveform, double amplitude, double hz, double angle,
                        int64_t n) noexcept
    void qctl_rooms_free(qctl_room* room) noexcept
    void qctl_silence(uint16_t* words, int64_t n, uint16_t word) noexcept

cdef enum:
    _SHAPES = 32
    _GROUP = 4  # words that are looked at together: rows of words are filled up to whole ones

cdef struct Shape:
    # a unit envelope on its carrier, which has phase 0 at the envelope's first edge
    int64_t waveform
    double frequency_hz
    Py_ssize_t room
    double* samples[2]

cdef struct Line:
    const double* env_i
    const double* env_q
    const int64_t* offsets
    double rate_hz
    double gain
    double phase_rad
    int corrected
    Py_ssize_t n_outputs
    double* volts[2]
    double half_v[2]
    # codes are zero - top … zero + top, shifted to the left; silence is the word of 0 V
    int32_t top, zero
    int shift
    uint16_t silence
    Shape* shapes
    Py_ssize_t n_shapes, next_shape
    qctl_kept* kept
    qctl_room* rooms
    int64_t n_kept
    int failed


cdef inline double _turned(double turns) noexcept nogil:
    """Return the part of a turn, to 2**-44: what differs by rounding alone is the same, and its words are kept."""
    turns = (turns - floor(turns) + 384.0) - 384.0
    return 0.0 if turns == 1.0 else turns


cdef inline Py_ssize_t _period(double frequency_hz, double rate_hz, Py_ssize_t n) noexcept nogil:
    """Return after how many samples a carrier repeats itself; n at most, and where it is not known."""
    cdef double a = rate_hz, b = fabs(frequency_hz)
    if a != floor(a) or b != floor(b) or a > 9e15 or b > 9e15:
        return n
    while b:
        a, b = b, fmod(a, b)
    return <Py_ssize_t> min(<double> n, rate_hz / a)


cdef inline Shape* _shape(Line* line, int64_t waveform, double frequency_hz) noexcept nogil:
    """Return an envelope on its carrier; those that were used last are kept."""
    cdef Py_ssize_t j, k, period, at = line.offsets[waveform], n = line.offsets[waveform + 1] - at
    cdef double turns, c, s
    cdef Shape* shape
    cdef double* room
    for j in range(line.n_shapes):
        shape = line.shapes + j
        if shape.waveform == waveform and shape.frequency_hz == frequency_hz:
            return shape
    shape = line.shapes + line.next_shape
    line.next_shape = (line.next_shape + 1) % _SHAPES
    line.n_shapes = min(line.n_shapes + 1, _SHAPES)
    if shape.room < n:
        room = <double*> realloc(shape.samples[0], 2 * n * sizeof(double))
        if room == NULL:
            line.failed = 1
            shape.waveform = -1
            return NULL
        shape.samples[0] = room
        shape.room = n
    shape.samples[1] = shape.samples[0] + n
    shape.waveform = waveform
    shape.frequency_hz = frequency_hz
    period = _period(frequency_hz, line.rate_hz, n)
    for j in range(period):
        # The DAC holds a sample for one period: the carrier is taken at its middle.
        turns = 2.0 * M_PI * _turned(frequency_hz * (j + 0.5) / line.rate_hz)
        c = cos(turns)
        s = sin(turns)
        k = j
        while k < n:
            shape.samples[0][k] = c * line.env_i[at + k] - s * line.env_q[at + k]
            shape.samples[1][k] = s * line.env_i[at + k] + c * line.env_q[at + k]
            k += period
    return shape


cdef inline double angle_of(const Line* line, const Play* play) noexcept nogil:
    """Return the phase of a play's first sample's carrier."""
    return 2.0 * M_PI * _turned(play.frequency_hz * play.start / line.rate_hz - play.phase_rad * (0.5 / M_PI))


cdef inline bint _carried(Line* line, const Play* play, const double** x, const double** y) noexcept nogil:
    """Find a play's unit envelope on its carrier; return false where there is no memory for it."""
    cdef Py_ssize_t at = line.offsets[play.waveform]
    cdef Shape* shape
    x[0] = line.env_i + at
    y[0] = line.env_q + at
    if play.frequency_hz != 0.0:
        shape = _shape(line, play.waveform, play.frequency_hz)
        if shape == NULL:
            return False
        x[0] = shape.samples[0]
        y[0] = shape.samples[1]
    return True


cdef inline bint pulsed(Line* line, const Play* play, double angle, qctl_kept* one) noexcept nogil:
    """Render a play that stands alone into the room for it; return false where a sample is out of range."""
    cdef Py_ssize_t n = line.offsets[play.waveform + 1] - line.offsets[play.waveform]
    cdef const double* x
    cdef const double* y
    cdef double[2] scales
    cdef int output
    if not _carried(line, play, &x, &y):
        return False
    for output in range(line.n_outputs):
        one.reach[output][0] = one.reach[output][1] = line.zero
        scales[output] = line.top / line.half_v[output]
    return not qctl_pulse(
        n, play.amplitude * cos(angle), play.amplitude * sin(angle), x, y, line.n_outputs, scales, line.corrected,
        line.gain * cos(line.phase_rad) if line.corrected else 1.0,
        line.gain * sin(line.phase_rad) if line.corrected else 0.0,
        line.top, line.zero, line.shift, one.words, one.reach)


cdef inline qctl_kept* kept_of(Line* line, const Play* play) noexcept nogil:
    """Return the words of a play that stands alone; NULL if a sample is out of range."""
    cdef double angle = angle_of(line, play)
    cdef int64_t n = line.offsets[play.waveform + 1] - line.offsets[play.waveform]
    cdef qctl_kept* one = qctl_kept_place(line.kept, line.n_kept, play.waveform, play.amplitude, play.frequency_hz, angle)
    if qctl_kept_is(one, play.waveform, play.amplitude, play.frequency_hz, angle):
        return one
    if not qctl_kept_take(one, &line.rooms, play.waveform, play.amplitude, play.frequency_hz, angle, n):
        return NULL
    if pulsed(line, play, angle, one):
        return one
    one.waveform = -1
    return NULL


cdef inline void mix(Line* line, const Play* play, double angle, int64_t first) noexcept nogil:
    """Add amplitude * envelope * carrier to volts that begin at sample `first` of the shot."""
    cdef Py_ssize_t n = line.offsets[play.waveform + 1] - line.offsets[play.waveform]
    cdef const double* x
    cdef const double* y
    if not _carried(line, play, &x, &y):
        return
    qctl_mix(n, play.amplitude * cos(angle), play.amplitude * sin(angle), x, y,
             line.volts[0] + (play.start - first), line.volts[1] + (play.start - first))


cdef inline int64_t rounded(
    const Line* line, int output, Py_ssize_t begin, Py_ssize_t end, uint16_t* words, int32_t* reach, double* volts
) noexcept nogil:
    """Round volts to words, ties to even; return the first sample that is out of range or NaN, and its volts."""
    cdef Py_ssize_t k
    cdef double v, x, scale = line.top / line.half_v[output], c = 1.0, s = 0.0
    cdef const double* own = line.volts[output]
    cdef const double* other = NULL
    if output == 1 and line.corrected:
        c = line.gain * cos(line.phase_rad)
        s = line.gain * sin(line.phase_rad)
        other = line.volts[0]
    if not qctl_round(end - begin, scale, c, s, own + begin, other + begin if other != NULL else NULL, line.top, line.zero,
                      line.shift, words + begin, reach):
        return -1
    for k in range(begin, end):
        v = c * own[k] + s * other[k] if other != NULL else own[k]
        x = (v * scale + 6755399441055744.0) - 6755399441055744.0
        if not -<double> line.top <= x <= <double> line.top:
            volts[0] = v
            return k
    return -1
