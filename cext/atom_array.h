/* Exact evolution of an array of atoms: star-coupled levels of each, a diagonal interaction, Chebyshev step by step.

   The state is two planes of doubles, real and imaginary. Atom s has `levels[s]` levels, and level l of it adds
   l * stride[s] to the index. A step multiplies by exp(-i H t) with
   H = diagonal + sum over atoms and levels l > 0 of (c |l><0| + conj(c) |0><l|),
   as H. Tal-Ezer and R. Kosloff, J. Chem. Phys. 81, 3967 (1984) have it: exp(-i H t) is a sum of Chebyshev polynomials
   of H, whose weights are Bessel functions of half the spectrum's width times t. */

#ifndef QCTL_ATOM_ARRAY_H
#define QCTL_ATOM_ARRAY_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "clones.h"

#define QCTL_ATOM_LEVELS 3

typedef struct {
    int n_atoms;
    int64_t size;            /* product of all levels */
    const int32_t *levels;   /* 1, 2 or 3 of each atom */
    double *diagonal;        /* of the present step, shifted and scaled; `size` */
    double *re[4], *im[4];   /* state and three vectors of `size` */
    double *bessel;          /* room for n_bessel */
    int64_t n_bessel;
} qctl_atom_array;

/* How many Bessel functions a step of this half width times length needs at most. */
static inline int64_t qctl_atom_terms(double reach)
{
    return (int64_t)(reach + 30.0 + 12.0 * cbrt(reach));
}

/* J_0(x) … J_{n-1}(x) by Miller's backward recurrence, which is stable for all n; return how many are over 1e-14. */
static int64_t qctl_bessel(double x, int64_t n, double *out)
{
    if (x < 1e-300) {
        out[0] = 1.0;
        return 1;
    }
    double above = 0.0, here = 1e-250, sum = 0.0;
    for (int64_t k = n - 1; k >= 0; k--) {
        /* here is J_k, above J_{k+1}, but for a factor */
        out[k] = here;
        if (k % 2 == 0)
            sum += k ? 2 * here : here;
        const double below = 2.0 * (double)k / x * here - above;
        above = here;
        here = below;
        if (fabs(here) > 1e200) {
            here *= 1e-250;
            above *= 1e-250;
            sum *= 1e-250;
            for (int64_t j = k; j < n; j++)
                out[j] *= 1e-250;
        }
    }
    int64_t last = 1;
    for (int64_t k = 0; k < n; k++) {
        out[k] /= sum;
        if (fabs(out[k]) > 1e-14)
            last = k + 1;
    }
    return last;
}

/* Add the part of H that couples level `up` of one atom to its level 0: contiguous runs of `stride` numbers. */
QCTL_CLONES
static void qctl_atom_couple(int64_t size, int64_t stride, int64_t block, int64_t up, double cr, double ci,
                             const double *restrict xr, const double *restrict xi, double *restrict yr,
                             double *restrict yi)
{
    for (int64_t base = 0; base < size; base += block) {
        const double *lr = xr + base, *li = xi + base, *hr = lr + up, *hi = li + up;
        double *mr = yr + base, *mi = yi + base, *nr = mr + up, *ni = mi + up;
        for (int64_t j = 0; j < stride; j++) {
            mr[j] += cr * hr[j] + ci * hi[j];
            mi[j] += cr * hi[j] - ci * hr[j];
            nr[j] += cr * lr[j] - ci * li[j];
            ni[j] += cr * li[j] + ci * lr[j];
        }
    }
}

/* The same for two-level atoms whose levels are neighbours: pairs lie side by side. */
QCTL_CLONES
static void qctl_atom_couple_pairs(int64_t size, double cr, double ci, const double *restrict xr,
                                   const double *restrict xi, double *restrict yr, double *restrict yi)
{
    for (int64_t k = 0; k < size; k += 2) {
        const double lr = xr[k], li = xi[k], hr = xr[k + 1], hi = xi[k + 1];
        yr[k] += cr * hr + ci * hi;
        yi[k] += cr * hi - ci * hr;
        yr[k + 1] += cr * lr - ci * li;
        yi[k + 1] += cr * li + ci * lr;
    }
}

QCTL_CLONES
static void qctl_atom_scale(int64_t size, const double *restrict d, const double *restrict xr, const double *restrict xi,
                            double *restrict yr, double *restrict yi)
{
    for (int64_t k = 0; k < size; k++) {
        yr[k] = d[k] * xr[k];
        yi[k] = d[k] * xi[k];
    }
}

/* y = 2 H x - y, or y = H x at first, where couplings and diagonal are scaled so that H lies in [-1, 1]. */
QCTL_CLONES
static void qctl_atom_recur(int64_t size, const double *restrict d, const double *restrict xr, const double *restrict xi,
                            double *restrict yr, double *restrict yi)
{
    for (int64_t k = 0; k < size; k++) {
        yr[k] = 2.0 * d[k] * xr[k] - yr[k];
        yi[k] = 2.0 * d[k] * xi[k] - yi[k];
    }
}

