/* BLAKE2b as a tree of four leaves that are hashed side by side, for kernels that name what they make by its content.

   The stream, filled up with zeros to a multiple of 512 bytes, is dealt out in words of 8 bytes: leaf j takes words j, j + 4,
   j + 8 … Leaves and root are BLAKE2b in tree mode with fanout 4, depth 2 and inner length 64. Source: RFC 7693 (2015),
   sections 2.5 to 3.3; BLAKE2: simpler, smaller, fast as MD5 (2013), section 2.10. */

#ifndef QCTL_TREE_HASH_H
#define QCTL_TREE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clones.h"

/* Turns of 64 bits are one instruction from this level of x86-64 on, and vectors of 32 bytes have them too. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define QCTL_TREE_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define QCTL_TREE_CLONES QCTL_CLONES
#endif

enum { QCTL_STRIPE = 512, QCTL_LEAF = 64 };

typedef uint64_t qctl_four __attribute__((vector_size(32)));
typedef uint64_t qctl_leaves __attribute__((vector_size(64))); /* those of two streams */

typedef struct {
    uint64_t leaves[8][4];
    uint64_t stripe[64];
    uint64_t n_stripes;
    size_t held; /* bytes */
} qctl_tree;

static const uint64_t QCTL_BLAKE_IV[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

#define QCTL_TURN(x, n) (((x) >> (n)) | ((x) << (64 - (n))))
#define QCTL_MIX(a, b, c, d, x, y)         \
    v[a] += v[b] + m[x];                   \
    v[d] = QCTL_TURN(v[d] ^ v[a], 32);     \
    v[c] += v[d];                          \
    v[b] = QCTL_TURN(v[b] ^ v[c], 24);     \
    v[a] += v[b] + m[y];                   \
    v[d] = QCTL_TURN(v[d] ^ v[a], 16);     \
    v[c] += v[d];                          \
    v[b] = QCTL_TURN(v[b] ^ v[c], 63);
#define QCTL_ROUND(a, b, c, d, e, f, g, h, i, j, k, l, n, o, p, q)                                                \
    QCTL_MIX(0, 4, 8, 12, a, b) QCTL_MIX(1, 5, 9, 13, c, d) QCTL_MIX(2, 6, 10, 14, e, f) QCTL_MIX(3, 7, 11, 15, g, h) \
    QCTL_MIX(0, 5, 10, 15, i, j) QCTL_MIX(1, 6, 11, 12, k, l) QCTL_MIX(2, 7, 8, 13, n, o) QCTL_MIX(3, 4, 9, 14, p, q)
#define QCTL_ROUNDS                                                      \
    QCTL_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)     \
    QCTL_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)     \
    QCTL_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)     \
    QCTL_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)     \
    QCTL_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)     \
    QCTL_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)     \
    QCTL_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)     \
    QCTL_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)     \
    QCTL_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)     \
    QCTL_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)     \
    QCTL_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)     \
    QCTL_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)

/* Hash whole stripes; `last` says that the last of them ends the stream. All leaves have the same length. */
static QCTL_TREE_CLONES void qctl_tree_stripes(qctl_tree *s, const uint8_t *data, size_t n_stripes, int last)
{
    qctl_four h[8];
    memcpy(h, s->leaves, sizeof h);
    for (size_t n = 0; n < n_stripes; n++, data += QCTL_STRIPE) {
        const uint64_t counted = ++s->n_stripes * 128, ends = last && n + 1 == n_stripes ? ~0ULL : 0;
        qctl_four v[16], m[16];
        memcpy(m, data, sizeof m);
        for (int k = 0; k < 8; k++) {
            v[k] = h[k];
            v[8 + k] = (qctl_four){0, 0, 0, 0} + QCTL_BLAKE_IV[k];
        }
        v[12] ^= (qctl_four){0, 0, 0, 0} + counted;
        v[14] ^= (qctl_four){0, 0, 0, 0} + ends;
        v[15] ^= (qctl_four){0, 0, 0, ends}; /* the last leaf of its level says so */
        QCTL_ROUNDS
        for (int k = 0; k < 8; k++) h[k] ^= v[k] ^ v[8 + k];
    }
    memcpy(s->leaves, h, sizeof h);
}

