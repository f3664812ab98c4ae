/* Sine, cosine, arctangent and seeded numbers from IEEE sums, products and roots alone: the same bits everywhere. */

#ifndef QCTL_EXACT_H
#define QCTL_EXACT_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define QCTL_PI 3.14159265358979323846

/* Sine and cosine of an angle in radians, to about 1e-16. Reduction by pi/2 in three parts after Cody and Waite (1980),
   then Taylor's series on [-pi/4, pi/4]. */
static inline void qctl_sincos(double x, double *sine, double *cosine)
{
    if (!(fabs(x) < 1e5))
        x = fmod(x, 2 * QCTL_PI);
    double k = floor(x * (2 / QCTL_PI) + 0.5);
    double r = ((x - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) - k * 2.02226624879595063154e-21;
    double z = r * r;
    double s = r * (1 + z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 + z * (-1.0 / 39916800 +
               z * (1.0 / 6227020800 + z * (-1.0 / 1307674368000))))))));
    double c = 1 + z * (-0.5 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 + z * (-1.0 / 3628800 +
               z * (1.0 / 479001600 + z * (-1.0 / 87178291200 + z * (1.0 / 20922789888000))))))));
    switch ((int)(k - 4 * floor(k / 4))) {
    case 0: *sine = s; *cosine = c; break;
    case 1: *sine = c; *cosine = -s; break;
    case 2: *sine = -s; *cosine = -c; break;
    default: *sine = -c; *cosine = s;
    }
}

/* Angle of the point (x, y) in (-pi, pi], to about 1e-16: two halvings, then the series of arctan below tan(pi/16). */
static inline double qctl_atan2(double y, double x)
{
    double ax = fabs(x), ay = fabs(y);
    if (ax == 0 && ay == 0)
        return 0;
    double t = ay < ax ? ay / ax : ax / ay;
    t = t / (1 + sqrt(1 + t * t));
    t = t / (1 + sqrt(1 + t * t));
    double z = t * t, sum = 0;
    for (int k = 23; k >= 1; k -= 2)
        sum = 1.0 / k - z * sum;
    double angle = 4 * t * sum;
    if (ay >= ax)
        angle = QCTL_PI / 2 - angle;
    if (x < 0)
        angle = QCTL_PI - angle;
    return y < 0 ? -angle : angle;
}

/* An angle within (-pi, pi]. */
static inline double qctl_wrapped(double x)
{
    double r = x - 2 * QCTL_PI * floor(x / (2 * QCTL_PI) + 0.5);
    return r <= -QCTL_PI ? r + 2 * QCTL_PI : r;
}

/* Where the draws of a numbered trial begin. */
static inline uint64_t qctl_trial(uint64_t seed, int trial)
{
    return seed * UINT64_C(0x2545F4914F6CDD1D) + (uint64_t)trial;
}

/* The next of a row of seeded 64-bit numbers: splitmix64, G. Steele, D. Lea, C. Flood (2014). */
static inline uint64_t qctl_draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A seeded number from 0 to n - 1; n is far below 2^32. */
static inline int qctl_below(uint64_t *state, int n)
{
    return (int)(((qctl_draw(state) >> 32) * (uint64_t)n) >> 32);
}

/* Make room for `wanted` items, twice what was there; 0 if there is no memory, and the block stays as it was. */
static inline int qctl_room(void **block, ptrdiff_t *room, ptrdiff_t wanted, size_t size)
{
    if (wanted <= *room)
        return 1;
    ptrdiff_t more = *room * 2 > wanted ? *room * 2 : wanted + 16;
    void *moved = realloc(*block, (size_t)more * size);
    if (moved == NULL)
        return 0;
    *block = moved;
    *room = more;
    return 1;
}

#endif
