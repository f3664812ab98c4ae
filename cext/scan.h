/* Splits the text of a program into tokens, in place, and reads numbers to the last bit in any locale. */

#ifndef QCTL_SCAN_H
#define QCTL_SCAN_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { QCTL_END = 0, QCTL_NAME = 1, QCTL_INTEGER = 2, QCTL_REAL = 3, QCTL_STRING = 4, QCTL_WRONG = 5 };
/* Any other kind of token is its sign: the character itself, '=' for ==, '>' for ->, '\n' where lines matter. */

/* Where a scan stands: the text (which ends with a zero byte), the place after the token, and the token. */
typedef struct {
    const char *text;
    ptrdiff_t n, at;
    ptrdiff_t start, stop;
    uint32_t hash; /* of a name */
    uint64_t seed; /* of the hash, so that no text can be made of names that collide */
    int kind;
    int lines; /* whether the end of a line is a token */
} qctl_scan_t;

/* One more character of a name's hash; the upper half of the last one is the hash. */
static inline uint64_t qctl_hash_step(uint64_t hash, char c)
{
    hash = (hash ^ (unsigned char)c) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static inline uint32_t qctl_hash(const char *name, ptrdiff_t length, uint64_t seed)
{
    for (ptrdiff_t i = 0; i < length; i++)
        seed = qctl_hash_step(seed, name[i]);
    return (uint32_t)(seed >> 32);
}

static inline int qctl_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline int qctl_is_letter(char c)
{
    return (unsigned char)((c | 32) - 'a') < 26 || c == '_';
}

/* Take the number that begins at the place: digits, a fraction, an exponent if it is whole. */
static inline int qctl_scan_number(qctl_scan_t *s)
{
    const char *p = s->text + s->start;
    int kind = QCTL_INTEGER;
    while (qctl_is_digit(*p))
        p++;
    if (*p == '.') {
        kind = QCTL_REAL;
        p++;
        while (qctl_is_digit(*p))
            p++;
    }
    if ((*p | 32) == 'e') {
        const char *exponent = p + 1 + (p[1] == '+' || p[1] == '-');
        if (qctl_is_digit(*exponent)) {
            kind = QCTL_REAL;
            while (qctl_is_digit(*exponent))
                exponent++;
            p = exponent;
        }
    }
    s->at = p - s->text;
    return kind;
}

static inline int qctl_scan_string(qctl_scan_t *s, char quote)
{
    const char *p = s->text + s->start + 1;
    while (*p != quote && *p != '\n' && *p != '\r' && p < s->text + s->n)
        p++;
    if (*p != quote)
        return QCTL_WRONG;
    s->at = p + 1 - s->text;
    return QCTL_STRING;
}

/* Move on to the next token. */
static inline void qctl_scan_next(qctl_scan_t *s)
{
    const char *p = s->text + s->at;
    char c;
    for (;; p++) {
        c = *p;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || (c == '\n' && !s->lines))
            continue;
        if (c == '/' && p[1] == '/') {
            const char *end = memchr(p, '\n', (size_t)(s->text + s->n - p));
            p = (end ? end : s->text + s->n) - 1;
            continue;
        }
        break;
    }
    s->start = p - s->text;
    s->at = s->start + 1;
    if (qctl_is_letter(c)) {
        uint64_t hash = s->seed;
        do
            hash = qctl_hash_step(hash, *p++);
        while (qctl_is_letter(*p) || qctl_is_digit(*p));
        s->at = p - s->text;
        s->hash = (uint32_t)(hash >> 32);
        s->kind = QCTL_NAME;
    } else if (qctl_is_digit(c) || (c == '.' && qctl_is_digit(p[1])))
        s->kind = qctl_scan_number(s);
    else if (c == '"' || c == '\'')
        s->kind = qctl_scan_string(s, c);
    else if (c == '=' || c == '>') {
        s->kind = c == '=' && p[1] == '=' ? '=' : QCTL_WRONG;
        s->at += s->kind == '=';
    } else if (c == '-' && p[1] == '>') {
        s->kind = '>';
        s->at++;
    } else if (c == 0 && s->start >= s->n) {
        s->kind = QCTL_END;
        s->at = s->start;
    } else
        s->kind = c && (strchr(";,()[]{}+-*/^", c) || c == '\n') ? c : QCTL_WRONG;
    s->stop = s->at;
}

/* Numbers ------------------------------------------------------------------------------------------------------- */

#define QCTL_POWERS 64
static uint64_t qctl_fives[2 * QCTL_POWERS + 1][2]; /* 5^q for q from -64 on: its 128 leading bits, high word first */
static const double qctl_tens[23] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
    1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline void qctl_set_five(int place, uint64_t high, uint64_t low)
{
    qctl_fives[place][0] = high;
    qctl_fives[place][1] = low;
}

#if defined(__SIZEOF_INT128__)
/* w 10^q rounded to nearest, after Lemire, "Number parsing at a gigabyte per second", 2021; 0 if it can't tell. */
static inline int qctl_nearest(uint64_t w, int q, double *value)
{
    const uint64_t *five = qctl_fives[q + QCTL_POWERS];
    const int zeros = __builtin_clzll(w);
    unsigned __int128 product;
    uint64_t high, low, mantissa, bits;
    int upper, exponent;
    w <<= zeros;
    product = (unsigned __int128)w * five[0];
    high = (uint64_t)(product >> 64);
    low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) {
        const uint64_t more = (uint64_t)(((unsigned __int128)w * five[1]) >> 64);
        low += more;
        high += low < more;
    }
    if (low == UINT64_MAX)
        return 0;
    upper = (int)(high >> 63);
    mantissa = high >> (upper + 9);
    exponent = ((217706 * q) >> 16) + 63 + upper - zeros + 1023;
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (upper + 9) == high)
        mantissa &= ~(uint64_t)1;
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >> 53) {
        mantissa = (uint64_t)1 << 52;
        exponent++;
    }
    bits = (mantissa & ~((uint64_t)1 << 52)) | (uint64_t)exponent << 52;
    memcpy(value, &bits, 8);
    return 1;
}
#endif

/* The number of a token, if that can be told fast; 0 if not. */
static inline int qctl_number(const char *p, const char *end, double *value)
{
    uint64_t w = 0;
    int digits = 0, q = 0, fraction = 0;
    for (; p < end; p++) {
        if (*p == '.')
            fraction = 1;
        else if (qctl_is_digit(*p)) {
            w = 10 * w + (uint64_t)(*p - '0');
            digits += w != 0;
            q -= fraction;
            if (digits > 19)
                return 0;
        } else {
            int exponent = 0;
            const int negative = p[1] == '-';
            for (p += 1 + (p[1] == '-' || p[1] == '+'); p < end; p++)
                if ((exponent = 10 * exponent + (*p - '0')) > 1000)
                    return 0;
            q += negative ? -exponent : exponent;
        }
    }
    if (w == 0) {
        *value = 0.0;
        return 1;
    }
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    if (w >> 53 == 0 && q >= -22 && q <= 22) {
        *value = q < 0 ? (double)w / qctl_tens[-q] : (double)w * qctl_tens[q];
        return 1;
    }
#endif
#if defined(__SIZEOF_INT128__)
    if (q >= -QCTL_POWERS && q <= QCTL_POWERS)
        return qctl_nearest(w, q, value);
#endif
    return 0;
}

#endif
