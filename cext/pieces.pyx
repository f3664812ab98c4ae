"""Plays of one sequencer cut into pieces on a coarse grid: equal contents are one waveform, equal settings one entry."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp

from qctl.cext.notes cimport in_order, note_t
from qctl.cext.pieces cimport Content, Entry, Member, Piece
from qctl.cext.straight cimport Play
from qctl.cext.whole cimport below, nearest

cdef extern from "slot_hash.h" nogil:
    uint64_t qctl_slot_hash(uint64_t h, uint64_t value) noexcept

FAULTS = ("", "amplitude", "phase", "frequencies", "early", "end", "members")
"""What is reported as `fault`: an index into this tuple."""
AMPLITUDE_STEPS = 100_000_000
"""Steps of an amplitude's full scale."""
PHASE_STEPS = 1_000_000_000
"""Steps of a turn."""

cdef enum:
    _AMPLITUDE_STEPS = 100000000
    _PHASE_STEPS = 1000000000
    _MOST = 2
    _BEATS = 64

cdef struct work_t:
    const int32_t* channels
    const int32_t* lengths
    double steps_per_v
    int64_t head, zero, grid, least, period
    double rate_hz
    int64_t n_oscillators
    Piece* pieces
    Member* members
    Content* contents
    Entry* entries
    double* frequencies
    int64_t n_pieces, n_members, n_contents, n_entries, n_frequencies, n_merged
    int64_t most_frequencies, most_members
    note_t* notes
    note_t* spare
    int32_t* held
    int64_t n_held
    int32_t* content_slots
    int32_t* entry_slots
    uint64_t mask
    int64_t row


cdef int frequency_of(work_t* on, double hz, int32_t* last) noexcept nogil:
    """Find a frequency among those that were met, or add it; return whether there is room."""
    cdef int32_t k
    if on.n_frequencies and on.frequencies[last[0]] == hz:
        return 1
    for k in range(<int32_t> on.n_frequencies):
        if on.frequencies[k] == hz:
            last[0] = k
            return 1
    if on.n_frequencies == on.most_frequencies:
        return 0
    on.frequencies[on.n_frequencies] = hz
    last[0] = <int32_t> on.n_frequencies
    on.n_frequencies += 1
    return 1


cdef inline int32_t steps_of(const note_t* note, double away_hz, int64_t begin, double rate_hz) noexcept nogil:
    """Return the phase at a sample less that of an oscillator, in steps of a turn."""
    cdef double turns = note.turns if away_hz == 0.0 else note.turns + away_hz * (<double> begin / rate_hz)
    cdef int32_t steps
    turns -= below(turns)
    steps = <int32_t> nearest(turns * _PHASE_STEPS)
    return steps - _PHASE_STEPS if steps >= _PHASE_STEPS else steps


