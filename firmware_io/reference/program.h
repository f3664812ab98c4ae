/* Checks a program whole, before it takes the place of another (docs/firmware-instructions.md, section 3). */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdint.h>

/* Return NULL if nothing is wrong, else what is, with the number of the instruction (that of the header: -1). */
const char *program_check(const uint8_t *program, uint32_t n_bytes, int32_t *instruction);

#endif
