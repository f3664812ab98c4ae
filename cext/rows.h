/* Products along long rows, compiled for wider vectors too where the loader can choose: results are the same bits. */

#ifndef QCTL_ROWS_H
#define QCTL_ROWS_H

#include <stddef.h>
#include <string.h>

#include "clones.h"

/* b = u a on d blocks of `width` numbers; u is d x d pairs of doubles, a and b have their real parts in the first plane
   and the imaginary ones in the second. Zeros of u cost nothing. */
__attribute__((unused)) static QCTL_CLONES void qctl_left_multiply(
    const double *u, ptrdiff_t d, ptrdiff_t width, ptrdiff_t plane, const double *restrict a, double *restrict b)
{
    memset(b, 0, 2 * (size_t)plane * sizeof(double));
    for (ptrdiff_t i = 0; i < d; i++) {
        double *restrict to_re = b + width * i;
        double *restrict to_im = to_re + plane;
        for (ptrdiff_t j = 0; j < d; j++) {
            const double xr = u[2 * (d * i + j)], xi = u[2 * (d * i + j) + 1];
            const double *restrict re = a + width * j;
            const double *restrict im = re + plane;
            if (xr == 0.0 && xi == 0.0)
                continue;
            for (ptrdiff_t k = 0; k < width; k++) {
                to_re[k] += xr * re[k] - xi * im[k];
                to_im[k] += xr * im[k] + xi * re[k];
            }
        }
    }
}

#endif
