/* Blocks of gates on one chunk of the state, for one instruction set and precision (see statevector_lanes.h).

   A chunk has its real and imaginary parts in two planes. Qubits of a block that lie within a vector are reached by
   permuting lanes, all others by whole vectors; the coefficients are vectors too, so both are one product. */

/* (re, im) of a chunk from the state: runs of 2**log_run neighbours, run r at state + 2 offsets[r]. */
static TARGET void NAME(gather)(
    const void *state, const int64_t *offsets, int64_t n_runs, int log_run, void *chunk_re, void *chunk_im)
{
    REAL *re = chunk_re, *im = chunk_im;
    if (log_run < LOG_LANES) { /* the whole state is smaller than a vector */
        const REAL *from = state;
        for (int64_t j = 0; j < LANES; j++) {
            re[j] = j >> log_run ? 0 : from[2 * j];
            im[j] = j >> log_run ? 0 : from[2 * j + 1];
        }
        return;
    }
    for (int64_t r = 0; r < n_runs; r++) {
        const REAL *from = (const REAL *)state + 2 * offsets[r];
        for (int64_t j = 0; j < (int64_t)1 << log_run; j += LANES)
            NAME(split)(from + 2 * j, re + (r << log_run) + j, im + (r << log_run) + j);
    }
}

static TARGET void NAME(scatter)(
    const void *chunk_re, const void *chunk_im, const int64_t *offsets, int64_t n_runs, int log_run, void *state)
{
    const REAL *re = chunk_re, *im = chunk_im;
    if (log_run < LOG_LANES) {
        REAL *to = state;
        for (int64_t j = 0; j < (int64_t)1 << log_run; j++) {
            to[2 * j] = re[j];
            to[2 * j + 1] = im[j];
        }
        return;
    }
    for (int64_t r = 0; r < n_runs; r++) {
        REAL *to = (REAL *)state + 2 * offsets[r];
        for (int64_t j = 0; j < (int64_t)1 << log_run; j += LANES)
            NAME(join)(re + (r << log_run) + j, im + (r << log_run) + j, to + 2 * j);
    }
}

/* A matrix on 2**kh vectors, each permuted in 2**kl ways; kh, kl and real are constants where this is inlined. */
static inline __attribute__((always_inline)) TARGET void NAME(dense)(
    const qctl_step *step, REAL *restrict re, REAL *restrict im, const int kh, const int kl, const int real)
{
    const int rows = 1 << kh, ways = 1 << kl, n_insert = step->n_insert;
    const int log_inner = n_insert ? step->insert[0] : step->log_groups;
    const int64_t n_outer = (int64_t)1 << (step->log_groups - log_inner), n_inner = (int64_t)1 << log_inner;
    const REAL *restrict coefficients = step->coefficients;
    INDICES indices[8];
#pragma GCC unroll 8
    for (int m = 1; m < ways; m++)
        indices[m] = LOAD_INDICES(step->indices + 16 * m);
    for (int64_t outer = 0; outer < n_outer; outer++) {
        const int64_t base = qctl_group(step, outer << log_inner);
        REAL *re_at = re + base * LANES, *im_at = im + base * LANES;
        for (int64_t inner = 0; inner < n_inner; inner++, re_at += LANES, im_at += LANES) {
            VECTOR xr[8], xi[8];
#pragma GCC unroll 8
            for (int c = 0; c < rows; c++) {
                xr[c * ways] = LOAD(re_at + step->offset[c]);
                xi[c * ways] = LOAD(im_at + step->offset[c]);
#pragma GCC unroll 8
                for (int m = 1; m < ways; m++) {
                    xr[c * ways + m] = PERMUTE(xr[c * ways], indices[m]);
                    xi[c * ways + m] = PERMUTE(xi[c * ways], indices[m]);
                }
            }
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                const REAL *a = coefficients + (real ? 1 : 2) * LANES * rows * ways * r;
                VECTOR yr = MUL(LOAD(a), xr[0]), yi = MUL(LOAD(a), xi[0]);
                if (!real) {
                    yr = FNMA(LOAD(a + LANES), xi[0], yr);
                    yi = FMA(LOAD(a + LANES), xr[0], yi);
                }
#pragma GCC unroll 8
                for (int c = 1; c < rows * ways; c++) {
                    const REAL *b = a + (real ? 1 : 2) * LANES * c;
                    yr = FMA(LOAD(b), xr[c], yr);
                    yi = FMA(LOAD(b), xi[c], yi);
                    if (!real) {
                        yr = FNMA(LOAD(b + LANES), xi[c], yr);
                        yi = FMA(LOAD(b + LANES), xr[c], yi);
                    }
                }
                STORE(re_at + step->offset[r], yr);
                STORE(im_at + step->offset[r], yi);
            }
        }
    }
}

#define QCTL_DENSE(kh, kl) \
    static TARGET void NAME(dense_##kh##kl)(const qctl_step *step, void *re, void *im) \
    { \
        if (step->real) \
            NAME(dense)(step, re, im, kh, kl, 1); \
        else \
            NAME(dense)(step, re, im, kh, kl, 0); \
    }

QCTL_DENSE(1, 0)
QCTL_DENSE(2, 0)
QCTL_DENSE(3, 0)
#if LOG_LANES
QCTL_DENSE(0, 1)
QCTL_DENSE(0, 2)
QCTL_DENSE(0, 3)
QCTL_DENSE(1, 1)
QCTL_DENSE(1, 2)
QCTL_DENSE(2, 1)
#endif
#undef QCTL_DENSE

/* Each amplitude times an entry of a table that up to QCTL_MOST_DIAGONAL qubits choose from; `entry` counts vectors. */
static TARGET void NAME(diagonal)(const qctl_step *step, int64_t entry, int64_t n_vectors, void *re_, void *im_)
{
    REAL *restrict re = re_, *restrict im = im_;
    const REAL *table = step->coefficients;
    for (int64_t v = 0; v < n_vectors; v++) {
        const REAL *a = table + 2 * LANES * (entry + step->low_entry[v & 63] + step->high_entry[v >> 6]);
        const VECTOR ar = LOAD(a), ai = LOAD(a + LANES), xr = LOAD(re + LANES * v), xi = LOAD(im + LANES * v);
        STORE(re + LANES * v, FNMA(ai, xi, MUL(ar, xr)));
        STORE(im + LANES * v, FMA(ai, xr, MUL(ar, xi)));
    }
}

static const qctl_set NAME(set) = {
    LOG_LANES,
    sizeof(REAL),
    NAME(gather),
    NAME(scatter),
    NAME(diagonal),
    {
#if LOG_LANES
        {0, NAME(dense_01), NAME(dense_02), NAME(dense_03)},
        {NAME(dense_10), NAME(dense_11), NAME(dense_12), 0},
        {NAME(dense_20), NAME(dense_21), 0, 0},
        {NAME(dense_30), 0, 0, 0},
#else
        {0, 0, 0, 0},
        {NAME(dense_10), 0, 0, 0},
        {NAME(dense_20), 0, 0, 0},
        {NAME(dense_30), 0, 0, 0},
#endif
    },
    {
#if LOG_LANES
        {0, NAME(transition_01), NAME(transition_02)},
        {NAME(transition_10), NAME(transition_11), 0},
        {NAME(transition_20), 0, 0},
#else
        {0, 0, 0},
        {NAME(transition_10), 0, 0},
        {NAME(transition_20), 0, 0},
#endif
    },
    NAME(transition_diagonal),
};
