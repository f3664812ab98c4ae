/* Words of pulses that stand alone, kept for the next pulse with the same numbers: most pulses of a line are repeated. */

#ifndef QCTL_KEPT_WORDS_H
#define QCTL_KEPT_WORDS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clones.h"

enum { QCTL_KEPT = 1024, QCTL_KEPT_SAMPLES = 4096 }; /* places at most, a power of two; samples of a pulse */

typedef struct {
    double amplitude, frequency_hz, angle;
    int64_t waveform; /* -1 for none */
    int64_t room;     /* samples of each output */
    uint16_t *words;
    int32_t reach[2][2]; /* lowest and highest word of each output */
} qctl_kept;

/* Room for words, freed all at once: one pulse needs less than an allocation of its own would cost. */
typedef struct qctl_room {
    struct qctl_room *older;
    int64_t n, used; /* words */
    uint16_t words[];
} qctl_room;

/* Return room for n words; NULL where there is no memory. */
static inline uint16_t *qctl_room_for(qctl_room **rooms, int64_t n)
{
    qctl_room *room = *rooms;
    if (!room || room->n - room->used < n) {
        const int64_t more = n > 32768 ? n : 32768;
        room = malloc(sizeof *room + 2 * (size_t)more);
        if (!room) return NULL;
        room->older = *rooms;
        room->n = more;
        room->used = 0;
        *rooms = room;
    }
    room->used += n;
    return room->words + room->used - n;
}

static inline void qctl_rooms_free(qctl_room *room)
{
    while (room) {
        qctl_room *older = room->older;
        free(room);
        room = older;
    }
}

/* Return the place of a pulse among n, a power of two; it may have another one's words. */
static inline qctl_kept *qctl_kept_place(
    qctl_kept *kept, int64_t n, int64_t waveform, double amplitude, double frequency_hz, double angle)
{
    uint64_t bits[3], mixed;
    memcpy(bits, &amplitude, 8);
    memcpy(bits + 1, &frequency_hz, 8);
    memcpy(bits + 2, &angle, 8);
    mixed = (bits[0] ^ (uint64_t)waveform) * 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 29) ^ bits[1]) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 32) ^ bits[2]) * 0x94D049BB133111EBULL;
    return kept + (((mixed ^ (mixed >> 31)) >> 20) & (uint64_t)(n - 1));
}

/* Say whether a place has the words of this pulse. Zeros of either sign are the same to all that is made of them. */
static inline int qctl_kept_is(
    const qctl_kept *one, int64_t waveform, double amplitude, double frequency_hz, double angle)
{
    return one->waveform == waveform && one->amplitude == amplitude && one->frequency_hz == frequency_hz
        && one->angle == angle;
}

/* Make room for n samples of two outputs and name the pulse; return 0 where there is no memory. */
static inline int qctl_kept_take(
    qctl_kept *one, qctl_room **rooms, int64_t waveform, double amplitude, double frequency_hz, double angle, int64_t n)
{
    one->waveform = -1;
    if (one->room < n) {
        int64_t room = 16;
        while (room < n) room *= 2; /* so that what a place had before is less than what it has */
        one->words = qctl_room_for(rooms, 2 * room);
        one->room = one->words ? room : 0;
        if (!one->words) return 0;
    }
    one->waveform = waveform;
    one->amplitude = amplitude;
    one->frequency_hz = frequency_hz;
    one->angle = angle;
    return 1;
}

typedef uint16_t qctl_many __attribute__((vector_size(64)));

/* Write so many words of silence: whole lines of the cache at once, which wait for memory in few places. */
static QCTL_CLONES void qctl_silence(uint16_t *words, int64_t n, uint16_t word)
{
    const qctl_many many = (qctl_many){0} + word;
    if (n < 32) {
        for (int64_t k = 0; k < n; k++) words[k] = word;
        return;
    }
    for (int64_t k = 0; k + 32 <= n; k += 32) memcpy(words + k, &many, sizeof many);
    memcpy(words + n - 32, &many, sizeof many);
}

#endif
