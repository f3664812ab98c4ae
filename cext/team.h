/* A team of threads that plays a list of steps together: each does its share of a step, all wait, then the next one. */

#ifndef QCTL_TEAM_H
#define QCTL_TEAM_H

#include <pthread.h>
#include <stddef.h>

enum { QCTL_MOST_THREADS = 256 };

typedef void (*qctl_play)(void *context, ptrdiff_t step, size_t share, size_t n_shares);

typedef struct {
    qctl_play play;
    void *context;
    ptrdiff_t n_steps;
    size_t n_shares;
    size_t waiting, round;
    pthread_mutex_t lock;
    pthread_cond_t all_there;
} qctl_team;

typedef struct {
    qctl_team *team;
    size_t share;
} qctl_member;

static void qctl_wait(qctl_team *team)
{
    pthread_mutex_lock(&team->lock);
    const size_t round = team->round;
    if (++team->waiting == team->n_shares) {
        team->waiting = 0;
        team->round++;
        pthread_cond_broadcast(&team->all_there);
    } else
        while (team->round == round)
            pthread_cond_wait(&team->all_there, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

static void *qctl_member_plays(void *argument)
{
    const qctl_member *member = argument;
    qctl_team *team = member->team;
    qctl_wait(team);
    for (ptrdiff_t step = 0; step < team->n_steps; step++) {
        team->play(team->context, step, member->share, team->n_shares);
        if (step + 1 < team->n_steps)
            qctl_wait(team);
    }
    return NULL;
}

/* Play the steps with at most `n_threads` threads; threads that the system refuses are done without. */
static void qctl_play_together(qctl_play play, void *context, ptrdiff_t n_steps, int n_threads)
{
    pthread_t threads[QCTL_MOST_THREADS];
    qctl_member members[QCTL_MOST_THREADS];
    qctl_team team = {play, context, n_steps, 1, 0, 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    size_t started = 0;
    if (n_threads > QCTL_MOST_THREADS)
        n_threads = QCTL_MOST_THREADS;
    pthread_mutex_lock(&team.lock); /* nobody passes the first wait before the number of members is known */
    for (int k = 1; k < n_threads; k++) {
        members[started] = (qctl_member){&team, started + 1};
        if (pthread_create(&threads[started], NULL, qctl_member_plays, &members[started]) != 0)
            break;
        started++;
    }
    team.n_shares = started + 1;
    pthread_mutex_unlock(&team.lock);
    qctl_member own = {&team, 0};
    qctl_member_plays(&own);
    for (size_t k = 0; k < started; k++)
        pthread_join(threads[k], NULL);
}

#endif
