/* Fusion: gates in their order become few blocks, each one product for every group of amplitudes.

   Two blocks become one where that costs less, by the costs that were measured for a chunk in the cache. */

#ifndef QCTL_STATEVECTOR_FUSION_H
#define QCTL_STATEVECTOR_FUSION_H

#include "statevector_gates.h"
#include "statevector_steps.h"

typedef struct {
    int diagonal, k, alive;
    int qubit[QCTL_MOST_DIAGONAL]; /* ascending; bit i of an index is qubit[i] */
    uint64_t targets, controls;
    double cost;
    int64_t head, tail;            /* its gates, in their order, as a list through `follows` */
    double m[128];                 /* (2**k, 2**k) complex, or its diagonal */
} qctl_block;

typedef struct {
    qctl_block *blocks;
    int64_t n, capacity;
    uint64_t inside;                /* qubits of the chunk: all that a matrix reaches across, or may be fused over */
    int most_dense;                 /* qubits of a matrix at most */
    int64_t *follows;               /* which gate follows which in a block, or -1 */
    int64_t last[QCTL_MOST_QUBITS]; /* the last block on each qubit, or -1 */
} qctl_blocks;

/* Time of a block in passes over a chunk that lies in the cache. */
static inline double qctl_cost(int diagonal, int k, int n_controls)
{
    static const double dense[] = {0, 1.5, 2.0, 4.3};
    if (diagonal)
        return 1.5;
    return (dense[k] + 0.05) / (double)(1 << (n_controls < 4 ? n_controls : 4)) + 0.05;
}

static inline int qctl_place(const int *qubit, int k, int wanted)
{
    for (int i = 0; i < k; i++)
        if (qubit[i] == wanted)
            return i;
    return -1;
}

/* m = (small matrix on `bits`, where all of `controls` are 1) m, for m of d rows and `columns` columns. */
static void qctl_multiply_small(
    const double *small, const int *bits, int k, int controls, double *m, int d, int columns)
{
    int mask = 0;
    const int rows = 1 << k;
    double x[16];
    for (int b = 0; b < k; b++)
        mask |= 1 << bits[b];
    for (int i = 0; i < d; i++) {
        int at[8];
        if (i & mask || (i & controls) != controls)
            continue;
        for (int r = 0; r < rows; r++) {
            at[r] = i;
            for (int b = 0; b < k; b++)
                at[r] |= (r >> b & 1) << bits[b];
        }
        for (int j = 0; j < columns; j++) {
            for (int r = 0; r < rows; r++) {
                x[2 * r] = m[2 * (columns * at[r] + j)];
                x[2 * r + 1] = m[2 * (columns * at[r] + j) + 1];
            }
            for (int r = 0; r < rows; r++) {
                double re = 0, im = 0;
                for (int c = 0; c < rows; c++) {
                    const double ar = small[2 * (rows * r + c)], ai = small[2 * (rows * r + c) + 1];
                    re += ar * x[2 * c] - ai * x[2 * c + 1];
                    im += ar * x[2 * c + 1] + ai * x[2 * c];
                }
                m[2 * (columns * at[r] + j)] = re;
                m[2 * (columns * at[r] + j) + 1] = im;
            }
        }
    }
}

/* Begin a block with the identity on `targets`. */
static void qctl_begin(qctl_block *block, uint64_t targets, int diagonal)
{
    block->k = 0;
    block->alive = 1;
    block->diagonal = diagonal;
    block->targets = targets;
    block->controls = 0;
    block->head = block->tail = -1;
    for (uint64_t left = targets; left; left &= left - 1)
        block->qubit[block->k++] = __builtin_ctzll(left);
    const int d = 1 << block->k;
    memset(block->m, 0, sizeof(double) * 2 * (size_t)(diagonal ? d : d * d));
    for (int i = 0; i < d; i++)
        block->m[2 * (diagonal ? i : (d + 1) * i)] = 1;
}

