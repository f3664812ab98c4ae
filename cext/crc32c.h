/* CRC-32C of a run of bytes: by the processor's own instruction where there is one, otherwise by tables. */

#ifndef QCTL_CRC32C_H
#define QCTL_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define QCTL_CRC_BY_HARDWARE 1
#define QCTL_CRC_TARGET __attribute__((target("sse4.2")))
#define QCTL_CRC_8(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))
#define QCTL_CRC_1(crc, byte) ((uint32_t)__builtin_ia32_crc32qi((crc), (byte)))
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32) && defined(__ORDER_LITTLE_ENDIAN__)
#include <arm_acle.h>
#define QCTL_CRC_BY_HARDWARE 1
#define QCTL_CRC_TARGET
#define QCTL_CRC_8(crc, word) __crc32cd((crc), (word))
#define QCTL_CRC_1(crc, byte) __crc32cb((crc), (byte))
#else
#define QCTL_CRC_BY_HARDWARE 0
#endif

/* Bytes of one of three strands that are summed side by side: the instruction takes three cycles, one can start each. */
#define QCTL_CRC_STRAND 2048

static uint32_t qctl_crc_tables[8][256];
static uint32_t qctl_crc_skips[4][256]; /* the sum after a strand of zeros, by the bytes of the sum before */

static uint32_t qctl_crc_linear(const uint32_t columns[32], uint32_t value)
{
    uint32_t sum = 0;
    for (int i = 0; value; i++, value >>= 1)
        if (value & 1)
            sum ^= columns[i];
    return sum;
}

static void qctl_crc_prepare(void)
{
    uint32_t skip[32], twice[32];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int k = 0; k < 8; k++)
            value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0u);
        qctl_crc_tables[0][i] = value;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            qctl_crc_tables[k][i] = (qctl_crc_tables[k - 1][i] >> 8) ^ qctl_crc_tables[0][qctl_crc_tables[k - 1][i] & 255];
    for (int i = 0; i < 32; i++) { /* one zero byte */
        const uint32_t bit = 1u << i;
        skip[i] = (bit >> 8) ^ qctl_crc_tables[0][bit & 255];
    }
    for (int n = 1; n < QCTL_CRC_STRAND; n *= 2) {
        for (int i = 0; i < 32; i++)
            twice[i] = qctl_crc_linear(skip, skip[i]);
        memcpy(skip, twice, sizeof skip);
    }
    for (int k = 0; k < 4; k++)
        for (uint32_t i = 0; i < 256; i++)
            qctl_crc_skips[k][i] = qctl_crc_linear(skip, i << (8 * k));
}

static uint32_t qctl_crc_by_tables(uint32_t crc, const uint8_t *at, size_t n)
{
    for (; n >= 8; n -= 8, at += 8) {
        const uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
        crc = qctl_crc_tables[7][low & 255] ^ qctl_crc_tables[6][(low >> 8) & 255] ^ qctl_crc_tables[5][(low >> 16) & 255]
            ^ qctl_crc_tables[4][low >> 24] ^ qctl_crc_tables[3][at[4]] ^ qctl_crc_tables[2][at[5]]
            ^ qctl_crc_tables[1][at[6]] ^ qctl_crc_tables[0][at[7]];
    }
    for (; n; n--, at++)
        crc = (crc >> 8) ^ qctl_crc_tables[0][(crc ^ *at) & 255];
    return crc;
}

#if QCTL_CRC_BY_HARDWARE
static uint32_t qctl_crc_skip(uint32_t crc)
{
    return qctl_crc_skips[0][crc & 255] ^ qctl_crc_skips[1][(crc >> 8) & 255] ^ qctl_crc_skips[2][(crc >> 16) & 255]
        ^ qctl_crc_skips[3][crc >> 24];
}

static QCTL_CRC_TARGET uint32_t qctl_crc_by_hardware(uint32_t crc, const uint8_t *at, size_t n)
{
    uint64_t words[3];
    for (; n >= 3 * QCTL_CRC_STRAND; n -= 3 * QCTL_CRC_STRAND, at += 3 * QCTL_CRC_STRAND) {
        uint32_t second = 0, third = 0;
        for (size_t i = 0; i < QCTL_CRC_STRAND; i += 8) {
            memcpy(&words[0], at + i, 8);
            memcpy(&words[1], at + i + QCTL_CRC_STRAND, 8);
            memcpy(&words[2], at + i + 2 * QCTL_CRC_STRAND, 8);
            crc = QCTL_CRC_8(crc, words[0]);
            second = QCTL_CRC_8(second, words[1]);
            third = QCTL_CRC_8(third, words[2]);
        }
        crc = qctl_crc_skip(qctl_crc_skip(crc) ^ second) ^ third;
    }
    for (; n >= 8; n -= 8, at += 8) {
        memcpy(&words[0], at, 8);
        crc = QCTL_CRC_8(crc, words[0]);
    }
    for (; n; n--, at++)
        crc = QCTL_CRC_1(crc, *at);
    return crc;
}
#endif

static int qctl_crc_has_hardware(void)
{
#if QCTL_CRC_BY_HARDWARE && defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
#else
    return QCTL_CRC_BY_HARDWARE;
#endif
}

static uint32_t qctl_crc_advance(uint32_t crc, const uint8_t *at, size_t n, int by_hardware)
{
#if QCTL_CRC_BY_HARDWARE
    if (by_hardware)
        return qctl_crc_by_hardware(crc, at, n);
#else
    (void)by_hardware;
#endif
    return qctl_crc_by_tables(crc, at, n);
}

#endif
