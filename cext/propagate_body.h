/* The Taylor series of propagate.h for one kind of vectors; included once for each, so it has no guard. */

#define V QCTL_NAME(qctl_v)
#define LOAD QCTL_NAME(qctl_load)
#define STORE QCTL_NAME(qctl_store)
#define SPREAD QCTL_NAME(qctl_spread)
#define MADD QCTL_NAME(qctl_madd)
#define ADD QCTL_NAME(qctl_add)
#define MUL QCTL_NAME(qctl_mul)
#define LARGER QCTL_NAME(qctl_larger)
#define LARGEST QCTL_NAME(qctl_largest)

/* Say whether all terms after number k are together below the tolerance, if the largest of term k is `size`. */
QCTL_INLINE int QCTL_NAME(enough)(double size, double norm, int k, double tolerance)
{
    const double ratio = norm / (k + 1);
    return ratio < 1.0 && size * ratio <= tolerance * (1.0 - ratio);
}

/* Add up the products of all blocks with the controls: `matrix` is (n_pairs, 8), already right where none acts. */
QCTL_TARGET static void QCTL_NAME(assemble)(const qctl_system *s, const double *controls, double *matrix)
{
    for (ptrdiff_t t = 0; t < s->n_touched; t++) {
        const ptrdiff_t p = 8 * (ptrdiff_t)s->touched[t];
        V sum = LOAD(s->fixed + p);
        for (int32_t e = s->touch_begin[t]; e < s->touch_begin[t + 1]; e++)
            sum = MADD(SPREAD(controls[s->touch_controls[e]]), LOAD(s->touch_values + 8 * (ptrdiff_t)e), sum);
        STORE(matrix + p, sum);
    }
}

/* Take one vector through a time; `sum`, `x` and `y` have 8 zeros before and behind. Return the number of terms. */
QCTL_TARGET static int QCTL_NAME(step)(
    const qctl_system *s, const double *matrix, double time, double norm, double tolerance, int first_check, double *sum,
    double *x, double *y)
{
    memcpy(x, sum, 8 * (size_t)s->n_blocks * sizeof(double));
    for (int k = 1; k < QCTL_MOST_TERMS; k++) {
        const V scale = SPREAD(time / k);
        const double *m = matrix;
        const int32_t *offset = s->offsets;
        double *swap;
        V most = SPREAD(0.0);
        for (ptrdiff_t b = 0; b < s->n_blocks; b++) {
            const double *from = x + 8 * b;
            const int32_t *end = s->offsets + s->block_begin[b + 1];
            V even = SPREAD(0.0), odd = even;
            for (; offset + 1 < end; offset += 2, m += 16) {
                even = MADD(LOAD(m), LOAD(from + offset[0]), even);
                odd = MADD(LOAD(m + 8), LOAD(from + offset[1]), odd);
            }
            if (offset < end) {
                even = MADD(LOAD(m), LOAD(from + offset[0]), even);
                offset++;
                m += 8;
            }
            even = MUL(ADD(even, odd), scale);
            STORE(y + 8 * b, even);
            STORE(sum + 8 * b, ADD(LOAD(sum + 8 * b), even));
            most = LARGER(most, even);
        }
        swap = x;
        x = y;
        y = swap;
        if (k >= first_check && QCTL_NAME(enough)(LARGEST(most), norm, k, tolerance))
            return k;
    }
    return QCTL_MOST_TERMS;
}