cdef void close(work_t* on, const note_t* notes, int64_t begin, int64_t length) noexcept nogil:
    """End a piece: look its content and its settings up, and write what is new."""
    cdef int64_t n = on.n_held, k, first = on.n_members
    cdef int32_t top = 0, phase = 0, oscillator = 0, at, beat
    cdef uint64_t h = qctl_slot_hash(0x243F6A8885A308D3, <uint64_t> length), slot
    cdef const note_t* note = &notes[on.held[0]]
    cdef double tuned_hz = 0.0, away_hz
    cdef Member member
    cdef Content* content
    cdef Entry* entry
    if n == 1:
        top = note.amplitude
    else:
        for k in range(n):
            at = notes[on.held[k]].amplitude
            top = at if at > top else -at if -at > top else top
        on.n_merged += n
    if on.n_oscillators:
        oscillator = note.frequency if note.frequency < on.n_oscillators else 0
        tuned_hz = on.frequencies[oscillator]
        phase = steps_of(note, on.frequencies[note.frequency] - tuned_hz, begin, on.rate_hz)
    for k in range(n):
        note = &notes[on.held[k]]
        away_hz = on.frequencies[note.frequency] - tuned_hz
        beat = -1 if away_hz == 0.0 else note.frequency * _BEATS + oscillator
        member.channel = note.channel
        member.waveform = note.waveform
        member.offset = <int32_t> (note.start - begin)
        if n == 1:
            member.amplitude = _AMPLITUDE_STEPS
        elif top:
            member.amplitude = <int32_t> nearest(<double> note.amplitude * _AMPLITUDE_STEPS / top)
        else:
            member.amplitude = 0
        member.phase = 0 if on.n_oscillators and not k else steps_of(note, away_hz, begin, on.rate_hz) - phase
        if member.phase < 0:
            member.phase += _PHASE_STEPS
        member.beat = beat
        on.members[on.n_members] = member
        on.n_members += 1
        h = qctl_slot_hash(h, <uint32_t> member.waveform | (<uint64_t> <uint32_t> member.offset << 32))
        h = qctl_slot_hash(h, <uint32_t> member.amplitude | (<uint64_t> <uint32_t> member.phase << 32))
        h = qctl_slot_hash(h, <uint32_t> member.beat | (<uint64_t> <uint32_t> member.channel << 32))
    slot = h & on.mask
    while on.content_slots[slot]:
        content = &on.contents[on.content_slots[slot] - 1]
        if (content.length == length and content.n_members == n
                and memcmp(on.members + content.first, on.members + first, n * sizeof(Member)) == 0):
            on.n_members = first
            break
        slot = (slot + 1) & on.mask
    if not on.content_slots[slot]:
        content = &on.contents[on.n_contents]
        content.length = <int32_t> length
        content.first = <int32_t> first
        content.n_members = <int32_t> n
        on.n_contents += 1
        on.content_slots[slot] = <int32_t> on.n_contents
    at = on.content_slots[slot] - 1
    h = qctl_slot_hash(qctl_slot_hash(0x452821E638D01377, <uint32_t> at | (<uint64_t> <uint32_t> top << 32)),
              <uint32_t> phase | (<uint64_t> <uint32_t> oscillator << 32))
    slot = h & on.mask
    while on.entry_slots[slot]:
        entry = &on.entries[on.entry_slots[slot] - 1]
        if entry.content == at and entry.amplitude == top and entry.phase == phase and entry.oscillator == oscillator:
            break
        slot = (slot + 1) & on.mask
    if not on.entry_slots[slot]:
        entry = &on.entries[on.n_entries]
        entry.content = at
        entry.amplitude = top
        entry.phase = phase
        entry.oscillator = oscillator
        on.n_entries += 1
        on.entry_slots[slot] = <int32_t> on.n_entries
    on.pieces[on.n_pieces].start = begin
    on.pieces[on.n_pieces].length = <int32_t> length
    on.pieces[on.n_pieces].entry = on.entry_slots[slot] - 1
    on.n_pieces += 1


cdef int listed(work_t* on, const Play* plays, int64_t n_plays, int64_t* n_notes) noexcept nogil:
    """Note the plays of one point that are this sequencer's, in its own numbers; return a fault."""
    cdef int64_t k, n = 0
    cdef int32_t channel, last = 0
    cdef double steps, turns, middle_s = (0.5 - on.zero) / on.rate_hz
    cdef note_t* note
    for k in range(n_plays):
        channel = on.channels[plays[k].port]
        if channel < 0 or not on.lengths[plays[k].waveform]:
            continue
        on.row = k
        note = &on.notes[n]
        note.start = plays[k].start + on.zero
        note.end = note.start + on.lengths[plays[k].waveform]
        note.row = <int32_t> k
        note.channel = channel
        note.waveform = <int32_t> plays[k].waveform
        steps = nearest(plays[k].amplitude * on.steps_per_v)
        if not fabs(steps) <= _AMPLITUDE_STEPS:
            return 1
        note.amplitude = <int32_t> steps
        turns = plays[k].frequency_hz * middle_s - plays[k].phase_rad * 0.15915494309189535
        if not fabs(turns) < 1e15:
            return 2
        if not frequency_of(on, plays[k].frequency_hz, &last):
            return 3
        note.turns = turns
        note.frequency = last
        if note.start < on.head:
            return 4
        n += 1
    n_notes[0] = n
    return 0


cdef inline int64_t needed(const work_t* on, int64_t begin, int64_t end) noexcept nogil:
    """Return where a piece may end at the earliest."""
    end += on.grid - 1
    end -= end % on.grid
    return end if end > begin + on.least else begin + on.least


