/* Samples of pulses: add one to what is there, and round volts to DAC words; for wider vectors too, with the same bits. */

#ifndef QCTL_WORDS_H
#define QCTL_WORDS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
