/* Frames on the wire: CRC-32, COBS, and a reader that finds its place again after any damage (docs/firmware-protocol.md, 1 and 2). */
#ifndef FRAME_H
#define FRAME_H

#include "layouts.h"
#include "limits.h"
#include <stdbool.h>

#define MAX_PACKET (sizeof(struct packet_head) + MAX_PAYLOAD + 4u)
#define MAX_FRAME (MAX_PACKET + MAX_PACKET / 254u + 2u)
#define MOST_COLLECTED 1060u

struct frame_reader {
    uint32_t n_collected;
    bool skipping; /* too much came without an end: all up to the next end is dropped */
    uint32_t n_dropped;
    uint8_t bytes[MOST_COLLECTED];
};

uint32_t crc32(const void *bytes, uint32_t n_bytes);

/* Take one byte; true when it ended a good packet, which stands in reader->bytes until the next byte. */
bool frame_take(struct frame_reader *reader, uint8_t byte);

/* Fill in length and CRC of a packet whose head and payload stand in `packet` (which has 4 bytes to spare), and write its frame. */
uint32_t frame_write(uint8_t *packet, uint8_t frame[MAX_FRAME]);

#endif