/* Take one vector through all slices. `start` is (n); `work` has n_pairs * 8 + 3 * (n_blocks * 8 + 16) numbers. */
QCTL_TARGET static void QCTL_NAME(qctl_single)(
    const qctl_system *s, const qctl_course *c, const double *start, double *out, double *work)
{
    const ptrdiff_t padded = 8 * s->n_blocks + 16, n_out = c->weights ? c->n_weights : s->n;
    double *matrix = work, *sum = work + 8 * s->n_pairs + 8, *x = sum + padded, *y = x + padded;
    const double *controls = c->controls;
    double scale = 0.0, time, norm = 0.0;
    ptrdiff_t slice = 0, next = 0;
    int terms = 0;
    memset(sum - 8, 0, 3 * (size_t)padded * sizeof(double));
    memcpy(matrix, s->fixed, 8 * (size_t)s->n_pairs * sizeof(double));
    for (ptrdiff_t i = 0; i < s->n; i++) {
        sum[i] = start[i];
        scale = fabs(start[i]) > scale ? fabs(start[i]) : scale;
    }
    while (1) {
        ptrdiff_t stop = c->n_slices, cuts;
        for (; next < c->n_at && c->at[next] <= slice; next++)
            qctl_write(s, c, sum, 1, out + n_out * next);
        if (next >= c->n_at || slice >= c->n_slices)
            return;
        if (c->at[next] < stop)
            stop = c->at[next];
        controls = c->controls + s->n_controls * slice;
        slice = qctl_stretch(c, &c->controls, 1, s->n_controls, slice, stop, &time);
        norm = time * qctl_bound(s, controls, 1);
        if (norm == 0.0)
            continue;
        QCTL_NAME(assemble)(s, controls, matrix);
        cuts = (ptrdiff_t)ceil(norm / QCTL_LONGEST);
        time /= cuts;
        norm /= cuts;
        for (ptrdiff_t cut = 0; cut < cuts; cut++)
            terms = QCTL_NAME(step)(s, matrix, time, norm, c->tolerance_rate * time * scale, terms - 1, sum, x, y);
    }
}

/* sum += products of `count` elements of a row with nv * 8 vectors. */
QCTL_INLINE void QCTL_NAME(multiply)(
    const int nv, const int count, const int32_t *columns, const double *values, const double *x, V *sum)
{
    for (int e = 0; e < count; e++) {
        const V value = SPREAD(values[e]);
        const double *from = x + 8 * nv * (ptrdiff_t)columns[e];
        for (int v = 0; v < nv; v++)
            sum[v] = MADD(value, LOAD(from + 8 * v), sum[v]);
    }
}

/* The same, with loops of known length for what is common. */
QCTL_INLINE void QCTL_NAME(elements)(
    const int nv, int count, const int32_t *columns, const double *values, const double *x, V *sum)
{
    switch (count) {
    case 1:
        QCTL_NAME(multiply)(nv, 1, columns, values, x, sum);
        break;
    case 2:
        QCTL_NAME(multiply)(nv, 2, columns, values, x, sum);
        break;
    case 3:
        QCTL_NAME(multiply)(nv, 3, columns, values, x, sum);
        break;
    case 4:
        QCTL_NAME(multiply)(nv, 4, columns, values, x, sum);
        break;
    default:
        QCTL_NAME(multiply)(nv, count, columns, values, x, sum);
    }
}

/* As `step`, for nv * 8 vectors: coordinates are nv * 8 numbers each, controls too; all begin at whole vectors. */
QCTL_INLINE int QCTL_NAME(steps)(
    const int nv, const qctl_system *s, const double *u, double time, double norm, double tolerance,
    int first_check, double *sum, double *x, double *y)
{
    memcpy(x, sum, 8 * nv * (size_t)s->n * sizeof(double));
    for (int k = 1; k < QCTL_MOST_TERMS; k++) {
        const V scale = SPREAD(time / k);
        const int32_t *count = s->counts, *control = s->controlled, *columns = s->columns;
        const double *values = s->values;
        double *swap;
        V most = SPREAD(0.0);
        for (ptrdiff_t at = 0; at < 8 * nv * s->n; at += 8 * nv) {
            V row[4], part[4];
            int n_parts = count[1];
            for (int v = 0; v < nv; v++)
                row[v] = SPREAD(0.0);
            QCTL_NAME(elements)(nv, count[0], columns, values, x, row);
            columns += count[0];
            values += count[0];
            count += 2;
            for (; n_parts > 0; n_parts--, count++, control++) {
                const double *by = u + 8 * nv * (ptrdiff_t)*control;
                for (int v = 0; v < nv; v++)
                    part[v] = SPREAD(0.0);
                QCTL_NAME(elements)(nv, *count, columns, values, x, part);
                columns += *count;
                values += *count;
                for (int v = 0; v < nv; v++)
                    row[v] = MADD(LOAD(by + 8 * v), part[v], row[v]);
            }
            for (int v = 0; v < nv; v++) {
                const V term = MUL(row[v], scale);
                STORE(y + at + 8 * v, term);
                STORE(sum + at + 8 * v, ADD(LOAD(sum + at + 8 * v), term));
                most = LARGER(most, term);
            }
        }
        swap = x;
        x = y;
        y = swap;
        if (k >= first_check && QCTL_NAME(enough)(LARGEST(most), norm, k, tolerance))
            return k;
    }
    return QCTL_MOST_TERMS;
}

