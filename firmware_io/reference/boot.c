/* Two banks of flash for images, and the record that says which one boots; see boot.h.

   Flash is two pages for the record, then the two banks. A record is written after the one before, and counts from the moment its
   last word is there; when a page is full, the other one is erased and goes on. So each cut of power leaves either record. */
#include "boot.h"
#include "board.h"
#include "frame.h"
#include "image_key.h"
#include "limits.h"
#include "lms.h"
#include <string.h>

#define NONE 0xffu
#define NO_VERSION 0xffffffffu
#define SLOTS (FLASH_PAGE / (uint32_t)sizeof(struct record))
#define BUILT_IN (FIRMWARE_MAJOR << 24 | FIRMWARE_MINOR << 16 | FIRMWARE_PATCH)

enum trial { NO_TRIAL, TRIAL_ASKED, TRIAL_RUNS };

struct record {
    uint32_t sequence;
    uint8_t bank;    /* confirmed */
    uint8_t pending; /* holds an image that was checked, or NONE */
    uint8_t trial;
    uint8_t reserved;
    uint32_t n_boots, n_rolled_back, crc;
};

static struct {
    struct record record;
    uint32_t page, slot; /* where the newest record stands */
    uint32_t running;    /* bank; 2: no image, the firmware that a programmer put there */
    uint8_t reason;
    uint32_t versions[2];
    uint8_t tail[4]; /* of an image: what is not yet a whole word */
    uint32_t n_written;
} boot;

static uint32_t bank_bytes(void)
{
    return board_flash_bytes() == 0 ? 0 : (board_flash_bytes() - 2 * FLASH_PAGE) / 2;
}

static uint32_t bank_at(uint32_t bank) { return 2 * FLASH_PAGE + bank * bank_bytes(); }
static uint32_t other_bank(void) { return boot.running == 0 ? 1 : 0; }
static uint32_t slot_at(uint32_t page, uint32_t slot) { return page * FLASH_PAGE + slot * (uint32_t)sizeof(struct record); }

static bool slot_is_free(uint32_t page, uint32_t slot)
{
    for (uint32_t i = 0; i < sizeof(struct record); i++) {
        if (board_flash()[slot_at(page, slot) + i] != 0xff)
            return false;
    }
    return true;
}

static void find_record(void)
{
    memset(&boot.record, 0, sizeof boot.record);
    boot.record.pending = NONE;
    boot.page = 1;
    boot.slot = SLOTS; /* the first record erases page 0 */
    for (uint32_t page = 0; page < 2; page++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            struct record found;
            memcpy(&found, board_flash() + slot_at(page, slot), sizeof found);
            if (found.crc != crc32(&found, sizeof found - 4) || found.sequence <= boot.record.sequence || found.sequence == NO_VERSION)
                continue;
            boot.record = found;
            boot.page = page;
            boot.slot = slot;
        }
    }
}

static bool write_record(void)
{
    boot.record.sequence++;
    boot.record.crc = crc32(&boot.record, sizeof boot.record - 4);
    while (++boot.slot < SLOTS) {
        if (slot_is_free(boot.page, boot.slot) && board_flash_program(slot_at(boot.page, boot.slot), &boot.record, sizeof boot.record))
            return true;
    }
    boot.page ^= 1u;
    boot.slot = 0;
    return board_flash_erase(boot.page * FLASH_PAGE) && board_flash_program(slot_at(boot.page, 0), &boot.record, sizeof boot.record);
}

/* The version of the image in a bank, if it is one for this board that the key has signed. */
static uint32_t version_in(uint32_t bank)
{
    static const uint8_t magic[4] = {'Q', 'I', 'M', 'G'};
    const uint8_t *const at = board_flash() + bank_at(bank);
    struct image_head head;
    memcpy(&head, at, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.layout != 1 || head.board != board_number)
        return NO_VERSION;
    if (head.length > bank_bytes() - sizeof head || head.signature_length > bank_bytes() - sizeof head - head.length)
        return NO_VERSION;
    const uint32_t n_signed = (uint32_t)sizeof head + head.length;
    return lms_verify(image_key, at, n_signed, at + n_signed, head.signature_length) ? head.version : NO_VERSION;
}

