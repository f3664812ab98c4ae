/* What a block needs of two states for its derivatives: t[b][a] = sum over the rest of x[b] conj(y[a]).

   a and b are indices of the block's matrix; for a diagonal only t[a][a] is summed. Included like statevector_blocks.h. */

/* Add up lanes: those that differ only in qubits which the block lacks belong to the same entry. */
static TARGET void NAME(add_lanes)(const qctl_step *step, REAL *sums, int kh, int kl, double *t)
{
    const int rows = 1 << kh, ways = 1 << kl, d = rows * ways;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < rows; c++)
            for (int m = 0; m < ways; m++) {
                REAL *sum = sums + 2 * LANES * (ways * (rows * r + c) + m);
                for (int lane = 0; lane < LANES; lane++) {
                    int bits = 0;
                    if ((lane & step->lane_controls) != step->lane_controls)
                        continue;
                    for (int i = 0; i < kl; i++)
                        bits |= (lane >> step->low[i] & 1) << i;
                    double *to = t + 2 * (d * (c << kl | bits) + (r << kl | (bits ^ m)));
                    to[0] += (double)sum[lane];
                    to[1] += (double)sum[LANES + lane];
                }
            }
    memset(sums, 0, sizeof(REAL) * (size_t)(2 * LANES * rows * rows * ways));
}

static inline __attribute__((always_inline)) TARGET void NAME(transition)(
    const qctl_step *step, const REAL *xr_, const REAL *xi_, const REAL *yr_, const REAL *yi_, double *t, const int kh,
    const int kl)
{
    const int rows = 1 << kh, ways = 1 << kl;
    const int log_inner = step->n_insert ? step->insert[0] : step->log_groups;
    const int64_t n_outer = (int64_t)1 << (step->log_groups - log_inner), n_inner = (int64_t)1 << log_inner;
    REAL sums[2 * LANES * 16] __attribute__((aligned(64)));
    INDICES indices[4];
    int64_t n_summed = 0;
    memset(sums, 0, sizeof sums);
#pragma GCC unroll 4
    for (int m = 1; m < ways; m++)
        indices[m] = LOAD_INDICES(step->indices + 16 * m);
    for (int64_t outer = 0; outer < n_outer; outer++) {
        const int64_t base = LANES * qctl_group(step, outer << log_inner);
        for (int64_t inner = 0; inner < n_inner; inner++) {
            const int64_t at = base + LANES * inner;
            VECTOR xr[4], xi[4], yr[4], yi[4];
#pragma GCC unroll 4
            for (int c = 0; c < rows; c++) {
                xr[c] = LOAD(xr_ + at + step->offset[c]);
                xi[c] = LOAD(xi_ + at + step->offset[c]);
                yr[c * ways] = LOAD(yr_ + at + step->offset[c]);
                yi[c * ways] = LOAD(yi_ + at + step->offset[c]);
#pragma GCC unroll 4
                for (int m = 1; m < ways; m++) {
                    yr[c * ways + m] = PERMUTE(yr[c * ways], indices[m]);
                    yi[c * ways + m] = PERMUTE(yi[c * ways], indices[m]);
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
                for (int c = 0; c < rows; c++)
#pragma GCC unroll 4
                    for (int m = 0; m < ways; m++) {
                        REAL *sum = sums + 2 * LANES * (ways * (rows * r + c) + m);
                        const VECTOR lr = yr[r * ways + m], li = yi[r * ways + m];
                        STORE(sum, FMA(xi[c], li, FMA(xr[c], lr, LOAD(sum))));
                        STORE(sum + LANES, FNMA(xr[c], li, FMA(xi[c], lr, LOAD(sum + LANES))));
                    }
            if (++n_summed % 512 == 0)
                NAME(add_lanes)(step, sums, kh, kl, t);
        }
    }
    NAME(add_lanes)(step, sums, kh, kl, t);
}

#define QCTL_TRANSITION(kh, kl) \
    static TARGET void NAME(transition_##kh##kl)( \
        const qctl_step *step, const void *xr, const void *xi, const void *yr, const void *yi, double *t) \
    { \
        NAME(transition)(step, xr, xi, yr, yi, t, kh, kl); \
    }

QCTL_TRANSITION(1, 0)
QCTL_TRANSITION(2, 0)
#if LOG_LANES
QCTL_TRANSITION(0, 1)
QCTL_TRANSITION(0, 2)
QCTL_TRANSITION(1, 1)
#endif
#undef QCTL_TRANSITION

/* t[entry][lane] += x conj(y), where an entry is a vector of the diagonal's table. */
static TARGET void NAME(transition_diagonal)(
    const qctl_step *step, int64_t entry, int64_t n_vectors, const void *xr_, const void *xi_, const void *yr_,
    const void *yi_, double *t)
{
    const REAL *xr = xr_, *xi = xi_, *yr = yr_, *yi = yi_;
    for (int64_t v = 0; v < n_vectors; v++) {
        double *to = t + 2 * LANES * (entry + step->low_entry[v & 63] + step->high_entry[v >> 6]);
        for (int lane = 0; lane < LANES; lane++) {
            const int64_t i = LANES * v + lane;
            to[lane] += (double)xr[i] * (double)yr[i] + (double)xi[i] * (double)yi[i];
            to[LANES + lane] += (double)xi[i] * (double)yr[i] - (double)xr[i] * (double)yi[i];
        }
    }
}
