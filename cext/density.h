/* Plays a list of superoperators on Pauli coefficients by a team of threads, for any processor. */

#ifndef QCTL_DENSITY_H
#define QCTL_DENSITY_H

#include <stddef.h>
#include <stdint.h>
#include "team.h"

#define QCTL_TEMPLATE "superoperator.h"
#include "variants.h"

typedef void (*qctl_superoperator_double)(double *, int, const int32_t *, const double *, size_t, size_t);
typedef void (*qctl_superoperator_float)(float *, int, const int32_t *, const float *, size_t, size_t);

typedef struct {
    void *state;
    int n_qubits;
    const int32_t *qubits;    /* three a step, ascending, -1 behind the last */
    const ptrdiff_t *offsets; /* of each step's matrix */
    const void *matrices;
    qctl_superoperator_double play_double;
    qctl_superoperator_float play_float;
} qctl_density_plan;

static void qctl_density_step_double(void *context, ptrdiff_t step, size_t share, size_t n_shares)
{
    const qctl_density_plan *plan = context;
    const double *m = (const double *)plan->matrices + plan->offsets[step];
    plan->play_double(plan->state, plan->n_qubits, plan->qubits + 3 * step, m, share, n_shares);
}

static void qctl_density_step_float(void *context, ptrdiff_t step, size_t share, size_t n_shares)
{
    const qctl_density_plan *plan = context;
    const float *m = (const float *)plan->matrices + plan->offsets[step];
    plan->play_float(plan->state, plan->n_qubits, plan->qubits + 3 * step, m, share, n_shares);
}

static void qctl_play_density_double(double *state, int n_qubits, const int32_t *qubits, const ptrdiff_t *offsets,
                                     const double *matrices, ptrdiff_t n_steps, int n_threads)
{
    qctl_density_plan plan = {state, n_qubits, qubits, offsets, matrices, QCTL_CHOOSE(superoperator, double), NULL};
    qctl_play_together(qctl_density_step_double, &plan, n_steps, n_threads);
}

static void qctl_play_density_float(float *state, int n_qubits, const int32_t *qubits, const ptrdiff_t *offsets,
                                    const float *matrices, ptrdiff_t n_steps, int n_threads)
{
    qctl_density_plan plan = {state, n_qubits, qubits, offsets, matrices, NULL, QCTL_CHOOSE(superoperator, float)};
    qctl_play_together(qctl_density_step_float, &plan, n_steps, n_threads);
}

#endif
