/* Products of small square matrices, row by row: sizes that are known when this is compiled take half the time. */

#ifndef QCTL_PRODUCTS_H
#define QCTL_PRODUCTS_H

#include "clones.h"

#define QCTL_ALWAYS static inline __attribute__((always_inline))

QCTL_ALWAYS void qctl_product_of(const double *a, const double *b, double *c, const int m)
{
    for (int i = 0; i < m; i++) {
        double *to = c + m * i;
        for (int j = 0; j < m; j++)
            to[j] = 0.0;
        for (int k = 0; k < m; k++) {
            const double x = a[m * i + k];
            if (x == 0.0)
                continue;
            for (int j = 0; j < m; j++)
                to[j] += x * b[m * k + j];
        }
    }
}

QCTL_ALWAYS void qctl_complex_product_of(const double *a, const double *b, double *c, const int m)
{
    for (int i = 0; i < m; i++) {
        double *to = c + 2 * m * i;
        for (int j = 0; j < 2 * m; j++)
            to[j] = 0.0;
        for (int k = 0; k < m; k++) {
            const double xr = a[2 * (m * i + k)], xi = a[2 * (m * i + k) + 1];
            const double *row = b + 2 * m * k;
            if (xr == 0.0 && xi == 0.0)
                continue;
            for (int j = 0; j < m; j++) {
                to[2 * j] += xr * row[2 * j] - xi * row[2 * j + 1];
                to[2 * j + 1] += xr * row[2 * j + 1] + xi * row[2 * j];
            }
        }
    }
}

/* c = a b for m x m real matrices; c is neither of the others. */
__attribute__((unused)) static QCTL_CLONES void qctl_product(
    const double *restrict a, const double *restrict b, double *restrict c, int m)
{
    switch (m) {
    case 2: qctl_product_of(a, b, c, 2); return;
    case 3: qctl_product_of(a, b, c, 3); return;
    case 6: qctl_product_of(a, b, c, 6); return;
    case 7: qctl_product_of(a, b, c, 7); return;
    default: qctl_product_of(a, b, c, m);
    }
}

/* c = a b for m x m complex matrices, pairs of doubles; c is neither of the others. */
__attribute__((unused)) static QCTL_CLONES void qctl_complex_product(
    const double *restrict a, const double *restrict b, double *restrict c, int m)
{
    switch (m) {
    case 2: qctl_complex_product_of(a, b, c, 2); return;
    case 3: qctl_complex_product_of(a, b, c, 3); return;
    case 6: qctl_complex_product_of(a, b, c, 6); return;
    case 7: qctl_complex_product_of(a, b, c, 7); return;
    case 9: qctl_complex_product_of(a, b, c, 9); return;
    default: qctl_complex_product_of(a, b, c, m);
    }
}

#endif
