/* Taylor series of x' = (G + sum of u_k G_k) x with real sparse G, slice by slice, for one vector or 8, 16 or 32 at once.

   The layouts are those that generator.pyx makes. A slice's series ends when the norm of the term proves that all later
   terms together are smaller than the tolerance; slices with the same controls are taken together; what is too long for
   one series is cut. The arithmetic is in propagate_body.h, compiled for each kind of vectors. */

#ifndef QCTL_PROPAGATE_H
#define QCTL_PROPAGATE_H

#include "processor.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define QCTL_LONGEST 6.0 /* of norm times time in one series; beyond, rounding errors grow as its exponential */
#define QCTL_MOST_TERMS 120

typedef struct {
    ptrdiff_t n, n_controls, n_bounds;
    const double *bounds; /* (n_bounds, 1 + n_controls): rows of absolute sums; the largest of their sums is the norm */
    /* for one vector: blocks of 8 rows, as products of 8 numbers with 8 neighbouring coordinates */
    ptrdiff_t n_blocks, n_pairs, n_touched;
    const int32_t *block_begin, *offsets, *touched, *touch_begin, *touch_controls;
    const double *fixed, *touch_values;
    /* for many vectors, row after row: how many elements G has there, how many G_k have some, and how many each of these */
    const int32_t *counts, *controlled, *columns; /* controlled: k of each of these G_k */
    const double *values;
} qctl_system;

typedef struct {
    ptrdiff_t n_slices, dt_stride, n_at, n_weights, controls_stride, n_columns;
    const double *controls, *dt; /* (n_runs, n_slices, n_controls); n_columns neighbouring vectors have those of one run */
    double tolerance_rate;       /* error for each second, for states whose largest coordinate is 1 */
    const int64_t *at;           /* boundaries of slices, ascending */
    const double *weights;       /* (n_weights, n), or none: then all coordinates are written */
} qctl_course;

/* Write what is asked for of one vector: its coordinates, `stride` apart, or weighted sums of them. */
static inline void qctl_write(const qctl_system *s, const qctl_course *c, const double *x, ptrdiff_t stride, double *out)
{
    if (!c->weights) {
        for (ptrdiff_t i = 0; i < s->n; i++)
            out[i] = x[stride * i];
        return;
    }
    for (ptrdiff_t w = 0; w < c->n_weights; w++) {
        const double *weights = c->weights + s->n * w;
        double total = 0.0;
        for (ptrdiff_t i = 0; i < s->n; i++)
            total += weights[i] * x[stride * i];
        out[w] = total;
    }
}

/* Return a bound of the norm of G + sum of u_k G_k. */
static inline double qctl_bound(const qctl_system *s, const double *controls, ptrdiff_t stride)
{
    double most = 0.0;
    for (ptrdiff_t b = 0; b < s->n_bounds; b++) {
        const double *row = s->bounds + (s->n_controls + 1) * b;
        double total = row[0];
        for (ptrdiff_t k = 0; k < s->n_controls; k++)
            total += row[1 + k] * fabs(controls[stride * k]);
        if (total > most)
            most = total;
    }
    return most;
}

/* Return where the slices end that have the controls of slice `first` and lie before `stop`; add up their time. */
static inline ptrdiff_t qctl_stretch(
    const qctl_course *c, const double *const *controls, int lanes, ptrdiff_t n_controls, ptrdiff_t first, ptrdiff_t stop,
    double *time)
{
    ptrdiff_t s = first;
    *time = 0.0;
    do {
        *time += c->dt[c->dt_stride * s];
        s++;
        if (s >= stop)
            break;
        for (int lane = 0; lane < lanes; lane++) {
            const double *now = controls[lane] + n_controls * first, *next = controls[lane] + n_controls * s;
            for (ptrdiff_t k = 0; k < n_controls; k++)
                if (now[k] != next[k])
                    return s;
        }
    } while (1);
    return s;
}

#define QCTL_JOIN2(a, b) a##b
#define QCTL_JOIN(a, b) QCTL_JOIN2(a, b)
#define QCTL_NAME(name) QCTL_JOIN(name, QCTL_SUFFIX)

