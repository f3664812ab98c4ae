/* A table of names with a few numbers each, found by hash; the names' bytes stay where they are. */

#ifndef QCTL_NAMES_H
#define QCTL_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    ptrdiff_t length;
    uint32_t hash;
    int kind, word, replaceable;
    int64_t first, size;
} qctl_name_t;

typedef struct {
    qctl_name_t *rows;
    ptrdiff_t n, room;
    int32_t *slots; /* place + 1 */
    size_t n_slots; /* a power of two */
} qctl_names_t;

static inline qctl_name_t *qctl_names_find(const qctl_names_t *t, const char *name, ptrdiff_t length, uint32_t hash)
{
    if (!t->n)
        return NULL;
    for (size_t slot = (hash * 0x9E3779B1u) & (t->n_slots - 1); t->slots[slot]; slot = (slot + 1) & (t->n_slots - 1)) {
        qctl_name_t *row = t->rows + t->slots[slot] - 1;
        if (row->hash == hash && row->length == length && !memcmp(row->name, name, (size_t)length))
            return row;
    }
    return NULL;
}

static inline void qctl_names_enter(qctl_names_t *t, ptrdiff_t place)
{
    size_t slot = (t->rows[place].hash * 0x9E3779B1u) & (t->n_slots - 1);
    while (t->slots[slot])
        slot = (slot + 1) & (t->n_slots - 1);
    t->slots[slot] = (int32_t)(place + 1);
}

/* Add a name that isn't there; NULL if there is no memory. */
static inline qctl_name_t *qctl_names_add(qctl_names_t *t, const char *name, ptrdiff_t length, uint32_t hash)
{
    if (t->n >= 0x3FFFFFFF)
        return NULL;
    if (t->n == t->room) {
        const ptrdiff_t room = t->room ? 2 * t->room : 16;
        qctl_name_t *rows = realloc(t->rows, (size_t)room * sizeof *rows);
        if (!rows)
            return NULL;
        t->rows = rows;
        t->room = room;
    }
    if (2 * (size_t)(t->n + 1) > t->n_slots) {
        const size_t n_slots = t->n_slots ? 2 * t->n_slots : 64;
        int32_t *slots = calloc(n_slots, sizeof *slots);
        if (!slots)
            return NULL;
        free(t->slots);
        t->slots = slots;
        t->n_slots = n_slots;
        for (ptrdiff_t i = 0; i < t->n; i++)
            qctl_names_enter(t, i);
    }
    memset(t->rows + t->n, 0, sizeof *t->rows);
    t->rows[t->n].name = name;
    t->rows[t->n].length = length;
    t->rows[t->n].hash = hash;
    qctl_names_enter(t, t->n);
    return t->rows + t->n++;
}

static inline void qctl_names_clear(qctl_names_t *t)
{
    if (t->n)
        memset(t->slots, 0, t->n_slots * sizeof *t->slots);
    t->n = 0;
}

static inline void qctl_names_free(qctl_names_t *t)
{
    free(t->rows);
    free(t->slots);
    memset(t, 0, sizeof *t);
}

#endif
