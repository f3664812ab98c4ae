/* The main loop's body; see device.h. */
#include "device.h"
#include "board.h"
#include "boot.h"
#include "link.h"
#include "objects.h"
#include "sequencer.h"

#define TICKS_PER_MS (TICK_HZ / 1000u)
#define RESET_TICKS (20u * TICKS_PER_MS)

static struct {
    uint32_t watchdog_ms, telemetry_ms;
    uint64_t next_telemetry, reset_at;
} device;

void device_begin(void)
{
    device.watchdog_ms = SESSION_WATCHDOG_MS;
    device.telemetry_ms = 0;
    device.reset_at = 0;
    link_begin();
    objects_begin();
    sequencer_begin();
}

void device_set_watchdog(uint32_t timeout_ms) { device.watchdog_ms = timeout_ms; }
void device_ask_reset(void) { device.reset_at = board_ticks() + RESET_TICKS; }

void device_set_telemetry(uint32_t period_ms)
{
    device.telemetry_ms = period_ms;
    device.next_telemetry = board_ticks();
}

static void watch(uint64_t now)
{
    const enum state state = sequencer_state();
    if (device.watchdog_ms == 0 || (state != STATE_ARMED && state != STATE_RUNNING))
        return;
    const uint64_t silence = now - link_last_heard();
    if (silence >= (uint64_t)device.watchdog_ms * TICKS_PER_MS)
        sequencer_fail(FAULT_WATCHDOG, (uint32_t)(silence / TICKS_PER_MS));
}

static void tell(uint64_t now)
{
    if (device.telemetry_ms == 0 || now < device.next_telemetry)
        return;
    device.next_telemetry = now + (uint64_t)device.telemetry_ms * TICKS_PER_MS;
    const struct telemetry telemetry = {
        .tick = now,
        .state = (uint8_t)sequencer_state(),
        .n_dropped = link_n_dropped(),
        .n_repeated = link_n_repeated(),
        .instruction = sequencer_instruction(),
        .n_shots = sequencer_n_begun(),
        .worst_late = sequencer_worst_late(),
    };
    link_note(TELEMETRY, 0, &telemetry, sizeof telemetry);
}

bool device_poll(void)
{
    const uint64_t now = board_ticks();
    if (device.reset_at != 0 && now >= device.reset_at) {
        sequencer_silence();
        board_reset(RESET_REQUEST);
    }
    watch(now);
    tell(now);
    link_poll(now);
    if (!sequencer_behind())
        return false;
    board_pend();
    return true;
}