QCTL_CLONES
static void qctl_atom_add(int64_t size, double wr, double wi, const double *restrict xr, const double *restrict xi,
                          double *restrict yr, double *restrict yi)
{
    for (int64_t k = 0; k < size; k++) {
        yr[k] += wr * xr[k] - wi * xi[k];
        yi[k] += wr * xi[k] + wi * xr[k];
    }
}

static void qctl_atom_drive(const qctl_atom_array *all, const double *couplings, double scale, const double *xr,
                            const double *xi, double *yr, double *yi)
{
    int64_t stride = 1;
    for (int s = 0; s < all->n_atoms; s++) {
        const int64_t block = stride * all->levels[s];
        for (int l = 1; l < all->levels[s]; l++) {
            const double *c = couplings + 2 * ((QCTL_ATOM_LEVELS - 1) * s + l - 1);
            if (c[0] == 0.0 && c[1] == 0.0)
                continue;
            if (stride == 1 && block == 2)
                qctl_atom_couple_pairs(all->size, scale * c[0], scale * c[1], xr, xi, yr, yi);
            else
                qctl_atom_couple(all->size, stride, block, l * stride, scale * c[0], scale * c[1], xr, xi, yr, yi);
        }
        stride = block;
    }
}

/* The diagonal of a step: the interaction and the energies of all atoms' levels; return its ends. */
static void qctl_atom_diagonal(qctl_atom_array *all, const double *energies, const double *interaction, double *low,
                               double *high)
{
    double *d = all->diagonal;
    int64_t stride = 1;
    d[0] = 0.0;
    for (int s = 0; s < all->n_atoms; s++) {
        const double *e = energies + QCTL_ATOM_LEVELS * s;
        for (int l = all->levels[s] - 1; l >= 0; l--)
            for (int64_t j = 0; j < stride; j++)
                d[l * stride + j] = d[j] + e[l];
        stride *= all->levels[s];
    }
    *low = *high = d[0] + interaction[0];
    for (int64_t k = 0; k < all->size; k++) {
        d[k] += interaction[k];
        if (d[k] < *low)
            *low = d[k];
        if (d[k] > *high)
            *high = d[k];
    }
}

/* Play one step on the state, which is vector 0. */
static void qctl_atom_step(qctl_atom_array *all, const double *energies, const double *couplings,
                           const double *interaction, double length)
{
    double low, high, drive = 0.0;
    qctl_atom_diagonal(all, energies, interaction, &low, &high);
    for (int s = 0; s < all->n_atoms; s++) {
        double sum = 0.0;
        for (int l = 1; l < all->levels[s]; l++) {
            const double *c = couplings + 2 * ((QCTL_ATOM_LEVELS - 1) * s + l - 1);
            sum += c[0] * c[0] + c[1] * c[1];
        }
        drive += sqrt(sum);
    }
    const int64_t size = all->size;
    const double middle = 0.5 * (low + high), turn = middle * length;
    double *sr = all->re[0], *si = all->im[0];
    if (drive == 0.0) {
        for (int64_t k = 0; k < size; k++) {
            const double angle = all->diagonal[k] * length, c = cos(angle), n = sin(angle), r = sr[k];
            sr[k] = c * r + n * si[k];
            si[k] = c * si[k] - n * r;
        }
        return;
    }
    const double half = 0.5 * (high - low) + drive, reach = half * length;
    for (int64_t k = 0; k < size; k++)
        all->diagonal[k] = (all->diagonal[k] - middle) / half;
    const int64_t n = qctl_bessel(reach, qctl_atom_terms(reach), all->bessel);
    double *pr = all->re[1], *pi = all->im[1], *qr = all->re[2], *qi = all->im[2], *sumr = all->re[3], *sumi = all->im[3];
    memcpy(pr, sr, sizeof(double) * (size_t)size);
    memcpy(pi, si, sizeof(double) * (size_t)size);
    memset(sumr, 0, sizeof(double) * (size_t)size);
    memset(sumi, 0, sizeof(double) * (size_t)size);
    qctl_atom_add(size, all->bessel[0], 0.0, pr, pi, sumr, sumi);
    if (n > 1) {
        qctl_atom_scale(size, all->diagonal, pr, pi, qr, qi);
        qctl_atom_drive(all, couplings, 1.0 / half, pr, pi, qr, qi);
        qctl_atom_add(size, 0.0, -2.0 * all->bessel[1], qr, qi, sumr, sumi);
    }
    for (int64_t k = 2; k < n; k++) {
        qctl_atom_recur(size, all->diagonal, qr, qi, pr, pi);
        qctl_atom_drive(all, couplings, 2.0 / half, qr, qi, pr, pi);
        double *other = pr;
        pr = qr;
        qr = other;
        other = pi;
        pi = qi;
        qi = other;
        const double w = 2.0 * all->bessel[k];
        qctl_atom_add(size, k % 4 == 0 ? w : k % 4 == 2 ? -w : 0.0, k % 4 == 1 ? -w : k % 4 == 3 ? w : 0.0, qr, qi, sumr,
                      sumi);
    }
    const double c = cos(turn), s = sin(turn);
    for (int64_t k = 0; k < size; k++) {
        sr[k] = c * sumr[k] + s * sumi[k];
        si[k] = c * sumi[k] - s * sumr[k];
    }
}

