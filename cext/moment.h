/* The time now, in nanoseconds from any start, for budgets of time. */

#ifndef QCTL_MOMENT_H
#define QCTL_MOMENT_H

#include <stdint.h>
#include <time.h>

static inline int64_t qctl_moment(void)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
