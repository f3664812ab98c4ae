/* Many noisy state vectors side by side, one a vector lane; trajectories.h includes it for each number type and processor.

   Set before: REAL, NAME(x). Amplitude i of a group of LANES shots is LANES real parts, then LANES imaginary parts. */

enum { NAME(LANES) = 64 / sizeof(REAL) };
#define LANES NAME(LANES)

typedef REAL NAME(lanes) __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));

/* The places of amplitude 0 of each group: bits of the targets inserted as zeros, all controls one. */
#define QCTL_ONE_TARGET(at)                                                                                            \
    const size_t bit = (size_t)1 << t0, n = ((size_t)1 << n_qubits) >> 1;                                              \
    for (size_t k = 0; k < n; k++) {                                                                                   \
        const size_t i = (k & (bit - 1)) | (k & ~(bit - 1)) << 1;                                                      \
        if ((i & controls) != controls)                                                                                \
            continue;                                                                                                  \
        NAME(lanes) *const at[2] = {(NAME(lanes) *)s + 2 * i, (NAME(lanes) *)s + 2 * (i + bit)};

#define QCTL_TWO_TARGETS(at)                                                                                           \
    const size_t low = (size_t)1 << (t0 < t1 ? t0 : t1), high = (size_t)1 << (t0 < t1 ? t1 : t0);                      \
    const size_t b0 = (size_t)1 << t0, b1 = (size_t)1 << t1, n = ((size_t)1 << n_qubits) >> 2;                         \
    for (size_t k = 0; k < n; k++) {                                                                                   \
        size_t i = (k & (low - 1)) | (k & ~(low - 1)) << 1;                                                            \
        i = (i & (high - 1)) | (i & ~(high - 1)) << 1;                                                                 \
        if ((i & controls) != controls)                                                                                \
            continue;                                                                                                  \
        NAME(lanes) *const at[4] = {(NAME(lanes) *)s + 2 * i, (NAME(lanes) *)s + 2 * (i + b1),                         \
                                    (NAME(lanes) *)s + 2 * (i + b0), (NAME(lanes) *)s + 2 * (i + b0 + b1)};

/* Multiply by a matrix of D x D pairs (real, imaginary): numbers for all lanes, or vectors with each lane's own. */
#define QCTL_MULTIPLY(D)                                                                                               \
    NAME(lanes) re[D], im[D];                                                                                          \
    for (int j = 0; j < D; j++) {                                                                                      \
        re[j] = at[j][0];                                                                                              \
        im[j] = at[j][1];                                                                                              \
    }                                                                                                                  \
    for (int r = 0; r < D; r++) {                                                                                      \
        NAME(lanes) a = re[0] * m[2 * D * r], b = im[0] * m[2 * D * r];                                                \
        a -= im[0] * m[2 * D * r + 1];                                                                                 \
        b += re[0] * m[2 * D * r + 1];                                                                                 \
        _Pragma("GCC unroll 3") for (int j = 1; j < D; j++)                                                            \
        {                                                                                                              \
            a += re[j] * m[2 * (D * r + j)];                                                                           \
            b += im[j] * m[2 * (D * r + j)];                                                                           \
            a -= im[j] * m[2 * (D * r + j) + 1];                                                                       \
            b += re[j] * m[2 * (D * r + j) + 1];                                                                       \
        }                                                                                                              \
        at[r][0] = a;                                                                                                  \
        at[r][1] = b;                                                                                                  \
    }                                                                                                                  \
    }

#define QCTL_APPLY(LABEL, NUMBER)                                                                                      \
    static void NAME(LABEL)(REAL *s, int n_qubits, int t0, int t1, size_t controls, const NUMBER *m)                   \
    {                                                                                                                  \
        if (t1 < 0) {                                                                                                  \
            QCTL_ONE_TARGET(at) QCTL_MULTIPLY(2)                                                                       \
        } else {                                                                                                       \
            QCTL_TWO_TARGETS(at) QCTL_MULTIPLY(4)                                                                      \
        }                                                                                                              \
    }

QCTL_APPLY(apply_same, REAL)
QCTL_APPLY(apply_each, NAME(lanes))
#undef QCTL_APPLY
#undef QCTL_MULTIPLY

/* Sum over all other qubits of a_j conj(a_k), for j <= k: real parts at rho[2 (D j + k)], imaginary parts behind. */
#define QCTL_REDUCE(D)                                                                                                 \
    for (int j = 0; j < D; j++)                                                                                        \
        for (int h = j; h < D; h++) {                                                                                  \
            rho[2 * (D * j + h)] += at[j][0] * at[h][0] + at[j][1] * at[h][1];                                         \
            rho[2 * (D * j + h) + 1] += at[j][1] * at[h][0] - at[j][0] * at[h][1];                                     \
        }                                                                                                              \
    }

