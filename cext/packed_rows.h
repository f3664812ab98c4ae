/* Packs and unpacks instructions by kinds: one byte a row for opcode and flags, then what varies among rows of their kind.

   docs/instruction-format.md has the layout. Fields are written and read as whole words that the next field overwrites, so
   that no row costs a branch of its own. */

#ifndef QCTL_PACKED_ROWS_H
#define QCTL_PACKED_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define QCTL_MOST_KINDS 255
#define QCTL_MOST_LISTED 255
#define QCTL_KIND_BYTES 20
#define QCTL_SLOTS 1024
#define QCTL_NONE 0xFFFFFFFFu
#define QCTL_DERIVED 8 /* code of a field that is not stored as it is; 0 to 4 are bytes that are stored */
#define QCTL_SLACK 16  /* most bytes that a row is over its own place when it is written or read */

typedef struct {
    uint16_t op, flags;
    uint32_t a, b, c;
} qctl_row_t;

/* A row as four words: opcode with flags in the high half, a, b, c. */
typedef struct {
    uint32_t word[4];
} qctl_words_t;

typedef struct {
    qctl_words_t first, varies, any;
    qctl_words_t off; /* not 0 if a, c of some row is not what the rows before make one expect */
    int64_t n;
    uint8_t code[4], bytes[4]; /* of a, b, c at 1, 2, 3 */
    uint8_t b_at, c_at, size;  /* where the fields are from the first one on, and their bytes */
} qctl_kind_t;

typedef struct {
    qctl_kind_t kinds[QCTL_MOST_KINDS];
    uint64_t listed[QCTL_MOST_LISTED];
    uint16_t kind_slots[QCTL_SLOTS], listed_slots[QCTL_SLOTS]; /* place + 1 */
    int n_kinds, n_listed, lists; /* lists: whether b and c are looked up in the list */
    int64_t n_pairs;
} qctl_survey_t;

static inline uint64_t qctl_pair(const qctl_row_t *row)
{
    return (uint64_t)row->b | (uint64_t)row->c << 32;
}

/* Place of a number in the list, entered if there is room; -1 if not. */
static inline int qctl_listed(qctl_survey_t *s, uint64_t value)
{
    uint32_t slot = (uint32_t)((value * 0x9E3779B97F4A7C15u) >> 54);
    while (s->listed_slots[slot]) {
        if (s->listed[s->listed_slots[slot] - 1] == value)
            return s->listed_slots[slot] - 1;
        slot = (slot + 1) % QCTL_SLOTS;
    }
    if (s->n_listed == QCTL_MOST_LISTED)
        return -1;
    s->listed[s->n_listed] = value;
    s->listed_slots[slot] = (uint16_t)++s->n_listed;
    return s->n_listed - 1;
}

/* Place of the kind of a row, entered if there is room; -1 if not. */
static inline int qctl_kind_of(qctl_survey_t *s, const qctl_words_t *row)
{
    const uint32_t key = row->word[0];
    uint32_t slot = (key * 0x9E3779B1u) >> 22;
    qctl_kind_t *kind;
    while (s->kind_slots[slot]) {
        if (s->kinds[s->kind_slots[slot] - 1].first.word[0] == key)
            return s->kind_slots[slot] - 1;
        slot = (slot + 1) % QCTL_SLOTS;
    }
    if (s->n_kinds == QCTL_MOST_KINDS)
        return -1;
    kind = &s->kinds[s->n_kinds];
    memset(kind, 0, sizeof *kind);
    kind->first = *row;
    s->kind_slots[slot] = (uint16_t)++s->n_kinds;
    return s->n_kinds - 1;
}

static uint8_t qctl_bytes_of(uint32_t any)
{
    return (uint8_t)(any < 1u << 8 ? 1 : any < 1u << 16 ? 2 : any < 1u << 24 ? 3 : 4);
}

/* Decide how the fields of a kind are stored. */
static void qctl_decide(qctl_kind_t *kind, int lists)
{
    const uint32_t flags = kind->first.word[0] >> 16;
    for (int f = 1; f < 4; f++)
        kind->code[f] = kind->bytes[f] = kind->varies.word[f] ? qctl_bytes_of(kind->any.word[f]) : 0;
    if (kind->code[1] && flags & 4 && !kind->off.word[1])
        kind->code[1] = QCTL_DERIVED, kind->bytes[1] = 0;
    if (kind->code[3] && flags == 0 && !kind->off.word[3])
        kind->code[3] = QCTL_DERIVED, kind->bytes[3] = 0;
    if (lists && flags & 9 && kind->bytes[2] + kind->bytes[3] > 1) {
        kind->code[2] = QCTL_DERIVED, kind->bytes[2] = 1;
        kind->code[3] = kind->bytes[3] = 0;
        kind->first.word[3] = 0;
    }
    kind->b_at = kind->bytes[1];
    kind->c_at = (uint8_t)(kind->b_at + kind->bytes[2]);
    kind->size = (uint8_t)(kind->c_at + kind->bytes[3]);
}

