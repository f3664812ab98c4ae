/* Feeds the firmware millions of bytes that no host would send: mutated packets, good packets in a wrong order, garbage.

   fuzz [BYTES [SEED]]: the firmware must neither crash nor hang (the sanitizers and an alarm watch), must answer a good hello after
   each round, and must not say that it has taken a program whose hash is wrong. */
#include "frame.h"
#include "host/host.h"
#include "sequencer.h"
#include "sha256.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t state;

static uint32_t random_below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % n;
}

static uint8_t frame[MAX_FRAME];

static uint32_t packet_frame(uint8_t kind, uint16_t session, uint16_t number, const void *payload, uint32_t n_bytes)
{
    uint8_t packet[MAX_PACKET];
    const struct packet_head head = {1, kind, session, number, (uint16_t)n_bytes};
    memcpy(packet, &head, sizeof head);
    memcpy(packet + sizeof head, payload, n_bytes);
    return frame_write(packet, frame);
}

static uint16_t session = 1, number;

/* A random program, mostly a good one, so that what follows it is reached. */
static uint32_t random_program(uint8_t *program)
{
    static const uint8_t ops[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 32, 33, 34, 35, 36, 37, 48, 49};
    const uint32_t count = 1 + random_below(100);
    const struct program_head head = {{'Q', 'S', 'E', 'Q'}, 1, (uint16_t)count, 1000000, 0};
    memcpy(program, &head, sizeof head);
    for (uint32_t i = 0; i < count; i++) {
        struct instruction now = {ops[random_below(sizeof ops)], 0, 0, 0};
        if (now.op != 0 && now.op != 8 && now.op != 32)
            now.a = (uint8_t)random_below(2);
        now.b = (uint16_t)(now.op >= 32 && now.op <= 37 ? random_below(count) : now.op >= 17 && now.op <= 21 ? random_below(16) : 0);
        if (now.op == 10)
            now.b = random_below(2) ? 0xffff : (uint16_t)random_below(count);
        now.c = now.op == 8 || now.op == 10 || now.op == 16 ? random_below(2000) : now.op >= 34 && now.op <= 37 ? random_below(3) : 0;
        if (now.op == 1 || now.op == 4)
            now.a = 0, now.b = (uint16_t)(1 + random_below(15));
        if (now.op == 1)
            now.c = now.b & random_below(16);
        if (i == count - 1)
            now = (struct instruction){0, 0, 0, 0};
        memcpy(program + sizeof head + i * sizeof now, &now, sizeof now);
    }
    return (uint32_t)sizeof head + count * (uint32_t)sizeof(struct instruction);
}