/* Multiply a gate, on qubits that the block has, onto it from the left. */
static void qctl_append_gate(qctl_block *block, const qctl_gate *gate)
{
    int bits[2], controls = 0;
    const int d = 1 << block->k;
    for (int i = 0; i < gate->k; i++)
        bits[i] = qctl_place(block->qubit, block->k, gate->target[i]);
    for (uint64_t left = gate->controls & ~block->controls; left; left &= left - 1)
        controls |= 1 << qctl_place(block->qubit, block->k, __builtin_ctzll(left));
    if (!block->diagonal) {
        qctl_multiply_small(gate->m, bits, gate->k, controls, block->m, d, d);
        return;
    }
    for (int i = 0; i < d; i++) {
        int r = 0;
        if ((i & controls) != controls)
            continue;
        for (int b = 0; b < gate->k; b++)
            r |= (i >> bits[b] & 1) << b;
        const double *a = gate->m + 2 * ((1 << gate->k) + 1) * r;
        const double re = block->m[2 * i], im = block->m[2 * i + 1];
        block->m[2 * i] = a[0] * re - a[1] * im;
        block->m[2 * i + 1] = a[0] * im + a[1] * re;
    }
}

/* Multiply an earlier block, on qubits that this one has, onto it from the left. */
static void qctl_append_block(qctl_block *block, const qctl_block *other)
{
    int bits[QCTL_MOST_DIAGONAL];
    const int d = 1 << block->k, small = 1 << other->k;
    for (int i = 0; i < other->k; i++)
        bits[i] = qctl_place(block->qubit, block->k, other->qubit[i]);
    if (!other->diagonal) {
        qctl_multiply_small(other->m, bits, other->k, 0, block->m, d, d);
        return;
    }
    for (int i = 0; i < d; i++) {
        int r = 0;
        for (int b = 0; b < other->k; b++)
            r |= (i >> bits[b] & 1) << b;
        r &= small - 1;
        const double ar = other->m[2 * r], ai = other->m[2 * r + 1];
        for (int j = block->diagonal ? 0 : d * i; j < (block->diagonal ? 1 : d * (i + 1)); j++) {
            double *x = block->m + 2 * (block->diagonal ? i : j);
            const double re = x[0], im = x[1];
            x[0] = ar * re - ai * im;
            x[1] = ar * im + ai * re;
        }
    }
}

/* What a block on these qubits would cost, or a negative number where there can be none. */
static inline double qctl_cost_of(const qctl_blocks *all, uint64_t qubits, int diagonal)
{
    const int k = __builtin_popcountll(qubits);
    if (diagonal && k <= QCTL_MOST_DIAGONAL)
        return qctl_cost(1, k, 0);
    return k <= all->most_dense && !(qubits & ~all->inside) ? qctl_cost(0, k, 0) : -1;
}

static int qctl_is_leaf(const qctl_blocks *all, int64_t i)
{
    for (uint64_t left = all->blocks[i].targets | all->blocks[i].controls; left; left &= left - 1)
        if (all->last[__builtin_ctzll(left)] != i)
            return 0;
    return 1;
}

static int qctl_add_block(qctl_blocks *all)
{
    if (all->n == all->capacity) {
        const int64_t capacity = all->capacity ? 2 * all->capacity : 64;
        qctl_block *more = realloc(all->blocks, sizeof(qctl_block) * (size_t)capacity);
        if (!more)
            return QCTL_NO_MEMORY;
        all->blocks = more;
        all->capacity = capacity;
    }
    all->n++;
    return QCTL_OK;
}

static inline void qctl_join_lists(qctl_blocks *all, qctl_block *block, int64_t head, int64_t tail)
{
    if (block->head < 0)
        block->head = head;
    else
        all->follows[block->tail] = head;
    block->tail = tail;
}

