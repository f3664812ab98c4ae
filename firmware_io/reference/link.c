/* Sessions, numbers, the window and stored replies; see link.h. */
#include "link.h"
#include "board.h"
#include "frame.h"
#include "messages.h"
#include <string.h>

#define NUMBERS 65535u /* numbers go from 1 to this, then to 1 */
#define RESEND_TICKS (TICK_HZ / 10u)
#define MOST_RESENDS 10u
#define MAX_GREETING 128u

struct stored { uint8_t packet[MAX_PACKET]; };
struct event { uint8_t kind, n_bytes; uint8_t payload[24]; };

static struct {
    struct frame_reader readers[N_PIPES];
    struct stored replies[WINDOW];
    uint8_t scratch[MAX_PACKET];
    uint8_t frame[MAX_FRAME];
    uint32_t pipe;        /* of the open session */
    uint32_t n_executed;  /* requests of the open session */
    uint16_t session;     /* 0: none is open */
    uint16_t session_before;
    uint8_t greeting[MAX_GREETING]; /* the stored reply to hello */
    uint16_t expected;
    bool gap_told;
    uint16_t last_error;
    uint32_t n_repeated;
    uint64_t last_heard, received;
    struct event events[EVENTS + FOR_ENDS];
    volatile uint32_t n_queued, n_taken; /* events, ever */
    uint16_t event_number;
    uint32_t n_sends;     /* of the event whose turn it is */
    uint64_t next_send;
} link;

void link_begin(void)
{
    memset(&link, 0, sizeof link);
}

uint64_t link_last_heard(void) { return link.session ? link.last_heard : 0; }
uint16_t link_last_error(void) { return link.last_error; }
uint64_t link_received_tick(void) { return link.received; }
uint32_t link_n_repeated(void) { return link.n_repeated; }

uint32_t link_n_dropped(void)
{
    uint32_t n_dropped = 0;
    for (uint32_t pipe = 0; pipe < N_PIPES; pipe++)
        n_dropped += link.readers[pipe].n_dropped;
    return n_dropped;
}

static void send(uint32_t pipe, uint8_t *packet)
{
    const uint32_t n_bytes = frame_write(packet, link.frame);
    board_send(pipe, link.frame, n_bytes);
}

static void send_now(uint32_t pipe, uint8_t kind, uint16_t session, uint16_t number, const void *payload, uint32_t n_bytes)
{
    const struct packet_head head = {0, kind, session, number, (uint16_t)n_bytes};
    memcpy(link.scratch, &head, sizeof head);
    memcpy(link.scratch + sizeof head, payload, n_bytes);
    send(pipe, link.scratch);
}

static void refuse_number(uint32_t pipe, const struct packet_head *request, uint8_t code, const char *text)
{
    uint8_t payload[64];
    const uint32_t n_bytes = messages_refusal(payload, request->kind, code, text);
    link.last_error = code;
    send_now(pipe, ERROR, request->session, request->number, payload, n_bytes);
}

/* Do what a request asks for, keep the reply, send it. */
static void execute(uint32_t pipe, const struct packet_head *request, const uint8_t *payload)
{
    uint8_t *const packet = request->kind == HELLO ? link.greeting : link.replies[link.n_executed % WINDOW].packet;
    uint8_t *const reply = packet + sizeof(struct packet_head);
    const uint32_t answer = messages_answer(request, payload, reply);
    const bool refused = (answer & REFUSED) != 0;
    const uint8_t kind = refused ? ERROR : (uint8_t)(request->kind | REPLY);
    const struct packet_head head = {0, kind, request->session, request->number, (uint16_t)(answer & ~REFUSED)};
    if (refused)
        link.last_error = reply[1];
    memcpy(packet, &head, sizeof head);
    if (request->kind != HELLO)
        link.n_executed++;
    link.gap_told = false;
    send(pipe, packet);
}