/* A request that may be good: what its payload needs is filled in by half of the cases. */
static uint32_t random_request(void)
{
    static uint8_t program[1024];
    static uint32_t n_program;
    uint8_t payload[MAX_PAYLOAD] = {0};
    uint8_t kind = (uint8_t)(0x28 + random_below(18));
    static const uint8_t in_order[] = {OPEN_OBJECT, WRITE_OBJECT, CLOSE_OBJECT, ARM, START};
    static uint32_t n_in_order;
    if (random_below(2) == 0)
        kind = in_order[n_in_order++ % sizeof in_order];
    static const uint8_t others[] = {HELLO, STATUS, SAFE, SET_REFERENCE, ACK, 0x3f, 0x00, 0xc1, 0xff};
    if (random_below(16) == 0)
        kind = others[random_below(sizeof others)];
    if (kind == REBOOT && random_below(50) != 0)
        kind = STATUS;
    uint32_t n_bytes = 0;
    const uint32_t word = 1 + random_below(3);
    switch (kind) {
    case HELLO: n_bytes = 4; payload[0] = payload[2] = 1; session = (uint16_t)(1 + random_below(65535)); number = 0; break;
    case SET_REFERENCE: case REBOOT: n_bytes = 1; payload[0] = (uint8_t)random_below(4); break;
    case OPEN_OBJECT: {
        struct object object = {.kind = (uint8_t)(random_below(4) ? 1 : 2)};
        n_program = random_program(program);
        object.length = n_program;
        sha256(program, n_program, object.sha256);
        if (random_below(8) == 0)
            object.sha256[random_below(32)] ^= 1;
        n_bytes = sizeof object;
        memcpy(payload, &object, sizeof object);
        break;
    }
    case WRITE_OBJECT: n_bytes = 4 + n_program; memcpy(payload + 4, program, n_program); break;
    case ARM: {
        const struct arming arming = {word, word, random_below(2) * 1000, random_below(2) ? UINT32_MAX : 10};
        n_bytes = sizeof arming;
        memcpy(payload, &arming, sizeof arming);
        break;
    }
    case START: case SET_TELEMETRY: case SET_WATCHDOG: n_bytes = 4; memcpy(payload, &word, 4); break;
    case READ_REGISTERS: n_bytes = 2; payload[1] = (uint8_t)random_below(20); break;
    case READ_RESULTS: case READ_TRACE: case CLOCK: n_bytes = 8; payload[4] = (uint8_t)random_below(60); break;
    default: break;
    }
    if (random_below(10) == 0)
        n_bytes = random_below(MAX_PAYLOAD + 1);
    if (random_below(20) == 0 && n_bytes > 0)
        payload[random_below(n_bytes)] ^= (uint8_t)(1u << random_below(8));
    const uint16_t off = random_below(10) == 0 ? (uint16_t)(number + random_below(20)) : number;
    const uint32_t n_frame = packet_frame(kind, session, off, payload, n_bytes);
    if (kind != ACK && off == number)
        number = number == 65535 ? 1 : (uint16_t)(number + 1);
    return n_frame;
}

static uint32_t damage(uint32_t n_bytes)
{
    for (uint32_t n = random_below(4); n > 0; n--)
        frame[random_below(n_bytes)] = (uint8_t)random_below(256);
    return random_below(4) == 0 ? random_below(n_bytes + 1) : n_bytes;
}

static void expect_an_answer(void)
{
    static uint8_t sent[65536];
    const uint8_t versions[4] = {1, 0, 1, 0};
    host_sent(0, sent, sizeof sent);
    session = session == 65535 ? 1 : (uint16_t)(session + 1);
    number = 1;
    host_receive(0, (const uint8_t *)"\0", 1);
    host_receive(0, frame, packet_frame(HELLO, session, 0, versions, 4));
    if (host_sent(0, sent, sizeof sent) < 12) {
        fprintf(stderr, "no answer to hello\n");
        abort();
    }
}

int main(int argc, char **argv)
{
    const uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 88172645463325252ull;
    uint64_t n_fed = 0, n_begun = 0;
    host_power_on(0);
    for (uint32_t round = 0; n_fed < most; round++) {
        alarm(20);
        uint32_t n_bytes = random_request();
        const uint32_t how = random_below(16);
        if (how == 0) {
            n_bytes = random_below(MAX_FRAME);
            for (uint32_t i = 0; i < n_bytes; i++)
                frame[i] = (uint8_t)random_below(256);
        } else if (how < 4) {
            n_bytes = damage(n_bytes);
            if (random_below(2) == 0)
                number = number <= 1 ? 65535 : (uint16_t)(number - 1);
        }
        const uint32_t piece = 1 + random_below(n_bytes + 1);
        for (uint32_t at = 0; at < n_bytes; at += piece)
            host_receive(0, frame + at, piece < n_bytes - at ? piece : n_bytes - at);
        n_fed += n_bytes;
        host_run(host_now() + random_below(3000));
        n_begun += sequencer_state() == STATE_RUNNING;
        host_forget_log();
        if (round % 32 == 31)
            expect_an_answer();
    }
    printf("%llu bytes, %llu times a block was running\n", (unsigned long long)n_fed, (unsigned long long)n_begun);
    return n_begun > 0 ? 0 : 1;
}
