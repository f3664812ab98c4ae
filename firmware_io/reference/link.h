/* Sessions, numbers, the window and stored replies; events sent again until acknowledged (docs/firmware-protocol.md, section 3). */
#ifndef LINK_H
#define LINK_H

#include "layouts.h"
#include "limits.h"
#include <stdbool.h>

#define N_PIPES 2u

void link_begin(void);
/* Take bytes that came through a pipe; what they ask for is done before this returns. */
void link_take(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes);
/* Send the event whose turn it is, or send it again. */
void link_poll(uint64_t now);
/* Tick of the last good packet of the open session; 0 when none is open. */
uint64_t link_last_heard(void);
uint16_t link_last_error(void);
uint64_t link_received_tick(void);
uint32_t link_n_dropped(void);
uint32_t link_n_repeated(void);

/* Queue an event; false when there is no room. Also called by interrupts. */
bool link_event(uint8_t kind, const void *payload, uint32_t n_bytes);
/* How many marks there is room for. */
uint32_t link_mark_room(void);
/* Send a note once, within a session. */
void link_note(uint8_t kind, uint16_t number, const void *payload, uint32_t n_bytes);

#endif