static void NAME(reduce)(REAL *s, int n_qubits, int t0, int t1, NAME(lanes) *rho)
{
    const size_t controls = 0;
    memset(rho, 0, 32 * sizeof(NAME(lanes)));
    if (t1 < 0) {
        QCTL_ONE_TARGET(at) QCTL_REDUCE(2)
    } else {
        QCTL_TWO_TARGETS(at) QCTL_REDUCE(4)
    }
}

/* tr(G rho) of one lane, for a Hermitian G of d x d complex numbers. */
static double NAME(weight)(const double *g, const NAME(lanes) *rho, int d, int lane)
{
    double sum = 0.0;
    for (int j = 0; j < d; j++) {
        sum += g[2 * (d * j + j)] * rho[2 * (d * j + j)][lane];
        for (int k = j + 1; k < d; k++)
            sum += 2.0 * (g[2 * (d * j + k)] * rho[2 * (d * j + k)][lane] +
                          g[2 * (d * j + k) + 1] * rho[2 * (d * j + k) + 1][lane]);
    }
    return sum > 0.0 ? sum : 0.0;
}

/* Choose each lane's operator of a channel whose odds depend on the state, and the factor that makes its norm 1. */
static void NAME(weigh)(REAL *s, const qctl_plan *plan, const qctl_item *item, const double *draw, int *chosen,
                        double *factor)
{
    NAME(lanes) rho[32];
    const int d = item->t1 < 0 ? 2 : 4;
    NAME(reduce)(s, plan->n_qubits, item->t0, item->t1, rho);
    for (int lane = 0; lane < LANES; lane++) {
        const double *g = plan->odds + item->odds + 1;
        double total = 0.0, so_far = 0.0, weight = 0.0;
        for (int j = 0; j < d; j++)
            total += rho[2 * (d * j + j)][lane];
        chosen[lane] = 0;
        for (int k = 0; k < item->n_operators; k++) {
            const double here = NAME(weight)(g + 2 * d * d * k, rho, d, lane);
            if (here > 1e-14 * total) { /* what rounding alone makes possible is not chosen */
                chosen[lane] = k;
                weight = here;
            }
            so_far += here;
            if (draw[lane] * total < so_far && here > 1e-14 * total)
                break;
        }
        factor[lane] = weight > 0.0 ? 1.0 / sqrt(weight) : 0.0;
    }
}

/* Play one gate, channel, measurement or reset on the lanes that are active. */
static void NAME(play_item)(REAL *s, const qctl_plan *plan, const qctl_item *item, qctl_shots *shots, int quiet)
{
    const int d = item->t1 < 0 ? 2 : 4;
    const REAL *m = (const REAL *)plan->matrices + item->matrix;
    int chosen[LANES];
    double factor[LANES], draw[LANES];
    int same = 1;
    for (int lane = 0; lane < LANES; lane++) {
        chosen[lane] = 0;
        factor[lane] = 1.0;
        same &= shots->active[lane];
    }
    if (item->kind != QCTL_GATE && !quiet) {
        const double *odds = plan->odds + item->odds;
        int moved = 0;
        for (int lane = 0; lane < LANES; lane++) {
            draw[lane] = qctl_uniform(shots->keys[lane], shots->clocks[lane] + item->site);
            moved |= shots->active[lane] && draw[lane] >= odds[0];
        }
        if (moved && item->kind == QCTL_MIXTURE) {
            for (int lane = 0; lane < LANES; lane++)
                while (chosen[lane] < item->n_operators - 1 && draw[lane] >= odds[chosen[lane]])
                    chosen[lane]++;
        } else if (moved)
            NAME(weigh)(s, plan, item, draw, chosen, factor);
        same &= !moved;
        if (item->kind == QCTL_MEASURE)
            for (int lane = 0; lane < LANES; lane++)
                if (shots->active[lane]) {
                    const double other = qctl_uniform(shots->keys[lane], shots->clocks[lane] + item->site + 1);
                    shots->bits[lane][item->bit] = other < plan->odds[item->readout + chosen[lane]];
                }
    }
    if (same) {
        if (!item->still)
            NAME(apply_same)(s, plan->n_qubits, item->t0, item->t1, item->controls, m);
        return;
    }
    NAME(lanes) each[32];
    for (int lane = 0; lane < LANES; lane++)
        for (int k = 0; k < 2 * d * d; k++) {
            const REAL unit = k % 2 == 0 && (k / 2) % (d + 1) == 0;
            each[k][lane] = shots->active[lane] ? m[2 * d * d * chosen[lane] + k] * (REAL)factor[lane] : unit;
        }
    NAME(apply_each)(s, plan->n_qubits, item->t0, item->t1, item->controls, each);
}

