/* Objects that arrive in pieces: programs into memory, firmware images into the other bank of flash. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "layouts.h"

#define MAX_PIECE (1024u - 4u)

/* What was wrong: no code means nothing. Instruction is that of a program, or -1. */
struct outcome { uint8_t code; const char *text; int32_t instruction; };

void objects_begin(void);
uint32_t objects_received(void);
struct outcome objects_open(const struct object *object);
struct outcome objects_write(uint32_t offset, const uint8_t *bytes, uint32_t n_bytes);
struct outcome objects_close(void);
uint32_t objects_max_bytes(void);

#endif
