/* The hash of `words_hash.h` for rows of which the end changes again and again: it goes on from before the change. */

#ifndef QCTL_RESUMED_HASH_H
#define QCTL_RESUMED_HASH_H

#include "words_hash.h"

typedef struct {
    uint64_t leaves[8][4]; /* state behind a stripe */
    int64_t group;         /* the group that comes next, or -1 where none does */
    int64_t run_end;       /* end of the run that it is in, or -1 where its run was not begun */
} qctl_mark;

/* Marks that a row of so many samples that are not silent needs at most: a run of one group takes three words. */
static inline int64_t qctl_most_marks(int64_t n)
{
    const int64_t n_groups = n / QCTL_GROUP + 2;
    return (1 + n_groups + 2 * (n_groups / 2 + 1)) / 64 + 1;
}

typedef struct {
    qctl_tree tree;
    uint64_t words[64];
    size_t n;
    qctl_mark *marks;
    int64_t n_marks;
} qctl_marked;

/* Hash the stripe if it is full, now that something comes behind it, and note the state. */
static inline void qctl_marked_next(qctl_marked *s, int64_t group, int64_t run_end)
{
    qctl_mark *mark = s->marks + s->n_marks;
    if (s->n < 64) return;
    qctl_tree_stripes(&s->tree, (const uint8_t *)s->words, 1, 0);
    memcpy(mark->leaves, s->tree.leaves, sizeof mark->leaves);
    mark->group = group;
    mark->run_end = run_end;
    s->n_marks++;
    s->n = 0;
}

static inline int64_t qctl_run_end(const uint16_t *words, int64_t k, int64_t n_groups, uint64_t silent)
{
    while (k < n_groups && qctl_group(words, k) != silent) k++;
    return k;
}

/* Hash n words, of which those before group `changed` are as they were when the marks were made, and return the number of
   marks that hold now. Otherwise as `qctl_words_hash`. */
static int64_t qctl_words_rehash(
    const uint16_t *words, int64_t n, int64_t begin, int64_t end, uint16_t silence, int64_t changed, qctl_mark *marks,
    int64_t n_marks, qctl_roots *roots, uint8_t *digest)
{
    const uint64_t silent = silence * 0x0001000100010001ULL;
    const int64_t n_groups = (end + QCTL_GROUP - 1) / QCTL_GROUP;
    int64_t k = begin / QCTL_GROUP, run_end = -1, ends = -1;
    qctl_marked s;
    while (n_marks) {
        const qctl_mark *mark = marks + n_marks - 1;
        if (mark->group >= 0 && mark->group <= changed) {
            if (mark->run_end < changed) break;
            if (ends < 0) ends = qctl_run_end(words, changed, n_groups, silent);
            if (mark->run_end == ends) break;
        }
        n_marks--;
    }
    qctl_tree_begin(&s.tree);
    s.marks = marks;
    s.n_marks = n_marks;
    s.n = 0;
    if (n_marks) {
        memcpy(s.tree.leaves, marks[n_marks - 1].leaves, sizeof s.tree.leaves);
        s.tree.n_stripes = (uint64_t)n_marks;
        k = marks[n_marks - 1].group;
        run_end = marks[n_marks - 1].run_end;
    } else {
        s.words[s.n++] = (uint64_t)n;
    }
    for (;;) {
        if (run_end < 0) {
            while (k < n_groups && qctl_group(words, k) == silent) k++;
            if (k >= n_groups) break;
            run_end = qctl_run_end(words, k, n_groups, silent);
            qctl_marked_next(&s, k, -1);
            s.words[s.n++] = (uint64_t)k;
            qctl_marked_next(&s, -1, -1);
            s.words[s.n++] = (uint64_t)(run_end - k);
        }
        while (k < run_end) {
            qctl_marked_next(&s, k, run_end);
            const int64_t room = (int64_t)(64 - s.n), left = run_end - k, part = left < room ? left : room;
            memcpy(s.words + s.n, words + QCTL_GROUP * k, 8 * (size_t)part);
            s.n += (size_t)part;
            k += part;
        }
        run_end = -1;
    }
    memcpy(s.tree.stripe, s.words, 8 * s.n);
    s.tree.held = 8 * s.n;
    qctl_tree_end(&s.tree, roots, digest);
    return s.n_marks;
}

#endif
