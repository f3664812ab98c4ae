/* Says without branches that rows of the commonest forms (gates on one or two qubits, measure, reset) are right. */

#ifndef QCTL_NARROW_H
#define QCTL_NARROW_H

#include <stdint.h>
#include <string.h>

/* What a right row of an opcode looks like: each of its words lies in first ... first + span. Both are kept less 2^31, so
   that numbers with a sign can be compared, which every vector unit does. */
typedef struct {
    uint32_t first[4]; /* opcode with flags in the high half, a, b, c */
    int32_t span[4];
    uint32_t two[4];            /* all ones where a word must not be b: at a of two qubits */
} qctl_narrow_t;

/* An opcode whose rows are all looked at closely: no opcode stands there, and b always equals b. */
static inline void qctl_narrow_close(qctl_narrow_t *to, uint32_t op)
{
    memset(to, 0, sizeof *to);
    for (int k = 0; k < 4; k++) {
        to->first[k] = UINT32_C(0x80000000);
        to->span[k] = INT32_MIN;
    }
    to->first[0] += ~op;
    to->two[2] = UINT32_MAX;
}

static inline void qctl_narrow_open(qctl_narrow_t *to, uint32_t op, uint32_t flags, uint32_t n_qubits, uint32_t b_first,
    uint32_t b_span, uint32_t c_first, uint32_t c_span, int two)
{
    const uint32_t first[4] = {op | flags << 16, 0, b_first, c_first}, span[4] = {0, n_qubits - 1, b_span, c_span};
    for (int k = 0; k < 4; k++) {
        to->first[k] = first[k] + UINT32_C(0x80000000);
        to->span[k] = (int32_t)(span[k] - UINT32_C(0x80000000));
    }
    memset(to->two, 0, sizeof to->two);
    to->two[1] = two ? UINT32_MAX : 0;
}

#if defined(__GNUC__)
typedef uint32_t qctl_four_t __attribute__((vector_size(16)));
typedef int32_t qctl_signed_four_t __attribute__((vector_size(16)));

/* All ones in some lane if a row is not surely right; `narrow` has one more row than `n_ops`, which no opcode below has. */
static inline qctl_four_t qctl_narrow_bad(const qctl_narrow_t *narrow, uint32_t n_ops, const char *at)
{
    qctl_four_t row, first, two;
    qctl_signed_four_t span;
    const qctl_narrow_t *form;
    uint32_t op;
    uint16_t code;
    memcpy(&row, at, 16);
    memcpy(&code, at, 2);
    op = code;
    form = narrow + (op < n_ops ? op : n_ops);
    memcpy(&first, form->first, 16);
    memcpy(&span, form->span, 16);
    memcpy(&two, form->two, 16);
    return (qctl_four_t)((qctl_signed_four_t)(row - first) > span) | ((qctl_four_t)(row == (qctl_four_t){row[2], row[2], row[2], row[2]}) & two);
}

static inline int qctl_narrow_any(qctl_four_t bad)
{
    uint64_t halves[2];
    memcpy(halves, &bad, 16);
    return (halves[0] | halves[1]) != 0;
}

/* How many rows from the first one on are surely right; four are looked at before the first branch.
   A row that is not surely right may still be: an expression for an angle, for instance. */
static inline int64_t qctl_narrow_run(const qctl_narrow_t *narrow, uint32_t n_ops, const void *rows, int64_t n)
{
    const char *at = rows;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, at += 64) {
        qctl_four_t bad = qctl_narrow_bad(narrow, n_ops, at) | qctl_narrow_bad(narrow, n_ops, at + 16);
        bad |= qctl_narrow_bad(narrow, n_ops, at + 32) | qctl_narrow_bad(narrow, n_ops, at + 48);
        if (qctl_narrow_any(bad))
            break;
    }
    for (; i < n && !qctl_narrow_any(qctl_narrow_bad(narrow, n_ops, at)); i++)
        at += 16;
    return i;
}
#else
static inline int64_t qctl_narrow_run(const qctl_narrow_t *narrow, uint32_t n_ops, const void *rows, int64_t n)
{
    const char *at = rows;
    int64_t i = 0;
    for (; i < n; i++, at += 16) {
        uint32_t row[4], bad = 0;
        memcpy(row, at, 16);
        if ((row[0] & 0xFFFF) >= n_ops)
            break;
        narrow += row[0] & 0xFFFF;
        for (int f = 0; f < 4; f++)
            bad |= (int32_t)(row[f] - narrow->first[f]) > narrow->span[f];
        bad |= row[1] == row[2] && narrow->two[1];
        narrow -= row[0] & 0xFFFF;
        if (bad)
            break;
    }
    return i;
}
#endif

#endif
