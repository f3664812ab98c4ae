/* The board that is no board; see host.h. */
#include "host.h"
#include "boot.h"
#include "device.h"
#include "limits.h"
#include "link.h"
#include "sequencer.h"
#include <string.h>

#define MOST_WRITTEN 65536u
#define MOST_EDGES 4096u
#define STEP_TICKS 1000u /* the main loop runs at least as often */

const uint16_t board_number = 1;

static struct {
    uint64_t now, alarm, script_epoch;
    bool alarm_set, pended, resetting, locked, in_alarm;
    uint8_t reason;
    uint32_t lines, levels, write_ticks;
    uint32_t counted[N_COUNTERS];
    uint64_t rose[N_COUNTERS]; /* tick of the last edge; one at the tick of open counts, one at that of close does not */
    bool counting[N_COUNTERS];
    uint32_t n_written;
    struct written written[MOST_WRITTEN];
    uint32_t n_edges, n_passed;
    struct edge edges[MOST_EDGES];
} host;

uint64_t board_ticks(void) { return host.now; }
void board_pend(void) { host.pended = true; }
void board_clear_alarm(void) { host.alarm_set = false; }

void board_set_alarm(uint64_t tick)
{
    host.alarm = tick;
    host.alarm_set = true;
}

static void take_alarm(void)
{
    host.alarm_set = false;
    host.in_alarm = true;
    sequencer_due();
    host.in_alarm = false;
}

uint32_t board_lock(void)
{
    const uint32_t was = host.locked;
    host.locked = true;
    return was;
}

/* An alarm that came due between the two comes at once, as interrupts do that were held off. */
void board_unlock(uint32_t was)
{
    host.locked = was != 0;
    if (!host.locked && !host.in_alarm && host.alarm_set && host.alarm <= host.now)
        take_alarm();
}

void host_slow_writes(uint32_t ticks) { host.write_ticks = ticks; }

static void log_write(uint32_t kind, uint32_t value, uint32_t tone, uint32_t amplitude, uint32_t phase)
{
    if (host.n_written < MOST_WRITTEN)
        host.written[host.n_written++] = (struct written){host.now, kind, value, tone, (uint16_t)amplitude, (uint16_t)phase};
}

void board_write_lines(uint32_t word)
{
    host.lines = word;
    log_write(1, word, 0, 0, 0);
}

void board_update_tones(uint32_t mask) { log_write(2, mask, 0, 0, 0); }

void board_stage_tone(uint32_t tone, uint32_t frequency, uint32_t amplitude, uint32_t phase)
{
    log_write(3, frequency, tone, amplitude, phase);
    if (host.locked)
        host.now += host.write_ticks;
}

uint32_t board_read_inputs(void)
{
    const uint32_t pins = (1u << N_PINS) - 1u;
    return (host.levels & pins) | (host.lines & ((1u << (N_INPUTS - N_PINS)) - 1u)) << N_PINS;
}

void board_open_counter(uint32_t counter)
{
    host.counted[counter] = host.rose[counter] == host.now;
    host.counting[counter] = true;
}

uint32_t board_close_counter(uint32_t counter)
{
    const bool was = host.counting[counter];
    host.counting[counter] = false;
    return was ? host.counted[counter] - (host.rose[counter] == host.now) : 0;
}

static void rise(uint32_t input)
{
    if (input < N_COUNTERS) {
        host.counted[input]++;
        host.rose[input] = host.now;
    }
    sequencer_trigger(input + 1, host.now);
}

/* Go to a tick, through all edges of inputs until then. */
static void pass_to(uint64_t tick)
{
    const uint64_t epoch = sequencer_epoch();
    if (epoch != host.script_epoch) {
        host.script_epoch = epoch;
        host.n_passed = 0;
    }
    while (host.n_passed < host.n_edges && epoch != 0 && epoch + host.edges[host.n_passed].tick <= tick) {
        const struct edge edge = host.edges[host.n_passed++];
        const uint32_t was = host.levels;
        if (epoch + edge.tick > host.now)
            host.now = epoch + edge.tick;
        host.levels = edge.level ? was | 1u << edge.input : was & ~(1u << edge.input);
        if (edge.level && !(was >> edge.input & 1u))
            rise(edge.input);
    }
    if (tick > host.now)
        host.now = tick;
}

void board_wait_until(uint64_t tick) { pass_to(tick); }

static void interrupts(void)
{
    for (;;) {
        if (host.alarm_set && host.alarm <= host.now) {
            take_alarm();
        } else if (host.pended) {
            host.pended = false;
            sequencer_execute();
        } else {
            return;
        }
    }
}

/* The next tick at which anything can happen. */
static uint64_t next_tick(uint64_t until)
{
    uint64_t next = until < host.now + STEP_TICKS ? until : host.now + STEP_TICKS;
    if (host.alarm_set && host.alarm < next)
        next = host.alarm;
    if (host.n_passed < host.n_edges && sequencer_epoch() + host.edges[host.n_passed].tick < next)
        next = sequencer_epoch() + host.edges[host.n_passed].tick;
    return next;
}

void host_run(uint64_t until_tick)
{
    for (;;) {
        interrupts();
        const bool busy = device_poll();
        interrupts();
        if (host.resetting)
            host_power_on(host.reason);
        if (host.now >= until_tick)
            return;
        pass_to(busy ? host.now + 1 : next_tick(until_tick));
    }
}

void host_power_on(uint8_t reason)
{
    host.resetting = false;
    host.alarm_set = host.pended = host.locked = host.in_alarm = false;
    host_forget_sent();
    host_restore_power();
    boot_begin((enum reset_reason)reason);
    device_begin();
}

void board_reset(uint8_t reason)
{
    host.resetting = true;
    host.reason = reason;
}

uint64_t host_now(void) { return host.now; }
uint64_t host_epoch(void) { return sequencer_epoch(); }

void host_receive(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes)
{
    if (!host_powered())
        return;
    link_take(pipe, bytes, n_bytes);
    interrupts();
}

void host_script(const struct edge *edges, uint32_t n_edges)
{
    host.n_edges = n_edges < MOST_EDGES ? n_edges : MOST_EDGES;
    host.n_passed = 0;
    host.levels = 0;
    host.script_epoch = 0;
    memcpy(host.edges, edges, host.n_edges * sizeof *edges);
}

uint32_t host_log(const struct written **log)
{
    *log = host.written;
    return host.n_written;
}

void host_forget_log(void) { host.n_written = 0; }
