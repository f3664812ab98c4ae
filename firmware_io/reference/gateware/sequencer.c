/* sequencer.h over a core on a bus, in place of ../sequencer.c and ../execute.c: the core executes, this loads, starts and reads. */
#include "../sequencer.h"
#include "../board.h"
#include "../link.h"
#include "bus.h"
#include <string.h>

_Static_assert(MARK_PLACES >= EVENTS, "marks in the core are bounded by the room among the events");

static struct {
    const uint8_t *program; /* its instructions */
    struct arming arming;
    enum state state;
    uint64_t epoch;
    uint32_t n_begun, n_marks, n_results, n_traced, group;
    uint64_t written; /* tick of the trace's group */
    int32_t registers[N_REGISTERS], results[MAX_RESULTS];
    struct traced_event trace[MAX_TRACE];
} sequencer;

static uint64_t read_tick(uint32_t address)
{
    const uint32_t low = bus_read(address);
    return low | (uint64_t)bus_read(address + 1) << 32;
}

static void take_marks(void)
{
    const uint32_t n_marks = bus_read(BUS_N_MARKS);
    while (sequencer.n_marks != n_marks) {
        const uint32_t at = BUS_MARKS + sequencer.n_marks % MARK_PLACES * 4u;
        struct instruction now;
        memcpy(&now, sequencer.program + bus_read(at) * sizeof now, sizeof now);
        const struct mark mark = {now.c, (int32_t)bus_read(at + 1), read_tick(at + 2)};
        (void)link_event(MARKED, &mark, sizeof mark); /* the limit below left room for it */
        sequencer.n_marks++;
    }
    bus_write(BUS_MARKS_TAKEN, n_marks);
    bus_write(BUS_MARK_LIMIT, n_marks + link_mark_room());
}

static void end_block(enum reason reason)
{
    sequencer.n_begun = bus_read(BUS_N_BEGUN);
    const struct done done = {sequencer.arming.block_number, sequencer.n_begun, (uint8_t)reason, 0, 0};
    sequencer.state = STATE_IDLE;
    bus_write(BUS_CONTROL, CONTROL_TOLD);
    link_event(DONE, &done, sizeof done);
}

static void fail(uint8_t code, uint32_t instruction, uint64_t tick, uint32_t value)
{
    const struct fault fault = {code, 0, 0, instruction, tick, value, 0};
    link_event(FAULTED, &fault, sizeof fault);
    end_block(REASON_FAULT);
}

/* Pass on what the core has to tell. */
static void attend(void)
{
    if (sequencer.state != STATE_RUNNING)
        return;
    const uint32_t status = bus_read(BUS_STATUS);
    const uint8_t code = (uint8_t)(status >> 8);
    take_marks();
    if (status & CORE_RUNS)
        return;
    if (code != 0)
        fail(code, bus_read(BUS_FAULT_AT), read_tick(BUS_FAULT_LOW), bus_read(BUS_FAULT_VALUE));
    else
        end_block(status & CORE_COMPLETE ? REASON_COMPLETE : REASON_STOPPED);
}

static bool is_there(void) { return bus_read(BUS_IDENTIFY) == CORE_IDENTITY; }

void sequencer_begin(void)
{
    memset(&sequencer, 0, sizeof sequencer);
    sequencer_silence();
    sequencer.state = is_there() ? STATE_IDLE : STATE_SAFE;
}

void sequencer_due(void) { attend(); } /* the core's interrupt */
void sequencer_execute(void) {}

bool sequencer_allow(void)
{
    attend();
    return false;
}

void sequencer_trigger(uint32_t trigger, uint64_t tick)
{
    (void)tick;
    if (trigger == 0) /* the core sees its inputs itself */
        bus_write(BUS_CONTROL, CONTROL_TRIGGER);
}

void sequencer_load(const uint8_t *program)
{
    struct program_head head;
    uint32_t words[2];
    memcpy(&head, program, sizeof head);
    sequencer.program = program + sizeof head;
    for (uint32_t number = 0; number < head.count; number++) {
        memcpy(words, sequencer.program + number * sizeof words, sizeof words);
        bus_write(BUS_PROGRAM + 2u * number, words[0]);
        bus_write(BUS_PROGRAM + 2u * number + 1u, words[1]);
    }
}

bool sequencer_has_program(void) { return sequencer.program != NULL; }

