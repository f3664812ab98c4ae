/* Passes: which gates are played on a chunk while it lies in the cache, and their blocks as steps for that chunk. */

#ifndef QCTL_STATEVECTOR_PASSES_H
#define QCTL_STATEVECTOR_PASSES_H

#include "statevector_fusion.h"

/* List the gates that may be played now if only qubits of `inside` are reached across; return how many.

   Gates commute where both are diagonal: a gate that waits keeps back all that follows across its qubits, and on the
   qubits that it acts across on, all. `wishes` receives the qubits that each of the first `n_wishes` gates lacks which
   wait for theirs alone. */
static int64_t qctl_playable(
    const qctl_gate *gates, const char *done, int64_t first, int64_t n, uint64_t inside, int64_t *list,
    uint64_t *wishes, int *n_wishes)
{
    uint64_t waits_along = 0, waits_across = 0;
    int64_t n_list = 0;
    const int most_wishes = *n_wishes;
    *n_wishes = 0;
    for (int64_t i = first; i < n; i++) {
        const qctl_gate *gate = gates + i;
        if (done[i])
            continue;
        if (!((gate->along & waits_across) | (gate->across & (waits_along | waits_across)))) {
            const uint64_t lacking = gate->across & ~inside;
            if (!lacking) {
                if (list)
                    list[n_list] = i;
                n_list++;
                continue;
            }
            if (*n_wishes < most_wishes)
                wishes[(*n_wishes)++] = lacking;
        }
        waits_along |= gate->along;
        waits_across |= gate->across;
        if ((inside & ~waits_across) == 0 && *n_wishes >= most_wishes)
            break;
    }
    return n_list;
}

/* Choose the qubits of a chunk, of which the lowest `n_low` are a part, so that many gates can be played on it. */
static uint64_t qctl_choose(
    const qctl_gate *gates, const char *done, int64_t first, int64_t n, int n_qubits, int n_chunk, int n_low)
{
    uint64_t inside = ((uint64_t)1 << n_low) - 1;
    uint64_t wishes[QCTL_MOST_QUBITS];
    if (n_chunk >= n_qubits)
        return ((uint64_t)1 << n_qubits) - 1;
    while (__builtin_popcountll(inside) < n_chunk) {
        int n_wishes = 12, none = 0;
        uint64_t best = 0, tried[12];
        double best_score = -1;
        const int64_t now = qctl_playable(gates, done, first, n, inside, 0, wishes, &n_wishes);
        for (int w = 0; w < n_wishes; w++) {
            const uint64_t wider = inside | wishes[w];
            const int more = __builtin_popcountll(wishes[w]);
            int seen = 0;
            for (int v = 0; v < w; v++)
                seen |= tried[v] == wishes[w];
            tried[w] = wishes[w];
            if (seen || __builtin_popcountll(wider) > n_chunk)
                continue;
            none = 0;
            const double gain = (double)(qctl_playable(gates, done, first, n, wider, 0, wishes, &none) - now) / more;
            if (gain > best_score) {
                best_score = gain;
                best = wishes[w];
            }
        }
        if (!best) { /* nothing asks for more, or nothing fits: fill up with the lowest */
            const uint64_t rest = ~inside;
            best = rest & (~rest + 1);
        }
        inside |= best;
    }
    return inside;
}

/* The places of a chunk's amplitudes, and its blocks as steps. */
typedef struct {
    uint64_t inside;
    int n_chunk, log_run;
    int64_t n_runs, n_chunks;
    int64_t *offsets;  /* of each run from the chunk's first amplitude */
    int n_steps;
    qctl_step *steps;
    char *memory;      /* what their coefficients point into */
} qctl_pass;

static inline int64_t qctl_spread(int64_t index, uint64_t mask)
{
    int64_t out = 0;
    for (; index && mask; index >>= 1, mask &= mask - 1)
        if (index & 1)
            out |= (int64_t)(mask & (~mask + 1));
    return out;
}

static size_t qctl_step_bytes(const qctl_set *set, const qctl_block *block)
{
    const size_t vector = (size_t)set->size << set->log_lanes;
    const size_t entries = (size_t)1 << (block->diagonal ? block->k : 2 * block->k);
    return 2 * (vector < 64 ? 64 : vector) * entries + 8 * 16 * sizeof(int);
}