#if defined(__x86_64__) && defined(__GNUC__)
#define QCTL_X86
#include <immintrin.h>

#define QCTL_SUFFIX _avx512
#define QCTL_MOST_LANES 32
#define QCTL_TARGET __attribute__((target("avx512f")))
typedef __m512d qctl_v_avx512;
#define QCTL_INLINE QCTL_TARGET __attribute__((always_inline)) static inline
QCTL_INLINE __m512d qctl_load_avx512(const double *p) { return _mm512_loadu_pd(p); }
QCTL_INLINE void qctl_store_avx512(double *p, __m512d v) { _mm512_storeu_pd(p, v); }
QCTL_INLINE __m512d qctl_spread_avx512(double x) { return _mm512_set1_pd(x); }
QCTL_INLINE __m512d qctl_madd_avx512(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
QCTL_INLINE __m512d qctl_add_avx512(__m512d a, __m512d b) { return _mm512_add_pd(a, b); }
QCTL_INLINE __m512d qctl_mul_avx512(__m512d a, __m512d b) { return _mm512_mul_pd(a, b); }
QCTL_INLINE __m512d qctl_larger_avx512(__m512d m, __m512d v) { return _mm512_max_pd(m, _mm512_abs_pd(v)); }
QCTL_INLINE double qctl_largest_avx512(__m512d v) { return _mm512_reduce_max_pd(v); }
#include "propagate_body.h"
#undef QCTL_SUFFIX
#undef QCTL_MOST_LANES
#undef QCTL_TARGET
#undef QCTL_INLINE

#define QCTL_SUFFIX _avx2
#define QCTL_MOST_LANES 16
#define QCTL_TARGET __attribute__((target("avx2,fma")))
#define QCTL_INLINE QCTL_TARGET __attribute__((always_inline)) static inline
typedef struct {
    __m256d a, b;
} qctl_v_avx2;
QCTL_INLINE qctl_v_avx2 qctl_load_avx2(const double *p)
{
    return (qctl_v_avx2){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)};
}
QCTL_INLINE void qctl_store_avx2(double *p, qctl_v_avx2 v)
{
    _mm256_storeu_pd(p, v.a);
    _mm256_storeu_pd(p + 4, v.b);
}
QCTL_INLINE qctl_v_avx2 qctl_spread_avx2(double x)
{
    return (qctl_v_avx2){_mm256_set1_pd(x), _mm256_set1_pd(x)};
}
QCTL_INLINE qctl_v_avx2 qctl_madd_avx2(qctl_v_avx2 a, qctl_v_avx2 b, qctl_v_avx2 c)
{
    return (qctl_v_avx2){_mm256_fmadd_pd(a.a, b.a, c.a), _mm256_fmadd_pd(a.b, b.b, c.b)};
}
QCTL_INLINE qctl_v_avx2 qctl_add_avx2(qctl_v_avx2 a, qctl_v_avx2 b)
{
    return (qctl_v_avx2){_mm256_add_pd(a.a, b.a), _mm256_add_pd(a.b, b.b)};
}
QCTL_INLINE qctl_v_avx2 qctl_mul_avx2(qctl_v_avx2 a, qctl_v_avx2 b)
{
    return (qctl_v_avx2){_mm256_mul_pd(a.a, b.a), _mm256_mul_pd(a.b, b.b)};
}
QCTL_INLINE qctl_v_avx2 qctl_larger_avx2(qctl_v_avx2 m, qctl_v_avx2 v)
{
    const __m256d sign = _mm256_set1_pd(-0.0);
    return (qctl_v_avx2){
        _mm256_max_pd(m.a, _mm256_andnot_pd(sign, v.a)), _mm256_max_pd(m.b, _mm256_andnot_pd(sign, v.b))};
}
QCTL_INLINE double qctl_largest_avx2(qctl_v_avx2 v)
{
    double x[4], most;
    _mm256_storeu_pd(x, _mm256_max_pd(v.a, v.b));
    most = x[0] > x[1] ? x[0] : x[1];
    most = x[2] > most ? x[2] : most;
    return x[3] > most ? x[3] : most;
}
#include "propagate_body.h"
#undef QCTL_SUFFIX
#undef QCTL_MOST_LANES
#undef QCTL_TARGET
#undef QCTL_INLINE
#endif

