/* A block as it is played on chunks (a step), and the kernels of each instruction set, chosen at run time. */

#ifndef QCTL_STATEVECTOR_STEPS_H
#define QCTL_STATEVECTOR_STEPS_H

#include "processor.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define QCTL_MOST_DENSE 3
#define QCTL_MOST_DIAGONAL 6
#define QCTL_MOST_QUBITS 40
#define QCTL_LOG_CHUNK 16

typedef struct {
    int diagonal, kh, kl, real;
    int n_insert, log_groups;
    uint8_t insert[QCTL_MOST_QUBITS];    /* vector-index bits that the block fixes, ascending */
    int64_t fixed;                       /* those of them that are 1: controls */
    uint32_t offset[8];                  /* where each row of the matrix lies, in reals */
    uint64_t outer;                      /* controls outside of the chunk */
    uint8_t low[QCTL_MOST_DENSE];        /* qubits within a vector */
    int lane_controls;                   /* lanes of a vector that are controls */
    int64_t block;                       /* what it was made of */
    int n_outer;                         /* qubits of a diagonal outside of the chunk, and their place in its index */
    uint8_t outer_qubit[QCTL_MOST_DIAGONAL];
    uint16_t outer_entry[QCTL_MOST_DIAGONAL];
    uint16_t low_entry[64], high_entry[1 << (QCTL_LOG_CHUNK - 6)];
    void *coefficients;
    int *indices; /* 16 for each way of permuting lanes */
} qctl_step;

typedef void (*qctl_dense)(const qctl_step *, void *, void *);
typedef void (*qctl_transition)(const qctl_step *, const void *, const void *, const void *, const void *, double *);

typedef struct {
    int log_lanes, size;
    void (*gather)(const void *, const int64_t *, int64_t, int, void *, void *);
    void (*scatter)(const void *, const void *, const int64_t *, int64_t, int, void *);
    void (*diagonal)(const qctl_step *, int64_t, int64_t, void *, void *);
    qctl_dense dense[4][4];
    qctl_transition transition[3][3];
    void (*transition_diagonal)(
        const qctl_step *, int64_t, int64_t, const void *, const void *, const void *, const void *, double *);
} qctl_set;

/* The first vector of a group: its number with the bits that the block fixes put in. */
static inline int64_t qctl_group(const qctl_step *step, int64_t number)
{
    for (int i = 0; i < step->n_insert; i++) {
        const int64_t low = ((int64_t)1 << step->insert[i]) - 1;
        number = ((number & ~low) << 1) | (number & low);
    }
    return number | step->fixed;
}

#define QCTL_DOUBLE 0
#define QCTL_SET 0
#include "statevector_lanes.h"
#include "statevector_transitions.h"
#include "statevector_blocks.h"
#undef QCTL_DOUBLE
#define QCTL_DOUBLE 1
#include "statevector_lanes.h"
#include "statevector_transitions.h"
#include "statevector_blocks.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define QCTL_VECTOR_SETS 1
#include <immintrin.h>
#undef QCTL_DOUBLE
#undef QCTL_SET
#define QCTL_DOUBLE 0
#define QCTL_SET 1
#include "statevector_lanes.h"
#include "statevector_transitions.h"
#include "statevector_blocks.h"
#undef QCTL_DOUBLE
#define QCTL_DOUBLE 1
#include "statevector_lanes.h"
#include "statevector_transitions.h"
#include "statevector_blocks.h"
#undef QCTL_DOUBLE
#undef QCTL_SET
#define QCTL_DOUBLE 0
#define QCTL_SET 2
#include "statevector_lanes.h"
#include "statevector_transitions.h"
#include "statevector_blocks.h"
#undef QCTL_DOUBLE
#define QCTL_DOUBLE 1
#include "statevector_lanes.h"
#include "statevector_transitions.h"
#include "statevector_blocks.h"
#endif

static inline const qctl_set *qctl_set_of(int set, int is_double)
{
#ifdef QCTL_VECTOR_SETS
    if (set == 2)
        return is_double ? &set_avx512_f64 : &set_avx512_f32;
    if (set == 1)
        return is_double ? &set_avx2_f64 : &set_avx2_f32;
#endif
    (void)set;
    return is_double ? &set_portable_f64 : &set_portable_f32;
}

#endif
