/* Words of pulses that stand alone, kept for the next pulse with the same numbers: most pulses of a line are repeated. */

#ifndef QCTL_KEPT_WORDS_H
#define QCTL_KEPT_WORDS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { QCTL_KEPT = 1024, QCTL_KEPT_SAMPLES = 4096 }; /* places at most, a power of two; samples of a pulse */

typedef struct {
    double amplitude, frequency_hz, angle;
    int64_t waveform; /* -1 for none */
    int64_t room;     /* samples of each output */
    uint16_t *words;
    int32_t reach[2][2]; /* lowest and highest word of each output */
} qctl_kept;

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
    qctl_kept *one, int64_t waveform, double amplitude, double frequency_hz, double angle, int64_t n)
{
    one->waveform = -1;
    if (one->room < n) {
        uint16_t *words = realloc(one->words, 4 * (size_t)n);
        if (!words) return 0;
        one->words = words;
        one->room = n;
    }
    one->waveform = waveform;
    one->amplitude = amplitude;
    one->frequency_hz = frequency_hz;
    one->angle = angle;
    return 1;
}

/* Write so many words of silence. */
static inline void qctl_silence(uint16_t *words, int64_t n, uint16_t word)
{
    for (int64_t k = 0; k < n; k++) words[k] = word;
}

#endif
