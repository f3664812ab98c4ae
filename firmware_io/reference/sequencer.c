/* Carrying out: the queue's entries at their ticks, their trace, and the beginning and end of blocks; see sequencer.h. */
#include "sequencer.h"
#include "board.h"
#include "link.h"
#include "sequencer_state.h"
#include <stdatomic.h>
#include <string.h>

#define NOWHERE 0xffffu /* target of wait_trigger: a fault if it does not come */

struct sequencer sequencer;

static void end_block(enum reason reason)
{
    const struct done done = {sequencer.arming.block_number, sequencer.n_begun, (uint8_t)reason, 0, 0};
    board_clear_alarm();
    sequencer.state = STATE_IDLE;
    sequencer.ended = true;
    sequencer.behind = false;
    sequencer.waiting = false;
    sequencer.n_taken = sequencer.n_put;
    link_event(DONE, &done, sizeof done);
}

static void fail(uint8_t code, uint32_t instruction, uint64_t tick, uint32_t value)
{
    const struct fault fault = {code, 0, 0, instruction, tick, value, 0};
    link_event(FAULTED, &fault, sizeof fault);
    end_block(REASON_FAULT);
}

#ifdef MUTANT_LATE /* for tests of the tests: the 3rd level comes 5 ticks late, and is told to have been in time */
static bool is_spoilt(const struct timed *entry) { return entry->op == OP_LINES && sequencer.n_traced == 2; }
#define SPOIL_TIME(entry) if (is_spoilt(entry)) board_wait_until(sequencer.epoch + (entry)->tick + 5)
#define SPOIL_READING(entry, now) if (is_spoilt(entry)) (now) = sequencer.epoch + (entry)->tick
#else
#define SPOIL_TIME(entry) (void)0
#define SPOIL_READING(entry, now) (void)0
#endif
#ifdef MUTANT_SKIP /* the 3rd level is told and never written */
#define WRITE_LINES(word) (sequencer.n_traced == 2 ? (void)0 : board_write_lines(word))
#else
#define WRITE_LINES(word) board_write_lines(word)
#endif

/* What an instruction does at its tick; return the value that the trace shows. */
static uint32_t act(const struct timed *entry, uint32_t *fault)
{
    switch (entry->op) {
    case OP_LINES:
        sequencer.lines = (sequencer.lines & ~(uint32_t)entry->b) | (entry->value & entry->b);
        WRITE_LINES(sequencer.lines);
        return sequencer.lines;
    case OP_UPDATE:
        board_update_tones(entry->b);
        return 0;
    case OP_INPUTS: {
        const uint32_t inputs = board_read_inputs();
        sequencer.registers[entry->a] = (int32_t)inputs;
        return inputs;
    }
    case OP_OPEN:
        board_open_counter(entry->a);
        return 0;
    case OP_CLOSE: {
        const uint32_t count = board_close_counter(entry->a);
        if (count > INT32_MAX)
            *fault = FAULT_COUNT;
        else
            sequencer.registers[entry->b] = (int32_t)count;
        return count;
    }
    default: /* mark */
        return entry->value;
    }
}

static void keep_one(const struct timed *entry, uint32_t value, uint64_t written)
{
    if (sequencer.n_traced == MAX_TRACE)
        return;
    struct traced_event *const traced = &sequencer.trace[sequencer.n_traced++];
    traced->instruction = entry->instruction;
    traced->value = value;
    traced->scheduled = entry->tick;
    traced->written = written;
}

/* An update is traced as two events for each tone, all others as one. */
static void keep(const struct timed *entry, uint32_t value, uint64_t written)
{
    if (entry->op != OP_UPDATE) {
        keep_one(entry, value, written);
        return;
    }
    for (uint32_t tone = 0; tone < N_TONES; tone++) {
        if (entry->b >> tone & 1u) {
            keep_one(entry, sequencer.tones[tone].frequency, written);
            keep_one(entry, sequencer.tones[tone].phase | (uint32_t)sequencer.tones[tone].amplitude << 16, written);
        }
    }
}

static void note_late(uint64_t late, const struct timed *entry)
{
    const uint32_t ticks = late < UINT32_MAX ? (uint32_t)late : UINT32_MAX;
    if (ticks > sequencer.worst_late)
        sequencer.worst_late = ticks;
    if (ticks > sequencer.arming.max_late_ticks && sequencer.arming.max_late_ticks != UINT32_MAX)
        fail(FAULT_LATE, entry->instruction, entry->tick, ticks);
}

