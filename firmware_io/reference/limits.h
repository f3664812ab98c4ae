/* What one device can hold and do: the numbers that it tells in `capabilities`, and those that size its memory. */
#ifndef LIMITS_H
#define LIMITS_H

#ifndef TICK_HZ /* a build may have other sizes than these, of its core too */
#define TICK_HZ 1000000u
#define N_LINES 8u
#define N_TONES 4u
#define N_COUNTERS 2u
#endif
#define N_INPUTS 8u   /* 0 to 3 are pins; 4 to 7 read lines 0 to 3 back */
#define N_PINS 4u     /* inputs whose rising edges are triggers 1 to 4, and those of the first N_COUNTERS are counted */
#define N_REGISTERS 16u
#define MAX_PAYLOAD 1024u
#define MAX_INSTRUCTIONS 1024u
#define MAX_PROGRAM (16u + 8u * MAX_INSTRUCTIONS)
#define MAX_RESULTS 1024u
#define MAX_TRACE 512u
#define MIN_GAP_TICKS 20u
#define TRIGGER_LATENCY_TICKS 20u
#define WINDOW 8u

#define QUEUE 64u        /* timed instructions that are executed ahead */
#define EVENTS 32u       /* events that wait for their turn to be sent and acknowledged */
#define FOR_ENDS 32u     /* places beyond, which marks may not take: for what faults and ends blocks */
#define START_TICKS 200u /* from the request `start` to tick 0 of the block */

#define FIRMWARE_MAJOR 1u
#define FIRMWARE_MINOR 0u
#define FIRMWARE_PATCH 0u

#endif
