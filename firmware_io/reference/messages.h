/* Answers requests: a table of kinds, their lengths and what does them (docs/firmware-protocol.md, sections 4 and 7). */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "layouts.h"

#define PROTOCOL_LOWEST 1u
#define PROTOCOL_HIGHEST 1u
#define REFUSED 0x80000000u

/* Answer a request; return the bytes of the reply's payload, with REFUSED when they are those of an error. */
uint32_t messages_answer(const struct packet_head *request, const uint8_t *payload, uint8_t *reply);
/* Write an error's payload; return its bytes. */
uint32_t messages_refusal(uint8_t *payload, uint8_t request_kind, uint8_t code, const char *text);
/* A host says hello: what it finds is a device that does nothing. */
void messages_new_session(void);

#endif
