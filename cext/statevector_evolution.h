/* An evolution: a range of instructions played on a state, pass after pass, as far as a time budget goes. */

#ifndef QCTL_STATEVECTOR_EVOLUTION_H
#define QCTL_STATEVECTOR_EVOLUTION_H

#include <time.h>

#include "statevector_passes.h"
#include "workers.h"

#define QCTL_WINDOW 2048 /* gates that are planned together at most */

typedef struct {
    const qctl_set *set;
    qctl_code code;
    void *state;
    int n_chunk, n_low;
    int64_t next, end;      /* instructions not yet lowered; backwards, from `end` down to `next` */
    int backward;           /* play the inverse of each gate, the last one first */
    void *adjoint;          /* backwards, a second state that is played along, for derivatives */
    double *derivatives;    /* by the number of the expression that is an angle */
    double *transitions;    /* of each stripe of chunks and wanted step */
    int64_t *transition_at; /* where those of a step begin, or -1 */
    int64_t n_transitions;  /* numbers a stripe */
    qctl_gate *gates;       /* the window */
    int64_t n_gates, first, n_left, capacity;
    char *done;
    int64_t *list;
    qctl_blocks blocks;
    qctl_pass pass;
    char *planes;           /* a chunk for each worker */
    size_t plane_bytes;
    int64_t n_passes, n_steps;
    int64_t bad_row;        /* the instruction that an error is about */
} qctl_evolution;

/* Qubits of a chunk: all of a small state, and enough chunks for the threads of a large one. The plan, and so every
   bit of the result, is the same for any number of threads. */
static inline int qctl_chunk_qubits(int n_qubits, int size, int most)
{
    const int cap = most ? most : size == 8 ? QCTL_LOG_CHUNK - 1 : QCTL_LOG_CHUNK;
    if (n_qubits <= 13)
        return n_qubits < cap ? n_qubits : cap;
    const int wanted = n_qubits - 3 > 13 ? n_qubits - 3 : 13;
    return wanted < cap ? wanted : cap;
}

static inline double qctl_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Turn gates into their inverses, in the opposite order. */
static void qctl_invert(qctl_gate *gates, int64_t n)
{
    for (int64_t i = 0; i < n / 2; i++) {
        const qctl_gate other = gates[i];
        gates[i] = gates[n - 1 - i];
        gates[n - 1 - i] = other;
    }
    for (int64_t i = 0; i < n; i++)
        for (int d = 1 << gates[i].k, r = 0; r < d; r++)
            for (int c = 0; c <= r; c++) {
                double *low = gates[i].m + 2 * (d * r + c), *high = gates[i].m + 2 * (d * c + r);
                const double re = low[0], im = low[1];
                low[0] = high[0];
                low[1] = -high[1];
                high[0] = re;
                high[1] = -im;
            }
}

/* Refill the window once all its gates are played. */
static int qctl_refill(qctl_evolution *all)
{
    int64_t n = 0;
    while (all->next < all->end && n < QCTL_WINDOW) {
        const int64_t row = all->backward ? all->end - 1 : all->next;
        const int op = all->code.rows[row].op;
        const int64_t most = n + qctl_most_gates(all->code.rows + row);
        int64_t made;
        if (most > all->capacity) {
            const int64_t capacity = most > 2 * all->capacity ? most : 2 * all->capacity;
            qctl_gate *more = realloc(all->gates, sizeof(qctl_gate) * (size_t)capacity);
            if (more)
                all->gates = more;
            char *done = realloc(all->done, (size_t)capacity);
            if (done)
                all->done = done;
            int64_t *list = realloc(all->list, sizeof(int64_t) * (size_t)capacity);
            if (list)
                all->list = list;
            int64_t *follows = realloc(all->blocks.follows, sizeof(int64_t) * (size_t)capacity);
            if (follows)
                all->blocks.follows = follows;
            if (!more || !done || !list || !follows)
                return QCTL_NO_MEMORY;
            all->capacity = capacity;
        }
        if (op >= QCTL_FIRST_GATE && op <= QCTL_LAST_GATE) {
            const int error = qctl_lower(&all->code, row, all->gates + n, &made);
            if (error) {
                all->bad_row = row;
                return error;
            }
            if (all->backward)
                qctl_invert(all->gates + n, made);
            n += made;
        } else if (op != QCTL_OP_NOP && op != QCTL_OP_BARRIER && op != QCTL_OP_MEASURE && op != QCTL_OP_DELAY) {
            all->bad_row = row;
            return QCTL_NO_GATE;
        }
        if (all->backward)
            all->end--;
        else
            all->next++;
    }
    all->n_gates = all->n_left = n;
    all->first = 0;
    memset(all->done, 0, (size_t)n);
    return QCTL_OK;
}

