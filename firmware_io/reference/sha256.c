/* SHA-256 (FIPS 180-4); names follow the standard. */
#include "sha256.h"
#include <string.h>

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t x, uint32_t by) { return x >> by | x << (32 - by); }

static void take_block(uint32_t h[8], const uint8_t block[64])
{
    uint32_t w[64], s[8];
    for (uint32_t t = 0; t < 16; t++) {
        const uint8_t *const at = block + 4 * t;
        w[t] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (uint32_t t = 16; t < 64; t++) {
        const uint32_t s0 = turned(w[t - 15], 7) ^ turned(w[t - 15], 18) ^ w[t - 15] >> 3;
        const uint32_t s1 = turned(w[t - 2], 17) ^ turned(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    memcpy(s, h, sizeof s);
    for (uint32_t t = 0; t < 64; t++) {
        const uint32_t e1 = turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25);
        const uint32_t t1 = s[7] + e1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[t] + w[t];
        const uint32_t e0 = turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22);
        const uint32_t t2 = e0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (uint32_t i = 0; i < 8; i++)
        h[i] += s[i];
}

void sha256_begin(struct sha256 *hash)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->words, start, sizeof start);
    hash->n_bytes = 0;
}

void sha256_add(struct sha256 *hash, const void *bytes, uint32_t n_bytes)
{
    const uint8_t *at = bytes;
    while (n_bytes-- > 0) {
        hash->block[hash->n_bytes++ % 64] = *at++;
        if (hash->n_bytes % 64 == 0)
            take_block(hash->words, hash->block);
    }
}

void sha256_end(struct sha256 *hash, uint8_t digest[32])
{
    static const uint8_t one = 0x80, zero = 0;
    const uint64_t n_bits = hash->n_bytes * 8;
    uint8_t length[8];
    for (uint32_t i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    sha256_add(hash, &one, 1);
    while (hash->n_bytes % 64 != 56)
        sha256_add(hash, &zero, 1);
    sha256_add(hash, length, 8);
    for (uint32_t i = 0; i < 32; i++)
        digest[i] = (uint8_t)(hash->words[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(const void *bytes, uint32_t n_bytes, uint8_t digest[32])
{
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, bytes, n_bytes);
    sha256_end(&hash, digest);
}
