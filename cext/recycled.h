/* Large blocks of memory that were used before: touching a page for the first time costs more than a kernel's whole work. */

#ifndef QCTL_RECYCLED_H
#define QCTL_RECYCLED_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fresh.h"

enum { QCTL_SLOTS = 32, QCTL_HEAD = 64 }; /* blocks that wait for use; bytes before a block's content, which begins at a multiple of them */

#define QCTL_MOST_RECYCLED ((size_t)128 << 20) /* bytes that wait */

typedef struct {
    size_t n_bytes; /* of the content, which begins QCTL_HEAD bytes behind this */
} qctl_block;

static qctl_block *qctl_slots[QCTL_SLOTS];
static size_t qctl_waiting;

/* Give a block back, for the next one or, where many wait, to the system. Any thread may do so at any time. */
static inline void qctl_give_back(void *start)
{
    qctl_block *block = (qctl_block *)((char *)start - QCTL_HEAD);
    const size_t n_bytes = block->n_bytes;
    if (__atomic_add_fetch(&qctl_waiting, n_bytes, __ATOMIC_RELAXED) <= QCTL_MOST_RECYCLED)
        for (int k = 0; k < QCTL_SLOTS; k++) {
            qctl_block *none = NULL;
            if (__atomic_compare_exchange_n(
                    &qctl_slots[k], &none, block, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
                return;
        }
    __atomic_sub_fetch(&qctl_waiting, n_bytes, __ATOMIC_RELAXED);
    free(block);
}

/* Return a block for so many bytes, whose content is not defined; NULL where there is no memory. */
static inline void *qctl_take(size_t n_bytes)
{
    for (int k = 0; k < QCTL_SLOTS; k++) {
        qctl_block *block;
        if (!__atomic_load_n(&qctl_slots[k], __ATOMIC_RELAXED)) continue;
        block = __atomic_exchange_n(&qctl_slots[k], NULL, __ATOMIC_ACQUIRE);
        if (!block) continue;
        __atomic_sub_fetch(&qctl_waiting, block->n_bytes, __ATOMIC_RELAXED);
        if (n_bytes <= block->n_bytes && block->n_bytes / 2 <= n_bytes) return (char *)block + QCTL_HEAD;
        qctl_give_back((char *)block + QCTL_HEAD);
    }
    if (n_bytes > PTRDIFF_MAX - 2 * QCTL_HEAD) return NULL;
    qctl_block *block = aligned_alloc(QCTL_HEAD, (n_bytes + 2 * QCTL_HEAD - 1) / QCTL_HEAD * QCTL_HEAD);
    if (!block) return NULL;
    qctl_large_pages(block, n_bytes + QCTL_HEAD);
    block->n_bytes = n_bytes;
    return (char *)block + QCTL_HEAD;
}

#endif