#define QCTL_STEPS(nv) \
    QCTL_TARGET static int QCTL_NAME(QCTL_JOIN(steps, nv))( \
        const qctl_system *s, const double *u, double time, double norm, double tolerance, int first_check, double *sum, \
        double *x, double *y) \
    { \
        return QCTL_NAME(steps)(nv, s, u, time, norm, tolerance, first_check, sum, x, y); \
    }
QCTL_STEPS(1)
QCTL_STEPS(2)
#if QCTL_MOST_LANES == 32
QCTL_STEPS(4)
#endif
#undef QCTL_STEPS

/* Take vectors first to first + lanes (at most QCTL_MOST_LANES) through all slices; vector q has the controls of run
   q / n_columns. `work` has 32 * (n_controls + 3 * n) numbers, from a multiple of 64 bytes on. */
QCTL_TARGET static void QCTL_NAME(qctl_lanes)(
    const qctl_system *s, const qctl_course *c, ptrdiff_t first, int lanes, const double *start, double *out, double *work)
{
    const int nv = lanes > 16 ? 4 : lanes > 8 ? 2 : 1, width = 8 * nv;
    const ptrdiff_t n_out = c->weights ? c->n_weights : s->n;
    double *u = work, *sum = u + width * s->n_controls, *x = sum + width * s->n, *y = x + width * s->n;
    const double *controls[QCTL_MOST_LANES];
    double scale = 0.0, time, norm, bound;
    ptrdiff_t slice = 0, next = 0;
    int terms = 0;
    memset(u, 0, (size_t)width * (size_t)(s->n_controls + 3 * s->n) * sizeof(double));
    for (int lane = 0; lane < lanes; lane++) {
        controls[lane] = c->controls + c->controls_stride * ((first + lane) / c->n_columns);
        for (ptrdiff_t i = 0; i < s->n; i++) {
            const double value = start[s->n * (first + lane) + i];
            sum[width * i + lane] = value;
            scale = fabs(value) > scale ? fabs(value) : scale;
        }
    }
    while (1) {
        ptrdiff_t stop = c->n_slices, cuts, now = slice;
        for (; next < c->n_at && c->at[next] <= slice; next++)
            for (int lane = 0; lane < lanes; lane++)
                qctl_write(s, c, sum + lane, width, out + n_out * (c->n_at * (first + lane) + next));
        if (next >= c->n_at || slice >= c->n_slices)
            return;
        if (c->at[next] < stop)
            stop = c->at[next];
        slice = qctl_stretch(c, controls, lanes, s->n_controls, slice, stop, &time);
        norm = 0.0;
        for (int lane = 0; lane < lanes; lane++) {
            bound = qctl_bound(s, controls[lane] + s->n_controls * now, 1);
            norm = bound > norm ? bound : norm;
        }
        norm *= time;
        if (norm == 0.0)
            continue;
        for (int lane = 0; lane < lanes; lane++)
            for (ptrdiff_t k = 0; k < s->n_controls; k++)
                u[width * k + lane] = controls[lane][s->n_controls * now + k];
        cuts = (ptrdiff_t)ceil(norm / QCTL_LONGEST);
        time /= cuts;
        norm /= cuts;
        for (ptrdiff_t cut = 0; cut < cuts; cut++) {
            const double tolerance = c->tolerance_rate * time * scale;
            if (nv == 1)
                terms = QCTL_NAME(steps1)(s, u, time, norm, tolerance, terms - 1, sum, x, y);
            else if (nv == 2)
                terms = QCTL_NAME(steps2)(s, u, time, norm, tolerance, terms - 1, sum, x, y);
#if QCTL_MOST_LANES == 32
            else
                terms = QCTL_NAME(steps4)(s, u, time, norm, tolerance, terms - 1, sum, x, y);
#endif
        }
    }
}

#undef V
#undef LOAD
#undef STORE
#undef SPREAD
#undef MADD
#undef ADD
#undef MUL
#undef LARGER
#undef LARGEST
