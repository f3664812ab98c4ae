"""SeqC of one sequencer for many sweep points, its command table, and the samples of its waveforms."""

from libc.math cimport cos, fabs, rint, sin
from libc.stdint cimport int32_t, int64_t
from libc.string cimport strlen

from qctl.cext.assembly cimport decimal, number, put, text_t
from qctl.cext.bounds cimport check_bounds
from qctl.cext.pieces cimport Content, Entry, Member, Piece

COSTS = {"executeTableEntry": 1, "playZero": 1, "repeat": 3}
"""Instructions that the compiler makes of each word as it is written here."""
LONGEST_ZERO = 1_048_512
"""Samples of one playZero: the compiler makes more than one instruction of a longer one."""

cdef enum:
    _LONGEST = 1048512
    _LOOPED_RUN = 4
    _LONGEST_LOOP = 4
    _PHASE_STEPS = 1000000000
    _DEGREES = 36

cdef double _TURN = 6.283185307179586
cdef double _AMPLITUDE_STEP = 1e-8
cdef double _AMPLITUDE_STEPS = 1e8
cdef double _PHASE_STEP = 1e-9


cdef inline void word(text_t* text, const char* what) noexcept nogil:
    put(text, what, <int64_t> strlen(what))


cdef inline void call(text_t* text, const char* what, int64_t value, const char* end) noexcept nogil:
    word(text, what)
    number(text, value, 0)
    word(text, end)


cdef int64_t zeros(text_t* text, int64_t n, int64_t least) noexcept nogil:
    """Write silence; return its number of instructions."""
    cdef int64_t times = 0, instructions = 0
    if n > _LONGEST:
        times = n // _LONGEST
        n -= times * _LONGEST
        if 0 < n < least:
            times -= 1
            n += _LONGEST
    if times > 1:
        call(text, b"repeat (", times, b") {\n")
        call(text, b"playZero(", _LONGEST, b");\n}\n")
        instructions += 4
    elif times:
        call(text, b"playZero(", _LONGEST, b");\n")
        instructions += 1
    if n:
        call(text, b"playZero(", n, b");\n")
        instructions += 1
    return instructions


cdef inline int64_t spacing(const Piece[::1] pieces, int64_t k, int64_t end, int64_t period) noexcept nogil:
    return (pieces[k + 1].start if k + 1 < end else period) - pieces[k].start


cdef int64_t repeated(
    const Piece[::1] pieces, int64_t k, int64_t end, int64_t period, int64_t loop_from, int64_t* width
) noexcept nogil:
    """Return how often a group of a few pieces is played from a piece on, and how many pieces it has."""
    cdef int64_t q, i
    for q in range(1, _LONGEST_LOOP + 1):
        i = 0
        while (k + q + i < end and pieces[k + i].entry == pieces[k + q + i].entry
                and spacing(pieces, k + i, end, period) == spacing(pieces, k + q + i, end, period)):
            i += 1
        if i // q + 1 >= _LOOPED_RUN and pieces[k + q].start - pieces[k].start >= loop_from:
            width[0] = q
            return i // q + 1
    return 1


cdef inline int64_t play(text_t* text, const Piece* piece, int64_t gap, int64_t least) noexcept nogil:
    """Write a piece and the silence behind it; return their number of instructions."""
    call(text, b"executeTableEntry(", piece.entry, b");\n")
    return 1 + (zeros(text, gap, least) if gap else 0)


