/* BLAKE2b without a key, for kernels that hash what they make. Source: RFC 7693 (2015), sections 2.5 to 3.3. */

#ifndef QCTL_BLAKE2B_H
#define QCTL_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint64_t h[8];
    uint8_t block[128];
    uint64_t n_bytes;
    size_t held;
    size_t size;
} blake2b_state;

static const uint64_t BLAKE2B_IV[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

static const uint8_t BLAKE2B_SIGMA[12][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

static inline uint64_t blake2b_turn(uint64_t x, int n) { return (x >> n) | (x << (64 - n)); }

static inline uint64_t blake2b_word(const uint8_t *bytes) {
    uint64_t x = 0;
    for (int k = 7; k >= 0; k--) x = (x << 8) | bytes[k];
    return x;
}

#define BLAKE2B_MIX(a, b, c, d, x, y)                 \
    v[a] += v[b] + (x);                               \
    v[d] = blake2b_turn(v[d] ^ v[a], 32);             \
    v[c] += v[d];                                     \
    v[b] = blake2b_turn(v[b] ^ v[c], 24);             \
    v[a] += v[b] + (y);                               \
    v[d] = blake2b_turn(v[d] ^ v[a], 16);             \
    v[c] += v[d];                                     \
    v[b] = blake2b_turn(v[b] ^ v[c], 63);

static void blake2b_compress(blake2b_state *s, int last) {
    uint64_t v[16], m[16];
    for (int k = 0; k < 8; k++) v[k] = s->h[k];
    for (int k = 0; k < 8; k++) v[8 + k] = BLAKE2B_IV[k];
    for (int k = 0; k < 16; k++) m[k] = blake2b_word(s->block + 8 * k);
    v[12] ^= s->n_bytes; /* the count's upper half is 0: nobody hashes 2**64 bytes */
    if (last) v[14] = ~v[14];
    for (int round = 0; round < 12; round++) {
        const uint8_t *p = BLAKE2B_SIGMA[round];
        BLAKE2B_MIX(0, 4, 8, 12, m[p[0]], m[p[1]])
        BLAKE2B_MIX(1, 5, 9, 13, m[p[2]], m[p[3]])
        BLAKE2B_MIX(2, 6, 10, 14, m[p[4]], m[p[5]])
        BLAKE2B_MIX(3, 7, 11, 15, m[p[6]], m[p[7]])
        BLAKE2B_MIX(0, 5, 10, 15, m[p[8]], m[p[9]])
        BLAKE2B_MIX(1, 6, 11, 12, m[p[10]], m[p[11]])
        BLAKE2B_MIX(2, 7, 8, 13, m[p[12]], m[p[13]])
        BLAKE2B_MIX(3, 4, 9, 14, m[p[14]], m[p[15]])
    }
    for (int k = 0; k < 8; k++) s->h[k] ^= v[k] ^ v[8 + k];
}

/* Begin a hash of `size` bytes, 1 to 64. */
static void blake2b_begin(blake2b_state *s, size_t size) {
    memset(s, 0, sizeof *s);
    for (int k = 0; k < 8; k++) s->h[k] = BLAKE2B_IV[k];
    s->h[0] ^= 0x01010000ULL ^ size;
    s->size = size;
}

static void blake2b_add(blake2b_state *s, const void *bytes, size_t n) {
    const uint8_t *p = (const uint8_t *)bytes;
    while (n > 0) {
        if (s->held == sizeof s->block) { /* only a full block that is not the last one may go */
            s->n_bytes += sizeof s->block;
            blake2b_compress(s, 0);
            s->held = 0;
        }
        size_t part = sizeof s->block - s->held;
        if (part > n) part = n;
        memcpy(s->block + s->held, p, part);
        s->held += part;
        p += part;
        n -= part;
    }
}

static void blake2b_add_u64(blake2b_state *s, uint64_t x) {
    uint8_t bytes[8];
    for (int k = 0; k < 8; k++) bytes[k] = (uint8_t)(x >> (8 * k));
    blake2b_add(s, bytes, sizeof bytes);
}

static void blake2b_end(blake2b_state *s, uint8_t *digest) {
    s->n_bytes += s->held;
    memset(s->block + s->held, 0, sizeof s->block - s->held);
    blake2b_compress(s, 1);
    for (size_t k = 0; k < s->size; k++) digest[k] = (uint8_t)(s->h[k / 8] >> (8 * (k % 8)));
}

#endif
