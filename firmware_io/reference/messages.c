/* Answers requests; see messages.h. */
#include "messages.h"
#include "board.h"
#include "boot.h"
#include "device.h"
#include "limits.h"
#include "link.h"
#include "objects.h"
#include "sequencer.h"
#include <string.h>

#define PROTOCOL 1u
#define LONGEST_TEXT 60u

typedef uint32_t answer(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply);

static uint8_t asked; /* kind of the request that is being answered */

/* Write a number below 100,000; return its digits. */
static uint32_t write_number(char *at, uint32_t number)
{
    uint32_t unit = 10000, n_digits = 0;
    while (unit > 1 && number < unit)
        unit /= 10;
    for (; unit > 0; unit /= 10)
        at[n_digits++] = (char)('0' + number / unit % 10);
    return n_digits;
}

/* The text ends in the instruction's number, where there is one. */
static uint32_t refuse_at(uint8_t *reply, uint8_t code, const char *text, int32_t instruction)
{
    char words[LONGEST_TEXT + 20] = {0};
    uint32_t n_words = 0;
    while (text[n_words] != 0 && n_words < LONGEST_TEXT) {
        words[n_words] = text[n_words];
        n_words++;
    }
    if (instruction >= 0) {
        static const char at[] = " at ";
        memcpy(words + n_words, at, 4);
        n_words += 4;
        n_words += write_number(words + n_words, (uint32_t)instruction);
    }
    reply[0] = asked;
    reply[1] = code;
    reply[2] = (uint8_t)n_words;
    memcpy(reply + 3, words, n_words);
    return REFUSED | (3 + n_words);
}

static uint32_t refuse(uint8_t *reply, uint8_t code, const char *text)
{
    return refuse_at(reply, code, text, -1);
}

static uint32_t give(uint8_t *reply, const void *bytes, uint32_t n_bytes)
{
    memcpy(reply, bytes, n_bytes);
    return n_bytes;
}

/* The identity ends in the version of what runs, as `identify` tells it; return its length. */
static uint32_t write_identity(char *identity)
{
    static const char begin[] = "qctl,sequencer,1,";
    const uint32_t version = boot_version();
    uint32_t n_bytes = sizeof begin - 1;
    memcpy(identity, begin, n_bytes);
    n_bytes += write_number(identity + n_bytes, version >> 24);
    identity[n_bytes++] = '.';
    n_bytes += write_number(identity + n_bytes, version >> 16 & 0xffu);
    identity[n_bytes++] = '.';
    return n_bytes + write_number(identity + n_bytes, version & 0xffffu);
}

static uint32_t answer_hello(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    char identity[40];
    const uint32_t n_identity = write_identity(identity);
    struct hello hello;
    memcpy(&hello, payload, n_bytes);
    const bool spoken = hello.lowest <= PROTOCOL && PROTOCOL <= hello.highest;
    const struct hello_reply head = {PROTOCOL_LOWEST, PROTOCOL_HIGHEST, spoken ? PROTOCOL : 0, (uint8_t)n_identity};
    memcpy(reply, &head, 7);
    memcpy(reply + 7, identity, n_identity);
    return 7 + n_identity;
}

static uint32_t answer_capabilities(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    const struct sequencer_capabilities capabilities = {
        TICK_HZ, N_LINES, N_INPUTS, N_TONES, N_COUNTERS, N_REGISTERS, 0, MAX_PAYLOAD, MAX_INSTRUCTIONS, MAX_RESULTS, MAX_TRACE,
        MIN_GAP_TICKS, TRIGGER_LATENCY_TICKS, UINT32_MAX, UINT32_MAX, objects_max_bytes(), 0,
    };
    return give(reply, &capabilities, sizeof capabilities);
}

static uint32_t answer_identify(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    const uint32_t version = boot_version();
    const uint32_t update = boot_max_image() > 0 ? HAS_UPDATE : 0;
    const struct identification identification = {
        1, 1, (uint8_t)(version >> 24), (uint8_t)(version >> 16), (uint16_t)version,
        HAS_TONES | HAS_COUNTERS | HAS_TRIGGER | HAS_TRACE | update, WINDOW, 0, MAX_PAYLOAD, TICK_HZ,
        (uint32_t)(board_ticks() / (TICK_HZ / 1000u)),
    };
    return give(reply, &identification, sizeof identification);
}

static uint32_t answer_status(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    const struct arming arming = sequencer_arming();
    const struct status status = {
        (uint8_t)sequencer_state(), 0, link_last_error(), arming.block_number, sequencer_n_begun(), arming.n_shots,
    };
    return give(reply, &status, sizeof status);
}

