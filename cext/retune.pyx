"""Give a sequencer's events the phases that plays have now, and write these into copies of the text of their points."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcmp, memcpy

import numpy as np

from qctl.cext.bounds cimport check_bounds
from qctl.cext.events cimport Event, phase_steps
from qctl.cext.patch cimport Turns
from qctl.cext.q1_lines cimport phase_of
from qctl.cext.straight cimport Capture, Play

cdef enum:
    _NONE = -1
    _LEAD = 4
    # characters of the lines of q1asm that stand before the digits of a phase
    _HEAD = 64
    _SET_FREQ = 30
    _SET_GAIN = 27
    _SET_PH = 7
    _DIGITS = 9


cdef class Retune:
    """Events of one sequencer, and where the phase of each is in the text of its point.

    Parameters
    ----------
    events : (n_events,) EVENT
        As `events.gather` filled them; their phases are changed in place.
    event_bounds : (n_points + 1,) int64
        Events of each point.
    plays, play_bounds
        All plays of the run, and where those of each point begin.
    captures, capture_bounds
        Captures of the sequencer's points alone; none if it acquires nothing.
    port : int
        The sequencer's.
    first : int
        Its first point among those of the run.

    Raises
    ------
    ValueError
        If shapes don't fit, or the events are not those of these plays and captures.
    """

    cdef Event[::1] events
    cdef const int64_t[::1] bounds
    cdef int64_t first, base, n_plays
    # of each play of these points: its event, or -1
    cdef int32_t[::1] event_of
    # of each event: turns of its carrier at phase 0, place of its digits or -1 if its phase is not written, for work
    cdef double[::1] turns
    cdef int32_t[::1] places, changed

    def __init__(
        self, Event[::1] events not None, const int64_t[::1] event_bounds not None, const Play[::1] plays not None,
        const int64_t[::1] play_bounds not None, const Capture[::1] captures not None,
        const int64_t[::1] capture_bounds not None, uint32_t port, int64_t first,
    ):
        cdef Py_ssize_t p, a, b, k, last, n = event_bounds.shape[0] - 1
        cdef int64_t zero, base
        check_bounds(event_bounds, events.shape[0], " events", "point")
        check_bounds(play_bounds, plays.shape[0], " plays", "point")
        check_bounds(capture_bounds, captures.shape[0], " captures", "point")
        if not 0 <= first <= play_bounds.shape[0] - 1 - n or capture_bounds.shape[0] - 1 != n:
            raise ValueError(
                f"points {first} to {first + n} of {play_bounds.shape[0] - 1}, captures of {capture_bounds.shape[0] - 1}"
            )
        base = play_bounds[first]
        self.event_of = np.full(play_bounds[first + n] - base, _NONE, np.int32)
        self.turns = np.empty(events.shape[0])
        self.places = np.full(events.shape[0], _NONE, np.int32)
        self.changed = np.empty(events.shape[0] + 1, np.int32)
        for p in range(n):
            k = event_bounds[p]
            last = event_bounds[p + 1]
            a = play_bounds[first + p]
            b = capture_bounds[p]
            zero = -_LEAD
            while True:
                while a < play_bounds[first + p + 1] and plays[a].port != port:
                    a += 1
                while b < capture_bounds[p + 1] and captures[b].port != port:
                    b += 1
                if a == play_bounds[first + p + 1] and b == capture_bounds[p + 1]:
                    break
                if k == last:
                    raise ValueError(f"point {p} has {last - event_bounds[p]} events, and more plays and captures")
                if b == capture_bounds[p + 1] or (a < play_bounds[first + p + 1] and plays[a].start <= captures[b].start):
                    if events[k].acquisition >= 0:
                        raise ValueError(f"event {k} is an acquisition, not a play")
                    self.event_of[a - base] = k
                    a += 1
                else:
                    if events[k].acquisition < 0:
                        raise ValueError(f"event {k} is a play, not an acquisition")
                    b += 1
                if k > event_bounds[p] and events[k].steps != events[k - 1].steps:
                    zero = events[k].start
                self.turns[k] = events[k].steps * 0.25e-9 * (zero + 0.5)
                if k == event_bounds[p] or events[k].steps != events[k - 1].steps or events[k].phase != events[k - 1].phase:
                    self.places[k] = 0
                k += 1
            if k != last:
                raise ValueError(f"point {p} has {last - event_bounds[p]} events, and fewer plays and captures")
        self.events, self.bounds = events, event_bounds
        self.first, self.base, self.n_plays = first, base, plays.shape[0]

    def place(self, Py_ssize_t point, bytes text not None, const int64_t[::1] begins not None, int64_t begin):
        """Note where the phases are in the text of a point.

        Parameters
        ----------
        point : int
            Its number.
        text : bytes
            As `q1asm.emit` wrote it.
        begins : (n_events,) int64
            Where the text of each event begins, as `q1asm.emit` filled it.
        begin : int
            Where that of the point does.

        Raises
        ------
        ValueError
            If the phases are not there.
        """
        cdef Py_ssize_t k
        cdef int64_t at, n = PyBytes_GET_SIZE(text)
        cdef const char* data = PyBytes_AS_STRING(text)
        cdef char[9] digits
        if not 0 <= point < self.bounds.shape[0] - 1 or begins.shape[0] != self.events.shape[0]:
            raise ValueError(f"point {point} of {self.bounds.shape[0] - 1}, begins has {begins.shape[0]} rows")
        for k in range(self.bounds[point], self.bounds[point + 1]):
            self.places[k] = _NONE
            if k == self.bounds[point]:
                at = _HEAD
            elif self.events[k].steps == self.events[k - 1].steps and self.events[k].phase == self.events[k - 1].phase:
                continue
            else:
                at = begins[k] - begin + _SET_PH
                if self.events[k].steps != self.events[k - 1].steps:
                    at += _SET_FREQ
                if self.events[k].gain != self.events[k - 1].gain:
                    at += _SET_GAIN
            phase_of(digits, <uint32_t> self.events[k].phase)
            if (at < _SET_PH or at + _DIGITS > n or memcmp(data + at - _SET_PH, b"set_ph ", _SET_PH)
                    or memcmp(data + at, digits, _DIGITS)):
                raise ValueError(f"the phase of event {k} is not at {at} in the {n} characters of point {point}")
            self.places[k] = <int32_t> at

    def turned(self, Turns turned not None, Py_ssize_t low, Py_ssize_t high, list pieces, Py_ssize_t at, list uneven not None):
        """Take over the phases of plays that changed; return how many points did.

        Parameters
        ----------
        turned : Turns
            What changed last, of plays that differ from those given in nothing but phases.
        low, high : int
            Of its points those that the sequencer has.
        pieces : list of bytes or None
            Texts; those of points that change are exchanged for copies with other phases. None where nothing is written.
        at : int
            Place of the first point's text in `pieces`.
        uneven : list of int
            Takes points whose text needs more or fewer lines now: equal phases became unequal, or the other way round.

        Raises
        ------
        ValueError
            If something is not there.
        """
        cdef Py_ssize_t j, k, c, n, p, n_points = 0, n_all = self.bounds.shape[0] - 1
        cdef int64_t play, base = self.base
        cdef int32_t phase
        cdef bint even
        cdef bytes old, new
        cdef char* data
        if not 0 <= low <= high <= turned.n_points:
            raise ValueError(f"points {low} to {high} of {turned.n_points}")
        if turned.plays.shape[0] != self.n_plays:
            raise ValueError(f"there are {turned.plays.shape[0]} plays, not {self.n_plays}")
        if pieces is not None and not 0 <= at <= len(pieces) - n_all:
            raise ValueError(f"texts {at} to {at + n_all} of {len(pieces)}")
        for j in range(low, high):
            p = turned.points[j] - self.first
            if not 0 <= p < n_all:
                raise ValueError(f"point {turned.points[j]} is outside of {self.first} to {self.first + n_all}")
            n = 0
            for c in range(turned.changed_bounds[j], turned.changed_bounds[j + 1]):
                play = turned.changed[c]
                if not base <= play < base + self.event_of.shape[0]:
                    raise ValueError(f"play {play} is outside of {base} to {base + self.event_of.shape[0]}")
                k = self.event_of[play - base]
                if k < 0:
                    continue
                while True:
                    phase = phase_steps(self.turns[k], turned.plays[play].phase_rad)
                    if phase != self.events[k].phase:
                        self.events[k].phase = phase
                        self.changed[n] = <int32_t> k
                        n += 1
                    k += 1
                    # What is acquired behind a play is turned back with its phase.
                    if k == self.bounds[p + 1] or self.events[k].acquisition < 0:
                        break
            if not n:
                continue
            n_points += 1
            even = True
            for c in range(n):
                k = self.changed[c]
                if k > self.bounds[p]:
                    even = even and self.as_before(k)
                if k + 1 < self.bounds[p + 1]:
                    even = even and self.as_before(k + 1)
            if not even:
                uneven.append(p)
                for k in range(self.bounds[p] + 1, self.bounds[p + 1]):
                    self.places[k] = _NONE if self.events[k].steps == self.events[k - 1].steps and self.events[
                        k].phase == self.events[k - 1].phase else 0
            elif pieces is not None:
                old = <bytes> pieces[at + p]
                new = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(old))
                data = PyBytes_AS_STRING(new)
                memcpy(data, PyBytes_AS_STRING(old), PyBytes_GET_SIZE(old))
                for c in range(n):
                    k = self.changed[c]
                    if self.places[k] >= 0:
                        phase_of(data + self.places[k], <uint32_t> self.events[k].phase)
                pieces[at + p] = new
        return n_points

    cdef inline bint as_before(self, Py_ssize_t k) noexcept:
        """Say whether an event's phase is written now as it was."""
        return (self.places[k] >= 0) == (
            self.events[k].steps != self.events[k - 1].steps or self.events[k].phase != self.events[k - 1].phase)
