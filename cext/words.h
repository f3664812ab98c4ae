/* Samples of pulses: add one to what is there, and round volts to DAC words; for wider vectors too, with the same bits. */

#ifndef QCTL_WORDS_H
#define QCTL_WORDS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clones.h"

/* out += (c + i s) (x + i y) for n samples. */
static QCTL_CLONES void qctl_mix(
    ptrdiff_t n, double c, double s, const double *restrict x, const double *restrict y, double *restrict out_i,
    double *restrict out_q)
{
    for (ptrdiff_t k = 0; k < n; k++) {
        out_i[k] += c * x[k] - s * y[k];
        out_q[k] += s * x[k] + c * y[k];
    }
}

/* Write rint(scale * (c own + s other)) + zero, shifted to the left, to words, ties to even, clipped to zero ± top; what
   is negative is in two's complement; `other` may be NULL. The lowest and highest code so far, before they are shifted,
   are kept in reach. Return whether a sample was clipped or NaN. */
static QCTL_CLONES int qctl_round(
    ptrdiff_t n, double scale, double c, double s, const double *restrict own, const double *restrict other,
    int32_t most, int32_t zero, int shift, uint16_t *restrict words, int32_t *restrict reach)
{
    const double round = 6755399441055744.0; /* 1.5 * 2**52: what is added to it is rounded to whole numbers */
    const double top = most;
    int32_t low = reach[0], high = reach[1], beyond = 0;
    if (!other) {
        for (ptrdiff_t k = 0; k < n; k++) {
            const double x = (own[k] * scale + round) - round;
            const double clipped = x <= top ? (x >= -top ? x : -top) : top;
            const int32_t code = (int32_t)clipped + zero;
            beyond |= clipped != x;
            low = code < low ? code : low;
            high = code > high ? code : high;
            words[k] = (uint16_t)((uint32_t)code << shift);
        }
    } else {
        for (ptrdiff_t k = 0; k < n; k++) {
            const double x = ((c * own[k] + s * other[k]) * scale + round) - round;
            const double clipped = x <= top ? (x >= -top ? x : -top) : top;
            const int32_t code = (int32_t)clipped + zero;
            beyond |= clipped != x;
            low = code < low ? code : low;
            high = code > high ? code : high;
            words[k] = (uint16_t)((uint32_t)code << shift);
        }
    }
    reach[0] = low;
    reach[1] = high;
    return beyond;
}

enum { QCTL_ROUNDED = 64 }; /* samples that are rounded together */

/* Round the volts of up to QCTL_ROUNDED samples to words as qctl_round does; what is out of range makes them worthless. */
static inline int qctl_round_few(
    ptrdiff_t n, double scale, const double *restrict volts, int32_t most, int32_t zero, int shift,
    uint16_t *restrict words, int32_t *restrict reach)
{
    const double round = 6755399441055744.0, top = most;
    union {
        double shifted[QCTL_ROUNDED];
        int64_t codes[QCTL_ROUNDED]; /* the sum's lowest bits are the whole number */
    } of;
    int64_t low = INT64_MAX, high = INT64_MIN, beyond = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        const double shifted = volts[k] * scale + round, x = shifted - round;
        const int64_t inside = x <= top, above = x >= -top;
        beyond |= 1 ^ (inside & above);
        of.shifted[k] = shifted;
    }
    if (beyond) return 1;
    for (ptrdiff_t k = 0; k < n; k++) {
        low = of.codes[k] < low ? of.codes[k] : low;
        high = of.codes[k] > high ? of.codes[k] : high;
    }
    for (ptrdiff_t k = 0; k < n; k++) words[k] = (uint16_t)((uint64_t)(of.codes[k] + zero) << shift);
    low = (int32_t)low + zero;
    high = (int32_t)high + zero;
    reach[0] = low < reach[0] ? (int32_t)low : reach[0];
    reach[1] = high > reach[1] ? (int32_t)high : reach[1];
    return 0;
}

/* Render one pulse that stands alone, (c + i s)(x + i y) with the mixer's correction (c_q, s_q), to a row of n words for
   each of one or two outputs: the same bits as qctl_mix onto silence and qctl_round. Return whether a sample is out of
   range or NaN; the rows are worthless then. */
static QCTL_CLONES int qctl_pulse(
    ptrdiff_t n, double c, double s, const double *restrict x, const double *restrict y, int n_outputs,
    const double *scales, int corrected, double c_q, double s_q, int32_t most, int32_t zero, int shift,
    uint16_t *restrict words, int32_t (*reach)[2])
{
    double volts[2][QCTL_ROUNDED];
    for (ptrdiff_t at = 0; at < n; at += QCTL_ROUNDED) {
        const ptrdiff_t few = n - at < QCTL_ROUNDED ? n - at : QCTL_ROUNDED;
        for (ptrdiff_t k = 0; k < few; k++) {
            volts[0][k] = c * x[at + k] - s * y[at + k];
            volts[1][k] = s * x[at + k] + c * y[at + k];
        }
        if (qctl_round_few(few, scales[0], volts[0], most, zero, shift, words + at, reach[0])) return 1;
        if (n_outputs == 1) continue;
        if (corrected)
            for (ptrdiff_t k = 0; k < few; k++) volts[1][k] = c_q * volts[1][k] + s_q * volts[0][k];
        if (qctl_round_few(few, scales[1], volts[1], most, zero, shift, words + n + at, reach[1])) return 1;
    }
    return 0;
}

#endif
