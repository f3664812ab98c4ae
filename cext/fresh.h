/* Asks for large pages under a large block of fresh memory, which is touched for the first time in half the time then. */

#ifndef QCTL_FRESH_H
#define QCTL_FRESH_H

#include <stddef.h>
#include <stdint.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#define QCTL_LARGE_PAGE ((uintptr_t) 1 << 21)

/* A hint that may be refused: the block is the same memory without it. */
static inline void qctl_large_pages(void *start, size_t n_bytes) {
#if defined(MADV_HUGEPAGE)
    uintptr_t begin = ((uintptr_t) start + QCTL_LARGE_PAGE - 1) & ~(QCTL_LARGE_PAGE - 1);
    uintptr_t end = ((uintptr_t) start + n_bytes) & ~(QCTL_LARGE_PAGE - 1);
    if (n_bytes >= 2 * QCTL_LARGE_PAGE && end > begin)
        madvise((void *) begin, end - begin, MADV_HUGEPAGE);
#else
    (void) start;
    (void) n_bytes;
#endif
}

#endif
