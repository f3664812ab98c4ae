/* The main loop's body, and what silence of the host leads to. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stdint.h>

void device_begin(void);
/* Do what is due; true if it must be called again before anything happens. */
bool device_poll(void);
void device_set_watchdog(uint32_t timeout_ms);
void device_set_telemetry(uint32_t period_ms);
/* Reset soon, when the reply is out. */
void device_ask_reset(void);
#define SESSION_WATCHDOG_MS 1000u

#endif
