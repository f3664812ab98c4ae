/* Sums over the amplitudes of a state, in double precision and in an order that no thread or vector width changes.

   Included once for each precision by amplitudes.pyx's C code: REAL is the type of a part of an amplitude. */

#ifndef QCTL_AMPLITUDES_H
#define QCTL_AMPLITUDES_H

#include <stdint.h>

#include "rows.h"

#define QCTL_LANES_OF_SUM 8

/* weight[j] = sum of c[step t] (-1)**parity((i + j) & z[t]) for 64 neighbours: terms that agree in their six lowest bits
   are added up first, and a Walsh-Hadamard transform spreads them. */
static QCTL_CLONES void qctl_weights(
    int64_t i, const uint64_t *z, const double *c, int64_t step, int64_t n_terms, double *weight)
{
    memset(weight, 0, 64 * sizeof(double));
    for (int64_t t = 0; t < n_terms; t++)
        weight[z[t] & 63] += __builtin_parityll((uint64_t)i & z[t]) ? -c[step * t] : c[step * t];
    for (int half = 1; half < 64; half *= 2)
        for (int j = 0; j < 64; j += 2 * half)
            for (int k = j; k < j + half; k++) {
                const double a = weight[k], b = weight[k + half];
                weight[k] = a + b;
                weight[k + half] = a - b;
            }
}

/* The probabilities of `n` neighbouring amplitudes, summed up in eight lanes and then over the lanes. */
#define QCTL_AMPLITUDES(REAL, NAME) \
    static QCTL_CLONES double qctl_weight_##NAME(const REAL *restrict x, int64_t n) \
    { \
        double lanes[QCTL_LANES_OF_SUM] = {0}; \
        int64_t i = 0; \
        for (; i + QCTL_LANES_OF_SUM <= 2 * n; i += QCTL_LANES_OF_SUM) \
            for (int k = 0; k < QCTL_LANES_OF_SUM; k++) \
                lanes[k] += (double)x[i + k] * (double)x[i + k]; \
        for (; i < 2 * n; i++) \
            lanes[i % QCTL_LANES_OF_SUM] += (double)x[i] * (double)x[i]; \
        return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7])); \
    } \
\
    /* Probability of amplitudes whose qubit is 1. */ \
    static double qctl_ones_##NAME(const REAL *x, int n_qubits, int qubit) \
    { \
        const int64_t n = (int64_t)1 << n_qubits, run = (int64_t)1 << qubit; \
        double sum = 0; \
        if (qubit >= 3) { \
            for (int64_t i = run; i < n; i += 2 * run) \
                for (int64_t j = 0; j < run; j += 4096) \
                    sum += qctl_weight_##NAME(x + 2 * (i + j), run < 4096 ? run : 4096); \
            return sum; \
        } \
        for (int64_t i = 0; i < n; i++) \
            if (i >> qubit & 1) \
                sum += (double)x[2 * i] * (double)x[2 * i] + (double)x[2 * i + 1] * (double)x[2 * i + 1]; \
        return sum; \
    } \
\
    /* Keep the amplitudes whose qubit is `outcome`, times `scale`; the others become 0. With `flip` those that are kept \
       move to where the qubit is 0. */ \
    static void qctl_collapse_##NAME(REAL *x, int n_qubits, int qubit, int outcome, int flip, double scale) \
    { \
        const int64_t n = (int64_t)1 << n_qubits, run = (int64_t)1 << qubit; \
        const REAL by = (REAL)scale; \
        for (int64_t i = 0; i < n; i += 2 * run) { \
            REAL *zero = x + 2 * i, *one = zero + 2 * run; \
            REAL *kept = outcome ? one : zero, *to = flip || !outcome ? zero : one; \
            for (int64_t j = 0; j < 2 * run; j++) \
                to[j] = kept[j] * by; \
            memset(to == zero ? one : zero, 0, 2 * (size_t)run * sizeof(REAL)); \
        } \
    } \
