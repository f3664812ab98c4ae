"""Deal the plays of many points out to the feeds of one generator, and find how long each shot is and where it is silent."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp

from qctl.cext.bounds cimport check_bounds
from qctl.cext.straight cimport Capture, Play


cdef int _earlier(const void* a, const void* b) noexcept nogil:
    cdef int64_t x = (<const int64_t*> a)[0], y = (<const int64_t*> b)[0]
    return (x > y) - (x < y)


cdef int64_t _deal(
    const Play[::1] plays, const int64_t[::1] bounds, const int32_t[::1] owner, const int64_t[::1] lengths, int64_t lead,
    int64_t silence, Play[::1] dealt, int64_t[:, ::1] dealt_bounds, int64_t[:, ::1] own_bounds, int64_t[:, ::1] spans,
    int64_t[:, ::1] gaps, int64_t[::1] gap_bounds, int64_t[:, ::1] work
) noexcept nogil:
    cdef Py_ssize_t p, k, f, n, n_feeds = dealt_bounds.shape[0], n_points = bounds.shape[0] - 1
    cdef int64_t n_gaps = 0, until, at, first
    cdef bint sorted
    for f in range(n_feeds):
        for p in range(n_points + 1):
            dealt_bounds[f, p] = 0
    for p in range(n_points):
        for k in range(bounds[p], bounds[p + 1]):
            f = owner[plays[k].port]
            if f >= 0:
                dealt_bounds[f, p + 1] += 1
    at = 0
    for f in range(n_feeds):
        for p in range(n_points + 1):
            at += dealt_bounds[f, p]
            dealt_bounds[f, p] = at
    for p in range(n_points):
        n = 0
        sorted = True
        first = until = 0
        for k in range(bounds[p], bounds[p + 1]):
            f = owner[plays[k].port]
            if f < 0:
                continue
            # The bound of the point before is where the next one goes; it is put back below.
            at = dealt_bounds[f, p]
            dealt_bounds[f, p] = at + 1
            dealt[at] = plays[k]
            dealt[at].port = 0
            dealt[at].start += lead
            work[n, 0] = dealt[at].start
            work[n, 1] = dealt[at].start + lengths[plays[k].waveform]
            if n and work[n, 0] < work[n - 1, 0]:
                sorted = False
            n += 1
        if n and not sorted:
            qsort(&work[0, 0], n, 16, _earlier)
        if n:
            first = work[0, 0]
        for k in range(n):
            if work[k, 0] - until >= silence:
                gaps[n_gaps, 0] = until
                gaps[n_gaps, 1] = work[k, 0]
                n_gaps += 1
            if work[k, 1] > until:
                until = work[k, 1]
        spans[p, 0] = first
        spans[p, 1] = until
        spans[p, 2] = n
        gap_bounds[p + 1] = n_gaps
    for f in range(n_feeds):
        for p in range(n_points, 0, -1):
            dealt_bounds[f, p] = dealt_bounds[f, p - 1]
        dealt_bounds[f, 0] = dealt_bounds[f - 1, n_points] if f else 0
        for p in range(n_points + 1):
            own_bounds[f, p] = dealt_bounds[f, p] - dealt_bounds[f, 0]
    return n_gaps


def deal(
    const Play[::1] plays not None, const int64_t[::1] bounds not None, const int32_t[::1] owner not None,
    const int64_t[::1] lengths not None, int64_t lead, int64_t silence, Play[::1] dealt not None,
    int64_t[:, ::1] dealt_bounds not None, int64_t[:, ::1] own_bounds not None, int64_t[:, ::1] spans not None,
    int64_t[:, ::1] gaps not None, int64_t[::1] gap_bounds not None, int64_t[:, ::1] work not None,
):
    """Sort plays by feed and point, in their order, and find the ends and the silences of each point's shot.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        All points, one after the other, of all generators; starts in this one's ticks.
    bounds : (n_points + 1,) int64
        Plays of point p are ``plays[bounds[p]:bounds[p + 1]]``.
    owner : (n_ports,) int32
        Feed of each port, or -1 for those of other generators.
    lengths : (n_waveforms,) int64
        Samples of each waveform.
    lead : int
        Added to all starts.
    silence : int
        Silences of so many samples or more are reported.
    dealt : (n_plays,) PLAY
        Filled as far as there are plays of this generator: those of the first feed, point by point, then of the next;
        ports are 0.
    dealt_bounds : (n_feeds, n_points + 1) int64
        Filled: plays of feed f at point p are ``dealt[dealt_bounds[f, p]:dealt_bounds[f, p + 1]]``.
    own_bounds : (n_feeds, n_points + 1) int64
        Filled with the same, counted from the first play of each feed.
    spans : (n_points, 3) int64
        Filled with the first start, the last end or 0, and the number of plays.
    gaps : (n_plays, 2) int64
        Filled with the silences: end of all that was before, or 0, and the next start.
    gap_bounds : (n_points + 1,) int64
        Filled: silences of each point.
    work : (most plays of a point, 2) int64
        For work.

    Returns
    -------
    int
        The first point with a play that begins before 0, or -1.

    Raises
    ------
    ValueError
        If shapes don't fit, or a play names a port or waveform that is not there.
    """
    cdef Py_ssize_t k, n_points = bounds.shape[0] - 1, n = plays.shape[0]
    if n_points < 0 or bounds[0] != 0 or bounds[n_points] != n:
        raise ValueError(f"bounds of {bounds.shape[0]} rows don't end at {n} plays")
    if dealt.shape[0] != n or gaps.shape[0] != n or gaps.shape[1] != 2 or gap_bounds.shape[0] != n_points + 1:
        raise ValueError(
            f"dealt has {dealt.shape[0]} rows, gaps {gaps.shape[0]} x {gaps.shape[1]}, gap_bounds {gap_bounds.shape[0]}, "
            f"not {n}, {n} x 2, {n_points + 1}"
        )
    if own_bounds.shape[0] != dealt_bounds.shape[0] or own_bounds.shape[1] != n_points + 1:
        raise ValueError(
            f"own_bounds are {own_bounds.shape[0]} x {own_bounds.shape[1]}, not {dealt_bounds.shape[0]} x {n_points + 1}"
        )
    if dealt_bounds.shape[1] != n_points + 1 or spans.shape[0] != n_points or spans.shape[1] != 3 or work.shape[1] != 2:
        raise ValueError(
            f"dealt_bounds have {dealt_bounds.shape[1]} columns, spans are {spans.shape[0]} x {spans.shape[1]}, work has "
            f"{work.shape[1]} columns; there are {n_points} points"
        )
    for k in range(n_points):
        if bounds[k + 1] < bounds[k]:
            raise ValueError(f"bounds go down at point {k}")
        if bounds[k + 1] - bounds[k] > work.shape[0]:
            raise ValueError(f"work has {work.shape[0]} rows, point {k} has {bounds[k + 1] - bounds[k]} plays")
    for k in range(owner.shape[0]):
        if not -1 <= owner[k] < dealt_bounds.shape[0]:
            raise ValueError(f"port {k} is of feed {owner[k]} of {dealt_bounds.shape[0]}")
    for k in range(n):
        if plays[k].port >= owner.shape[0] or plays[k].waveform >= lengths.shape[0]:
            raise ValueError(
                f"play {k} has port {plays[k].port} of {owner.shape[0]}, waveform {plays[k].waveform} of {lengths.shape[0]}"
            )
    with nogil:
        gap_bounds[0] = 0
        _deal(plays, bounds, owner, lengths, lead, silence, dealt, dealt_bounds, own_bounds, spans, gaps, gap_bounds, work)
    for k in range(n_points):
        if spans[k, 0] < 0:
            return k
    return -1


def last(
    const Play[::1] plays not None, const int64_t[::1] bounds not None, const int32_t[::1] owner not None,
    const int64_t[::1] lengths not None, int64_t lead, Py_ssize_t point, int64_t first, int64_t n_samples,
):
    """Return the number in a point of the play that ends last of those that begin in a stretch of samples.

    Parameters
    ----------
    plays, bounds, owner, lengths, lead
        As `deal` takes them.
    point : int
        Whose plays are looked at.
    first, n_samples : int
        The stretch, after `lead` has been added to starts.

    Returns
    -------
    int
        The first of those that end last; -1 where none begins there.

    Raises
    ------
    ValueError
        If there is no such point, or a play names a port or waveform that is not there.
    """
    cdef Py_ssize_t k, found = -1
    cdef int64_t latest = 0, start
    if not 0 <= point < bounds.shape[0] - 1 or bounds[point] < 0 or bounds[point + 1] > plays.shape[0]:
        raise ValueError(f"point {point} of {bounds.shape[0] - 1} with {plays.shape[0]} plays")
    for k in range(bounds[point], bounds[point + 1]):
        if plays[k].port >= owner.shape[0] or plays[k].waveform >= lengths.shape[0]:
            raise ValueError(f"play {k} has port {plays[k].port} of {owner.shape[0]}, waveform {plays[k].waveform}")
    with nogil:
        for k in range(bounds[point], bounds[point + 1]):
            start = plays[k].start + lead
            if owner[plays[k].port] < 0 or start < first or start >= first + n_samples:
                continue
            if found < 0 or start + lengths[plays[k].waveform] > latest:
                latest = start + lengths[plays[k].waveform]
                found = k - bounds[point]
    return found


cdef Py_ssize_t tallied(const char* rows, Py_ssize_t n, Py_ssize_t size, int64_t[:, ::1] counts) noexcept nogil:
    """Count rows by the two numbers of 32 bits that they begin with; return the first that is not there, or -1."""
    cdef Py_ssize_t k, row, column
    cdef const uint32_t* pair
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            counts[row, column] = 0
    for k in range(n):
        pair = <const uint32_t*> (rows + k * size)
        if pair[0] >= <uint32_t> counts.shape[0] or pair[1] >= <uint32_t> counts.shape[1]:
            return k
        counts[pair[0], pair[1]] += 1
    return -1


def count(const Play[::1] plays not None, int64_t[:, ::1] counts not None):
    """Count the plays of each waveform on each port.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        Any.
    counts : (n_ports, n_waveforms) int64
        Filled.

    Raises
    ------
    ValueError
        If a play names a port or waveform that is not there.
    """
    cdef Py_ssize_t found
    with nogil:
        found = tallied(<const char*> &plays[0] if plays.shape[0] else NULL, plays.shape[0], sizeof(Play), counts)
    if found >= 0:
        raise ValueError(
            f"play {found} has port {plays[found].port} of {counts.shape[0]}, waveform {plays[found].waveform} of "
            f"{counts.shape[1]}"
        )


def caught(const Capture[::1] captures not None, int64_t[:, ::1] counts not None):
    """Count the captures of each kind on each port.

    Parameters
    ----------
    captures : (n_captures,) CAPTURE
        Any.
    counts : (n_ports, n_kinds) int64
        Filled.

    Raises
    ------
    ValueError
        If a capture names a port or kind that is not there.
    """
    cdef Py_ssize_t found
    with nogil:
        found = tallied(
            <const char*> &captures[0] if captures.shape[0] else NULL, captures.shape[0], sizeof(Capture), counts)
    if found >= 0:
        raise ValueError(
            f"capture {found} has port {captures[found].port} of {counts.shape[0]}, kind {captures[found].capture} of "
            f"{counts.shape[1]}"
        )


def alike(const Play[::1] plays not None, const int64_t[::1] bounds not None, const char[::1] chosen not None):
    """Return what all points play on some ports, or None where they differ.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        All points, one after the other.
    bounds : (n_points + 1,) int64
        Plays of point p are ``plays[bounds[p]:bounds[p + 1]]``.
    chosen : (n_ports,) int8
        Other than 0 for the ports that are looked at.

    Returns
    -------
    bytes or None
        The plays of these ports at each point, one after the other.

    Raises
    ------
    ValueError
        If bounds don't fit, or a play names a port that is not there.
    """
    cdef Py_ssize_t p, k, j, end, n_points = bounds.shape[0] - 1
    cdef bint same = True
    cdef bytearray found = bytearray()
    check_bounds(bounds, plays.shape[0], " plays", "point")
    for k in range(plays.shape[0]):
        if plays[k].port >= <uint32_t> chosen.shape[0]:
            raise ValueError(f"play {k} has port {plays[k].port} of {chosen.shape[0]}")
    with nogil:
        for p in range(1, n_points):
            j = bounds[0]
            end = bounds[1]
            for k in range(bounds[p], bounds[p + 1]):
                if not chosen[plays[k].port]:
                    continue
                while j < end and not chosen[plays[j].port]:
                    j += 1
                same = j < end and memcmp(&plays[j], &plays[k], sizeof(Play)) == 0
                if not same:
                    break
                j += 1
            while same and j < end:
                same = not chosen[plays[j].port]
                j += 1
            if not same:
                break
    if not same:
        return None
    for k in range(bounds[0], bounds[1] if n_points else 0):
        if chosen[plays[k].port]:
            found += (<const char*> &plays[k])[: sizeof(Play)]
    return bytes(found)


def places(
    const Play[::1] plays not None, int64_t first, int64_t last, const int32_t[::1] owner not None,
    const int64_t[::1] bounds not None, const int64_t[:, ::1] dealt_bounds not None, int32_t[::1] dealt_to not None,
):
    """Find where plays are in what `deal` dealt.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        Of all points of a run.
    first, last : int
        Points that were dealt, from `first` to before `last`.
    owner, dealt_bounds
        As `deal` took and filled them.
    bounds : (n_all_points + 1,) int64
        Where the plays of each point begin.
    dealt_to : (plays of these points,) int32
        Filled: the place of each among those that were dealt, or -1.

    Raises
    ------
    ValueError
        If shapes don't fit, or the plays are not those that were dealt.
    """
    cdef Py_ssize_t k, f, p, n_feeds = dealt_bounds.shape[0]
    cdef int64_t at, begin
    cdef int64_t[64] next_of
    check_bounds(bounds, plays.shape[0], " plays", "point")
    if not 0 <= first <= last <= bounds.shape[0] - 1 or last - first != dealt_bounds.shape[1] - 1:
        raise ValueError(f"points {first} to {last} of {bounds.shape[0] - 1}, {dealt_bounds.shape[1] - 1} were dealt")
    begin = bounds[first]
    if dealt_to.shape[0] != bounds[last] - begin or n_feeds > 64:
        raise ValueError(f"dealt_to has {dealt_to.shape[0]} rows of {bounds[last] - begin}, there are {n_feeds} feeds")
    for p in range(first, last):
        for f in range(n_feeds):
            next_of[f] = dealt_bounds[f, p - first]
        for k in range(bounds[p], bounds[p + 1]):
            if plays[k].port >= <uint32_t> owner.shape[0] or owner[plays[k].port] >= n_feeds:
                raise ValueError(f"play {k} has port {plays[k].port} of {owner.shape[0]}")
            f = owner[plays[k].port]
            dealt_to[k - begin] = -1
            if f >= 0:
                at = next_of[f]
                if not 0 <= at < dealt_bounds[f, p - first + 1]:
                    raise ValueError(f"play {k} is one more than was dealt")
                dealt_to[k - begin] = <int32_t> at
                next_of[f] += 1
