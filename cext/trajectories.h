/* Shots of noisy circuits: what a plan is made of, the draws, and the functions of lanes.h for any processor. */

#ifndef QCTL_TRAJECTORIES_H
#define QCTL_TRAJECTORIES_H

#include "watch.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { QCTL_GATE, QCTL_MIXTURE, QCTL_KRAUS, QCTL_MEASURE };
enum { QCTL_MOST_LANES = 16 };

/* One gate, channel, measurement or reset; a row of int64 in the order of the fields. */
typedef struct {
    int64_t kind, t0, t1, controls;  /* second target -1 if there is one; the first is the matrix' high bit */
    int64_t matrix, n_operators;     /* where its matrices begin, and how many there are */
    int64_t odds, site;              /* where its odds begin; number of its draw */
    int64_t still;                   /* 1 if its first matrix is the identity */
    int64_t bit, readout;            /* of a measurement: its bit, and where its odds to read 1 begin */
} qctl_item;

/* Items first ... end - 1 with their product as one matrix; a row of int64 in the order of the fields. */
typedef struct {
    int64_t t0, t1, controls, matrix, first, end;
} qctl_block;

typedef struct {
    int n_qubits;
    const qctl_item *items;
    const qctl_block *blocks;
    const void *matrices; /* of the number type that plays it */
    const double *odds;
    int64_t *watch; /* NULL, or: not 0 to stop, and how many blocks all threads have played */
} qctl_plan;

typedef struct {
    uint64_t keys[QCTL_MOST_LANES], clocks[QCTL_MOST_LANES];
    uint8_t active[QCTL_MOST_LANES];
    uint8_t *bits[QCTL_MOST_LANES];
} qctl_shots;

typedef struct {
    size_t n_blocks, n_groups, first_group, step, n_sites, n_bits, n_strings;
    const uint64_t *keys;
    const int64_t *order, *starts, *strings;
    int64_t *outcomes;
    uint8_t *bits;
    double *means;
} qctl_batch;

typedef struct {
    size_t n_blocks, first_group, last_group, n_bits;
    const uint64_t *keys, *clocks;
    const uint8_t *active;
    uint8_t *bits;
} qctl_kept;

/* A number in [0, 1) that only a shot's key and the draw's number decide.
   Source: Steele, Lea, Flood, OOPSLA (2014), SplitMix64. */
static inline double qctl_uniform(uint64_t key, uint64_t number)
{
    uint64_t z = key + (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

/* Say whether any lane may take another operator than the first of a channel in the block. */
static inline int qctl_moves(const qctl_item *items, const double *odds, const qctl_block *block,
                             const qctl_shots *shots, int n_lanes)
{
    for (int64_t k = block->first; k < block->end; k++) {
        if (items[k].kind == QCTL_GATE)
            continue;
        const double stays = odds[items[k].odds];
        int moved = 0;
        for (int lane = 0; lane < n_lanes; lane++)
            moved |= qctl_uniform(shots->keys[lane], shots->clocks[lane] + items[k].site) >= stays;
        if (moved)
            return 1;
    }
    return 0;
}

/* Find the first block in which each shot leaves what all share, n_blocks if it never does. */
static void qctl_find_starts(const qctl_item *items, const qctl_block *blocks, size_t n_blocks, const double *odds,
                             const uint64_t *keys, size_t n_shots, int64_t *starts)
{
    qctl_shots shots;
    memset(&shots, 0, sizeof(shots));
    for (size_t shot = 0; shot < n_shots; shot++) {
        size_t k = 0;
        shots.keys[0] = keys[shot];
        while (k < n_blocks && !qctl_moves(items, odds, blocks + k, &shots, 1))
            k++;
        starts[shot] = (int64_t)k;
    }
}

#define QCTL_TEMPLATE "lanes.h"
#include "variants.h"

static void qctl_run(int most, int is_double, const qctl_plan *plan, const qctl_batch *batch, void *work)
{
    const int widest = qctl_widest(most);
    (is_double ? QCTL_CHOOSE(run, double, widest) : QCTL_CHOOSE(run, float, widest))(plan, batch, work);
}

static void qctl_advance(int most, int is_double, const qctl_plan *plan, const qctl_kept *kept, void *states)
{
    const int widest = qctl_widest(most);
    (is_double ? QCTL_CHOOSE(advance, double, widest) : QCTL_CHOOSE(advance, float, widest))(plan, kept, states);
}

static void qctl_draw(int most, int is_double, int n_qubits, const qctl_kept *kept, const void *states, int64_t *outcomes)
{
    const int widest = qctl_widest(most);
    (is_double ? QCTL_CHOOSE(draw, double, widest) : QCTL_CHOOSE(draw, float, widest))(n_qubits, kept, states, outcomes);
}

#endif