/* First pass: note each row's kind and what varies; return the packed size, or -1 if there are too many kinds. */
static int64_t qctl_survey(qctl_survey_t *s, const qctl_row_t *rows, int64_t n, uint8_t *kind_of)
{
    uint32_t run = 0, last = QCTL_NONE; /* where the next operands begin; the last c of a row without flags */
    int64_t size;
    s->n_kinds = s->n_listed = 0;
    s->n_pairs = 0;
    s->lists = 1;
    memset(s->kind_slots, 0, sizeof s->kind_slots);
    memset(s->listed_slots, 0, sizeof s->listed_slots);
    for (int64_t i = 0; i < n; i++) {
        const qctl_row_t *row = rows + i;
        const qctl_words_t words = {{row->op | (uint32_t)row->flags << 16, row->a, row->b, row->c}};
        const qctl_words_t expected = {{0, run, 0, last + 1}};
        const int k = qctl_kind_of(s, &words);
        qctl_kind_t *kind;
        if (k < 0)
            return -1;
        kind = &s->kinds[k];
        kind_of[i] = (uint8_t)k;
        kind->n++;
        for (int f = 0; f < 4; f++) {
            kind->any.word[f] |= words.word[f];
            kind->varies.word[f] |= words.word[f] ^ kind->first.word[f];
            kind->off.word[f] |= words.word[f] ^ expected.word[f];
        }
        run += (row->b + row->c) & (0u - ((row->flags >> 2) & 1u));
        last = row->flags == 0 && row->c != QCTL_NONE ? row->c : last;
        if (s->lists && row->flags & 9) {
            s->n_pairs++;
            s->lists = qctl_listed(s, qctl_pair(row)) >= 0;
        }
    }
    if (8 * (int64_t)s->n_listed + s->n_pairs >= 8 * s->n_pairs)
        s->lists = 0;
    if (!s->lists)
        s->n_listed = 0;
    size = 2 + QCTL_KIND_BYTES * s->n_kinds + 8 * s->n_listed + n;
    for (int k = 0; k < s->n_kinds; k++) {
        qctl_decide(&s->kinds[k], s->lists);
        size += s->kinds[k].n * s->kinds[k].size;
    }
    return size;
}

/* Second pass: write what the survey found, `size` bytes. */
static void qctl_pack_rows(qctl_survey_t *s, const qctl_row_t *rows, int64_t n, const uint8_t *kind_of, uint8_t *out, int64_t size)
{
    uint8_t *const end = out + size;
    uint8_t *at = out;
    uint8_t tail[2 * QCTL_SLACK];
    *at++ = (uint8_t)s->n_kinds;
    *at++ = (uint8_t)s->n_listed;
    for (int k = 0; k < s->n_kinds; k++) {
        const qctl_kind_t *kind = &s->kinds[k];
        memcpy(at, &kind->first.word[0], 4);
        memcpy(at + 4, kind->code + 1, 3);
        at[7] = 0;
        for (int f = 1; f < 4; f++) {
            const uint32_t fixed = kind->code[f] ? 0 : kind->first.word[f];
            memcpy(at + 4 + 4 * f, &fixed, 4);
        }
        at += QCTL_KIND_BYTES;
    }
    memcpy(at, s->listed, 8 * (size_t)s->n_listed);
    at += 8 * s->n_listed;
    memcpy(at, kind_of, (size_t)n);
    at += n;
    for (int64_t i = 0; i < n; i++) {
        const qctl_row_t *row = rows + i;
        const qctl_kind_t *kind = &s->kinds[kind_of[i]];
        uint8_t *const to = end - at >= QCTL_SLACK ? at : tail;
        memcpy(to, &row->a, 4);
        if (kind->code[2] == QCTL_DERIVED)
            to[kind->b_at] = (uint8_t)qctl_listed(s, qctl_pair(row));
        else {
            memcpy(to + kind->b_at, &row->b, 4);
            memcpy(to + kind->c_at, &row->c, 4);
        }
        if (to == tail)
            memcpy(at, tail, kind->size);
        at += kind->size;
    }
}

