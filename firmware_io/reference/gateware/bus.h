/* The bus of the sequencer core, as the processor beside it sees it: docs/gateware.md. */
#ifndef BUS_H
#define BUS_H

#include <stdint.h>

/* A board gives these two. */
uint32_t bus_read(uint32_t address);
void bus_write(uint32_t address, uint32_t word);

#define CORE_IDENTITY 0x51534331u

enum bus_register {
    BUS_IDENTIFY, BUS_TICK_LOW, BUS_TICK_HIGH, BUS_CONTROL, BUS_STATUS, BUS_N_SHOTS, BUS_PERIOD, BUS_MAX_LATE, BUS_MARK_LIMIT,
    BUS_MARKS_TAKEN, BUS_N_MARKS, BUS_N_ROWS, BUS_N_RESULTS, BUS_N_BEGUN, BUS_WORST_LATE, BUS_AT, BUS_EPOCH_LOW, BUS_EPOCH_HIGH,
    BUS_FAULT_AT, BUS_FAULT_LOW, BUS_FAULT_HIGH, BUS_FAULT_VALUE,
    BUS_REGISTER_FILE = 0x100, BUS_MARKS = 0x200, BUS_PROGRAM = 0x1000, BUS_RESULTS = 0x2000, BUS_TRACE = 0x3000, BUS_WRITTEN = 0x3800
};

enum control { CONTROL_START = 1, CONTROL_STOP = 2, CONTROL_SILENCE = 4, CONTROL_TRIGGER = 8, CONTROL_TOLD = 16 };
enum core_status { CORE_RUNS = 1, CORE_SETTLES = 2, CORE_COMPLETE = 4 }; /* and a fault's code from bit 8 on */

#define MARK_PLACES 32u

#endif
