/* Lines of text in a buffer of fixed size: what has no room is counted and not written. */

#ifndef QCTL_LINE_TEXT_H
#define QCTL_LINE_TEXT_H

#include <stdint.h>
#include <string.h>

typedef struct {
    char *data;
    int64_t room;
    int64_t n;     /* characters, written or not */
    int64_t lines; /* as far as the kernel counts them */
} qctl_lines_t;

static inline void qctl_put(qctl_lines_t *text, const char *word, int64_t n)
{
    if (text->n + n <= text->room)
        memcpy(text->data + text->n, word, (size_t)n);
    text->n += n;
}

/* A decimal number, filled up with blanks on the left. */
static inline void qctl_put_number(qctl_lines_t *text, int64_t value, int64_t width)
{
    char digits[32];
    int at = 32;
    uint64_t rest = value >= 0 ? (uint64_t)value : (uint64_t)0 - (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    while (32 - at < width)
        digits[--at] = ' ';
    qctl_put(text, digits + at, 32 - at);
}

/* A number of hundred-millionths, with as many decimals as it needs and at least one. */
static inline void qctl_put_decimal(qctl_lines_t *text, int64_t value)
{
    char digits[8];
    uint64_t rest = value >= 0 ? (uint64_t)value : (uint64_t)0 - (uint64_t)value;
    uint64_t whole = rest / 100000000, part = rest % 100000000;
    int n = 8, k;
    if (value < 0)
        qctl_put(text, "-", 1);
    qctl_put_number(text, (int64_t)whole, 0);
    for (k = 7; k >= 0; k--) {
        digits[k] = (char)('0' + part % 10);
        part /= 10;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    qctl_put(text, ".", 1);
    qctl_put(text, digits, n);
}

#endif
