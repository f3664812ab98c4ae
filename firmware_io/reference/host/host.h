/* The board that is no board: virtual time, pipes in memory, scripted inputs, a log of outputs, and flash whose power can be cut. */
#ifndef HOST_H
#define HOST_H

#include "board.h"

/* What was written to an output, logged where the register would be, apart from what the firmware says of itself. */
struct written {
    uint64_t tick; /* of the device */
    uint32_t kind; /* 1 lines, 2 update of tones, 3 settings of a tone, 4 begin of a shot (of a core) */
    uint32_t value; /* levels; mask of tones; frequency */
    uint32_t tone;
    uint16_t amplitude, phase;
};

/* From the tick `tick` of each block on, input `input` has this level. In order of ticks. */
struct edge { uint64_t tick; uint32_t input, level; };

void host_power_on(uint8_t reason);
void host_run(uint64_t until_tick);
uint64_t host_now(void);
uint64_t host_epoch(void);
void host_receive(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes);
uint32_t host_sent(uint32_t pipe, uint8_t *bytes, uint32_t room);
void host_forget_sent(void);
void host_script(const struct edge *edges, uint32_t n_edges);
/* Settings of a tone take so many ticks where interrupts are held off, as on a serial line; 0 at first. */
void host_slow_writes(uint32_t ticks);
uint32_t host_log(const struct written **log);
void host_forget_log(void);

uint8_t *host_flash(void);
void host_flash_at(uint8_t *memory); /* for instance a mapped file */
/* The power goes at the n-th word that is programmed or page that is erased from now on, half done; 0 never. */
void host_cut_after(uint32_t n_steps, uint32_t seed);
bool host_powered(void);
void host_restore_power(void);
uint32_t host_n_steps(void);

#endif