\
    /* The amplitudes that sorted numbers fall on, walking the sums of blocks of `block` amplitudes. */ \
    static void qctl_find_##NAME( \
        const REAL *x, int64_t n, int64_t block, const double *sums, const double *sorted, int64_t n_sorted, int64_t *out) \
    { \
        double before = 0; \
        int64_t s = 0, last = 0; \
        for (int64_t b = 0; b * block < n && s < n_sorted; b++) { \
            const int64_t end = (b + 1) * block < n ? (b + 1) * block : n; \
            double at = before; \
            if (sorted[s] < before + sums[b]) \
                for (int64_t i = b * block; i < end && s < n_sorted && sorted[s] < before + sums[b]; i++) { \
                    const double p = (double)x[2 * i] * (double)x[2 * i] + (double)x[2 * i + 1] * (double)x[2 * i + 1]; \
                    at += p; \
                    if (p > 0) \
                        last = i; \
                    for (; s < n_sorted && sorted[s] < at && p > 0; s++) \
                        out[s] = i; \
                } \
            /* what rounding kept from the block's last amplitude belongs to it */ \
            for (; s < n_sorted && sorted[s] < before + sums[b]; s++) \
                out[s] = last; \
            before += sums[b]; \
        } \
        for (; s < n_sorted; s++) { /* as does what is over the last sum */ \
            for (last = n - 1; last > 0 && x[2 * last] == 0 && x[2 * last + 1] == 0; last--) \
                ; \
            out[s] = last; \
        } \
    } \
\
    /* sum over i of conj(x[i ^ flip]) x[i] sign(i), sign(i) = sum of c[t] (-1)**parity(i & z[t]). */ \
    static QCTL_CLONES void qctl_pauli_##NAME( \
        const REAL *x, int64_t first, int64_t end, uint64_t flip, const uint64_t *z, const double *c, int64_t n_terms, \
        double *out) \
    { \
        double re = 0, im = 0; \
        const int64_t high = (int64_t)(flip & ~(uint64_t)63); \
        for (int64_t i = first; i < end; i += 64) { \
            const int64_t n = end - i < 64 ? end - i : 64; \
            double weight[64]; \
            qctl_weights(i, z, c, 1, n_terms, weight); \
            for (int64_t j = 0; j < n; j++) { \
                const REAL *a = x + 2 * (i + j), *b = x + 2 * ((i ^ high) + (j ^ (int64_t)(flip & 63))); \
                re += weight[j] * ((double)b[0] * (double)a[0] + (double)b[1] * (double)a[1]); \
                im += weight[j] * ((double)b[0] * (double)a[1] - (double)b[1] * (double)a[0]); \
            } \
        } \
        out[0] = re; \
        out[1] = im; \
    } \
\
    /* y[i ^ flip] += sign(i) x[i], for the terms of one flip; their weights are complex. */ \
    static QCTL_CLONES void qctl_paint_##NAME( \
        const REAL *x, int64_t n, uint64_t flip, const uint64_t *z, const double *c, int64_t n_terms, REAL *y) \
    { \
        for (int64_t i = 0; i < n; i += 64) { \
            const int64_t here = n - i < 64 ? n - i : 64; \
            double re[64], im[64]; \
            qctl_weights(i, z, c, 2, n_terms, re); \
            qctl_weights(i, z, c + 1, 2, n_terms, im); \
            for (int64_t j = 0; j < here; j++) { \
                const double xr = x[2 * (i + j)], xi = x[2 * (i + j) + 1]; \
                REAL *to = y + 2 * ((i + j) ^ (int64_t)flip); \
                to[0] += (REAL)(re[j] * xr - im[j] * xi); \
                to[1] += (REAL)(re[j] * xi + im[j] * xr); \
            } \
        } \
    }

QCTL_AMPLITUDES(float, f32)
QCTL_AMPLITUDES(double, f64)

#endif
