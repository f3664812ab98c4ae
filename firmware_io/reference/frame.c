/* Frames on the wire; see frame.h. */
#include "frame.h"
#include <string.h>

#define LAYOUT 1u

/* CRC-32 by half bytes: a table of 64 bytes instead of 1,024. */
uint32_t crc32(const void *bytes, uint32_t n_bytes)
{
    static const uint32_t halves[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *at = bytes;
    uint32_t crc = 0xffffffffu;
    while (n_bytes-- > 0) {
        crc ^= *at++;
        crc = crc >> 4 ^ halves[crc & 15u];
        crc = crc >> 4 ^ halves[crc & 15u];
    }
    return ~crc;
}

/* Decode COBS in place; return the bytes, or 0 if it is not valid. */
static uint32_t decode(uint8_t *bytes, uint32_t n_bytes)
{
    uint32_t from = 0, to = 0;
    while (from < n_bytes) {
        const uint32_t run = bytes[from++];
        if (run == 0 || run - 1 > n_bytes - from)
            return 0;
        memmove(bytes + to, bytes + from, run - 1);
        to += run - 1;
        from += run - 1;
        if (run < 255 && from < n_bytes)
            bytes[to++] = 0;
    }
    return to;
}

static bool is_packet(const uint8_t *bytes, uint32_t n_bytes)
{
    struct packet_head head;
    uint32_t crc;
    if (n_bytes < sizeof head + 4 || n_bytes > MAX_PACKET)
        return false;
    memcpy(&head, bytes, sizeof head);
    if (head.layout != LAYOUT || head.length != n_bytes - sizeof head - 4)
        return false;
    memcpy(&crc, bytes + n_bytes - 4, 4);
    return crc == crc32(bytes, n_bytes - 4);
}

bool frame_take(struct frame_reader *reader, uint8_t byte)
{
    if (byte != 0) {
        if (reader->skipping)
            return false;
        if (reader->n_collected == MOST_COLLECTED) {
            reader->skipping = true;
            reader->n_dropped++;
        } else {
            reader->bytes[reader->n_collected++] = byte;
        }
        return false;
    }
    const uint32_t n_bytes = reader->n_collected;
    const bool skipped = reader->skipping;
    reader->n_collected = 0;
    reader->skipping = false;
    if (n_bytes == 0 || skipped)
        return false;
    if (is_packet(reader->bytes, decode(reader->bytes, n_bytes)))
        return true;
    reader->n_dropped++;
    return false;
}

uint32_t frame_write(uint8_t *packet, uint8_t frame[MAX_FRAME])
{
    struct packet_head head;
    memcpy(&head, packet, sizeof head);
    head.layout = LAYOUT;
    memcpy(packet, &head, sizeof head);
    const uint32_t n_body = (uint32_t)sizeof head + head.length;
    const uint32_t crc = crc32(packet, n_body);
    memcpy(packet + n_body, &crc, 4);

    uint32_t to = 1, start = 0; /* frame[start] will be the length of the run */
    for (uint32_t from = 0; from < n_body + 4; from++) {
        if (packet[from] != 0)
            frame[to++] = packet[from];
        if (packet[from] == 0 || to - start == 255) {
            frame[start] = (uint8_t)(to - start);
            start = to++;
        }
    }
    frame[start] = (uint8_t)(to - start);
    frame[to++] = 0;
    return to;
}