static inline void qctl_store_real(const qctl_set *set, char *to, int64_t at, double value)
{
    if (set->size == 8)
        ((double *)to)[at] = value;
    else
        ((float *)to)[at] = (float)value;
}

/* Make a diagonal's table: the qubits within a vector choose its lanes, the others its entry. */
static void qctl_compile_diagonal(const qctl_set *set, const qctl_block *block, uint64_t inside, qctl_step *step)
{
    const int lanes = 1 << set->log_lanes;
    int place[QCTL_MOST_DIAGONAL], n_entries = 1;
    memset(step->low_entry, 0, sizeof step->low_entry);
    memset(step->high_entry, 0, sizeof step->high_entry);
    step->n_outer = 0;
    int bit_of[QCTL_MOST_DIAGONAL];
    for (int i = 0; i < block->k; i++) {
        const uint64_t bit = (uint64_t)1 << block->qubit[i];
        place[i] = inside & bit ? __builtin_popcountll(inside & (bit - 1)) : -1;
        bit_of[i] = 0;
        if (place[i] >= 0 && place[i] < set->log_lanes)
            continue;
        bit_of[i] = n_entries;
        if (place[i] < 0) {
            step->outer_qubit[step->n_outer] = (uint8_t)block->qubit[i];
            step->outer_entry[step->n_outer++] = (uint16_t)n_entries;
        } else {
            const int p = place[i] - set->log_lanes;
            for (int v = 0; v < (p < 6 ? 64 : 1 << (QCTL_LOG_CHUNK - 6)); v++)
                if (v >> (p < 6 ? p : p - 6) & 1)
                    (p < 6 ? step->low_entry : step->high_entry)[v] |= (uint16_t)n_entries;
        }
        n_entries *= 2;
    }
    for (int e = 0; e < n_entries; e++)
        for (int lane = 0; lane < lanes; lane++) {
            int index = 0;
            for (int i = 0; i < block->k; i++)
                index |= (bit_of[i] ? (e & bit_of[i]) != 0 : lane >> place[i] & 1) << i;
            qctl_store_real(set, step->coefficients, (int64_t)lanes * (2 * e) + lane, block->m[2 * index]);
            qctl_store_real(set, step->coefficients, (int64_t)lanes * (2 * e + 1) + lane, block->m[2 * index + 1]);
        }
}

/* Make a matrix' coefficients: a vector for each row, column and way of permuting lanes. */
static void qctl_compile_dense(
    const qctl_set *set, const qctl_block *block, uint64_t inside, int n_chunk, qctl_step *step)
{
    const int lanes = 1 << set->log_lanes, d = 1 << block->k;
    int low[QCTL_MOST_DENSE], n_low = 0, lane_controls = 0;
    uint64_t fixed_bits = 0, ones = 0;
    step->kh = 0;
    memset(step->offset, 0, sizeof step->offset);
    for (int i = 0; i < block->k; i++) {
        const int place = __builtin_popcountll(inside & (((uint64_t)1 << block->qubit[i]) - 1));
        if (place < set->log_lanes) {
            step->low[n_low] = (uint8_t)place;
            low[n_low++] = place;
        } else {
            for (int r = 0; r < 8; r++)
                if (r >> step->kh & 1)
                    step->offset[r] |= (uint32_t)1 << place;
            fixed_bits |= (uint64_t)1 << (place - set->log_lanes);
            step->kh++;
        }
    }
    step->kl = n_low;
    step->outer = block->controls & ~inside;
    for (uint64_t left = block->controls & inside; left; left &= left - 1) {
        const int place = __builtin_popcountll(inside & ((left & (~left + 1)) - 1));
        if (place < set->log_lanes)
            lane_controls |= 1 << place;
        else {
            fixed_bits |= (uint64_t)1 << (place - set->log_lanes);
            ones |= (uint64_t)1 << (place - set->log_lanes);
        }
    }
    step->fixed = (int64_t)ones;
    step->lane_controls = lane_controls;
    step->n_insert = 0;
    for (uint64_t left = fixed_bits; left; left &= left - 1)
        step->insert[step->n_insert++] = (uint8_t)__builtin_ctzll(left);
    step->log_groups = (n_chunk > set->log_lanes ? n_chunk - set->log_lanes : 0) - step->n_insert;
    step->real = 1;
    for (int i = 0; i < d * d; i++)
        step->real &= block->m[2 * i + 1] == 0;

    const int rows = 1 << step->kh, ways = 1 << n_low, planes = step->real ? 1 : 2;
    for (int m = 0; m < ways; m++) {
        int turned = 0;
        for (int i = 0; i < n_low; i++)
            turned |= (m >> i & 1) << low[i];
        for (int lane = 0; lane < 16; lane++) /* indices count floats: two for each double */
            step->indices[16 * m + lane] = set->size == 8 ? 2 * ((lane >> 1) ^ turned) + (lane & 1) : lane ^ turned;
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < rows; c++)
                for (int lane = 0; lane < lanes; lane++) {
                    int row = 0;
                    for (int i = 0; i < n_low; i++)
                        row |= (lane >> low[i] & 1) << i;
                    const int column = (row ^ m) | c << n_low;
                    row |= r << n_low;
                    double re = block->m[2 * (d * row + column)], im = block->m[2 * (d * row + column) + 1];
                    if ((lane & lane_controls) != lane_controls) {
                        re = row == column;
                        im = 0;
                    }
                    const int64_t at = (int64_t)lanes * planes * (ways * (rows * r + c) + m) + lane;
                    qctl_store_real(set, step->coefficients, at, re);
                    if (!step->real)
                        qctl_store_real(set, step->coefficients, at + lanes, im);
                }
    }
}

