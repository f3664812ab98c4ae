/* Packs and unpacks operand words and constants; docs/instruction-format.md has the layout. */

#ifndef QCTL_PACKED_ITEMS_H
#define QCTL_PACKED_ITEMS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define QCTL_PLAIN_WORD (1u << 30) /* words from here on are ports and expressions */

/* Operand words; `out` has room for 5 bytes each. Return the number of bytes written. */
static int64_t qctl_pack_words(const uint32_t *words, int64_t n, uint8_t *out)
{
    uint64_t next = 0; /* one more than the largest plain word so far */
    uint8_t *at = out;
    for (int64_t i = 0; i < n; i++) {
        uint64_t value = words[i] == next ? 0 : (uint64_t)words[i] + 1;
        if (words[i] < QCTL_PLAIN_WORD && words[i] >= next)
            next = (uint64_t)words[i] + 1;
        for (; value >= 128; value >>= 7)
            *at++ = (uint8_t)(value | 128);
        *at++ = (uint8_t)value;
    }
    return at - out;
}

/* Return `n_bytes` if all is well, or -1 - place of the first bad byte. */
static int64_t qctl_unpack_words(const uint8_t *source, int64_t n_bytes, uint32_t *words, int64_t n)
{
    uint64_t next = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t start = at;
        uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            if (at == n_bytes || shift > 28)
                return -1 - start;
            value |= (uint64_t)(source[at] & 127) << shift;
            if (source[at++] < 128)
                break;
        }
        if (value > (uint64_t)1 << 32)
            return -1 - start;
        words[i] = (uint32_t)(value ? value - 1 : next);
        if (words[i] < QCTL_PLAIN_WORD && words[i] >= next)
            next = (uint64_t)words[i] + 1;
    }
    return at == n_bytes ? at : -1 - at;
}

static inline int qctl_low_zeros(uint64_t value)
{
#if defined(__GNUC__)
    return __builtin_ctzll(value) / 8;
#else
    int n = 0;
    for (; !(value & 255); value >>= 8)
        n++;
    return n;
#endif
}

static inline int qctl_high_zeros(uint64_t value)
{
#if defined(__GNUC__)
    return __builtin_clzll(value) / 8;
#else
    int n = 0;
    for (; !(value >> 56); value <<= 8)
        n++;
    return n;
#endif
}

/* Constants; `out` has room for 9 bytes each and 8 more. Return the number of bytes written. */
static int64_t qctl_pack_doubles(const uint64_t *numbers, int64_t n, uint8_t *out)
{
    uint64_t last = 0;
    uint8_t *at = out;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t different = numbers[i] ^ last;
        const int low = different ? qctl_low_zeros(different) : 8;
        const int high = different ? 8 - qctl_high_zeros(different) : 8;
        const uint64_t between = different ? different >> (8 * low) : 0;
        last = numbers[i];
        *at++ = (uint8_t)(low | high << 4);
        memcpy(at, &between, 8);
        at += high - low;
    }
    return at - out;
}

/* Return `n_bytes` if all is well, or -1 - place of the first bad byte. */
static int64_t qctl_unpack_doubles(const uint8_t *source, int64_t n_bytes, uint64_t *numbers, int64_t n)
{
    uint64_t last = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t between = 0;
        int low, high;
        if (at == n_bytes)
            return -1 - at;
        low = source[at] & 15;
        high = source[at] >> 4;
        if (low > 8 || high > 8 || low > high || n_bytes - at - 1 < high - low)
            return -1 - at;
        at++;
        if (n_bytes - at >= 8) {
            memcpy(&between, source + at, 8);
            between = high > low ? between << (64 - 8 * (high - low)) >> (64 - 8 * (high - low)) : 0;
        } else
            memcpy(&between, source + at, (size_t)(high - low));
        last ^= low < 8 ? between << (8 * low) : 0;
        numbers[i] = last;
        at += high - low;
    }
    return at == n_bytes ? at : -1 - at;
}

#endif