/* Play blocks from ... to - 1: a block is one matrix as long as every lane takes the first operator everywhere. */
static void NAME(play_blocks)(REAL *s, const qctl_plan *plan, size_t from, size_t to, qctl_shots *shots, int quiet)
{
    int n_active = 0;
    for (int lane = 0; lane < LANES; lane++)
        n_active += shots->active[lane];
    for (size_t k = from; k < to && n_active; k++) {
        const qctl_block *block = plan->blocks + k;
        if (n_active == LANES && (quiet || !qctl_moves(plan->items, plan->odds, block, shots, LANES)))
            NAME(apply_same)(s, plan->n_qubits, block->t0, block->t1, block->controls,
                             (const REAL *)plan->matrices + block->matrix);
        else
            for (int64_t j = block->first; j < block->end; j++)
                NAME(play_item)(s, plan, plan->items + j, shots, quiet);
        if (qctl_told(plan->watch))
            return;
    }
}

/* Find where in the cumulative distribution of its populations each lane's draw falls. */
static void NAME(sample)(const REAL *s, int n_qubits, const double *draw, int64_t *outcomes)
{
    const size_t n = (size_t)1 << n_qubits;
    double total[LANES] = {0}, so_far[LANES] = {0};
    int n_left = LANES;
    for (size_t i = 0; i < n; i++)
        for (int lane = 0; lane < LANES; lane++) {
            const double re = s[2 * LANES * i + lane], im = s[2 * LANES * i + LANES + lane];
            total[lane] += re * re + im * im;
        }
    for (int lane = 0; lane < LANES; lane++) {
        total[lane] *= draw[lane];
        outcomes[lane] = -1;
    }
    for (size_t i = 0; i < n && n_left; i++)
        for (int lane = 0; lane < LANES; lane++) {
            const double re = s[2 * LANES * i + lane], im = s[2 * LANES * i + LANES + lane];
            so_far[lane] += re * re + im * im;
            if (outcomes[lane] < 0 && so_far[lane] > total[lane]) {
                outcomes[lane] = (int64_t)i;
                n_left--;
            }
        }
    for (int lane = 0; lane < LANES; lane++)
        if (outcomes[lane] < 0)
            outcomes[lane] = (int64_t)n - 1;
}