/* Choose the next pass, fuse its gates and make its steps. */
static int qctl_plan(qctl_evolution *all)
{
    const int n_qubits = all->code.n_qubits;
    const uint64_t inside =
        qctl_choose(all->gates, all->done, all->first, all->n_gates, n_qubits, all->n_chunk, all->n_low);
    int none = 0, error;
    const int64_t n = qctl_playable(all->gates, all->done, all->first, all->n_gates, inside, all->list, 0, &none);
    all->blocks.n = 0;
    all->blocks.inside = inside;
    all->blocks.most_dense = all->backward ? 2 : QCTL_MOST_DENSE;
    for (int q = 0; q < QCTL_MOST_QUBITS; q++)
        all->blocks.last[q] = -1;
    for (int64_t i = 0; i < n; i++) {
        if ((error = qctl_fuse(&all->blocks, all->gates + all->list[i], all->list[i])))
            return error;
        all->done[all->list[i]] = 1;
    }
    all->n_left -= n;
    while (all->first < all->n_gates && all->done[all->first])
        all->first++;
    return qctl_compile(all->set, &all->blocks, inside, n_qubits, &all->pass);
}

/* Where in a diagonal's table the entries of a chunk begin. */
static inline int64_t qctl_outer_entry(const qctl_step *step, int64_t chunk)
{
    int64_t entry = 0;
    for (int i = 0; i < step->n_outer; i++)
        if (chunk >> step->outer_qubit[i] & 1)
            entry |= step->outer_entry[i];
    return entry;
}

static inline int64_t qctl_vectors(const qctl_evolution *all)
{
    const int log_vectors = all->pass.n_chunk - all->set->log_lanes;
    return (int64_t)1 << (log_vectors > 0 ? log_vectors : 0);
}

static void qctl_play_step(const qctl_evolution *all, const qctl_step *step, int64_t chunk, void *re, void *im)
{
    if (step->diagonal)
        all->set->diagonal(step, qctl_outer_entry(step, chunk), qctl_vectors(all), re, im);
    else if (((uint64_t)chunk & step->outer) == step->outer)
        all->set->dense[step->kh][step->kl](step, re, im);
}

/* One worker's chunks of a pass. */
static void qctl_play_chunks(void *work, int worker, int n_workers)
{
    qctl_evolution *all = work;
    const qctl_pass *pass = &all->pass;
    const qctl_set *set = all->set;
    const int64_t n = pass->n_chunks;
    const int64_t amplitudes = (int64_t)1 << (pass->n_chunk > set->log_lanes ? pass->n_chunk : set->log_lanes);
    const uint64_t outside = (((uint64_t)1 << all->code.n_qubits) - 1) & ~pass->inside;
    char *plane = (char *)all->planes + (size_t)worker * all->plane_bytes;
    char *re = plane, *im = plane + (size_t)amplitudes * (size_t)set->size;
    for (int64_t i = n * worker / n_workers; i < n * (worker + 1) / n_workers; i++) {
        const int64_t chunk = qctl_spread(i, outside);
        char *state = (char *)all->state + 2 * set->size * chunk;
        set->gather(state, pass->offsets, pass->n_runs, pass->log_run, re, im);
        for (int s = 0; s < pass->n_steps; s++)
            qctl_play_step(all, pass->steps + s, chunk, re, im);
        set->scatter(re, im, pass->offsets, pass->n_runs, pass->log_run, state);
    }
}

#include "statevector_derivatives.h"

static void qctl_end(qctl_evolution *all)
{
    free(all->gates);
    free(all->done);
    free(all->list);
    free(all->blocks.blocks);
    free(all->blocks.follows);
    qctl_free_pass(&all->pass);
    memset(all, 0, sizeof *all);
}

/* Play on for about so many seconds, or to the end where it is 0. */
static int qctl_advance(qctl_evolution *all, double budget_s, int n_threads)
{
    const double until = budget_s > 0 ? qctl_seconds() + budget_s : 0;
    const int64_t n_chunks = (int64_t)1 << (all->code.n_qubits - all->n_chunk);
    qctl_workers workers;
    int error = QCTL_OK;
    if (n_threads > n_chunks)
        n_threads = (int)n_chunks;
    all->plane_bytes = (size_t)(all->backward ? 4 : 2) * (size_t)all->set->size << (all->n_chunk > 4 ? all->n_chunk : 4);
    void *memory = malloc(all->plane_bytes * (size_t)n_threads + 64);
    if (!memory)
        return QCTL_NO_MEMORY;
    all->planes = (char *)memory + (64 - (uintptr_t)memory % 64) % 64;
    qctl_hire(&workers, n_threads);
    while (all->n_left || all->next < all->end) {
        if (!all->n_left && (error = qctl_refill(all)))
            break;
        if (!all->n_left)
            continue;
        if ((error = qctl_plan(all)))
            break;
        if (all->backward)
            error = qctl_play_backward(&workers, all);
        else
            qctl_play(&workers, qctl_play_chunks, all);
        all->n_passes++;
        all->n_steps += all->pass.n_steps;
        qctl_free_pass(&all->pass);
        if (error)
            break;
        if (until > 0 && qctl_seconds() >= until)
            break;
    }
    qctl_dismiss(&workers);
    free(memory);
    return error;
}

#endif
