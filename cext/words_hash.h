/* The content hash of one row of DAC words: its length and every run of groups that are not silent, with its place. */

#ifndef QCTL_WORDS_HASH_H
#define QCTL_WORDS_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tree_hash.h"

enum { QCTL_GROUP = 4, QCTL_GATHERED = 512 }; /* words of 16 bits that are looked at together; words of 64 bits */

typedef struct {
    qctl_tree tree;
    uint64_t words[QCTL_GATHERED];
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

/* Hash n words; those outside begin … end are silent, and the row is filled up with silence to whole groups. */
static void qctl_words_hash(
    const uint16_t *words, int64_t n, int64_t begin, int64_t end, uint16_t silence, size_t size, uint8_t *digest)
{
    const uint64_t silent = silence * 0x0001000100010001ULL;
    const int64_t n_groups = (end + QCTL_GROUP - 1) / QCTL_GROUP;
    qctl_gathered s;
    qctl_tree_begin(&s.tree, size);
    s.n = 0;
    qctl_gather(&s, (uint64_t)n);
    for (int64_t k = begin / QCTL_GROUP; k < n_groups;) {
        while (k + 8 <= n_groups) {
            uint64_t differs = 0;
            for (int j = 0; j < 8; j++) differs |= qctl_group(words, k + j) ^ silent;
            if (differs) break;
            k += 8;
        }
        if (k < n_groups && qctl_group(words, k) == silent) {
            k++;
            continue;
        }
        const int64_t first = k;
        while (k < n_groups && qctl_group(words, k) != silent) k++;
        if (k == first) break;
        qctl_gather(&s, (uint64_t)first);
        qctl_gather(&s, (uint64_t)(k - first));
        for (int64_t at = first; at < k;) {
            if (s.n == QCTL_GATHERED) qctl_gathered_hash(&s);
            const int64_t room = (int64_t)(QCTL_GATHERED - s.n), left = k - at, part = left < room ? left : room;
            memcpy(s.words + s.n, words + QCTL_GROUP * at, 8 * (size_t)part);
            s.n += (size_t)part;
            at += part;
        }
    }
    qctl_gathered_hash(&s);
    memcpy(s.tree.stripe, s.words, 8 * s.n);
    s.tree.held = 8 * s.n;
    qctl_tree_end(&s.tree, digest);
}

#endif
