/* What a board gives the firmware: time, an alarm, registers of outputs and inputs, byte pipes and flash. One file each fills it. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ticks of TICK_HZ since power-on. */
uint64_t board_ticks(void);
/* Return at this tick; at most ALARM_EARLY ticks away, or past. */
void board_wait_until(uint64_t tick);
#define ALARM_EARLY 4u
/* sequencer_due() is called at this tick, or at once when it is past, above all else in priority. */
void board_set_alarm(uint64_t tick);
void board_clear_alarm(void);
/* sequencer_execute() is called soon: below the alarm in priority, above the main loop. */
void board_pend(void);
/* Nothing of the above runs between these two. */
uint32_t board_lock(void);
void board_unlock(uint32_t was);

void board_write_lines(uint32_t word);
uint32_t board_read_inputs(void);
void board_stage_tone(uint32_t tone, uint32_t frequency, uint32_t amplitude, uint32_t phase);
void board_update_tones(uint32_t mask);
void board_open_counter(uint32_t counter);
uint32_t board_close_counter(uint32_t counter);

/* Send bytes through a pipe: one whole frame. A pipe that takes no more loses them. */
void board_send(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes);
/* The device begins anew; the reason is told in boot status. */
void board_reset(uint8_t reason);

/* Flash that keeps an image in each of two banks and the boot record; no bytes where the board has none. */
#define FLASH_PAGE 1024u
uint32_t board_flash_bytes(void);
const uint8_t *board_flash(void);
bool board_flash_erase(uint32_t page_offset);
bool board_flash_program(uint32_t offset, const void *bytes, uint32_t n_bytes); /* multiples of 4; bits go from 1 to 0 */
extern const uint16_t board_number; /* an image for another board is refused */

#endif