cdef int _point(work_t* on, const Play* plays, int64_t n_plays) noexcept nogil:
    """Cut one point; return a fault."""
    cdef int64_t n = 0, k, begin = 0, end = 0, need = 0, down, carried, done = on.head
    cdef int found = listed(on, plays, n_plays, &n)
    cdef note_t* notes
    cdef note_t* note
    cdef int32_t at
    if found:
        return found
    notes = in_order(on.notes, on.spare, n)
    on.n_held = 0
    for k in range(n):
        note = &notes[k]
        on.row = note.row
        down = note.start - note.start % on.grid
        if on.n_held:
            need = needed(on, begin, end)
            if down >= need:
                if down - need < on.least:
                    need = down  # what is too short for silence of its own is silence at the end of the piece
                close(on, notes, begin, need - begin)
                done = need
                on.n_held = 0
            elif on.n_held >= _MOST and down - begin >= on.least:
                close(on, notes, begin, down - begin)
                done = down
                begin = down
                carried = 0
                for at in range(<int32_t> on.n_held):
                    if notes[on.held[at]].end > down:
                        on.held[carried] = on.held[at]
                        carried += 1
                on.n_held = carried
        if not on.n_held:
            begin = down if down - done >= on.least else done
            end = begin
        on.held[on.n_held] = <int32_t> k
        on.n_held += 1
        if note.end > end:
            end = note.end
        if end > on.period:
            return 5
        if on.n_members + on.n_held > on.most_members:
            return 6
    if on.n_held:
        need = needed(on, begin, end)
        if need > on.period:
            return 5
        if on.period - need < on.least:
            need = on.period
        close(on, notes, begin, need - begin)
        on.n_held = 0
    return 0


