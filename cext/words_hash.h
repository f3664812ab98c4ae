/* The content hash of one row of DAC words: its length and every run of groups that are not silent, with its place. */

#ifndef QCTL_WORDS_HASH_H
#define QCTL_WORDS_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clones.h"
#include "tree_hash.h"

enum { QCTL_GROUP = 4, QCTL_GATHERED = 512 }; /* words of 16 bits that are looked at together; words of 64 bits */

static inline uint64_t qctl_group(const uint16_t *words, int64_t k)
{
    uint64_t group;
    memcpy(&group, words + QCTL_GROUP * k, 8);
    return group;
}

typedef int64_t qctl_eight __attribute__((vector_size(64)));

/* Return which of n groups, 64 at most, are not silent: bit j is group j. */
static QCTL_CLONES uint64_t qctl_loud(const uint16_t *words, int64_t n, int64_t silent)
{
    qctl_eight bits = {1, 2, 4, 8, 16, 32, 64, 128}, found = {0};
    uint64_t loud = 0;
    int64_t k = 0;
    for (; k + 8 <= n; k += 8) {
        qctl_eight groups;
        memcpy(&groups, words + QCTL_GROUP * k, sizeof groups);
        found |= (groups != silent) & bits;
        bits <<= 8;
    }
    for (int j = 0; j < 8; j++) loud |= (uint64_t)found[j];
    for (; k < n; k++) loud |= (uint64_t)(qctl_group(words, k) != (uint64_t)silent) << k;
    return loud;
}

/* The stream of one row: what of it is gathered and not yet hashed, and where it goes on. */
typedef struct {
    qctl_tree tree;
    uint64_t gathered[QCTL_GATHERED + 8];
    size_t n;
    const uint16_t *words;
    int64_t silent;
    int64_t n_groups, at, run_end; /* groups; at is run_end between runs */
    int64_t looked;                /* first of the groups that `loud` is of */
    uint64_t loud;
} qctl_stream;

static inline void qctl_stream_begin(
    qctl_stream *s, const uint16_t *words, int64_t n, int64_t begin, int64_t end, uint16_t silence)
{
    qctl_tree_begin(&s->tree);
    s->gathered[0] = (uint64_t)n;
    s->n = 1;
    s->words = words;
    s->silent = (int64_t)(silence * 0x0001000100010001ULL);
    s->n_groups = (end + QCTL_GROUP - 1) / QCTL_GROUP;
    s->at = s->run_end = begin / QCTL_GROUP;
    s->looked = -1;
}

/* Return the first group from `at` on that is silent or, with `loud`, that is not; or that after the last one. */
static inline int64_t qctl_stream_next(qctl_stream *s, int64_t at, int loud)
{
    while (at < s->n_groups) {
        const int64_t base = at & ~(int64_t)63, left = s->n_groups - base;
        if (base != s->looked) {
            s->loud = qctl_loud(s->words + QCTL_GROUP * base, left < 64 ? left : 64, s->silent);
            s->looked = base;
        }
        const uint64_t found = (loud ? s->loud : ~s->loud) >> (at - base);
        if (found) {
            at += __builtin_ctzll(found);
            return at < s->n_groups ? at : s->n_groups;
        }
        at = base + 64;
    }
    return s->n_groups;
}

/* Gather until there is no more room, or the row ends: of each run its first group, their number, and themselves. */
static inline void qctl_stream_gather(qctl_stream *s)
{
    while (s->n < QCTL_GATHERED) {
        if (s->at == s->run_end) {
            s->at = qctl_stream_next(s, s->at, 1);
            s->run_end = qctl_stream_next(s, s->at, 0);
            if (s->at == s->n_groups) return;
            s->gathered[s->n++] = (uint64_t)s->at;
            s->gathered[s->n++] = (uint64_t)(s->run_end - s->at);
        }
        const int64_t room = QCTL_GATHERED + 8 - (int64_t)s->n, left = s->run_end - s->at, part = left < room ? left : room;
        if (part <= 8 && room >= 8 && s->at + 8 <= s->n_groups)
            memcpy(s->gathered + s->n, s->words + QCTL_GROUP * s->at, 64); /* what is too much is written over */
        else
            memcpy(s->gathered + s->n, s->words + QCTL_GROUP * s->at, 8 * (size_t)part);
        s->n += (size_t)part;
        s->at += part;
    }
}

/* Return how many stripes can be hashed: the last one that is gathered may be the last of all. */
static inline size_t qctl_stream_whole(const qctl_stream *s)
{
    return (s->n - 1) / 64;
}

/* Forget stripes that are hashed. */
static inline void qctl_stream_drop(qctl_stream *s, size_t n_stripes)
{
    s->n -= 64 * n_stripes;
    memmove(s->gathered, s->gathered + 64 * n_stripes, 8 * s->n);
}

/* Hash what is gathered and more, until the last stripe is left. */
static inline void qctl_stream_hash(qctl_stream *s)
{
    for (size_t whole; qctl_stream_gather(s), (whole = qctl_stream_whole(s));) {
        qctl_tree_stripes(&s->tree, (const uint8_t *)s->gathered, whole, 0);
        qctl_stream_drop(s, whole);
    }
    memset(s->gathered + s->n, 0, 8 * (64 - s->n));
}

/* Hash a row of n words; those outside begin … end are silent, and it is filled up with silence to whole groups. */
static void qctl_words_hash(
    const uint16_t *words, int64_t n, int64_t begin, int64_t end, uint16_t silence, qctl_roots *roots, uint8_t *digest)
{
    qctl_stream s;
    qctl_stream_begin(&s, words, n, begin, end, silence);
    qctl_stream_hash(&s);
    qctl_tree_stripes(&s.tree, (const uint8_t *)s.gathered, 1, 1);
    qctl_roots_take(roots, &s.tree, digest);
}

/* Hash two rows as qctl_words_hash does of each, side by side as far as both go. */
static void qctl_words_hash_two(
    const uint16_t *words, const uint16_t *others, int64_t n, int64_t begin, int64_t end, uint16_t silence,
    qctl_roots *roots, uint8_t *digest, uint8_t *of_others)
{
    qctl_stream s, t;
    qctl_stream_begin(&s, words, n, begin, end, silence);
    qctl_stream_begin(&t, others, n, begin, end, silence);
    for (;;) {
        qctl_stream_gather(&s);
        qctl_stream_gather(&t);
        const size_t of_s = qctl_stream_whole(&s), of_t = qctl_stream_whole(&t), both = of_s < of_t ? of_s : of_t;
        if (!both) break;
        qctl_tree_stripes_of_two(
            &s.tree, &t.tree, (const uint8_t *)s.gathered, (const uint8_t *)t.gathered, both, 0);
        qctl_stream_drop(&s, both);
        qctl_stream_drop(&t, both);
    }
    qctl_stream_hash(&s);
    qctl_stream_hash(&t);
    if (s.tree.n_stripes == t.tree.n_stripes) {
        qctl_tree_stripes_of_two(&s.tree, &t.tree, (const uint8_t *)s.gathered, (const uint8_t *)t.gathered, 1, 1);
    } else {
        qctl_tree_stripes(&s.tree, (const uint8_t *)s.gathered, 1, 1);
        qctl_tree_stripes(&t.tree, (const uint8_t *)t.gathered, 1, 1);
    }
    qctl_roots_take(roots, &s.tree, digest);
    qctl_roots_take(roots, &t.tree, of_others);
}

#endif