/* Mean of the Pauli string with X or Y where `x` has ones and Z or Y where `z` has, in each lane's normalised state. */
static void NAME(expect)(const REAL *s, int n_qubits, size_t x, size_t z, double *means)
{
    const size_t n = (size_t)1 << n_qubits;
    const int n_y = __builtin_popcountll(x & z) & 3;
    double total[LANES] = {0}, re[LANES] = {0}, im[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        const REAL *a = s + 2 * LANES * i, *b = s + 2 * LANES * (i ^ x);
        const double sign = __builtin_popcountll(i & z) & 1 ? -1.0 : 1.0;
        for (int lane = 0; lane < LANES; lane++) {
            total[lane] += (double)a[lane] * a[lane] + (double)a[LANES + lane] * a[LANES + lane];
            re[lane] += sign * ((double)b[lane] * a[lane] + (double)b[LANES + lane] * a[LANES + lane]);
            im[lane] += sign * ((double)b[lane] * a[LANES + lane] - (double)b[LANES + lane] * a[lane]);
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        const double turned = n_y == 0 ? re[lane] : n_y == 1 ? -im[lane] : n_y == 2 ? -re[lane] : im[lane];
        means[lane] = turned / total[lane];
    }
}

/* Set every lane to |0...0>. */
static void NAME(rest)(REAL *s, int n_qubits)
{
    memset(s, 0, ((size_t)2 * LANES << n_qubits) * sizeof(REAL));
    for (int lane = 0; lane < LANES; lane++)
        s[lane] = 1;
}

/* Play groups first, first + step ... of shots, from rest to outcomes. What all shots share until the first one of a
   group leaves it is played once, ahead; `work` has room for two groups. */
static void NAME(run)(const qctl_plan *plan, const qctl_batch *batch, void *work)
{
    const size_t size = (size_t)2 * LANES << plan->n_qubits;
    REAL *ahead = work, *own = ahead + size;
    qctl_shots all, shots;
    size_t reached = 0;
    NAME(rest)(ahead, plan->n_qubits);
    memset(&all, 0, sizeof(all));
    memset(all.active, 1, sizeof(all.active));
    shots = all;
    for (size_t group = batch->first_group; group < batch->n_groups && !qctl_stopped(plan->watch); group += batch->step) {
        const int64_t *order = batch->order + LANES * group;
        const size_t start = (size_t)batch->starts[order[0]];
        double draw[LANES], means[LANES];
        int64_t outcomes[LANES];
        REAL *s = ahead;
        NAME(play_blocks)(ahead, plan, reached, start, &all, 1);
        reached = start;
        for (int lane = 0; lane < LANES; lane++) {
            shots.keys[lane] = batch->keys[order[lane]];
            shots.bits[lane] = batch->bits + batch->n_bits * order[lane];
            draw[lane] = qctl_uniform(shots.keys[lane], batch->n_sites);
        }
        if (start < batch->n_blocks) {
            s = own;
            memcpy(own, ahead, size * sizeof(REAL));
            NAME(play_blocks)(own, plan, start, batch->n_blocks, &shots, 0);
        }
        NAME(sample)(s, plan->n_qubits, draw, outcomes);
        for (int lane = 0; lane < LANES; lane++)
            batch->outcomes[order[lane]] = outcomes[lane];
        for (size_t k = 0; k < batch->n_strings; k++) {
            NAME(expect)(s, plan->n_qubits, (size_t)batch->strings[2 * k], (size_t)batch->strings[2 * k + 1], means);
            for (int lane = 0; lane < LANES; lane++)
                batch->means[batch->n_strings * order[lane] + k] = means[lane];
        }
    }
}

/* Play all blocks on groups first ... last - 1 of states that are kept, where shots are active. */
static void NAME(advance)(const qctl_plan *plan, const qctl_kept *kept, void *states)
{
    const size_t size = (size_t)2 * LANES << plan->n_qubits;
    for (size_t group = kept->first_group; group < kept->last_group && !qctl_stopped(plan->watch); group++) {
        qctl_shots shots;
        for (int lane = 0; lane < LANES; lane++) {
            const size_t shot = LANES * group + lane;
            shots.keys[lane] = kept->keys[shot];
            shots.clocks[lane] = kept->clocks[shot];
            shots.active[lane] = kept->active[shot];
            shots.bits[lane] = kept->bits + kept->n_bits * shot;
        }
        NAME(play_blocks)((REAL *)states + size * group, plan, 0, kept->n_blocks, &shots, 0);
    }
}

/* Sample groups first ... last - 1 of states that are kept. */
static void NAME(draw)(int n_qubits, const qctl_kept *kept, const void *states, int64_t *outcomes)
{
    const size_t size = (size_t)2 * LANES << n_qubits;
    for (size_t group = kept->first_group; group < kept->last_group; group++) {
        double draw[LANES];
        for (int lane = 0; lane < LANES; lane++)
            draw[lane] = qctl_uniform(kept->keys[LANES * group + lane], kept->clocks[LANES * group + lane]);
        NAME(sample)((const REAL *)states + size * group, n_qubits, draw, outcomes + LANES * group);
    }
}

#undef LANES
#undef QCTL_ONE_TARGET
#undef QCTL_TWO_TARGETS
#undef QCTL_REDUCE
