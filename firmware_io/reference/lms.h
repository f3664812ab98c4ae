/* Checks signatures of Leighton and Micali (RFC 8554, NIST SP 800-208): public keys that rest on SHA-256 alone. */
#ifndef LMS_H
#define LMS_H

#include <stdbool.h>
#include <stdint.h>

#define LMS_KEY_BYTES 56u

/* Any set of parameters with SHA-256 of 32 bytes, for both the tree and the one-time signature. */
bool lms_verify(const uint8_t key[LMS_KEY_BYTES], const uint8_t *message, uint32_t n_message, const uint8_t *signature,
                uint32_t n_signature);

#endif