/* What is decayed from the state in half a step: amplitudes shrink with half of `losses`; return what norm is left. */
QCTL_CLONES
static double qctl_atom_decay(int64_t size, const double *restrict losses, double length, double *restrict sr,
                              double *restrict si)
{
    double norm = 0.0;
    for (int64_t k = 0; k < size; k++) {
        const double x = 0.25 * losses[k] * length, left = 1.0 - x * (1.0 - x * (0.5 - x * (1.0 / 6.0)));
        sr[k] *= left;
        si[k] *= left;
        norm += sr[k] * sr[k] + si[k] * si[k];
    }
    return norm;
}

/* The most that half the spectrum's width times the length is in any step. */
static double qctl_atom_reach(int n_atoms, const int32_t *levels, int64_t size, int64_t n_steps, const double *energies,
                              const double *couplings, const double *widths, const int32_t *epochs,
                              const double *lengths)
{
    double most = 0.0;
    (void)size;
    for (int64_t k = 0; k < n_steps; k++) {
        double half = 0.5 * widths[epochs[k]];
        for (int s = 0; s < n_atoms; s++) {
            const double *e = energies + QCTL_ATOM_LEVELS * (k * n_atoms + s);
            const double *c = couplings + 2 * (QCTL_ATOM_LEVELS - 1) * (k * n_atoms + s);
            double low = e[0], high = e[0], sum = 0.0;
            for (int l = 1; l < levels[s]; l++) {
                low = e[l] < low ? e[l] : low;
                high = e[l] > high ? e[l] : high;
                sum += c[2 * l - 2] * c[2 * l - 2] + c[2 * l - 1] * c[2 * l - 1];
            }
            half += 0.5 * (high - low) + sqrt(sum);
        }
        most = half * lengths[k] > most ? half * lengths[k] : most;
    }
    return most;
}

/* Play steps `first` … on an interleaved complex state, until the norm is `floor` or less; return how many are played,
   counted from step 0, or -1 where there is no memory. */
static int64_t qctl_atom_evolve(int n_atoms, const int32_t *levels, int64_t size, int64_t first, int64_t n_steps,
                                const double *energies, const double *couplings, const double *interactions,
                                int64_t n_epochs, const int32_t *epochs, const double *lengths, const double *losses,
                                double floor, double *state)
{
    qctl_atom_array all = {.n_atoms = n_atoms, .size = size, .levels = levels};
    double *widths = malloc(sizeof(double) * (size_t)n_epochs);
    if (!widths)
        return -1;
    for (int64_t e = 0; e < n_epochs; e++) {
        const double *row = interactions + e * size;
        double low = row[0], high = row[0];
        for (int64_t k = 1; k < size; k++) {
            low = row[k] < low ? row[k] : low;
            high = row[k] > high ? row[k] : high;
        }
        widths[e] = high - low;
    }
    all.n_bessel = qctl_atom_terms(
        qctl_atom_reach(n_atoms, levels, size, n_steps, energies, couplings, widths, epochs, lengths) * (1 + 1e-9));
    free(widths);
    double *room = malloc(sizeof(double) * (size_t)(9 * size + all.n_bessel));
    if (!room)
        return -1;
    for (int v = 0; v < 4; v++) {
        all.re[v] = room + 2 * v * size;
        all.im[v] = all.re[v] + size;
    }
    all.diagonal = room + 8 * size;
    all.bessel = room + 9 * size;
    for (int64_t k = 0; k < size; k++) {
        all.re[0][k] = state[2 * k];
        all.im[0][k] = state[2 * k + 1];
    }
    int64_t step = first;
    while (step < n_steps) {
        if (losses)
            qctl_atom_decay(size, losses, lengths[step], all.re[0], all.im[0]);
        qctl_atom_step(&all, energies + QCTL_ATOM_LEVELS * n_atoms * step,
                       couplings + 2 * (QCTL_ATOM_LEVELS - 1) * n_atoms * step, interactions + size * epochs[step],
                       lengths[step]);
        const double norm =
            losses ? qctl_atom_decay(size, losses, lengths[step], all.re[0], all.im[0]) : floor + 1.0;
        step++;
        if (norm <= floor)
            break;
    }
    for (int64_t k = 0; k < size; k++) {
        state[2 * k] = all.re[0][k];
        state[2 * k + 1] = all.im[0][k];
    }
    free(room);
    return step;
}

#endif