/* Hash so many whole stripes of two streams that are equally long so far, as qctl_tree_stripes does of each. */
static QCTL_TREE_CLONES void qctl_tree_stripes_of_two(
    qctl_tree *s, qctl_tree *t, const uint8_t *of_s, const uint8_t *of_t, size_t n_stripes, int last)
{
    qctl_leaves h[8];
    for (int k = 0; k < 8; k++) {
        memcpy(&h[k], s->leaves[k], 32);
        memcpy((char *)&h[k] + 32, t->leaves[k], 32);
    }
    for (size_t n = 0; n < n_stripes; n++, of_s += QCTL_STRIPE, of_t += QCTL_STRIPE) {
        const uint64_t counted = ++s->n_stripes * 128, ends = last && n + 1 == n_stripes ? ~0ULL : 0;
        qctl_leaves v[16], m[16];
        for (int k = 0; k < 16; k++) {
            memcpy(&m[k], of_s + 32 * k, 32);
            memcpy((char *)&m[k] + 32, of_t + 32 * k, 32);
        }
        for (int k = 0; k < 8; k++) {
            v[k] = h[k];
            v[8 + k] = (qctl_leaves){0} + QCTL_BLAKE_IV[k];
        }
        v[12] ^= (qctl_leaves){0} + counted;
        v[14] ^= (qctl_leaves){0} + ends;
        v[15] ^= (qctl_leaves){0, 0, 0, ends, 0, 0, 0, ends};
        QCTL_ROUNDS
        for (int k = 0; k < 8; k++) h[k] ^= v[k] ^ v[8 + k];
    }
    t->n_stripes = s->n_stripes;
    for (int k = 0; k < 8; k++) {
        memcpy(s->leaves[k], &h[k], 32);
        memcpy(t->leaves[k], (char *)&h[k] + 32, 32);
    }
}

static void qctl_tree_begin(qctl_tree *s)
{
    for (int k = 0; k < 8; k++)
        for (int j = 0; j < 4; j++) s->leaves[k][j] = QCTL_BLAKE_IV[k];
    for (uint64_t j = 0; j < 4; j++) {
        s->leaves[0][j] ^= 64 | 4 << 16 | 2 << 24; /* digest of 64 bytes, no key, fanout, depth */
        s->leaves[1][j] ^= j;                      /* number of the leaf */
        s->leaves[2][j] ^= QCTL_LEAF << 8;         /* depth 0, inner length */
    }
    s->n_stripes = 0;
    s->held = 0;
}

/* Streams that have ended; their roots are hashed side by side, four at a time. */
typedef struct {
    uint64_t joined[32][4]; /* words of the leaves of each stream */
    uint8_t *digests[4];
    int n;
    size_t size;
} qctl_roots;

static inline void qctl_roots_begin(qctl_roots *roots, size_t size)
{
    memset(roots, 0, sizeof *roots);
    roots->size = size;
}

/* Write the digests of all streams that have ended: each the root's hash of the four leaves. */
static QCTL_TREE_CLONES void qctl_roots_end(qctl_roots *roots)
{
    qctl_four h[8];
    uint64_t words[8][4];
    for (int k = 0; k < 8; k++) h[k] = (qctl_four){0, 0, 0, 0} + QCTL_BLAKE_IV[k];
    h[0] ^= (qctl_four){0, 0, 0, 0} + (roots->size | 4 << 16 | 2 << 24);
    h[2] ^= (qctl_four){0, 0, 0, 0} + (1 | QCTL_LEAF << 8); /* depth 1, inner length */
    for (int n = 0; n < 2; n++) {
        qctl_four v[16], m[16];
        memcpy(m, roots->joined[16 * n], sizeof m);
        for (int k = 0; k < 8; k++) {
            v[k] = h[k];
            v[8 + k] = (qctl_four){0, 0, 0, 0} + QCTL_BLAKE_IV[k];
        }
        v[12] ^= (qctl_four){0, 0, 0, 0} + (uint64_t)(128 * (n + 1));
        if (n) v[14] = ~v[14], v[15] = ~v[15];
        QCTL_ROUNDS
        for (int k = 0; k < 8; k++) h[k] ^= v[k] ^ v[8 + k];
    }
    memcpy(words, h, sizeof words);
    for (int j = 0; j < roots->n; j++) {
        uint64_t own[8];
        for (int k = 0; k < 8; k++) own[k] = words[k][j];
        memcpy(roots->digests[j], own, roots->size);
    }
    roots->n = 0;
}

/* Take a stream whose last stripe is hashed; its digest is written by the next qctl_roots_end, or by this call. */
static inline void qctl_roots_take(qctl_roots *roots, const qctl_tree *s, uint8_t *digest)
{
    for (int j = 0; j < 4; j++)
        for (int k = 0; k < 8; k++) roots->joined[8 * j + k][roots->n] = s->leaves[k][j];
    roots->digests[roots->n++] = digest;
    if (roots->n == 4) qctl_roots_end(roots);
}

/* End a stream with what is held; see qctl_roots_take. */
static inline void qctl_tree_end(qctl_tree *s, qctl_roots *roots, uint8_t *digest)
{
    memset((uint8_t *)s->stripe + s->held, 0, QCTL_STRIPE - s->held);
    qctl_tree_stripes(s, (const uint8_t *)s->stripe, 1, 1);
    qctl_roots_take(roots, s, digest);
}

#endif