/* A kind as it is read: a field is what is fixed, the stored bytes and what is derived, of which at most one is not 0. */
typedef struct {
    uint32_t key;
    uint32_t fixed[3], mask[3];
    uint32_t run, count, wide, plain; /* masks: all ones or zero */
    uint8_t b_at, c_at, size, lists;
} qctl_form_t;

static inline uint32_t qctl_word(const uint8_t *from)
{
    uint32_t word;
    memcpy(&word, from, 4);
    return word;
}

/* Read one row of the table of kinds; return 0 if it is malformed. */
static int qctl_read_form(qctl_form_t *form, const uint8_t *from, int n_listed)
{
    const uint8_t *code = from + 4;
    uint8_t bytes[3];
    form->key = qctl_word(from);
    if (from[7])
        return 0;
    for (int f = 0; f < 3; f++) {
        const int n_bytes = code[f] == QCTL_DERIVED ? f == 1 : code[f];
        form->fixed[f] = qctl_word(from + 8 + 4 * f);
        if (n_bytes > 4 || (code[f] && form->fixed[f]))
            return 0;
        bytes[f] = (uint8_t)n_bytes;
        form->mask[f] = n_bytes ? QCTL_NONE >> (32 - 8 * n_bytes) : 0;
    }
    form->lists = code[1] == QCTL_DERIVED;
    if (form->lists && (!n_listed || code[2] || form->fixed[2]))
        return 0;
    form->b_at = bytes[0];
    form->c_at = (uint8_t)(form->b_at + bytes[1]);
    form->size = (uint8_t)(form->c_at + bytes[2]);
    form->run = code[0] == QCTL_DERIVED ? QCTL_NONE : 0;
    form->count = code[2] == QCTL_DERIVED ? QCTL_NONE : 0;
    form->wide = form->key >> 16 & 4 ? QCTL_NONE : 0;
    form->plain = form->key >> 16 ? 0 : QCTL_NONE;
    return 1;
}

/* Fill `n` rows; return `n_bytes` if all is well, or -1 - place of the first bad byte. */
static int64_t qctl_unpack_rows(const uint8_t *source, int64_t n_bytes, qctl_row_t *rows, int64_t n)
{
    qctl_form_t forms[QCTL_MOST_KINDS];
    uint64_t listed[QCTL_MOST_LISTED];
    uint8_t tail[2 * QCTL_SLACK];
    const int n_kinds = n_bytes >= 2 ? source[0] : 0, n_listed = n_bytes >= 2 ? source[1] : 0;
    const uint8_t *kind_of;
    uint32_t run = 0, last = QCTL_NONE;
    int64_t at = 2;
    if (n_bytes < 2 || n_bytes - 2 - n < QCTL_KIND_BYTES * n_kinds + 8 * n_listed)
        return -1;
    for (int k = 0; k < n_kinds; k++, at += QCTL_KIND_BYTES)
        if (!qctl_read_form(&forms[k], source + at, n_listed))
            return -1 - at;
    memcpy(listed, source + at, 8 * (size_t)n_listed);
    at += 8 * n_listed;
    kind_of = source + at;
    at += n;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *from = source + at;
        const qctl_form_t *form = &forms[kind_of[i]];
        uint32_t b, c;
        if (kind_of[i] >= n_kinds)
            return -1 - (kind_of + i - source);
        if (n_bytes - at < QCTL_SLACK) {
            if (n_bytes - at < form->size)
                return -1 - at;
            memset(tail, 0, sizeof tail);
            memcpy(tail, from, (size_t)(n_bytes - at));
            from = tail;
        }
        if (form->lists) {
            const uint8_t place = from[form->b_at];
            if (place >= n_listed)
                return -1 - at;
            b = (uint32_t)listed[place];
            c = (uint32_t)(listed[place] >> 32);
        } else {
            b = form->fixed[1] | (qctl_word(from + form->b_at) & form->mask[1]);
            c = form->fixed[2] | (qctl_word(from + form->c_at) & form->mask[2]) | ((last + 1) & form->count);
        }
        memcpy(&rows[i], &form->key, 4);
        rows[i].a = form->fixed[0] | (qctl_word(from) & form->mask[0]) | (run & form->run);
        rows[i].b = b;
        rows[i].c = c;
        run += (b + c) & form->wide;
        last = form->plain && c != QCTL_NONE ? c : last;
        at += form->size;
    }
    return at == n_bytes ? at : -1 - at;
}

#endif