void sequencer_arm(const struct arming *arming)
{
    sequencer.arming = *arming;
    sequencer.n_begun = 0;
    sequencer.state = STATE_ARMED;
}

void sequencer_start(void)
{
    sequencer.n_marks = sequencer.n_results = sequencer.n_traced = 0;
    sequencer.group = UINT32_MAX;
    bus_write(BUS_N_SHOTS, sequencer.arming.n_shots);
    bus_write(BUS_PERIOD, sequencer.arming.period_ticks);
    bus_write(BUS_MAX_LATE, sequencer.arming.max_late_ticks);
    bus_write(BUS_MARKS_TAKEN, 0);
    bus_write(BUS_MARK_LIMIT, link_mark_room());
    bus_write(BUS_CONTROL, CONTROL_START);
    sequencer.epoch = read_tick(BUS_EPOCH_LOW);
    sequencer.state = STATE_RUNNING;
}

/* What the core ended by itself before it took the command is told as that. */
static void end_by(enum control command)
{
    bus_write(BUS_CONTROL, command);
    attend();
    if (sequencer.state == STATE_ARMED)
        sequencer.state = STATE_IDLE;
}

void sequencer_stop(void) { end_by(CONTROL_STOP); }

void sequencer_silence(void)
{
    end_by(CONTROL_SILENCE);
    while (bus_read(BUS_STATUS) & CORE_SETTLES) {
    }
}

void sequencer_fail(uint8_t code, uint32_t value)
{
    attend();
    if (sequencer.state == STATE_RUNNING) {
        const uint64_t tick = board_ticks() - sequencer.epoch;
        const uint32_t instruction = bus_read(BUS_AT);
        bus_write(BUS_CONTROL, CONTROL_SILENCE);
        take_marks();
        fail(code, instruction, tick, value);
    } else {
        const struct fault fault = {code, 0, 0, 0, 0, value, 0};
        bus_write(BUS_CONTROL, CONTROL_SILENCE);
        link_event(FAULTED, &fault, sizeof fault);
    }
    sequencer.state = STATE_SAFE;
}

void sequencer_leave_safe(void)
{
    if (sequencer.state == STATE_SAFE && is_there())
        sequencer.state = STATE_IDLE;
}

enum state sequencer_state(void)
{
    attend();
    return sequencer.state;
}

uint64_t sequencer_epoch(void) { return sequencer.epoch; }
struct arming sequencer_arming(void) { return sequencer.arming; }
uint32_t sequencer_n_begun(void) { return sequencer.state == STATE_RUNNING ? bus_read(BUS_N_BEGUN) : sequencer.n_begun; }
uint32_t sequencer_instruction(void) { return bus_read(BUS_AT); }
uint32_t sequencer_worst_late(void) { return bus_read(BUS_WORST_LATE); }

const int32_t *sequencer_registers(void)
{
    for (uint32_t number = 0; number < N_REGISTERS; number++)
        sequencer.registers[number] = (int32_t)bus_read(BUS_REGISTER_FILE + number);
    return sequencer.registers;
}

/* Results and trace only grow within a block: what was read once is kept. */
const int32_t *sequencer_results(uint32_t *n_results)
{
    for (const uint32_t n = bus_read(BUS_N_RESULTS); sequencer.n_results < n; sequencer.n_results++)
        sequencer.results[sequencer.n_results] = (int32_t)bus_read(BUS_RESULTS + sequencer.n_results);
    *n_results = sequencer.n_results;
    return sequencer.results;
}

static void read_row(struct traced_event *traced, uint32_t number)
{
    const uint32_t at = BUS_TRACE + 4u * number;
    const uint32_t first = bus_read(at), group = first >> 16;
    if (group != sequencer.group)
        sequencer.written = read_tick(BUS_WRITTEN + 2u * group);
    sequencer.group = group;
    *traced = (struct traced_event){first & 0xffffu, bus_read(at + 1), read_tick(at + 2), sequencer.written};
}

const struct traced_event *sequencer_trace(uint32_t *n_traced)
{
    for (const uint32_t n = bus_read(BUS_N_ROWS); sequencer.n_traced < n; sequencer.n_traced++)
        read_row(&sequencer.trace[sequencer.n_traced], sequencer.n_traced);
    *n_traced = sequencer.n_traced;
    return sequencer.trace;
}
