/* A board of a processor and a core: virtual time, counted by the core's clock; pipes and flash are those of the host's board. */
#include "../boot.h"
#include "../device.h"
#include "../link.h"
#include "../sequencer.h"
#include "bus.h"
#include "model.h"
#include <string.h>

#define MOST_EDGES 4096u
#define STEP_TICKS 1000u /* the main loop runs at least as often */

const uint16_t board_number = 3;

static struct {
    bool resetting;
    uint8_t reason;
    uint64_t before; /* ticks until the last reset */
    uint64_t script_epoch;
    uint32_t n_edges;
    struct edge edges[MOST_EDGES];
} board;

uint32_t bus_read(uint32_t address) { return model_read(address); }
void bus_write(uint32_t address, uint32_t word) { model_write(address, word); }

uint64_t board_ticks(void)
{
    const uint32_t low = bus_read(BUS_TICK_LOW);
    return low | (uint64_t)bus_read(BUS_TICK_HIGH) << 32;
}

/* The core's interrupt is taken by the main loop, so that nothing needs a lock. */
uint32_t board_lock(void) { return 0; }
void board_unlock(uint32_t was) { (void)was; }

void board_reset(uint8_t reason)
{
    board.resetting = true;
    board.reason = reason;
}

void host_power_on(uint8_t reason)
{
    board.resetting = false;
    board.before += model_ticks();
    model_reset();
    host_forget_sent();
    host_restore_power();
    boot_begin((enum reset_reason)reason);
    device_begin();
    board.script_epoch = sequencer_epoch();
}

uint64_t host_now(void) { return board.before + model_ticks(); }
uint64_t host_epoch(void) { return sequencer_epoch(); }

/* When a block has been started, ahead of its first tick, its script runs. */
static void begin_script(void)
{
    if (board.script_epoch == sequencer_epoch())
        return;
    board.script_epoch = sequencer_epoch();
    model_script(board.edges, board.n_edges, board.script_epoch);
}

void host_run(uint64_t until_tick)
{
    for (;;) {
        const uint64_t now = host_now();
        const uint64_t most = now + STEP_TICKS < until_tick ? now + STEP_TICKS : until_tick;
        begin_script();
        if (most > now)
            model_run(most - board.before);
        device_poll();
        if (board.resetting)
            host_power_on(board.reason);
        if (host_now() >= until_tick)
            return;
    }
}

void host_receive(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes)
{
    if (host_powered())
        link_take(pipe, bytes, n_bytes);
    begin_script();
}

void host_script(const struct edge *edges, uint32_t n_edges)
{
    board.n_edges = n_edges < MOST_EDGES ? n_edges : MOST_EDGES;
    board.script_epoch = sequencer_epoch();
    memcpy(board.edges, edges, board.n_edges * sizeof *edges);
    model_script(NULL, 0, 0);
}

void host_slow_writes(uint32_t ticks) { (void)ticks; } /* the core writes them */
uint32_t host_log(const struct written **log) { return model_log(log); }
void host_forget_log(void) { model_forget_log(); }
