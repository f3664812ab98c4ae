/* SHA-256 (FIPS 180-4). */
#ifndef SHA256_H
#define SHA256_H

#include <stdint.h>

struct sha256 {
    uint32_t words[8];
    uint64_t n_bytes;
    uint8_t block[64];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, uint32_t n_bytes);
void sha256_end(struct sha256 *hash, uint8_t digest[32]);
void sha256(const void *bytes, uint32_t n_bytes, uint8_t digest[32]);

#endif
