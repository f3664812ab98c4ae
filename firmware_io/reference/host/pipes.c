/* Pipes in memory: what the device has sent, until somebody takes it. */
#include "host.h"
#include "link.h"
#include <string.h>

#define MOST_SENT 65536u

static uint32_t n_sent[N_PIPES];
static uint8_t sent[N_PIPES][MOST_SENT];

void host_forget_sent(void) { memset(n_sent, 0, sizeof n_sent); }

void board_send(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes)
{
    if (!host_powered() || n_bytes > MOST_SENT - n_sent[pipe])
        return;
    memcpy(sent[pipe] + n_sent[pipe], bytes, n_bytes);
    n_sent[pipe] += n_bytes;
}

/* Take at most so many of the bytes that the device has sent. */
uint32_t host_sent(uint32_t pipe, uint8_t *bytes, uint32_t room)
{
    const uint32_t n_bytes = n_sent[pipe] < room ? n_sent[pipe] : room;
    memcpy(bytes, sent[pipe], n_bytes);
    n_sent[pipe] -= n_bytes;
    memmove(sent[pipe], sent[pipe] + n_bytes, n_sent[pipe]);
    return n_bytes;
}