#define QCTL_SUFFIX _plain
#define QCTL_MOST_LANES 16
#define QCTL_TARGET
#define QCTL_INLINE static inline
typedef struct {
    double x[8];
} qctl_v_plain;
QCTL_INLINE qctl_v_plain qctl_load_plain(const double *p)
{
    qctl_v_plain v;
    memcpy(v.x, p, sizeof v.x);
    return v;
}
QCTL_INLINE void qctl_store_plain(double *p, qctl_v_plain v) { memcpy(p, v.x, sizeof v.x); }
#define QCTL_EACH(expression) \
    qctl_v_plain v_; \
    for (int i = 0; i < 8; i++) \
        v_.x[i] = (expression); \
    return v_
QCTL_INLINE qctl_v_plain qctl_spread_plain(double x) { QCTL_EACH(x); }
QCTL_INLINE qctl_v_plain qctl_madd_plain(qctl_v_plain a, qctl_v_plain b, qctl_v_plain c)
{
    QCTL_EACH(a.x[i] * b.x[i] + c.x[i]);
}
QCTL_INLINE qctl_v_plain qctl_add_plain(qctl_v_plain a, qctl_v_plain b) { QCTL_EACH(a.x[i] + b.x[i]); }
QCTL_INLINE qctl_v_plain qctl_mul_plain(qctl_v_plain a, qctl_v_plain b) { QCTL_EACH(a.x[i] * b.x[i]); }
QCTL_INLINE qctl_v_plain qctl_larger_plain(qctl_v_plain m, qctl_v_plain v)
{
    QCTL_EACH(fabs(v.x[i]) > m.x[i] ? fabs(v.x[i]) : m.x[i]);
}
QCTL_INLINE double qctl_largest_plain(qctl_v_plain v)
{
    double most = v.x[0];
    for (int i = 1; i < 8; i++)
        most = v.x[i] > most ? v.x[i] : most;
    return most;
}
#include "propagate_body.h"
#undef QCTL_SUFFIX
#undef QCTL_MOST_LANES
#undef QCTL_TARGET
#undef QCTL_INLINE

#ifdef QCTL_X86
#define QCTL_CHOOSE(name, widest) ((widest) == 2 ? name##_avx512 : (widest) == 1 ? name##_avx2 : name##_plain)
#else
#define QCTL_CHOOSE(name, widest) name##_plain
#endif

/* Return the first multiple of 64 bytes: a vector that straddles two lines of the cache is loaded at half the speed. */
static inline double *qctl_aligned(double *work) { return work + (8 - ((uintptr_t)work / sizeof(double)) % 8) % 8; }

/* Take vectors first to last - 1 one after the other; `work` has what Blocks.n_work says. */
static inline void qctl_run_single(
    int widest, const qctl_system *s, const qctl_course *c, ptrdiff_t first, ptrdiff_t last, const double *start,
    double *out, double *work)
{
    const ptrdiff_t n_out = c->weights ? c->n_weights : s->n;
    double *aligned = qctl_aligned(work);
    for (ptrdiff_t q = first; q < last; q++) {
        qctl_course one = *c;
        if (one.controls)
            one.controls += c->controls_stride * (q / c->n_columns);
        QCTL_CHOOSE(qctl_single, widest)(s, &one, start + s->n * q, out + c->n_at * n_out * q, aligned);
    }
}

/* Take vectors first to last - 1 side by side; `work` has what Rows.n_work says. */
static inline void qctl_run_lanes(
    int widest, const qctl_system *s, const qctl_course *c, ptrdiff_t first, ptrdiff_t last, const double *start,
    double *out, double *work)
{
    double *aligned = qctl_aligned(work);
    while (first < last) {
        const ptrdiff_t left = last - first;
        /* more than 24 fill four vectors of 8; from 17 to 24 two and one are quicker */
        const int lanes = widest == 2 && left > 24 ? (left < 32 ? (int)left : 32) : left < 16 ? (int)left : 16;
        QCTL_CHOOSE(qctl_lanes, widest)(s, c, first, lanes, start, out, aligned);
        first += lanes;
    }
}

#endif