static uint32_t answer_safe(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes, (void)reply;
    sequencer_silence();
    sequencer_leave_safe();
    return 0;
}

static uint32_t answer_set_reference(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    if (payload[0] != 0)
        return refuse(reply, BAD_RANGE, "this board has no external reference");
    return give(reply, payload, n_bytes);
}

static uint32_t outcome_of(struct outcome outcome, uint8_t *reply)
{
    if (outcome.code != 0)
        return refuse_at(reply, outcome.code, outcome.text, outcome.instruction);
    const uint32_t n_received = objects_received();
    return give(reply, &n_received, sizeof n_received);
}

static uint32_t answer_open_object(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    struct object object;
    memcpy(&object, payload, n_bytes);
    if (object.reserved != 0 || object.reserved_2 != 0)
        return refuse(reply, BAD_PAYLOAD, "a reserved field is not 0");
    if (object.kind != OBJECT_PROGRAM && object.kind != OBJECT_IMAGE)
        return refuse(reply, BAD_RANGE, "an object is a program (1) or an image (2)");
    return outcome_of(objects_open(&object), reply);
}

static uint32_t answer_write_object(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    uint32_t offset;
    memcpy(&offset, payload, sizeof offset);
    return outcome_of(objects_write(offset, payload + 4, n_bytes - 4), reply);
}

static uint32_t answer_close_object(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    return outcome_of(objects_close(), reply);
}

static uint32_t answer_arm(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    struct arming arming;
    memcpy(&arming, payload, n_bytes);
    if (sequencer_state() == STATE_RUNNING || sequencer_state() == STATE_SAFE)
        return refuse(reply, BAD_STATE, sequencer_state() == STATE_SAFE ? "safe until acknowledged by safe" : "a block runs");
    if (!sequencer_has_program())
        return refuse(reply, BAD_STATE, "no program");
    if (arming.block_number == 0 || arming.n_shots == 0)
        return refuse(reply, BAD_RANGE, "block number and shots are at least 1");
    sequencer_arm(&arming);
    return give(reply, payload, n_bytes);
}

static uint32_t answer_start(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    uint32_t block_number;
    memcpy(&block_number, payload, sizeof block_number);
    if (sequencer_state() != STATE_ARMED)
        return refuse(reply, BAD_STATE, "not armed");
    if (block_number != sequencer_arming().block_number)
        return refuse(reply, BAD_RANGE, "another block is armed");
    sequencer_start();
    return give(reply, payload, n_bytes);
}

static uint32_t answer_trigger(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes, (void)reply;
    sequencer_trigger(0, link_received_tick());
    return 0;
}

static uint32_t answer_stop_now(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    sequencer_stop();
    const uint32_t n_begun = sequencer_n_begun();
    return give(reply, &n_begun, sizeof n_begun);
}

static uint32_t answer_read_registers(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    struct registers asked_for;
    memcpy(&asked_for, payload, n_bytes);
    if (asked_for.first + asked_for.count > (int)N_REGISTERS)
        return refuse(reply, BAD_RANGE, "no such register");
    memcpy(reply, payload, n_bytes);
    return n_bytes + give(reply + n_bytes, sequencer_registers() + asked_for.first, asked_for.count * 4u);
}

/* As many of a range of things of one size as there are and fit in a payload. */
static uint32_t give_range(const uint8_t *payload, uint8_t *reply, const void *all, uint32_t n_all, uint32_t size)
{
    struct range range;
    memcpy(&range, payload, sizeof range);
    if (range.reserved != 0)
        return refuse(reply, BAD_PAYLOAD, "a reserved field is not 0");
    if (range.count > (MAX_PAYLOAD - sizeof range) / size)
        return refuse(reply, BAD_RANGE, "more than fits in a reply");
    const uint32_t n_there = range.first < n_all ? n_all - range.first : 0;
    if (range.count > n_there)
        range.count = (uint16_t)n_there;
    memcpy(reply, &range, sizeof range);
    if (range.count == 0)
        return sizeof range;
    return (uint32_t)sizeof range + give(reply + sizeof range, (const uint8_t *)all + range.first * size, range.count * size);
}

static uint32_t answer_read_results(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)n_bytes;
    uint32_t n_results;
    const int32_t *const results = sequencer_results(&n_results);
    return give_range(payload, reply, results, n_results, sizeof *results);
}