/* Put gate `number` behind all blocks so far, or into those whose last product it may be. */
static int qctl_fuse(qctl_blocks *all, const qctl_gate *gate, int64_t number)
{
    const uint64_t mine = gate->along | gate->across;
    const double alone = qctl_cost_of(all, mine, gate->diagonal);
    const double own = qctl_cost(gate->diagonal, gate->k, __builtin_popcountll(gate->controls));
    double best = gate->diagonal && alone > 0 ? alone : own;
    int64_t candidates[3] = {-1, -1, -1}, newest = -1;
    int n_candidates = 0, chosen = 0, in_place = 0, error;
    for (uint64_t left = mine; left; left &= left - 1) {
        const int64_t i = all->last[__builtin_ctzll(left)];
        if (i < 0)
            continue;
        if (i > newest)
            newest = i;
        if (n_candidates < 3 && i != candidates[0] && i != candidates[1] && !all->blocks[i].controls && qctl_is_leaf(all, i))
            candidates[n_candidates++] = i;
    }
    for (int subset = 1; subset < 1 << n_candidates; subset++) {
        uint64_t qubits = mine;
        int diagonal = gate->diagonal;
        double saved = 0;
        for (int i = 0; i < n_candidates; i++)
            if (subset >> i & 1) {
                qubits |= all->blocks[candidates[i]].targets;
                diagonal &= all->blocks[candidates[i]].diagonal;
                saved += all->blocks[candidates[i]].cost;
            }
        const double cost = qctl_cost_of(all, qubits, diagonal);
        if (cost >= 0 && cost - saved < best) {
            best = cost - saved;
            chosen = subset;
        }
    }
    if (newest >= 0 && !all->blocks[newest].controls) {
        const qctl_block *block = all->blocks + newest;
        const double cost = qctl_cost_of(all, mine | block->targets, gate->diagonal & block->diagonal);
        if (cost >= 0 && cost - block->cost < best)
            in_place = 1;
    }
    qctl_block new_block;
    uint64_t qubits = mine;
    int diagonal = gate->diagonal;
    if (in_place) {
        qubits |= all->blocks[newest].targets;
        diagonal &= all->blocks[newest].diagonal;
        qctl_begin(&new_block, qubits, diagonal);
        qctl_append_block(&new_block, all->blocks + newest);
        qctl_join_lists(all, &new_block, all->blocks[newest].head, all->blocks[newest].tail);
    } else if (chosen) {
        for (int i = 0; i < n_candidates; i++)
            if (chosen >> i & 1) {
                qubits |= all->blocks[candidates[i]].targets;
                diagonal &= all->blocks[candidates[i]].diagonal;
            }
        qctl_begin(&new_block, qubits, diagonal);
        for (int i = 0; i < n_candidates; i++)
            if (chosen >> i & 1) {
                qctl_append_block(&new_block, all->blocks + candidates[i]);
                qctl_join_lists(all, &new_block, all->blocks[candidates[i]].head, all->blocks[candidates[i]].tail);
                all->blocks[candidates[i]].alive = 0;
            }
    } else if (gate->diagonal && alone > 0) {
        qctl_begin(&new_block, mine, 1);
    } else {
        qctl_begin(&new_block, mine & ~gate->controls, 0);
        new_block.controls = gate->controls;
    }
    qctl_append_gate(&new_block, gate);
    all->follows[number] = -1;
    qctl_join_lists(all, &new_block, number, number);
    new_block.cost = qctl_cost(new_block.diagonal, new_block.k, __builtin_popcountll(new_block.controls));
    int64_t at = newest;
    if (!in_place) {
        if ((error = qctl_add_block(all)))
            return error;
        at = all->n - 1;
    }
    all->blocks[at] = new_block;
    for (uint64_t left = in_place ? mine : new_block.targets | new_block.controls; left; left &= left - 1)
        all->last[__builtin_ctzll(left)] = at;
    return QCTL_OK;
}

#endif