/* Carry out a timed instruction. */
static void carry_out(const struct timed *entry)
{
    uint32_t fault = 0;
    SPOIL_TIME(entry);
    const uint32_t value = act(entry, &fault);
    uint64_t now = board_ticks();
    SPOIL_READING(entry, now);
    const uint64_t late = now - sequencer.epoch - entry->tick;
    keep(entry, value, now - sequencer.epoch);
    if (entry->op == OP_MARK) {
        const struct mark mark = {sequencer.program[entry->instruction].c, (int32_t)entry->value, entry->tick};
        if (!link_event(MARKED, &mark, sizeof mark))
            fault = FAULT_RESULTS;
    }
    if (entry->op == OP_INPUTS || entry->op == OP_CLOSE) {
        atomic_signal_fence(memory_order_seq_cst); /* the register first */
        sequencer.blocked = false;
    }
    if (fault != 0)
        fail((uint8_t)fault, entry->instruction, entry->tick, 0);
    else
        note_late(late, entry);
}

/* Settings of a tone go to the synthesiser ahead of the update that makes them count, which then is one edge. */
static void stage(const struct timed *entry)
{
    const uint32_t tone = entry->a;
    if (entry->op == OP_FREQUENCY) {
        sequencer.tones[tone].frequency = entry->value;
    } else {
        sequencer.tones[tone].amplitude = entry->b;
        sequencer.tones[tone].phase = (uint16_t)entry->value;
    }
    board_stage_tone(tone, sequencer.tones[tone].frequency, sequencer.tones[tone].amplitude, sequencer.tones[tone].phase);
}

/* Go on after a trigger, or without one. */
static void resume(uint64_t cursor, uint32_t pc)
{
    sequencer.n_taken++;
    sequencer.waiting = false;
    sequencer.cursor = cursor;
    sequencer.pc = pc;
    atomic_signal_fence(memory_order_seq_cst);
    sequencer.blocked = false;
    board_pend();
}

/* Wait for a trigger, or find that it did not come; true when the alarm has nothing more to do now. */
static bool wait(const struct timed *entry, uint64_t now)
{
    if (sequencer.triggered[entry->a] >= sequencer.epoch + entry->tick) { /* it came while this was on its way */
        resume(sequencer.triggered[entry->a] - sequencer.epoch + TRIGGER_LATENCY_TICKS, entry->instruction + 1);
        return false;
    }
    sequencer.waiting = true;
    if (entry->value == 0)
        return true;
    const uint64_t last = entry->tick + entry->value;
    if (now < last) {
        board_set_alarm(sequencer.epoch + last);
        return true;
    }
    if (entry->b != NOWHERE)
        resume(last, entry->b);
    else
        fail(FAULT_TRIGGER, entry->instruction, last, 0);
    return false;
}

void sequencer_trigger(uint32_t trigger, uint64_t tick)
{
    const uint32_t was = board_lock();
    const struct timed *const entry = &sequencer.queue[sequencer.n_taken % QUEUE];
    sequencer.triggered[trigger] = tick;
    if (sequencer.waiting && entry->a == trigger && tick >= sequencer.epoch + entry->tick)
        resume(tick - sequencer.epoch + TRIGGER_LATENCY_TICKS, entry->instruction + 1);
    board_unlock(was);
}

void sequencer_due(void)
{
    board_clear_alarm();
    while (sequencer.state == STATE_RUNNING && sequencer.n_taken != sequencer.n_put) {
        atomic_signal_fence(memory_order_seq_cst);
        const struct timed *const entry = &sequencer.queue[sequencer.n_taken % QUEUE];
        if (entry->op == OP_FREQUENCY || entry->op == OP_AMPLITUDE) {
            stage(entry);
            sequencer.n_taken++;
            continue;
        }
        const uint64_t due = sequencer.epoch + entry->tick;
        const uint64_t now = board_ticks();
        if (now + ALARM_EARLY < due) {
            board_set_alarm(due - ALARM_EARLY);
            break;
        }
        if (now < due && entry->op != ENTRY_SHOT) /* which leaves the time to the shot's first event */
            board_wait_until(due);
        if (entry->op == OP_WAIT_TRIGGER) {
            if (wait(entry, board_ticks() - sequencer.epoch))
                break;
            continue;
        }
        if (entry->op == ENTRY_SHOT) {
            note_late(entry->value, entry);
            sequencer.n_begun += sequencer.state == STATE_RUNNING;
        } else if (entry->op == ENTRY_END) {
            end_block(REASON_COMPLETE);
        } else if (entry->op == ENTRY_FAULT) {
            fail((uint8_t)entry->a, entry->instruction, entry->tick, 0);
        } else {
            carry_out(entry);
        }
        if (sequencer.state == STATE_RUNNING)
            sequencer.n_taken++;
    }
    if (sequencer.state == STATE_RUNNING && !sequencer.ended && sequencer.n_put - sequencer.n_taken < QUEUE / 2u)
        board_pend();
}