cdef int64_t _emit(
    const Piece[::1] pieces, const int64_t[::1] bounds, int64_t head, int64_t period, int64_t least, int64_t loop_from,
    int64_t reset, text_t* text
) noexcept nogil:
    """Write all points; return their number of instructions."""
    cdef int64_t p, k, j, end, gap, times, width = 1, instructions = 0
    for p in range(bounds.shape[0] - 1):
        k = bounds[p]
        end = bounds[p + 1]
        gap = (pieces[k].start if k < end else period) - head
        if reset:
            if head:
                instructions += zeros(text, head, least)
            word(text, b"resetOscPhase();\n")
            instructions += reset
        else:
            gap += head
        if gap:
            instructions += zeros(text, gap, least)
        while k < end:
            times = repeated(pieces, k, end, period, loop_from, &width)
            if times > 1:
                call(text, b"repeat (", times, b") {\n")
                for j in range(k, k + width):
                    instructions += play(text, &pieces[j], spacing(pieces, j, end, period) - pieces[j].length, least)
                word(text, b"}\n")
                instructions += 3
                k += times * width
            else:
                instructions += play(text, &pieces[k], spacing(pieces, k, end, period) - pieces[k].length, least)
                k += 1
    return instructions


def emit(
    const Piece[::1] pieces not None, const int64_t[::1] bounds not None, int64_t head, int64_t period, int64_t least,
    int64_t loop_from, int64_t reset, char[::1] text not None, int64_t[::1] sizes not None,
):
    """Write the points of one sequencer, without what is around them.

    Parameters
    ----------
    pieces : (n_pieces,) PIECE
        As `pieces.cut` fills them.
    bounds : (n_points + 1,) int64
        Pieces of each point.
    head, period : int
        Samples before the earliest piece, and of a whole point.
    least : int
        Shortest silence in samples.
    loop_from : int
        Samples that a group of pieces must last to become a loop.
    reset : int
        Instructions that the compiler makes of ``resetOscPhase()``, which each point begins with; 0 for none.
    text : (n,) char
        Filled as far as it has room.
    sizes : (2,) int64
        Filled with the characters that the text needs, and the number of instructions.

    Raises
    ------
    ValueError
        If shapes don't fit, or pieces overlap or leave too short gaps.
    """
    cdef text_t out
    cdef Py_ssize_t n_points = bounds.shape[0] - 1, p, k
    cdef int64_t at, gap
    if n_points < 0 or bounds[0] != 0 or bounds[n_points] != pieces.shape[0] or sizes.shape[0] != 2:
        raise ValueError(f"bounds of {bounds.shape[0]} rows don't end at {pieces.shape[0]} pieces, or {sizes.shape[0]} sizes")
    if least < 1 or not 0 <= head <= period or 0 < period - head < least:
        raise ValueError(f"least {least}, head {head}, period {period}")
    for p in range(n_points):
        if bounds[p + 1] < bounds[p]:
            raise ValueError(f"bounds go down at point {p}")
        at = head
        for k in range(bounds[p], bounds[p + 1] + 1):
            gap = (pieces[k].start if k < bounds[p + 1] else period) - at
            if gap < 0 or 0 < gap < least:
                raise ValueError(f"{gap} samples are between pieces at {at} of point {p}")
            at = pieces[k].start + pieces[k].length if k < bounds[p + 1] else at
    out.data = &text[0] if text.shape[0] else NULL
    out.room = text.shape[0]
    out.n = 0
    with nogil:
        sizes[1] = _emit(pieces, bounds, head, period, least, loop_from, reset, &out)
    sizes[0] = out.n


