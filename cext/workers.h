/* Threads that play their share of each round together: round after round, until they are told to end.

   Who waits looks for some microseconds, and then sleeps: on a busy machine those who work need the processor. */

#ifndef QCTL_WORKERS_H
#define QCTL_WORKERS_H

#include <stdint.h>
#include <stdlib.h>

#if defined(__unix__) || defined(__APPLE__)
#define QCTL_HAS_THREADS 1
#include <pthread.h>
#endif

typedef void (*qctl_share)(void *work, int worker, int n_workers);

typedef struct qctl_workers {
    int n;             /* with the caller, who is worker 0 */
    int64_t round;     /* a round begins when this grows */
    int64_t n_done;    /* workers that have finished theirs, over all rounds */
    qctl_share share;  /* NULL ends the threads */
    void *work;
#ifdef QCTL_HAS_THREADS
    struct qctl_worker {
        struct qctl_workers *all;
        int number;
        pthread_t thread;
    } *others;
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
} qctl_workers;

#ifdef QCTL_HAS_THREADS
static void qctl_wait(qctl_workers *all, const int64_t *count, int64_t wanted)
{
    for (int turn = 0; turn < 5000; turn++)
        if (__atomic_load_n(count, __ATOMIC_ACQUIRE) >= wanted)
            return;
    pthread_mutex_lock(&all->lock);
    while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < wanted)
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
}

static int64_t qctl_raise(qctl_workers *all, int64_t *count)
{
    pthread_mutex_lock(&all->lock);
    const int64_t now = __atomic_add_fetch(count, 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    return now;
}

static void *qctl_work(void *argument)
{
    struct qctl_worker *me = argument;
    qctl_workers *all = me->all;
    for (int64_t round = 1;; round++) {
        qctl_wait(all, &all->round, round);
        if (!all->share)
            return 0;
        all->share(all->work, me->number, all->n);
        qctl_raise(all, &all->n_done);
    }
}
#endif

/* Start n - 1 threads beside the caller; fewer where the system gives fewer. */
static void qctl_hire(qctl_workers *all, int n)
{
    all->n = 1;
    all->round = all->n_done = 0;
    all->share = 0;
#ifdef QCTL_HAS_THREADS
    all->others = n > 1 ? malloc(sizeof(struct qctl_worker) * (size_t)n) : 0;
    if (all->others) {
        pthread_mutex_init(&all->lock, 0);
        pthread_cond_init(&all->changed, 0);
    }
    for (int i = 1; all->others && i < n; i++) {
        all->others[i].all = all;
        all->others[i].number = i;
        if (pthread_create(&all->others[i].thread, 0, qctl_work, all->others + i))
            break;
        all->n++;
    }
#else
    (void)n;
#endif
}

/* Let each worker play its share of a round, and wait for all. */
static void qctl_play(qctl_workers *all, qctl_share share, void *work)
{
#ifdef QCTL_HAS_THREADS
    if (all->n > 1) {
        all->share = share;
        all->work = work;
        const int64_t round = qctl_raise(all, &all->round);
        share(work, 0, all->n);
        qctl_wait(all, &all->n_done, round * (all->n - 1));
        return;
    }
#endif
    share(work, 0, 1);
}

static void qctl_dismiss(qctl_workers *all)
{
#ifdef QCTL_HAS_THREADS
    all->share = 0;
    if (all->n > 1)
        qctl_raise(all, &all->round);
    for (int i = 1; i < all->n; i++)
        pthread_join(all->others[i].thread, 0);
    if (all->others) {
        pthread_mutex_destroy(&all->lock);
        pthread_cond_destroy(&all->changed);
    }
    free(all->others);
    all->others = 0;
    all->n = 1;
#else
    (void)all;
#endif
}

#endif
