/* Starts of a line of gates alone, timed from its end, where all of a qubit's lines are its own and times have 63 bits. */

#ifndef QCTL_LATE_H
#define QCTL_LATE_H

#include "opcodes.h"
#include <stdint.h>

typedef struct {
    uint16_t op, flags;
    uint32_t a, b, c;
} qctl_late_row;

typedef struct {
    const uint32_t *words;
    const int32_t *places, *qubits, *couplers, *pairs;
    const int64_t *lengths; /* pairs of words; the low one is all */
    int64_t *free;          /* when each qubit is free */
    char *touched;
    int64_t n_qubits;
} qctl_late;

/* Say from the end on which measurements may go behind the rest (1 in `last`), count, and refuse what this is not for. */
static int qctl_late_marks(const qctl_late *on, const qctl_late_row *rows, int64_t n, int32_t *last, int64_t *counts)
{
    int64_t n_plays = 0, n_captures = 0;
    int busy = 0;
    for (int64_t q = 0; q < on->n_qubits; q++) on->touched[q] = 0;
    for (int64_t k = n - 1; k >= 0; k--) {
        const qctl_late_row row = rows[k];
        last[k] = 0;
        if (row.op == QCTL_OP_NOP) continue;
        if (row.op == QCTL_OP_BARRIER) {
            for (uint32_t j = 0; j < row.b; j++) {
                const uint32_t word = on->words[row.a + j];
                if (word & 0x40000000u) return 0;
                if (busy) on->touched[on->places[word]] = 1;
            }
            continue;
        }
        if (row.op == QCTL_OP_DELAY && row.a & 0x40000000u) return 0;
        if (row.op != QCTL_OP_SX && row.op != QCTL_OP_RZ && row.op != QCTL_OP_CZ && row.op != QCTL_OP_MEASURE
            && row.op != QCTL_OP_DELAY)
            return 0;
        const int64_t q = on->places[row.a];
        if (row.op == QCTL_OP_MEASURE) {
            if (on->qubits[9 * q + 3] < 0) return 0;
            n_plays++;
            n_captures++;
            if (!on->touched[q]) {
                last[k] = on->touched[q] = 1;
                continue;
            }
        } else if (row.op == QCTL_OP_CZ) {
            const int64_t other = on->places[row.b];
            if (on->couplers[q * on->n_qubits + other] < 0) return 0;
            n_plays++;
            on->touched[other] = 1;
        } else if (row.op != QCTL_OP_DELAY) {
            if (on->qubits[9 * q + 2] < 0) return 0;
            n_plays += row.op == QCTL_OP_SX;
        }
        busy = 1;
        on->touched[q] = 1;
    }
    counts[1] = n_plays;
    counts[2] = n_captures;
    return 1;
}

/* Write the items in order, and how many measurements start together with each. */
static void qctl_late_order(
    const qctl_late *on, const qctl_late_row *rows, int64_t n, int32_t *order, int32_t *joined, int64_t *counts)
{
    int64_t n_items = 0, first = -1;
    int any = 0;
    for (int64_t k = 0; k < n; k++) {
        order[n_items] = (int32_t)k;
        n_items += rows[k].op != QCTL_OP_NOP && !joined[k];
        any |= joined[k];
    }
    if (any)
        for (int64_t k = 0; k < n; k++)
            if (joined[k]) order[n_items++] = (int32_t)k;
    for (int64_t k = 0, end; k < n_items; k = end) {
        joined[k] = 1;
        end = k + 1;
        if (rows[order[k]].op != QCTL_OP_MEASURE) continue;
        if (first < 0) first = k;
        for (int64_t q = 0; q < on->n_qubits; q++) on->touched[q] = 0;
        on->touched[on->places[rows[order[k]].a]] = 1;
        for (; end < n_items && rows[order[end]].op == QCTL_OP_MEASURE; end++) {
            char *mark = on->touched + on->places[rows[order[end]].a];
            if (*mark) break;
            *mark = 1;
            joined[end] = 0;
        }
        joined[k] = (int32_t)(end - k);
    }
    counts[0] = n_items;
    counts[3] = first;
}