def cut(
    const Play[::1] plays not None, const int64_t[::1] bounds not None, const int32_t[::1] channels not None,
    const int32_t[::1] lengths not None, double steps_per_v, int64_t head, int64_t zero, int64_t grid, int64_t least,
    int64_t period, double rate_hz, int64_t n_oscillators, Piece[::1] pieces not None,
    int64_t[::1] piece_bounds not None, Member[::1] members not None, Content[::1] contents not None,
    Entry[::1] entries not None, double[::1] frequencies not None, int64_t[::1] counts not None,
    int64_t[::1] fault not None,
):
    """Cut what one sequencer plays into pieces that begin and end on its grid.

    Plays whose pieces would overlap are one piece; where it has two already, it ends at the grid point before the next
    play, and what is not over then goes on in the next piece. A gap too short for silence belongs to the piece before.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        All points, one after the other; starts in samples.
    bounds : (n_points + 1,) int64
        Plays of point p are ``plays[bounds[p]:bounds[p + 1]]``.
    channels : (n_ports,) int32
        Channel of each port: 0 or 1, or -1 for those of other sequencers.
    lengths : (n_waveforms,) int32
        Samples of each waveform.
    steps_per_v : float
        `AMPLITUDE_STEPS` over the full scale in volts.
    head : int
        Samples from the start of a point to the first piece's earliest begin; a multiple of `grid`.
    zero : int
        Samples from the start of a point, where oscillators begin, to time zero of the shot.
    grid, least : int
        Pieces and gaps are multiples of `grid`, and not shorter than `least`.
    period : int
        Length of a point; a multiple of `grid`.
    rate_hz : float
        Samples per second.
    n_oscillators : int
        The first so many frequencies have an oscillator each; others are rendered against one. 0 renders all.
    pieces : (at least the sequencer's plays,) PIECE
        Filled: begin in samples of the point, length, and index into `entries`.
    piece_bounds : (n_points + 1,) int64
        Filled: pieces of each point.
    members : (likewise,) MEMBER
        Filled for each content: channel, waveform, begin after that of the piece, amplitude in steps of the entry's,
        phase in steps of a turn, and -1, or frequency * 64 + oscillator if the frequency is not the oscillator's.
    contents : (likewise,) CONTENT
        Filled: length, first member, number of members.
    entries : (likewise,) ENTRY
        Filled: content, amplitude and phase in steps, oscillator.
    frequencies : (n,) float64
        Filled: all that were met, in hertz; the first ones are the oscillators'.
    counts : (6,) int64
        Filled: pieces, members, contents, entries, frequencies, plays that share a piece.
    fault : (3,) int64
        Filled with an index into `FAULTS`, the point, and the play in it.

    Raises
    ------
    ValueError
        If shapes or numbers don't fit.
    MemoryError
        If there is none for what it works with.
    """
    cdef Py_ssize_t n_points = bounds.shape[0] - 1, p, k, longest = 0
    cdef work_t on
    cdef int found = 0
    cdef const Play* all_plays
    cdef int64_t n = plays.shape[0], wanted = 0, far = <int64_t> 1 << 40
    cdef uint64_t n_slots = 16
    if n_points < 0 or piece_bounds.shape[0] != n_points + 1 or bounds[0] != 0 or bounds[n_points] != n:
        raise ValueError(f"bounds of {bounds.shape[0]} rows are not those of {n} plays")
    for p in range(n_points):
        if bounds[p + 1] < bounds[p]:
            raise ValueError(f"bounds go down at point {p}")
        longest = max(longest, bounds[p + 1] - bounds[p])
    for k in range(n):
        if plays[k].port >= channels.shape[0] or plays[k].waveform >= lengths.shape[0]:
            raise ValueError(f"play {k} has port {plays[k].port} of {channels.shape[0]}, waveform {plays[k].waveform}")
        if channels[plays[k].port] >= 0:
            wanted += 1
        if not -far < plays[k].start < far:
            raise ValueError(f"play {k} begins at {plays[k].start}")
    for k in range(lengths.shape[0]):
        if not 0 <= lengths[k] < (1 << 24):
            raise ValueError(f"waveform {k} has {lengths[k]} samples")
    if grid < 1 or least < grid or least % grid or head % grid or period % grid or head < 0 or period < head:
        raise ValueError(f"grid {grid}, least {least}, head {head}, period {period}")
    if not rate_hz > 0 or not 0 <= n_oscillators <= _BEATS or not 0 <= zero < (1 << 40) or period >= (1 << 44):
        raise ValueError(f"rate_hz {rate_hz}, n_oscillators {n_oscillators}, zero {zero}")
    if min(pieces.shape[0], contents.shape[0], entries.shape[0], members.shape[0]) < wanted:
        raise ValueError(
            f"{pieces.shape[0]} pieces, {contents.shape[0]} contents, {entries.shape[0]} entries, {members.shape[0]} members "
            f"for {wanted} plays"
        )
    if frequencies.shape[0] < 1 or frequencies.shape[0] > (1 << 24) or counts.shape[0] != 6 or fault.shape[0] != 3:
        raise ValueError(f"{frequencies.shape[0]} frequencies, {counts.shape[0]} counts, {fault.shape[0]} of a fault")
    while n_slots < <uint64_t> (2 * wanted):
        n_slots *= 2
    on.notes = <note_t*> malloc((longest + 1) * sizeof(note_t))
    on.spare = <note_t*> malloc((longest + 1) * sizeof(note_t))
    on.held = <int32_t*> malloc((longest + 1) * sizeof(int32_t))
    on.content_slots = <int32_t*> calloc(n_slots, sizeof(int32_t))
    on.entry_slots = <int32_t*> calloc(n_slots, sizeof(int32_t))
    try:
        if not on.notes or not on.spare or not on.held or not on.content_slots or not on.entry_slots:
            raise MemoryError(f"no memory to cut {n} plays")
        on.mask = n_slots - 1
        on.channels = &channels[0] if channels.shape[0] else NULL
        on.lengths = &lengths[0] if lengths.shape[0] else NULL
        on.steps_per_v = steps_per_v
        on.head, on.zero, on.grid, on.least, on.period = head, zero, grid, least, period
        on.rate_hz = rate_hz
        on.n_oscillators = n_oscillators
        on.pieces = &pieces[0] if wanted else NULL
        on.members = &members[0] if wanted else NULL
        on.contents = &contents[0] if wanted else NULL
        on.entries = &entries[0] if wanted else NULL
        on.frequencies = &frequencies[0]
        on.most_frequencies = frequencies.shape[0]
        on.most_members = members.shape[0]
        on.n_pieces = on.n_members = on.n_contents = on.n_entries = on.n_frequencies = on.n_merged = 0
        on.row = 0
        all_plays = &plays[0] if n else NULL
        with nogil:
            piece_bounds[0] = 0
            for p in range(n_points):
                found = _point(&on, all_plays + bounds[p], bounds[p + 1] - bounds[p])
                if found:
                    break
                piece_bounds[p + 1] = on.n_pieces
        counts[0], counts[1], counts[2] = on.n_pieces, on.n_members, on.n_contents
        counts[3], counts[4], counts[5] = on.n_entries, on.n_frequencies, on.n_merged
        fault[0], fault[1], fault[2] = found, p if found else 0, on.row if found else 0
    finally:
        free(on.notes)
        free(on.spare)
        free(on.held)
        free(on.content_slots)
        free(on.entry_slots)
