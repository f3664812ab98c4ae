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

static const char qctl_two_digits[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657"
    "58596061626364656667686970717273747576777879808182838485868788899091929394959697989900";

/* A decimal number, filled up with blanks on the left to at most 31 characters. */
static inline void qctl_put_number(qctl_lines_t *text, int64_t value, int64_t width)
{
    char field[32], *to, *end;
    uint64_t rest = value >= 0 ? (uint64_t)value : (uint64_t)0 - (uint64_t)value, most = 10;
    int64_t n = 1;
    while (rest >= most && n < 20) {
        n++;
        if (n == 20) break;
        most *= 10;
    }
    n += value < 0;
    n = n < width ? width : n;
    to = text->n + n <= text->room ? text->data + text->n : field;
    end = to + n;
    while (rest >= 100) {
        end -= 2;
        memcpy(end, qctl_two_digits + 2 * (rest % 100), 2);
        rest /= 100;
    }
    if (rest >= 10) {
        end -= 2;
        memcpy(end, qctl_two_digits + 2 * rest, 2);
    } else {
        *--end = (char)('0' + rest);
    }
    if (value < 0) *--end = '-';
    while (end > to) *--end = ' ';
    text->n += n;
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