/* Fill order, joined, counts and starts of one line as `schedule.schedule` says, and return 1; or 0 if it is not for this. */
static int qctl_late_line(
    const qctl_late *on, const qctl_late_row *rows, int64_t n, int32_t *order, int32_t *joined, int64_t *counts,
    int64_t *starts)
{
    int64_t *free = on->free, last = 0, end;
    if (!qctl_late_marks(on, rows, n, joined, counts)) return 0;
    qctl_late_order(on, rows, n, order, joined, counts);
    for (int64_t q = 0; q < on->n_qubits; q++) free[q] = 0;
    for (int64_t k = counts[0] - 1; k >= 0; k--) {
        const qctl_late_row *row = rows + order[k];
        if (row->op == QCTL_OP_BARRIER) {
            end = 0;
            for (uint32_t j = 0; j < row->b; j++) {
                const int64_t other = free[on->places[on->words[row->a + j]]];
                end = other > end ? other : end;
            }
            for (uint32_t j = 0; j < row->b; j++) free[on->places[on->words[row->a + j]]] = end;
            starts[2 * k] = end;
            continue;
        }
        if (row->op == QCTL_OP_MEASURE) {
            int64_t longest = 0;
            if (!joined[k]) continue;
            end = 0;
            for (int64_t j = k; j < k + joined[k]; j++) {
                const int64_t q = on->places[rows[order[j]].a], own = on->lengths[2 * on->qubits[9 * q + 5]];
                end = free[q] > end ? free[q] : end;
                longest = own > longest ? own : longest;
            }
            end += longest;
            for (int64_t j = k; j < k + joined[k]; j++) {
                free[on->places[rows[order[j]].a]] = end;
                starts[2 * j] = end;
            }
            last = end > last ? end : last;
            continue;
        }
        const int64_t q = on->places[row->a];
        end = free[q];
        if (row->op == QCTL_OP_SX) {
            end += on->lengths[2 * on->qubits[9 * q + 4]];
        } else if (row->op == QCTL_OP_CZ) {
            const int64_t other = on->places[row->b];
            end = free[other] > end ? free[other] : end;
            end += on->lengths[2 * on->pairs[5 * on->couplers[q * on->n_qubits + other]]];
            free[other] = end;
        } else if (row->op == QCTL_OP_DELAY) {
            end += on->lengths[2 * row->b];
        }
        free[q] = end;
        last = end > last ? end : last;
        starts[2 * k] = end;
    }
    for (int64_t k = 0; k < counts[0]; k++) {
        starts[2 * k] = last - starts[2 * k];
        starts[2 * k + 1] = 0;
    }
    return 1;
}

/* Say whether the tables let all lines of at most n rows be timed so: each qubit with lines of its own, its drive among
   them, and no length below 0 or so long that sums would not fit. `owner` has room for n_free rows. */
static int qctl_late_fits(
    const int32_t *qubits, int64_t n_qubits, const int32_t *qubit_lines, const int64_t *lengths, int64_t n_lengths,
    int64_t n, int64_t *owner, int64_t n_free)
{
    for (int64_t k = 0; k < n_free; k++) owner[k] = -1;
    for (int64_t q = 0; q < n_qubits; q++) {
        const int32_t *row = qubits + 9 * q;
        if (row[0] == row[1]) return 0;
        for (int32_t k = row[0]; k < row[1]; k++) {
            if (owner[qubit_lines[k]] >= 0 && owner[qubit_lines[k]] != q) return 0;
            owner[qubit_lines[k]] = q;
        }
        if (row[2] >= 0 && owner[row[2]] != q) return 0;
    }
    for (int64_t k = 0; k < n_lengths; k++)
        if (lengths[2 * k + 1] || lengths[2 * k] < 0 || lengths[2 * k] > INT64_MAX / (n + 1)) return 0;
    return 1;
}

#endif
