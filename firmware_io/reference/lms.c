/* Checks signatures of Leighton and Micali; names follow RFC 8554, algorithms 4b and 6a. */
#include "lms.h"
#include "sha256.h"
#include <string.h>

#define N 32u
enum { D_PBLK = 0x8080, D_MESG = 0x8181, D_LEAF = 0x8282, D_INTR = 0x8383 };

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Begin a hash with I, a number and a tag of 2 bytes. */
static void begin(struct sha256 *hash, const uint8_t *id, uint32_t number, uint32_t tag)
{
    const uint8_t bytes[6] = {
        (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number, (uint8_t)(tag >> 8), (uint8_t)tag,
    };
    sha256_begin(hash);
    sha256_add(hash, id, 16);
    sha256_add(hash, bytes, 6);
}

/* The i-th group of w bits of a string. */
static uint32_t coef(const uint8_t *s, uint32_t i, uint32_t w)
{
    const uint32_t per_byte = 8 / w;
    return (uint32_t)s[i / per_byte] >> (8 - w * (i % per_byte + 1)) & ((1u << w) - 1u);
}

/* Algorithm 4b: the one-time public key that a signature leads to. */
static void candidate(const uint8_t *id, uint32_t q, uint32_t w, uint32_t p, uint32_t ls, const uint8_t *signature,
                      const uint8_t *message, uint32_t n_message, uint8_t key[N])
{
    struct sha256 all, one;
    uint8_t digits[N + 2], value[N];
    uint32_t sum = 0;
    begin(&one, id, q, D_MESG);
    sha256_add(&one, signature + 4, N);
    sha256_add(&one, message, n_message);
    sha256_end(&one, digits);
    for (uint32_t i = 0; i < N * 8 / w; i++)
        sum += (1u << w) - 1u - coef(digits, i, w);
    sum <<= ls;
    digits[N] = (uint8_t)(sum >> 8);
    digits[N + 1] = (uint8_t)sum;

    begin(&all, id, q, D_PBLK);
    for (uint32_t i = 0; i < p; i++) {
        memcpy(value, signature + 4 + N + N * i, N);
        for (uint32_t j = coef(digits, i, w); j < (1u << w) - 1u; j++) {
            const uint8_t step = (uint8_t)j;
            begin(&one, id, q, i);
            sha256_add(&one, &step, 1);
            sha256_add(&one, value, N);
            sha256_end(&one, value);
        }
        sha256_add(&all, value, N);
    }
    sha256_end(&all, key);
}

bool lms_verify(const uint8_t key[LMS_KEY_BYTES], const uint8_t *message, uint32_t n_message, const uint8_t *signature,
                uint32_t n_signature)
{
    static const uint16_t ps[] = {265, 133, 67, 34};
    static const uint8_t ws[] = {1, 2, 4, 8}, lss[] = {7, 6, 4, 0};
    const uint32_t type = big_endian(key), one_time = big_endian(key + 4);
    const uint8_t *const id = key + 8;
    if (type < 5 || type > 9 || one_time < 1 || one_time > 4 || n_signature < 8)
        return false;
    const uint32_t h = 5 * (type - 4), w = ws[one_time - 1], p = ps[one_time - 1];
    const uint8_t *const path = signature + 4 + 4 + N * (p + 1) + 4;
    const uint32_t q = big_endian(signature);
    if (n_signature != 4 + 4 + N * (p + 1) + 4 + N * h || big_endian(signature + 4) != one_time || q >> h != 0
        || big_endian(path - 4) != type)
        return false;

    struct sha256 hash;
    uint8_t value[N];
    candidate(id, q, w, p, lss[one_time - 1], signature + 4, message, n_message, value);
    uint32_t node = q + (1u << h);
    begin(&hash, id, node, D_LEAF);
    sha256_add(&hash, value, N);
    sha256_end(&hash, value);
    for (uint32_t i = 0; node > 1; i++, node /= 2) {
        begin(&hash, id, node / 2, D_INTR);
        sha256_add(&hash, node % 2 ? path + N * i : value, N);
        sha256_add(&hash, node % 2 ? value : path + N * i, N);
        sha256_end(&hash, value);
    }
    return memcmp(value, key + 24, N) == 0;
}
