/* The bytes of all messages and instructions as structs: little-endian, each field at its natural place, so that no packing is needed. */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs below are what is on the wire");

enum kind {
    HELLO = 0x01, STATUS = 0x07, SAFE = 0x08, SET_REFERENCE = 0x0b, ACK = 0x10,
    IDENTIFY = 0x28, OPEN_OBJECT = 0x29, WRITE_OBJECT = 0x2a, CLOSE_OBJECT = 0x2b, ARM = 0x2c, START = 0x2d, TRIGGER = 0x2e,
    STOP_NOW = 0x2f, READ_REGISTERS = 0x30, READ_RESULTS = 0x31, READ_TRACE = 0x32, CLOCK = 0x33, SET_WATCHDOG = 0x34,
    SET_TELEMETRY = 0x35, BOOT_STATUS = 0x36, REBOOT = 0x37, CONFIRM = 0x38, SEQUENCER_CAPABILITIES = 0x39,
    REPLY = 0x80, DONE = 0xc1, FAULTED = 0xc2, MARKED = 0xc3, GAP = 0xe0, TELEMETRY = 0xe1, ERROR = 0xff
};

enum refusal {
    BAD_KIND = 1, BAD_PAYLOAD, BAD_RANGE, BAD_STATE, BAD_SEQUENCE, BAD_SESSION, BAD_REFERENCE, BAD_FAULT, BAD_HASH, BAD_SIGNATURE,
    BAD_RESOURCE
};

enum state { STATE_IDLE, STATE_RUNNING, STATE_ARMED, STATE_SAFE };
enum reason { REASON_COMPLETE, REASON_STOPPED, REASON_FAULT };
enum fault_code {
    FAULT_LATE = 1, FAULT_WATCHDOG, FAULT_TRIGGER, FAULT_WAIT, FAULT_RESULTS, FAULT_HARDWARE, FAULT_COUNT
};
enum feature { HAS_TONES = 1, HAS_COUNTERS = 2, HAS_TRIGGER = 4, HAS_TRACE = 8, HAS_UPDATE = 16, HAS_REFERENCE = 32 };
enum object_kind { OBJECT_PROGRAM = 1, OBJECT_IMAGE = 2 };

struct packet_head { uint8_t layout, kind; uint16_t session, number, length; };
struct hello { uint16_t lowest, highest; };
struct hello_reply { uint16_t lowest, highest, chosen; uint8_t identity_length; };
struct status { uint8_t state, reference; uint16_t last_error; uint32_t block_number, n_fired, n_shots; };
struct done { uint32_t block_number, n_fired; uint8_t reason, reserved; uint16_t reserved_2; };
struct identification {
    uint16_t instruction_lowest, instruction_highest;
    uint8_t firmware_major, firmware_minor;
    uint16_t firmware_patch;
    uint32_t features;
    uint8_t window, reserved;
    uint16_t max_payload;
    uint32_t tick_hz, uptime_ms;
};
struct sequencer_capabilities {
    uint32_t tick_hz;
    uint8_t n_lines, n_inputs, n_tones, n_counters, n_registers, reserved;
    uint16_t max_payload;
    uint32_t max_instructions, max_results, max_trace, min_gap_ticks, trigger_latency_ticks, max_wait_ticks, max_shots, max_object;
    uint32_t reserved_2;
};
struct object { uint8_t kind, reserved; uint16_t reserved_2; uint32_t length; uint8_t sha256[32]; };
struct arming { uint32_t block_number, n_shots, period_ticks, max_late_ticks; };
struct registers { uint8_t first, count; };
struct range { uint32_t first; uint16_t count, reserved; };
struct clock { uint64_t host_ns, received_tick, sent_tick; };
struct traced_event { uint32_t instruction, value; uint64_t scheduled, written; };
struct fault { uint8_t code, reserved; uint16_t reserved_2; uint32_t instruction; uint64_t tick; uint32_t value, reserved_3; };
struct mark { uint32_t tag; int32_t value; uint64_t tick; };
struct telemetry {
    uint64_t tick;
    uint8_t state, reserved;
    uint16_t reserved_2;
    uint32_t n_dropped, n_repeated, instruction, n_shots, worst_late;
};
struct boot_status {
    uint8_t bank, pending, confirmed, reset_reason;
    uint32_t version_0, version_1, n_boots, n_rolled_back;
    uint8_t reserved[12];
};

struct program_head { uint8_t magic[4]; uint16_t schema, count; uint32_t tick_hz, reserved; };
struct instruction { uint8_t op, a; uint16_t b; uint32_t c; };
struct image_head { uint8_t magic[4]; uint16_t layout, board; uint32_t version, length, signature_length; uint8_t reserved[12]; };

_Static_assert(sizeof(struct identification) == 24 && sizeof(struct sequencer_capabilities) == 48 && sizeof(struct object) == 40, "layout");
_Static_assert(sizeof(struct traced_event) == 24 && sizeof(struct fault) == 24 && sizeof(struct mark) == 16, "layout");
_Static_assert(sizeof(struct telemetry) == 32 && sizeof(struct boot_status) == 32 && sizeof(struct status) == 16, "layout");
_Static_assert(sizeof(struct program_head) == 16 && sizeof(struct instruction) == 8 && sizeof(struct image_head) == 32, "layout");

enum op {
    OP_HALT = 0x00, OP_LINES, OP_FREQUENCY, OP_AMPLITUDE, OP_UPDATE, OP_INPUTS, OP_OPEN, OP_CLOSE, OP_WAIT, OP_WAIT_REGISTER,
    OP_WAIT_TRIGGER, OP_SET = 0x10, OP_ADD, OP_SUM, OP_DIFFERENCE, OP_AND, OP_SHIFT, OP_JUMP = 0x20, OP_LOOP, OP_JUMP_EQUAL,
    OP_JUMP_UNEQUAL, OP_JUMP_BELOW, OP_JUMP_NOT_BELOW, OP_STORE = 0x30, OP_MARK
};

#endif
