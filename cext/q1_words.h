/* Arithmetic of a sequencer's registers, which wraps at 32 bits, and the hash of what it did, which wraps at 64. */
#ifndef QCTL_Q1_WORDS_H
#define QCTL_Q1_WORDS_H

#include <stdint.h>

static inline uint32_t q1_sum(uint32_t x, uint32_t y) { return x + y; }
static inline uint32_t q1_difference(uint32_t x, uint32_t y) { return x - y; }
static inline uint32_t q1_left(uint32_t x, uint32_t n) { return n < 32 ? x << n : 0; }

/* The low halves' product, of numbers without and with sign. */
static inline uint32_t q1_product(uint32_t x, uint32_t y) { return (x & 0xFFFF) * (y & 0xFFFF); }
static inline uint32_t q1_signed_product(uint32_t x, uint32_t y)
{
    return (uint32_t)((int32_t)(int16_t)(uint16_t)x * (int16_t)(uint16_t)y);
}

/* The whole product of 64 bits, of numbers without and with sign. */
static inline uint64_t q1_whole(uint32_t x, uint32_t y) { return (uint64_t)x * y; }
static inline uint64_t q1_signed_whole(uint32_t x, uint32_t y)
{
    return (uint64_t)((int64_t)(int32_t)x * (int32_t)y);
}

/* The low 16 bits as a number with sign. */
static inline int64_t q1_low(int64_t x) { return (int16_t)(uint16_t)x; }

/* Two numbers of 32 bits as one of 64. */
static inline uint64_t q1_two(int64_t high, int64_t low) { return (uint64_t)high << 32 | (uint32_t)low; }

/* A hash that goes on with 64 more bits: the finaliser of splitmix64, G. Steele, D. Lea, C. Flood (2014). */
static inline uint64_t q1_mixed(uint64_t h, uint64_t value)
{
    h = (h ^ value) + UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 31);
}

#endif
