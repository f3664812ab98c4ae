/* A core that runs in this process: its bus, its clock, what is put to its pins, and a log of its outputs taken apart from it. */
#ifndef MODEL_H
#define MODEL_H

#include "../host/host.h"

void model_reset(void);
/* Clocks since reset, counted here. */
uint64_t model_ticks(void);
/* Run up to a tick, or until the core wants attention. */
void model_run(uint64_t until_tick);
/* A read takes two clocks, a write one. */
uint32_t model_read(uint32_t address);
void model_write(uint32_t address, uint32_t word);
/* From now on the levels of pins are these, by ticks from `epoch` on; all are low until the first. */
void model_script(const struct edge *edges, uint32_t n_edges, uint64_t epoch);
/* What the output pins did at each edge of the clock: changes of lines, and what synthesisers took from their bus. */
uint32_t model_log(const struct written **log);
void model_forget_log(void);

#endif
