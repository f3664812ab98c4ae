/* A quick hash for places in tables whose content is compared anyway: it wraps, which Cython's checked builds refuse. */

#ifndef QCTL_SLOT_HASH_H
#define QCTL_SLOT_HASH_H

#include <stdint.h>

/* Return a hash of a hash and one more value. */
static inline uint64_t qctl_slot_hash(uint64_t h, uint64_t value)
{
    h = (h ^ value) * 0x9E3779B97F4A7C15ULL;
    return h ^ (h >> 29);
}

#endif