uint32_t boot_begin(enum reset_reason reason)
{
    boot.reason = (uint8_t)reason;
    boot.running = 2;
    boot.versions[0] = boot.versions[1] = NO_VERSION;
    if (board_flash_bytes() == 0)
        return boot.running;
    find_record();
    boot.versions[0] = version_in(0);
    boot.versions[1] = version_in(1);
    struct record *const record = &boot.record;
    record->n_boots++;
    const uint8_t trial = record->trial;
    record->trial = NO_TRIAL;
    boot.running = record->bank;
    if (trial == TRIAL_RUNS) {
        record->n_rolled_back++;
        boot.reason = RESET_ROLLED_BACK;
    } else if (trial == TRIAL_ASKED && record->pending != NONE && boot.versions[record->pending] != NO_VERSION) {
        record->trial = TRIAL_RUNS;
        boot.running = record->pending;
    }
    if (trial != NO_TRIAL)
        record->pending = NONE;
    if (boot.versions[boot.running] == NO_VERSION) {
        boot.running ^= 1u;
        if (boot.versions[boot.running] == NO_VERSION)
            boot.running = 2;
        else
            record->bank = (uint8_t)boot.running;
    }
    write_record(); /* before the image begins: a trial that hangs is known as one */
    return boot.running;
}

uint32_t boot_version(void) { return boot.running < 2 ? boot.versions[boot.running] : BUILT_IN; }

void boot_tell(struct boot_status *status)
{
    memset(status, 0, sizeof *status);
    status->bank = boot.running < 2 ? (uint8_t)boot.running : 0;
    status->pending = board_flash_bytes() == 0 ? NONE : boot.record.pending;
    status->confirmed = boot.record.trial != TRIAL_RUNS;
    status->reset_reason = boot.reason;
    status->version_0 = boot.versions[0];
    status->version_1 = boot.versions[1];
    status->n_boots = boot.record.n_boots;
    status->n_rolled_back = boot.record.n_rolled_back;
}

static bool ask_trial(uint8_t bank)
{
    boot.record.pending = bank;
    boot.record.trial = TRIAL_ASKED;
    return write_record();
}

const char *boot_choose(enum boot_choice choice)
{
    const uint8_t other = (uint8_t)other_bank();
    if (choice == BOOT_SAME || (choice == BOOT_BEFORE && boot.record.trial == TRIAL_RUNS))
        return NULL;
    if (boot.record.trial == TRIAL_RUNS)
        return "the running image is on trial";
    if (choice == BOOT_PENDING ? board_flash_bytes() == 0 || boot.record.pending != other : boot.versions[other] == NO_VERSION)
        return "no such image";
    return ask_trial(other) ? NULL : "flash was not written";
}

bool boot_confirm(void)
{
    if (boot.record.trial != TRIAL_RUNS)
        return true;
    boot.record.bank = (uint8_t)boot.running;
    boot.record.trial = NO_TRIAL;
    return write_record();
}

uint32_t boot_max_image(void) { return bank_bytes(); }
const uint8_t *boot_image(void) { return board_flash() + bank_at(other_bank()); }

const char *boot_begin_image(void)
{
    if (boot.record.trial == TRIAL_RUNS)
        return "the running image is on trial, and the one before still needed";
    boot.n_written = 0;
    boot.versions[other_bank()] = NO_VERSION;
    if (boot.record.pending == NONE && boot.record.trial == NO_TRIAL)
        return NULL;
    boot.record.pending = NONE;
    boot.record.trial = NO_TRIAL;
    return write_record() ? NULL : "flash was not written";
}

static bool write_word(void)
{
    const uint32_t offset = bank_at(other_bank()) + boot.n_written - 4;
    return (offset % FLASH_PAGE != 0 || board_flash_erase(offset)) && board_flash_program(offset, boot.tail, 4);
}

bool boot_write_image(uint32_t offset, const uint8_t *bytes, uint32_t n_bytes, bool is_last)
{
    if (offset != boot.n_written)
        return false;
    while (n_bytes-- > 0) {
        boot.tail[boot.n_written++ % 4] = *bytes++;
        if (boot.n_written % 4 == 0 && !write_word())
            return false;
    }
    while (is_last && boot.n_written % 4 != 0) {
        boot.tail[boot.n_written++ % 4] = 0xff;
        if (boot.n_written % 4 == 0 && !write_word())
            return false;
    }
    return true;
}

bool boot_end_image(uint32_t n_bytes)
{
    const uint8_t other = (uint8_t)other_bank();
    struct image_head head;
    memcpy(&head, boot_image(), sizeof head);
    const uint32_t version = version_in(other);
    if (version == NO_VERSION || n_bytes != sizeof head + head.length + head.signature_length)
        return false;
    boot.versions[other] = version;
    boot.record.pending = other;
    return write_record();
}
