/* What executing ahead (execute.c) and carrying out (sequencer.c) share; nobody else includes it. */
#ifndef SEQUENCER_STATE_H
#define SEQUENCER_STATE_H

#include "layouts.h"
#include "limits.h"
#include <stdbool.h>

/* Entries of the queue that are no instruction. */
#define ENTRY_SHOT 0x80u  /* a shot begins, `value` ticks late */
#define ENTRY_END 0x81u   /* the block is complete */
#define ENTRY_FAULT 0x82u /* a fault with code `a` */

struct timed {
    uint64_t tick; /* from the block's start */
    uint32_t instruction, value;
    uint16_t b;
    uint8_t op, a;
};

struct sequencer {
    const struct instruction *program;
    uint32_t n_instructions;
    struct arming arming;
    volatile enum state state;
    uint64_t epoch; /* tick of the device at which the block began */

    /* The cursor's side. */
    uint64_t cursor;
    uint32_t pc, shot;
    volatile bool blocked; /* until an input, a count or a trigger is there */
    bool ended;            /* no more of this block is to be executed */
    volatile bool behind;
    int32_t registers[N_REGISTERS];
    uint32_t n_results;
    int32_t results[MAX_RESULTS];

    /* The queue: put by the cursor's side, taken by the alarm's. */
    struct timed queue[QUEUE];
    volatile uint32_t n_put, n_taken;

    /* The alarm's side. */
    uint32_t lines;
    struct { uint32_t frequency; uint16_t amplitude, phase; } tones[N_TONES];
    bool waiting; /* for a trigger, from the tick of the queue's first entry on */
    uint64_t triggered[N_INPUTS + 1]; /* tick of the device of the last trigger of each number */
    uint32_t n_begun, worst_late, n_traced;
    struct traced_event trace[MAX_TRACE];
};

extern struct sequencer sequencer;

#endif
