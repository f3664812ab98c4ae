/* Two banks of flash for images, and the record that says which one boots (docs/firmware-protocol.md, section 7, Update). */
#ifndef BOOT_H
#define BOOT_H

#include "layouts.h"
#include <stdbool.h>

enum reset_reason { RESET_POWER, RESET_REQUEST, RESET_WATCHDOG, RESET_FAULT, RESET_ROLLED_BACK };
enum boot_choice { BOOT_SAME, BOOT_PENDING, BOOT_BEFORE };

/* Choose the bank that boots now; what the boot loader does. Return the bank, or 2 when none holds an image that boots. */
uint32_t boot_begin(enum reset_reason reason);

uint32_t boot_version(void); /* of the image that runs */
void boot_tell(struct boot_status *status);
/* What is started by the next reset: NULL, or why that can't be. */
const char *boot_choose(enum boot_choice choice);
bool boot_confirm(void);

/* A new image into the bank that does not run. */
uint32_t boot_max_image(void);
const uint8_t *boot_image(void);
const char *boot_begin_image(void);
bool boot_write_image(uint32_t offset, const uint8_t *bytes, uint32_t n_bytes, bool is_last);
/* Check hash, head and signature; the image is pending then. */
bool boot_end_image(uint32_t n_bytes);

#endif
