/* The content hash of one row of DAC words: its length and every run of groups that are not silent, with its place. */

#ifndef QCTL_WORDS_HASH_H
#define QCTL_WORDS_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clones.h"
#include "tree_hash.h"

enum { QCTL_GROUP = 4, QCTL_GATHERED = 512 }; /* words of 16 bits that are looked at together; words of 64 bits */

typedef struct {
    qctl_tree tree;
    uint64_t words[QCTL_GATHERED + 8];
    size_t n;
} qctl_gathered;

/* Hash what was gathered, but for the last stripe, which may be the last of all. */
static inline void qctl_gathered_hash(qctl_gathered *s)
{
    const size_t whole = s->n ? (s->n - 1) / 64 : 0;
    qctl_tree_stripes(&s->tree, (const uint8_t *)s->words, whole, 0);
    memmove(s->words, s->words + 64 * whole, 8 * (s->n - 64 * whole));
    s->n -= 64 * whole;
}

static inline void qctl_gather(qctl_gathered *s, uint64_t word)
{
    if (s->n == QCTL_GATHERED) qctl_gathered_hash(s);
    s->words[s->n++] = word;
}

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

/* Hash a run of groups, from `first` to before `end`; the row has so many. */
static inline void qctl_gather_run(qctl_gathered *s, const uint16_t *words, int64_t first, int64_t end, int64_t n_groups)
{
    qctl_gather(s, (uint64_t)first);
    qctl_gather(s, (uint64_t)(end - first));
    for (int64_t at = first; at < end;) {
        if (s->n == QCTL_GATHERED) qctl_gathered_hash(s);
        const int64_t room = (int64_t)(QCTL_GATHERED - s->n), left = end - at, part = left < room ? left : room;
        if (part <= 8 && at + 8 <= n_groups)
            memcpy(s->words + s->n, words + QCTL_GROUP * at, 64); /* what is too much is written over */
        else
            memcpy(s->words + s->n, words + QCTL_GROUP * at, 8 * (size_t)part);
        s->n += (size_t)part;
        at += part;
    }
}

/* Hash n words; those outside begin … end are silent, and the row is filled up with silence to whole groups. */
static void qctl_words_hash(
    const uint16_t *words, int64_t n, int64_t begin, int64_t end, uint16_t silence, qctl_roots *roots, uint8_t *digest)
{
    const int64_t silent = (int64_t)(silence * 0x0001000100010001ULL);
    const int64_t n_groups = (end + QCTL_GROUP - 1) / QCTL_GROUP;
    int64_t first = -1;
    qctl_gathered s;
    qctl_tree_begin(&s.tree);
    s.n = 0;
    qctl_gather(&s, (uint64_t)n);
    for (int64_t base = begin / QCTL_GROUP; base < n_groups; base += 64) {
        const uint64_t loud = qctl_loud(words + QCTL_GROUP * base, n_groups - base < 64 ? n_groups - base : 64, silent);
        for (int at = 0;;) {
            if (first < 0) {
                if (!(loud >> at)) break;
                at += __builtin_ctzll(loud >> at);
                first = base + at;
            }
            if (!(~loud >> at)) break; /* the run goes on */
            at += __builtin_ctzll(~loud >> at);
            qctl_gather_run(&s, words, first, base + at, n_groups);
            first = -1;
        }
    }
    if (first >= 0) qctl_gather_run(&s, words, first, n_groups, n_groups);
    qctl_gathered_hash(&s);
    memcpy(s.tree.stripe, s.words, 8 * s.n);
    s.tree.held = 8 * s.n;
    qctl_tree_end(&s.tree, roots, digest);
}

#endif