static uint32_t answer_read_trace(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)n_bytes;
    uint32_t n_traced;
    const struct traced_event *const trace = sequencer_trace(&n_traced);
    return give_range(payload, reply, trace, n_traced, sizeof *trace);
}

static uint32_t answer_clock(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)n_bytes;
    struct clock clock;
    memcpy(&clock.host_ns, payload, sizeof clock.host_ns);
    clock.received_tick = link_received_tick();
    clock.sent_tick = board_ticks();
    return give(reply, &clock, sizeof clock);
}

static uint32_t answer_set_watchdog(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    uint32_t timeout_ms;
    memcpy(&timeout_ms, payload, sizeof timeout_ms);
    if (timeout_ms == 0 && (sequencer_state() == STATE_ARMED || sequencer_state() == STATE_RUNNING))
        return refuse(reply, BAD_STATE, "a program is armed or runs");
    device_set_watchdog(timeout_ms);
    return give(reply, payload, n_bytes);
}

static uint32_t answer_set_telemetry(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    uint32_t period_ms;
    memcpy(&period_ms, payload, sizeof period_ms);
    device_set_telemetry(period_ms);
    return give(reply, payload, n_bytes);
}

static uint32_t answer_boot_status(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    struct boot_status status;
    boot_tell(&status);
    return give(reply, &status, sizeof status);
}

static uint32_t answer_reboot(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)n_bytes;
    if (payload[0] > BOOT_BEFORE)
        return refuse(reply, BAD_RANGE, "reboot 0, 1 or 2");
    const char *const wrong = boot_choose((enum boot_choice)payload[0]);
    if (wrong != NULL)
        return refuse(reply, BAD_STATE, wrong);
    device_ask_reset();
    return 0;
}

static uint32_t answer_confirm(const uint8_t *payload, uint32_t n_bytes, uint8_t *reply)
{
    (void)payload, (void)n_bytes;
    return boot_confirm() ? 0 : refuse(reply, BAD_FAULT, "flash was not written");
}

static const struct { answer *answer; uint16_t least, most; } table[] = {
    [HELLO] = {answer_hello, 4, 4},
    [STATUS] = {answer_status, 0, 0},
    [SAFE] = {answer_safe, 0, 0},
    [SET_REFERENCE] = {answer_set_reference, 1, 1},
    [IDENTIFY] = {answer_identify, 0, 0},
    [OPEN_OBJECT] = {answer_open_object, sizeof(struct object), sizeof(struct object)},
    [WRITE_OBJECT] = {answer_write_object, 5, MAX_PAYLOAD},
    [CLOSE_OBJECT] = {answer_close_object, 0, 0},
    [ARM] = {answer_arm, sizeof(struct arming), sizeof(struct arming)},
    [START] = {answer_start, 4, 4},
    [TRIGGER] = {answer_trigger, 0, 0},
    [STOP_NOW] = {answer_stop_now, 0, 0},
    [READ_REGISTERS] = {answer_read_registers, 2, 2},
    [READ_RESULTS] = {answer_read_results, 8, 8},
    [READ_TRACE] = {answer_read_trace, 8, 8},
    [CLOCK] = {answer_clock, 8, 8},
    [SET_WATCHDOG] = {answer_set_watchdog, 4, 4},
    [SET_TELEMETRY] = {answer_set_telemetry, 4, 4},
    [BOOT_STATUS] = {answer_boot_status, 0, 0},
    [REBOOT] = {answer_reboot, 1, 1},
    [CONFIRM] = {answer_confirm, 0, 0},
    [SEQUENCER_CAPABILITIES] = {answer_capabilities, 0, 0},
};

uint32_t messages_answer(const struct packet_head *request, const uint8_t *payload, uint8_t *reply)
{
    asked = request->kind;
    if (request->kind >= sizeof table / sizeof table[0] || table[request->kind].answer == NULL)
        return refuse(reply, BAD_KIND, "unknown kind");
    if (request->length < table[request->kind].least || request->length > table[request->kind].most)
        return refuse(reply, BAD_PAYLOAD, "wrong length");
    return table[request->kind].answer(payload, request->length, reply);
}

uint32_t messages_refusal(uint8_t *payload, uint8_t request_kind, uint8_t code, const char *text)
{
    asked = request_kind;
    return refuse(payload, code, text) & ~REFUSED;
}

void messages_new_session(void)
{
    if (sequencer_state() == STATE_ARMED || sequencer_state() == STATE_RUNNING)
        sequencer_silence();
    device_set_watchdog(SESSION_WATCHDOG_MS);
    device_set_telemetry(0);
}
