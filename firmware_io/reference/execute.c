/* Executing ahead: instructions from the program into the queue of timed events, as far as there is room. */
#include "board.h"
#include "sequencer.h"
#include "sequencer_state.h"
#include <stdatomic.h>

#define AT_A_TIME 256u /* instructions in one call, so that a program without an end leaves time to stop it */

static void put(uint8_t op, uint8_t a, uint16_t b, uint32_t value)
{
    struct timed *const entry = &sequencer.queue[sequencer.n_put % QUEUE];
    entry->tick = sequencer.cursor;
    entry->instruction = sequencer.pc;
    entry->op = op;
    entry->a = a;
    entry->b = b;
    entry->value = value;
    atomic_signal_fence(memory_order_seq_cst); /* whole before the alarm's side sees it */
    sequencer.n_put++;
    if (sequencer.n_put - sequencer.n_taken == 1u) /* the alarm sleeps when it has emptied the queue */
        board_set_alarm(0);
}

static void put_fault(uint8_t code)
{
    put(ENTRY_FAULT, code, 0, 0);
    sequencer.ended = true;
}

static void begin_shot(uint64_t late)
{
    sequencer.pc = 0;
    put(ENTRY_SHOT, 0, 0, late < UINT32_MAX ? (uint32_t)late : UINT32_MAX);
}

static void halt(void)
{
    const struct arming *const arming = &sequencer.arming;
    sequencer.shot++;
    if (sequencer.shot == arming->n_shots) {
        put(ENTRY_END, 0, 0, 0);
        sequencer.ended = true;
        return;
    }
    const uint64_t planned = (uint64_t)sequencer.shot * arming->period_ticks;
    const bool late = arming->period_ticks > 0 && sequencer.cursor > planned;
    if (planned > sequencer.cursor)
        sequencer.cursor = planned;
    begin_shot(late ? sequencer.cursor - planned : 0);
}

static int32_t shifted(int32_t value, int32_t by)
{
    if (by >= 0)
        return (int32_t)((uint32_t)value << by);
    return value < 0 ? (int32_t) ~(~(uint32_t)value >> -by) : value >> -by;
}

static void step(const struct instruction *now)
{
    int32_t *const r = sequencer.registers;
    const int32_t c = (int32_t)now->c;
    uint32_t next = sequencer.pc + 1;
    switch (now->op) {
    case OP_HALT:
        halt();
        return;
    case OP_INPUTS:
    case OP_CLOSE:
        sequencer.blocked = true;
        put(now->op, now->a, now->b, now->c);
        break;
    case OP_WAIT_TRIGGER:
        sequencer.blocked = true; /* carrying it out sets the cursor and where to go on */
        put(now->op, now->a, now->b, now->c);
        return;
    case OP_MARK:
        put(now->op, now->a, 0, (uint32_t)r[now->a]);
        break;
    case OP_WAIT:
        sequencer.cursor += now->c;
        break;
    case OP_WAIT_REGISTER:
        if (r[now->a] < 0) {
            put_fault(FAULT_WAIT);
            return;
        }
        sequencer.cursor += (uint32_t)r[now->a];
        break;
    case OP_SET: r[now->a] = c; break;
    case OP_ADD: r[now->a] = (int32_t)((uint32_t)r[now->b] + now->c); break;
    case OP_SUM: r[now->a] = (int32_t)((uint32_t)r[now->b] + (uint32_t)r[now->c]); break;
    case OP_DIFFERENCE: r[now->a] = (int32_t)((uint32_t)r[now->b] - (uint32_t)r[now->c]); break;
    case OP_AND: r[now->a] = (int32_t)((uint32_t)r[now->b] & now->c); break;
    case OP_SHIFT: r[now->a] = shifted(r[now->b], c); break;
    case OP_JUMP: next = now->b; break;
    case OP_LOOP:
        r[now->a] = (int32_t)((uint32_t)r[now->a] - 1u);
        next = r[now->a] > 0 ? now->b : next;
        break;
    case OP_JUMP_EQUAL: next = r[now->a] == c ? now->b : next; break;
    case OP_JUMP_UNEQUAL: next = r[now->a] != c ? now->b : next; break;
    case OP_JUMP_BELOW: next = r[now->a] < c ? now->b : next; break;
    case OP_JUMP_NOT_BELOW: next = r[now->a] >= c ? now->b : next; break;
    case OP_STORE:
        if (sequencer.n_results == MAX_RESULTS) {
            put_fault(FAULT_RESULTS);
            return;
        }
        sequencer.results[sequencer.n_results++] = r[now->a];
        break;
    default: /* lines, frequency, amplitude, update, open */
        put(now->op, now->a, now->b, now->c);
        break;
    }
    sequencer.pc = next;
}

void sequencer_execute(void)
{
    uint32_t n_left = AT_A_TIME;
    while (sequencer.state == STATE_RUNNING && !sequencer.blocked && !sequencer.ended) {
        if (sequencer.n_put - sequencer.n_taken > QUEUE - 2u) /* the alarm will ask for more */
            break;
        if (n_left-- == 0) {
            sequencer.behind = true;
            break;
        }
        sequencer.behind = false;
        atomic_signal_fence(memory_order_seq_cst); /* what the alarm's side left in registers is read anew */
        if (sequencer.shot == 0 && sequencer.n_put == 0)
            begin_shot(0);
        step(&sequencer.program[sequencer.pc]);
    }
}