static void qctl_free_pass(qctl_pass *pass)
{
    free(pass->offsets);
    free(pass->steps);
    free(pass->memory);
    pass->offsets = 0;
    pass->steps = 0;
    pass->memory = 0;
}

/* Lay out the chunks of `inside` and make steps of all blocks. */
static int qctl_compile(const qctl_set *set, const qctl_blocks *all, uint64_t inside, int n_qubits, qctl_pass *pass)
{
    size_t bytes = 64;
    int n_steps = 0;
    pass->inside = inside;
    pass->n_chunk = __builtin_popcountll(inside);
    pass->log_run = inside == ~(uint64_t)0 ? 64 : __builtin_ctzll(~inside);
    if (pass->log_run > pass->n_chunk)
        pass->log_run = pass->n_chunk;
    pass->n_runs = (int64_t)1 << (pass->n_chunk - pass->log_run);
    pass->n_chunks = (int64_t)1 << (n_qubits - pass->n_chunk);
    for (int64_t i = 0; i < all->n; i++)
        if (all->blocks[i].alive) {
            bytes += qctl_step_bytes(set, all->blocks + i);
            n_steps++;
        }
    pass->n_steps = n_steps;
    pass->offsets = malloc(sizeof(int64_t) * (size_t)pass->n_runs);
    pass->steps = malloc(sizeof(qctl_step) * (size_t)(n_steps ? n_steps : 1));
    pass->memory = malloc(bytes);
    if (!pass->offsets || !pass->steps || !pass->memory) {
        qctl_free_pass(pass);
        return QCTL_NO_MEMORY;
    }
    const uint64_t high = inside & ~(((uint64_t)1 << pass->log_run) - 1);
    for (int64_t r = 0; r < pass->n_runs; r++)
        pass->offsets[r] = qctl_spread(r, high);
    char *at = pass->memory + (64 - (uintptr_t)pass->memory % 64) % 64;
    for (int64_t i = 0, s = 0; i < all->n; i++) {
        const qctl_block *block = all->blocks + i;
        if (!block->alive)
            continue;
        qctl_step *step = pass->steps + s++;
        step->diagonal = block->diagonal;
        step->outer = 0;
        step->block = i;
        step->indices = (int *)at;
        step->coefficients = at + 8 * 16 * sizeof(int);
        if (block->diagonal)
            qctl_compile_diagonal(set, block, inside, step);
        else
            qctl_compile_dense(set, block, inside, pass->n_chunk, step);
        at += qctl_step_bytes(set, block);
    }
    return QCTL_OK;
}

#endif