cdef void _table(
    const Entry[::1] entries, const double[::1] scales, const int32_t[::1] waves, int kind, text_t* text
) noexcept nogil:
    cdef Py_ssize_t k
    cdef int64_t amplitude, phase
    cdef const char* between = b"{\"index\":"
    for k in range(entries.shape[0]):
        amplitude = <int64_t> rint(entries[k].amplitude * scales[entries[k].content])
        phase = entries[k].phase
        call(text, between, k, b",\"waveform\":{\"index\":")
        between = b"},\n{\"index\":"
        number(text, waves[entries[k].content], 0)
        if kind == 0:
            word(text, b"},\"amplitude00\":{\"value\":")
            decimal(text, amplitude)
            word(text, b"},\"amplitude01\":{\"value\":")
            decimal(text, -amplitude)
            word(text, b"},\"amplitude10\":{\"value\":")
            decimal(text, amplitude)
            word(text, b"},\"amplitude11\":{\"value\":")
            decimal(text, amplitude)
            word(text, b"},\"phase\":{\"value\":")
            decimal(text, phase * _DEGREES)
            call(text, b"},\"oscillatorSelect\":{\"value\":", entries[k].oscillator, b"}")
        else:
            word(text, b"},\"amplitude0\":{\"value\":")
            decimal(text, amplitude)
            word(text, b"},\"amplitude1\":{\"value\":")
            decimal(text, amplitude)
            if kind == 1:
                phase = _PHASE_STEPS - phase if phase else 0
                word(text, b"},\"phase0\":{\"value\":")
                decimal(text, (phase + _PHASE_STEPS // 4) * _DEGREES)
                word(text, b"},\"phase1\":{\"value\":")
                decimal(text, phase * _DEGREES)
            word(text, b"}")
    if entries.shape[0]:
        word(text, b"}")


def table(
    const Entry[::1] entries not None, const double[::1] scales not None, const int32_t[::1] waves not None, int kind,
    char[::1] text not None, int64_t[::1] size not None,
):
    """Write the entries of a command table as JSON, without what is around them.

    Parameters
    ----------
    entries : (n_entries,) ENTRY
        As `pieces.cut` fills them.
    scales : (n_contents,) float64
        Factor of the amplitude of each content: what its waveform was divided by; not below 0.
    waves : (n_contents,) int32
        Index of the waveform of each content.
    kind : int
        0 for an SHF generator, 1 for a modulated pair of an HDAWG, 2 for one that isn't modulated.
    text : (n,) char
        Filled as far as it has room.
    size : (1,) int64
        Filled with the characters that the text needs.

    Raises
    ------
    ValueError
        If shapes or numbers don't fit.
    """
    cdef text_t out
    cdef Py_ssize_t k
    if scales.shape[0] != waves.shape[0] or size.shape[0] != 1 or not 0 <= kind <= 2:
        raise ValueError(f"{scales.shape[0]} scales, {waves.shape[0]} waves, {size.shape[0]} sizes, kind {kind}")
    for k in range(scales.shape[0]):
        if not 0.0 <= scales[k] <= 1e3:
            raise ValueError(f"scale {k} is {scales[k]}")
    for k in range(entries.shape[0]):
        if not 0 <= entries[k].content < scales.shape[0]:
            raise ValueError(f"entry {k} has content {entries[k].content} of {scales.shape[0]}")
    out.data = &text[0] if text.shape[0] else NULL
    out.room = text.shape[0]
    out.n = 0
    with nogil:
        _table(entries, scales, waves, kind, &out)
    size[0] = out.n


cdef void _render(
    const Content* content, const Member[::1] members, const double[:, ::1] samples, const int64_t[::1] bounds,
    const double[::1] frequencies, double rate_hz, bint absolute, bint pair, double[:, ::1] out,
    int64_t at
) noexcept nogil:
    cdef Py_ssize_t m, k, first, last
    cdef double c, s, a, hz, turns, x, y
    cdef const Member* member
    cdef int64_t source
    for k in range(content.length):
        out[at + k, 0] = out[at + k, 1] = 0.0
    for m in range(content.first, content.first + content.n_members):
        member = &members[m]
        a = member.amplitude * _AMPLITUDE_STEP
        turns = member.phase * _PHASE_STEP
        c = a * cos(_TURN * turns)
        s = a * sin(_TURN * turns)
        source = bounds[member.waveform]
        first = member.offset if member.offset > 0 else 0
        last = member.offset + bounds[member.waveform + 1] - source
        if last > content.length:
            last = content.length
        source -= member.offset
        hz = 0.0
        if member.beat >= 0:
            hz = frequencies[member.beat // 64]
            if not absolute:
                hz -= frequencies[member.beat % 64]
        for k in range(first, last):
            if hz != 0.0:
                c = a * cos(_TURN * (turns + hz * (k / rate_hz)))
                s = a * sin(_TURN * (turns + hz * (k / rate_hz)))
            x = samples[source + k, 0]
            y = samples[source + k, 1]
            if pair:
                out[at + k, member.channel] += x * c - y * s
            else:
                out[at + k, 0] += x * c - y * s
                out[at + k, 1] += x * s + y * c


def reached(const Entry[::1] entries not None, const double[:, ::1] peaks not None):
    """Return the largest magnitude that a command table plays on each of two channels, of full scale.

    Parameters
    ----------
    entries : (n_entries,) ENTRY
        Rows of the command table.
    peaks : (n_contents, 2) float64
        Largest magnitude of each content at an amplitude of 1, on each channel.

    Raises
    ------
    ValueError
        If shapes don't fit, or an entry has a content that is not there.
    """
    cdef Py_ssize_t k
    cdef double steps
    cdef double[2] most
    if peaks.shape[1] != 2:
        raise ValueError(f"peaks have {peaks.shape[1]} columns, not 2")
    for k in range(entries.shape[0]):
        if not 0 <= entries[k].content < peaks.shape[0]:
            raise ValueError(f"entry {k} has content {entries[k].content} of {peaks.shape[0]}")
    most[0] = most[1] = 0.0
    with nogil:
        for k in range(entries.shape[0]):
            steps = fabs(<double> entries[k].amplitude) / _AMPLITUDE_STEPS
            most[0] = max(most[0], steps * peaks[entries[k].content, 0])
            most[1] = max(most[1], steps * peaks[entries[k].content, 1])
    return most[0], most[1]


def render(
    const Content[::1] contents not None, const Member[::1] members not None, const double[:, ::1] samples not None,
    const int64_t[::1] bounds not None, const double[::1] frequencies not None, double rate_hz, bint absolute,
    bint pair, double[:, ::1] out not None,
):
    """Render the contents that `pieces.cut` found, one after the other.

    Parameters
    ----------
    contents, members, frequencies
        As `pieces.cut` fills them.
    samples : (n, 2) float64
        Real and imaginary part of what a play of amplitude 1 and phase 0 puts out, of all waveforms.
    bounds : (n_waveforms + 1,) int64
        Where those of each waveform begin.
    rate_hz : float
        Samples per second.
    absolute : bool
        Whether no oscillator turns the output.
    pair : bool
        Whether the two outputs are two channels of their own, which put out real parts.
    out : (sum of lengths, 2) float64
        Filled.

    Raises
    ------
    ValueError
        If shapes or numbers don't fit.
    """
    cdef Py_ssize_t k, at = 0, n_waveforms = bounds.shape[0] - 1
    if samples.shape[1] != 2 or out.shape[1] != 2:
        raise ValueError(f"samples have {samples.shape[1]} columns, out {out.shape[1]}, not 2")
    check_bounds(bounds, samples.shape[0], " samples", "waveform")
    for k in range(members.shape[0]):
        if not 0 <= members[k].waveform < n_waveforms or not 0 <= members[k].channel <= 1:
            raise ValueError(f"member {k} has waveform {members[k].waveform}, channel {members[k].channel}")
        if members[k].beat >= 0 and (
            members[k].beat // 64 >= frequencies.shape[0] or members[k].beat % 64 >= frequencies.shape[0]
        ):
            raise ValueError(f"member {k} has beat {members[k].beat} of {frequencies.shape[0]} frequencies")
    for k in range(contents.shape[0]):
        if contents[k].length < 0 or contents[k].first < 0 or contents[k].n_members < 0:
            raise ValueError(f"content {k} is {contents[k].length} samples")
        if contents[k].first + contents[k].n_members > members.shape[0]:
            raise ValueError(f"content {k} ends at member {contents[k].first + contents[k].n_members}")
        at += contents[k].length
    if at != out.shape[0]:
        raise ValueError(f"out has {out.shape[0]} rows, the contents {at}")
    at = 0
    with nogil:
        for k in range(contents.shape[0]):
            _render(&contents[k], members, samples, bounds, frequencies, rate_hz, absolute, pair, out, at)
            at += contents[k].length
