/* Executes programs: ahead of time into a queue of timed events, which an alarm carries out (docs/firmware-instructions.md). */
#ifndef SEQUENCER_H
#define SEQUENCER_H

#include "layouts.h"
#include "limits.h"
#include <stdbool.h>

void sequencer_begin(void);

/* The alarm is due; and executing ahead. Both are interrupts on a microcontroller. */
void sequencer_due(void);
void sequencer_execute(void);
/* A trigger came: 0 by message, n by input n - 1. */
void sequencer_trigger(uint32_t trigger, uint64_t tick);

/* Take a checked program (which stays where it is) or none; not while one is armed or runs. */
void sequencer_load(const uint8_t *program);
bool sequencer_has_program(void);
void sequencer_arm(const struct arming *arming);
void sequencer_start(void);
/* End a block that is armed or runs; outputs stay as they are. */
void sequencer_stop(void);
/* The same, with all lines low and all tones silent. */
void sequencer_silence(void);
/* Silence because of a fault that came from outside the program: state is `safe` until acknowledged. */
void sequencer_fail(uint8_t code, uint32_t value);
void sequencer_leave_safe(void);

enum state sequencer_state(void);
/* True while there is work that sequencer_execute() left for its next call. */
bool sequencer_behind(void);
uint64_t sequencer_epoch(void);
struct arming sequencer_arming(void);
uint32_t sequencer_n_begun(void);
uint32_t sequencer_instruction(void);
uint32_t sequencer_worst_late(void);
const int32_t *sequencer_registers(void);
const int32_t *sequencer_results(uint32_t *n_results);
const struct traced_event *sequencer_trace(uint32_t *n_traced);

#endif
