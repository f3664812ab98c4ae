/* Flash of the host's board: bits go from 1 to 0 by words and back by pages, and the power may go in the middle of either. */
#include "host.h"
#include <string.h>

#define BYTES (2u * FLASH_PAGE + 2u * 65536u)

static uint8_t own[BYTES];
static uint8_t *memory;
static uint32_t n_left, n_steps, random_state;
static bool cut;

uint32_t board_flash_bytes(void) { return BYTES; }
bool host_powered(void) { return !cut; }
void host_restore_power(void) { cut = false; }
uint32_t host_n_steps(void) { return n_steps; }
void host_flash_at(uint8_t *at) { memory = at; }

uint8_t *host_flash(void)
{
    if (memory == NULL) {
        memory = own;
        memset(own, 0xff, sizeof own);
    }
    return memory;
}

const uint8_t *board_flash(void) { return host_flash(); }

void host_cut_after(uint32_t n, uint32_t seed)
{
    n_left = n;
    n_steps = 0;
    random_state = seed * 2654435761u + 1u;
    cut = false;
}

static uint32_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* Count a step; true if it is the one in which the power goes. */
static bool is_cut(void)
{
    n_steps++;
    cut = n_left > 0 && n_steps == n_left;
    return cut;
}

bool board_flash_erase(uint32_t page_offset)
{
    uint8_t *const page = host_flash() + page_offset;
    if (cut || page_offset % FLASH_PAGE != 0 || page_offset >= BYTES)
        return false;
    if (is_cut()) {
        for (uint32_t i = 0; i < FLASH_PAGE; i++)
            page[i] |= (uint8_t)random_word();
        return false;
    }
    memset(page, 0xff, FLASH_PAGE);
    return true;
}

bool board_flash_program(uint32_t offset, const void *bytes, uint32_t n_bytes)
{
    const uint8_t *const from = bytes;
    if (cut || offset % 4 != 0 || n_bytes % 4 != 0 || n_bytes > BYTES || offset > BYTES - n_bytes)
        return false;
    for (uint32_t at = 0; at < n_bytes; at += 4) {
        const bool torn = is_cut();
        for (uint32_t i = at; i < at + 4; i++)
            host_flash()[offset + i] &= (uint8_t)(from[i] | (torn ? random_word() : 0));
        if (torn)
            return false;
    }
    return memcmp(host_flash() + offset, bytes, n_bytes) == 0;
}
