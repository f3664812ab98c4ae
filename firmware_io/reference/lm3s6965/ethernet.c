/* The fast link: Ethernet frames of type 88B5 between two neighbours. */
#include "lm3s6965.h"
#include <string.h>

#define HEADER 14u
#define MOST_DATA 1500u

static const uint8_t own[6] = {0x02, 0x51, 0x43, 0x54, 0x4c, 0x01};
static uint8_t peer[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void ethernet_begin(void)
{
    MAC_IA0 = (uint32_t)own[0] | (uint32_t)own[1] << 8 | (uint32_t)own[2] << 16 | (uint32_t)own[3] << 24;
    MAC_IA1 = (uint32_t)own[4] | (uint32_t)own[5] << 8;
    MAC_THR = 0x3f;  /* sends when told to */
    MAC_TCTL = 0x17; /* on, pads, adds the CRC, full duplex */
    MAC_RCTL = 0x0d; /* on, any address, no bad CRC */
    MAC_IM = 1;
    irq_enable(IRQ_ETHERNET, 0x40);
}

/* A frame came: the main loop takes it, until then the interrupt is off. */
void ethernet_interrupt(void)
{
    MAC_IM = 0;
    MAC_RIS = 0x7f;
}

bool ethernet_waits(void) { return (MAC_NP & 0x3fu) != 0; }

uint32_t ethernet_take(uint8_t *bytes, uint32_t room)
{
    if (!ethernet_waits())
        return 0;
    uint8_t head[2 + HEADER];
    uint32_t word = MAC_DATA;
    const uint32_t n_all = word & 0xffffu; /* these 2 bytes, the frame, its CRC */
    const uint32_t n_data = n_all < 2 + HEADER + 4 ? 0 : n_all - 2 - HEADER - 4;
    memcpy(head, &word, 4);
    for (uint32_t at = 4; at < n_all; at += 4) {
        word = MAC_DATA;
        if (at < 2 + HEADER)
            memcpy(head + at, &word, 4);
        else if (at - 2 - HEADER + 4 <= room)
            memcpy(bytes + at - 2 - HEADER, &word, 4);
    }
    if (!ethernet_waits())
        MAC_IM = 1;
    if (head[2 + 12] != 0x88 || head[2 + 13] != 0xb5 || n_data > room - 4)
        return 0;
    memcpy(peer, head + 2 + 6, 6);
    return n_data;
}

void ethernet_send(const uint8_t *bytes, uint32_t n_bytes)
{
    uint8_t head[2 + HEADER] = {(uint8_t)n_bytes, (uint8_t)(n_bytes >> 8)};
    uint32_t word;
    if (n_bytes > MOST_DATA)
        return;
    while (MAC_TR & 1u) {
    }
    memcpy(head + 2, peer, 6);
    memcpy(head + 8, own, 6);
    head[14] = 0x88;
    head[15] = 0xb5;
    for (uint32_t at = 0; at < sizeof head; at += 4) {
        memcpy(&word, head + at, 4);
        MAC_DATA = word;
    }
    for (uint32_t at = 0; at < n_bytes; at += 4) {
        word = 0;
        memcpy(&word, bytes + at, n_bytes - at < 4 ? n_bytes - at : 4);
        MAC_DATA = word;
    }
    MAC_TR = 1;
}
