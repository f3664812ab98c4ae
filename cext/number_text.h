/* Writes numbers as the shortest text that is read back to the same bits, multiples of pi as such.
 *
 * Source: R. Giulietti, "The Schubfach way to render doubles", 2020.
 */

#ifndef QCTL_NUMBER_TEXT_H
#define QCTL_NUMBER_TEXT_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define QCTL_NUMBER_BYTES 32 /* most bytes of a number's text */
#define QCTL_LEAST_TEN (-292)
#define QCTL_MOST_TEN 324
#define QCTL_PI 3.14159265358979323846
#define QCTL_MOST_TIMES 64

static uint64_t qctl_ten_powers[QCTL_MOST_TEN - QCTL_LEAST_TEN + 1][2]; /* 128 leading bits, rounded up; high word first */

static inline void qctl_set_ten(int place, uint64_t high, uint64_t low)
{
    qctl_ten_powers[place][0] = high;
    qctl_ten_powers[place][1] = low;
}

#if defined(__SIZEOF_INT128__)
#define QCTL_FAST_NUMBERS 1

/* The upper 64 bits of a product of 128 and 64 bits; the last bit says whether anything is below them. */
static inline uint64_t qctl_round_to_odd(const uint64_t power[2], uint64_t times)
{
    const unsigned __int128 x = (unsigned __int128)power[1] * times;
    const unsigned __int128 y = (unsigned __int128)power[0] * times + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* The digits and the power of ten of the shortest decimal that rounds to a positive finite number. */
static inline uint64_t qctl_shortest(uint64_t bits, int *ten)
{
    const uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    const int biased = (int)(bits >> 52);
    const uint64_t c = biased ? fraction | (uint64_t)1 << 52 : fraction;
    const int q = biased ? biased - 1075 : -1074;
    const int closer = fraction == 0 && biased > 1;
    const uint64_t odd = c & 1;
    const int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22; /* floor(log10(2^q)), or of 3/4 2^q */
    const int h = q + ((-k * 1741647) >> 19) + 1;
    const uint64_t *power = qctl_ten_powers[-k - QCTL_LEAST_TEN];
    const uint64_t lower = qctl_round_to_odd(power, (4 * c - 2 + (uint64_t)closer) << h) + odd;
    const uint64_t middle = qctl_round_to_odd(power, (4 * c) << h);
    const uint64_t upper = qctl_round_to_odd(power, (4 * c + 2) << h) - odd;
    const uint64_t s = middle / 4;
    int below, above;
    *ten = k;
    if (s >= 10) {
        const uint64_t tens = s / 10;
        below = lower <= 40 * tens;
        above = 40 * tens + 40 <= upper;
        if (below != above) {
            *ten = k + 1;
            return tens + (uint64_t)above;
        }
    }
    below = lower <= 4 * s;
    above = 4 * s + 4 <= upper;
    if (below != above)
        return s + (uint64_t)above;
    return s + (uint64_t)(middle > 4 * s + 2 || (middle == 4 * s + 2 && s & 1));
}
#else
#define QCTL_FAST_NUMBERS 0
static inline uint64_t qctl_shortest(uint64_t bits, int *ten)
{
    (void)bits;
    *ten = 0;
    return 0;
}
#endif

static const char qctl_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657"
    "58596061626364656667686970717273747576777879808182838485868788899091929394959697989900";

/* Write the digits of a number below 10^17 to the end of a field, and return where they begin. */
static inline char *qctl_digits(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, qctl_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, qctl_pairs + 2 * value, 2);
    } else
        *--end = (char)('0' + value);
    return end;
}

/* Write a small count and return the end. */
static inline char *qctl_count(char *to, unsigned value)
{
    char field[20];
    const char *from = qctl_digits(field + 20, value);
    const ptrdiff_t n = field + 20 - from;
    memcpy(to, from, (size_t)n);
    return to + n;
}

/* Write a multiple of pi, if the number is one to the last bit, and return the end; NULL if it is none. */
static inline char *qctl_pi_text(char *to, double value)
{
    static const int below[8] = {1, 2, 3, 4, 6, 8, 16, 32};
    const double turns = value * (96 / QCTL_PI);
    if (!(fabs(turns) < 96.5 * QCTL_MOST_TIMES) || fabs(turns - rint(turns)) > 1e-9)
        return NULL;
    for (int i = 0; i < 8; i++) {
        const double times = rint(value * below[i] / QCTL_PI);
        const unsigned count = (unsigned)fabs(times);
        if (count == 0 || count > QCTL_MOST_TIMES || times * QCTL_PI / below[i] != value)
            continue;
        if (times < 0)
            *to++ = '-';
        if (count > 1) {
            to = qctl_count(to, count);
            *to++ = '*';
        }
        *to++ = 'p';
        *to++ = 'i';
        if (below[i] > 1) {
            *to++ = '/';
            to = qctl_count(to, (unsigned)below[i]);
        }
        return to;
    }
    return NULL;
}

/* Write digits times a power of ten as Python's repr does, but with a point in every number. */
static inline char *qctl_decimal_text(char *to, uint64_t digits, int ten)
{
    char field[20];
    const char *from;
    int n, point;
    while (digits % 100000000 == 0)
        digits /= 100000000, ten += 8;
    while (digits % 10 == 0)
        digits /= 10, ten++;
    from = qctl_digits(field + 20, digits);
    n = (int)(field + 20 - from);
    point = n + ten; /* digits before the point */
    if (point > -4 && point <= 0) {
        memcpy(to, "0.0000", 6);
        to += 2 - point;
        memcpy(to, from, (size_t)n);
        return to + n;
    }
    if (point > 16 || point <= 0) {
        const int power = point - 1, size = power < 0 ? -power : power;
        *to++ = *from;
        *to++ = '.';
        if (n == 1)
            *to++ = '0';
        memcpy(to, from + 1, (size_t)(n - 1));
        to += n - 1;
        *to++ = 'e';
        *to++ = power < 0 ? '-' : '+';
        if (size >= 100)
            *to++ = (char)('0' + size / 100);
        memcpy(to, qctl_pairs + 2 * (size % 100), 2);
        return to + 2;
    }
    if (point >= n) {
        memcpy(to, from, (size_t)n);
        memset(to + n, '0', (size_t)(point - n));
        to += point;
        *to++ = '.';
        *to++ = '0';
        return to;
    }
    memcpy(to, from, (size_t)point);
    to[point] = '.';
    memcpy(to + point + 1, from + point, (size_t)(n - point));
    return to + n + 1;
}

/* Write a finite number and return the end; NULL where this machine's compiler lacks numbers of 128 bits. */
static inline char *qctl_number_text(char *to, double value, int pi)
{
    uint64_t bits, digits;
    int ten;
    char *end;
    memcpy(&bits, &value, 8);
    if (bits << 1 == 0) {
        memcpy(to, "-0.0", 4);
        if (!(bits >> 63))
            memcpy(to, "0.0", 3);
        return to + 3 + (bits >> 63);
    }
    if (pi && (end = qctl_pi_text(to, value)))
        return end;
    if (!QCTL_FAST_NUMBERS)
        return NULL;
    if (bits >> 63)
        *to++ = '-';
    digits = qctl_shortest(bits & ~((uint64_t)1 << 63), &ten);
    return qctl_decimal_text(to, digits, ten);
}

#endif
