/* The core as Verilator translates it, clocked one tick at a time; see model.h. */
#include "Vcore.h"
#include "verilated.h"

extern "C" {
#include "model.h"
}

namespace {

constexpr uint32_t MOST_WRITTEN = 65536, MOST_EDGES = 4096;

VerilatedContext context;
Vcore core{&context};
uint64_t ticks; /* all that is below is from outside the core */
uint32_t lines, n_written, n_edges, n_passed;
written log_rows[MOST_WRITTEN];
edge edges[MOST_EDGES];

void note(uint32_t kind, uint32_t value, uint32_t tone, uint32_t amplitude, uint32_t phase)
{
    if (n_written < MOST_WRITTEN)
        log_rows[n_written++] = written{ticks, kind, value, tone, static_cast<uint16_t>(amplitude), static_cast<uint16_t>(phase)};
}

/* One edge of the clock, then the pins of the new tick. */
void step()
{
    core.clk = 1;
    core.eval();
    ticks++;
    if (core.lines != lines)
        note(1, lines = core.lines, 0, 0, 0);
    if (core.tone_write)
        note(3, core.tone_frequency, core.tone, core.tone_amplitude, core.tone_phase);
    if (core.shot)
        note(4, 0, 0, 0, 0);
    if (core.tone_update)
        note(2, core.tone_update, 0, 0, 0);
    for (; n_passed < n_edges && edges[n_passed].tick <= ticks; n_passed++) {
        const uint32_t bit = 1u << edges[n_passed].input;
        core.pins = edges[n_passed].level ? core.pins | bit : core.pins & ~bit;
    }
    core.clk = 0;
    core.eval();
}

} // namespace

extern "C" {

void model_reset(void)
{
    core.bus_write = 0;
    core.pins = 0;
    n_edges = n_passed = 0;
    core.reset = 1;
    step();
    step();
    core.reset = 0;
    ticks = 0;
}

uint64_t model_ticks(void) { return ticks; }

void model_run(uint64_t until_tick)
{
    while (ticks < until_tick && !core.attention)
        step();
}

uint32_t model_read(uint32_t address)
{
    core.bus_address = address;
    step();
    const uint32_t word = core.bus_read;
    step();
    return word;
}

void model_write(uint32_t address, uint32_t word)
{
    core.bus_address = address;
    core.bus_word = word;
    core.bus_write = 1;
    step();
    core.bus_write = 0;
}

void model_script(const edge *those, uint32_t n, uint64_t epoch)
{
    n_edges = n < MOST_EDGES ? n : MOST_EDGES;
    n_passed = 0;
    core.pins = 0;
    for (uint32_t i = 0; i < n_edges; i++) {
        edges[i] = those[i];
        edges[i].tick += epoch;
    }
}

uint32_t model_log(const written **log)
{
    *log = log_rows;
    return n_written;
}

void model_forget_log(void) { n_written = 0; }
}