static void greet(uint32_t pipe, const struct packet_head *request, const uint8_t *payload)
{
    struct hello hello;
    if (request->session != 0 && request->session == link.session) {
        link.n_repeated++;
        send(pipe, link.greeting);
        return;
    }
    if (request->session != 0 && request->session == link.session_before)
        return; /* a late one */
    if (request->session == 0 || request->number != 0 || request->length != sizeof hello) {
        refuse_number(pipe, request, BAD_PAYLOAD, "hello has number 0, a session and 4 bytes");
        return;
    }
    memcpy(&hello, payload, sizeof hello);
    const bool spoken = hello.lowest <= PROTOCOL_HIGHEST && hello.highest >= PROTOCOL_LOWEST;
    messages_new_session(); /* first: the end of a block that it stops is no event of the new session */
    const uint32_t was = board_lock();
    link.n_taken = link.n_queued;
    link.n_sends = 0;
    board_unlock(was);
    link.n_executed = 0;
    link.event_number = 1;
    link.expected = 1;
    link.pipe = pipe;
    execute(pipe, request, payload);
    link.session_before = link.session;
    link.session = spoken ? request->session : 0;
}

static void acknowledge(uint16_t number)
{
    if (link.n_sends > 0 && number == link.event_number) {
        link.n_taken++;
        link.n_sends = 0;
        link.event_number = link.event_number == NUMBERS ? 1 : (uint16_t)(link.event_number + 1);
    }
}

static void take_packet(uint32_t pipe, const uint8_t *packet)
{
    struct packet_head head;
    memcpy(&head, packet, sizeof head);
    const uint8_t *const payload = packet + sizeof head;
    link.received = board_ticks();
    if (head.kind == HELLO) {
        greet(pipe, &head, payload);
        if (head.session == link.session) /* not a late one, or one that was refused */
            link.last_heard = link.received;
        return;
    }
    if (link.session == 0 || head.session != link.session) {
        if (head.kind != ACK)
            refuse_number(pipe, &head, BAD_SESSION, "no such session");
        return;
    }
    link.last_heard = link.received;
    link.pipe = pipe;
    if (head.kind == ACK) {
        acknowledge(head.number);
        return;
    }
    const uint32_t ahead = (head.number + NUMBERS - link.expected) % NUMBERS;
    const uint32_t behind = (link.expected + NUMBERS - head.number) % NUMBERS;
    if (head.number == 0) {
        refuse_number(pipe, &head, BAD_SEQUENCE, "number 0");
    } else if (ahead == 0) {
        link.expected = link.expected == NUMBERS ? 1 : (uint16_t)(link.expected + 1);
        execute(pipe, &head, payload);
    } else if (behind <= WINDOW && behind <= link.n_executed) {
        link.n_repeated++;
        send(pipe, link.replies[(link.n_executed - behind) % WINDOW].packet);
    } else if (ahead < WINDOW) {
        if (!link.gap_told)
            link_note(GAP, link.expected, "", 0);
        link.gap_told = true;
    } else {
        refuse_number(pipe, &head, BAD_SEQUENCE, "number outside the window");
    }
}

void link_take(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes)
{
    struct frame_reader *const reader = &link.readers[pipe];
    while (n_bytes-- > 0) {
        if (frame_take(reader, *bytes++))
            take_packet(pipe, reader->bytes);
    }
}

bool link_event(uint8_t kind, const void *payload, uint32_t n_bytes)
{
    const uint32_t was = board_lock();
    const uint32_t most = kind == MARKED ? EVENTS : EVENTS + FOR_ENDS;
    const bool room = link.n_queued - link.n_taken < most;
    if (room) {
        struct event *const event = &link.events[link.n_queued % (EVENTS + FOR_ENDS)];
        event->kind = kind;
        event->n_bytes = (uint8_t)n_bytes;
        memcpy(event->payload, payload, n_bytes);
        link.n_queued++;
    }
    board_unlock(was);
    return room;
}

uint32_t link_mark_room(void)
{
    const uint32_t n_waiting = link.n_queued - link.n_taken;
    return n_waiting < EVENTS ? EVENTS - n_waiting : 0;
}

void link_note(uint8_t kind, uint16_t number, const void *payload, uint32_t n_bytes)
{
    if (link.session != 0)
        send_now(link.pipe, kind, link.session, number, payload, n_bytes);
}

void link_poll(uint64_t now)
{
    if (link.session == 0 || link.n_queued == link.n_taken || (link.n_sends > 0 && now < link.next_send))
        return;
    if (link.n_sends > MOST_RESENDS) {
        acknowledge(link.event_number); /* nobody listens: the next one has its turn */
        return;
    }
    const struct event *const event = &link.events[link.n_taken % (EVENTS + FOR_ENDS)];
    link.n_sends++;
    link.next_send = now + RESEND_TICKS;
    send_now(link.pipe, event->kind, link.session, link.event_number, event->payload, event->n_bytes);
}
