/* Plays a list of superoperators on Pauli coefficients by several threads, for any processor. */

#ifndef QCTL_DENSITY_H
#define QCTL_DENSITY_H

#include <stddef.h>
#include <stdint.h>
#include "watch.h"
#include "workers.h"

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
    ptrdiff_t step;
    qctl_superoperator_double play_double;
    qctl_superoperator_float play_float;
} qctl_density_plan;

static void qctl_density_share(void *work, int worker, int n_workers)
{
    const qctl_density_plan *plan = work;
    const int32_t *qubits = plan->qubits + 3 * plan->step;
    const ptrdiff_t offset = plan->offsets[plan->step];
    const double *wide = plan->matrices;
    const float *narrow = plan->matrices;
    if (plan->play_double)
        plan->play_double(plan->state, plan->n_qubits, qubits, wide + offset, worker, n_workers);
    else
        plan->play_float(plan->state, plan->n_qubits, qubits, narrow + offset, worker, n_workers);
}

static void qctl_density_steps(qctl_density_plan *plan, ptrdiff_t n_steps, int n_threads, int64_t *watch)
{
    qctl_workers workers;
    qctl_hire(&workers, n_threads);
    for (plan->step = 0; plan->step < n_steps; plan->step++) {
        qctl_play(&workers, qctl_density_share, plan);
        if (qctl_told(watch))
            break;
    }
    qctl_dismiss(&workers);
}

static void qctl_play_density_double(double *state, int n_qubits, const int32_t *qubits, const ptrdiff_t *offsets,
                                     const double *matrices, ptrdiff_t n_steps, int n_threads, int most, int64_t *watch)
{
    const int widest = qctl_widest(most);
    qctl_density_plan plan = {
        state, n_qubits, qubits, offsets, matrices, 0, QCTL_CHOOSE(superoperator, double, widest), NULL};
    qctl_density_steps(&plan, n_steps, n_threads, watch);
}

static void qctl_play_density_float(float *state, int n_qubits, const int32_t *qubits, const ptrdiff_t *offsets,
                                    const float *matrices, ptrdiff_t n_steps, int n_threads, int most, int64_t *watch)
{
    const int widest = qctl_widest(most);
    qctl_density_plan plan = {
        state, n_qubits, qubits, offsets, matrices, 0, NULL, QCTL_CHOOSE(superoperator, float, widest)};
    qctl_density_steps(&plan, n_steps, n_threads, watch);
}

#endif
