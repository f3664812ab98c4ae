/* Exact times as 128-bit whole numbers of a common unit: load, store, and round to the ticks of a clock. */
#ifndef QCTL_WIDE_H
#define QCTL_WIDE_H

#include <stdint.h>
#include <string.h>

typedef __int128 wide_t;

static inline wide_t wide_load(const int64_t *pair) {
    wide_t value;
    memcpy(&value, pair, 16);
    return value;
}

static inline void wide_store(int64_t *pair, wide_t value) { memcpy(pair, &value, 16); }

static inline wide_t wide_zero(void) { return 0; }

/* Ticks of time t, the earlier one of two; *error is |ticks - exact| in parts of den. Both num and den are above 0. */
static inline int64_t wide_ticks(wide_t t, wide_t num, wide_t den, wide_t *error) {
    wide_t product = t * num, tick, rest;
    if ((product >> 63) == 0 && (den >> 63) == 0) { /* the division of 64 bits is ten times faster */
        tick = (wide_t)((uint64_t)product / (uint64_t)den);
    } else {
        tick = product / den;
    }
    rest = product - tick * den;
    if (rest < 0) {
        tick -= 1;
        rest += den;
    }
    if (2 * rest > den) {
        tick += 1;
        rest = den - rest;
    }
    *error = rest;
    return (int64_t)tick;
}

/* Ticks of a length that begins at time t, which has `start` of them: from there to the tick of its end. Where it is
 * whole ticks it is just these, wherever it begins; otherwise *ragged is set. */
static inline int64_t wide_lasts(wide_t t, wide_t length, wide_t num, wide_t den, int64_t start, int *ragged) {
    wide_t product = length * num, rest;
    int64_t whole;
    if ((product >> 63) == 0 && (den >> 63) == 0) {
        whole = (int64_t)((uint64_t)product / (uint64_t)den);
    } else {
        whole = (int64_t)(product / den);
    }
    if (product == (wide_t)whole * den) {
        return whole;
    }
    *ragged = 1;
    return wide_ticks(t + length, num, den, &rest) - start;
}

static inline double wide_seconds(wide_t t, wide_t unit) { return (double)((long double)t / (long double)unit); }

#endif
