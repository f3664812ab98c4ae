/* How a kernel at work is watched by another thread: two numbers, not 0 to stop and how many pieces of work are done. */

#ifndef QCTL_WATCH_H
#define QCTL_WATCH_H

#include <stdint.h>

/* Say whether to stop; `watch` may be NULL. */
static inline int qctl_stopped(const int64_t *watch)
{
#if defined(__GNUC__)
    return watch && __atomic_load_n(watch, __ATOMIC_RELAXED) != 0;
#else
    return watch && *(const volatile int64_t *)watch != 0;
#endif
}

/* Count a piece of work, and say whether to stop. */
static inline int qctl_told(int64_t *watch)
{
#if defined(__GNUC__)
    if (watch)
        __atomic_fetch_add(watch + 1, 1, __ATOMIC_RELAXED);
#else
    if (watch)
        watch[1]++;
#endif
    return qctl_stopped(watch);
}

#endif