void sequencer_begin(void)
{
    memset(&sequencer, 0, sizeof sequencer);
    board_clear_alarm();
    sequencer_silence();
}

void sequencer_load(const uint8_t *program)
{
    struct program_head head;
    memcpy(&head, program, sizeof head);
    sequencer.program = (const struct instruction *)(const void *)(program + sizeof head);
    sequencer.n_instructions = head.count;
}

bool sequencer_has_program(void) { return sequencer.program != NULL; }

void sequencer_arm(const struct arming *arming)
{
    sequencer.arming = *arming;
    sequencer.n_begun = 0;
    sequencer.state = STATE_ARMED;
}

static void stage_silence(void)
{
    memset(sequencer.tones, 0, sizeof sequencer.tones);
    for (uint32_t tone = 0; tone < N_TONES; tone++)
        board_stage_tone(tone, 0, 0, 0);
}

void sequencer_start(void)
{
    stage_silence();
    sequencer.cursor = 0;
    sequencer.pc = sequencer.shot = 0;
    sequencer.blocked = sequencer.ended = sequencer.behind = sequencer.waiting = false;
    memset(sequencer.registers, 0, sizeof sequencer.registers);
    sequencer.n_put = sequencer.n_taken = 0;
    sequencer.n_results = sequencer.n_traced = sequencer.worst_late = 0;
    sequencer.epoch = board_ticks() + START_TICKS;
    sequencer.state = STATE_RUNNING;
    board_pend();
}

void sequencer_stop(void)
{
    const uint32_t was = board_lock();
    if (sequencer.state == STATE_RUNNING)
        end_block(REASON_STOPPED);
    else if (sequencer.state == STATE_ARMED)
        sequencer.state = STATE_IDLE;
    board_unlock(was);
}

static void lower_outputs(void)
{
    sequencer.lines = 0;
    board_write_lines(0);
    stage_silence();
    board_update_tones((1u << N_TONES) - 1u);
}

void sequencer_silence(void)
{
    const uint32_t was = board_lock();
    sequencer_stop(); /* within: an alarm that is due meanwhile comes at the unlocking, and must find nothing to do */
    lower_outputs();
    board_unlock(was);
}

void sequencer_fail(uint8_t code, uint32_t value)
{
    const uint32_t was = board_lock();
    const bool ran = sequencer.state == STATE_RUNNING;
    const uint64_t tick = ran ? board_ticks() - sequencer.epoch : 0;
    lower_outputs();
    if (ran) {
        fail(code, sequencer.pc, tick, value);
    } else {
        const struct fault fault = {code, 0, 0, 0, 0, value, 0};
        link_event(FAULTED, &fault, sizeof fault);
    }
    sequencer.state = STATE_SAFE;
    board_unlock(was);
}

void sequencer_leave_safe(void)
{
    if (sequencer.state == STATE_SAFE)
        sequencer.state = STATE_IDLE;
}

enum state sequencer_state(void) { return sequencer.state; }
uint64_t sequencer_epoch(void) { return sequencer.epoch; }
struct arming sequencer_arming(void) { return sequencer.arming; }
uint32_t sequencer_n_begun(void) { return sequencer.n_begun; }
uint32_t sequencer_instruction(void) { return sequencer.pc; }
uint32_t sequencer_worst_late(void) { return sequencer.worst_late; }
const int32_t *sequencer_registers(void) { return sequencer.registers; }

const int32_t *sequencer_results(uint32_t *n_results)
{
    *n_results = sequencer.n_results;
    return sequencer.results;
}

const struct traced_event *sequencer_trace(uint32_t *n_traced)
{
    *n_traced = sequencer.n_traced;
    return sequencer.trace;
}
