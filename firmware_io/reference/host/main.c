/* The host's board as a program: its pipe is a socket or standard input and output, its time that of the clock on the wall.

   firmware-host [--fast] [--flash FILE] [--log FILE] --stdio | --tcp PORT | --unix PATH | --udp PORT
   Ports are those of 127.0.0.1; 0 is any. Prints "ready ADDRESS" on standard error. With --fast time runs as fast as it can while a block runs. */
#define _GNU_SOURCE
#include "host.h"
#include "limits.h"
#include "sequencer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_AT_ONCE 20000u /* ticks between looks at the pipe: a device too slow for its own clock lags behind the wall's */

static struct { const char *kind, *at, *flash, *log; bool fast; } options;
static int listener = -1, in = -1, out = -1;
static struct sockaddr_in peer;
static socklen_t peer_bytes;
static FILE *log_file;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t wall_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * TICK_HZ + (uint64_t)now.tv_nsec / (1000000000u / TICK_HZ);
}

static _Noreturn void refuse(const char *what, const char *why)
{
    fprintf(stderr, "firmware-host: %s: %s\n"
                    "firmware-host [--fast] [--flash FILE] [--log FILE] --stdio | --tcp PORT | --unix PATH | --udp PORT\n", what, why);
    exit(2);
}

static uint16_t port_of(const char *text)
{
    char *end = NULL;
    const long port = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || port > 65535)
        refuse(text, "is no port from 0 to 65535");
    return (uint16_t)port;
}

static void listen_inet(int kind)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port_of(options.at))};
    socklen_t n_bytes = sizeof address;
    const int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int at = socket(AF_INET, kind, 0);
    setsockopt(at, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(at, (struct sockaddr *)&address, sizeof address) != 0 || (kind == SOCK_STREAM && listen(at, 1) != 0))
        die("bind");
    getsockname(at, (struct sockaddr *)&address, &n_bytes);
    fprintf(stderr, "ready 127.0.0.1:%u\n", ntohs(address.sin_port));
    if (kind == SOCK_STREAM)
        listener = at;
    else
        in = out = at;
}

static void listen_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat there;
    if (strlen(options.at) >= sizeof address.sun_path) {
        fprintf(stderr, "%s: a path of %zu bytes is too long for a socket\n", options.at, strlen(options.at));
        exit(1);
    }
    strncpy(address.sun_path, options.at, sizeof address.sun_path - 1);
    if (lstat(address.sun_path, &there) == 0 && S_ISSOCK(there.st_mode)) /* of a run before; a file stays */
        unlink(address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
        die("bind");
    fprintf(stderr, "ready %s\n", address.sun_path);
}

static void open_pipe(void)
{
    if (strcmp(options.kind, "--tcp") == 0)
        listen_inet(SOCK_STREAM);
    else if (strcmp(options.kind, "--udp") == 0)
        listen_inet(SOCK_DGRAM);
    else if (strcmp(options.kind, "--unix") == 0)
        listen_unix();
    else {
        in = STDIN_FILENO;
        out = STDOUT_FILENO;
        fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
        fprintf(stderr, "ready stdio\n");
    }
}

static bool is_udp(void) { return strcmp(options.kind, "--udp") == 0; }

/* Send what the device sent; a reader who does not read loses it. */
static void send_out(void)
{
    uint8_t bytes[65536];
    const uint32_t n_bytes = host_sent(0, bytes, sizeof bytes);
    for (uint32_t start = 0; start < n_bytes && out >= 0;) {
        uint32_t n = n_bytes - start;
        if (is_udp()) { /* a datagram for each frame */
            n = (uint32_t)((uint8_t *)memchr(bytes + start, 0, n) - (bytes + start)) + 1;
            if (peer_bytes > 0)
                sendto(out, bytes + start, n, MSG_DONTWAIT, (struct sockaddr *)&peer, peer_bytes);
        } else {
            const ssize_t sent = write(out, bytes + start, n);
            if (sent < 0)
                return;
            n = (uint32_t)sent;
        }
        start += n;
    }
}

static void hang_up(void)
{
    if (listener < 0 && !is_udp())
        exit(0);
    if (!is_udp() && in >= 0) {
        close(in);
        in = out = -1;
    }
}

static void take_in(void)
{
    uint8_t bytes[65536];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    const ssize_t n = is_udp() ? recvfrom(in, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_bytes) : read(in, bytes, sizeof bytes);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            hang_up();
        return;
    }
    if (is_udp()) {
        peer = from;
        peer_bytes = from_bytes;
    }
    host_receive(0, bytes, (uint32_t)n);
}

static void write_log(void)
{
    const struct written *log;
    const uint32_t n = host_log(&log);
    for (uint32_t i = 0; log_file != NULL && i < n; i++) {
        fprintf(log_file, "%lld %u %u %u %u %u\n", (long long)(log[i].tick - host_epoch()), log[i].kind, log[i].value, log[i].tone,
                log[i].amplitude, log[i].phase);
    }
    if (log_file != NULL)
        fflush(log_file);
    host_forget_log();
}

static void serve(void)
{
    uint64_t ahead = 0; /* of the wall's clock */
    const uint64_t began = wall_ticks();
    for (;;) {
        const bool runs = sequencer_state() == STATE_RUNNING;
        struct pollfd waits = {.fd = in >= 0 ? in : listener, .events = POLLIN};
        const int ready = poll(&waits, 1, runs ? 0 : 1);
        if (ready > 0 && in >= 0) {
            take_in();
        } else if (ready > 0) {
            in = out = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        }
        if (runs && options.fast)
            ahead += 1000;
        const uint64_t wanted = wall_ticks() - began + ahead, most = host_now() + MOST_AT_ONCE;
        host_run(wanted < most ? wanted : most);
        send_out();
        write_log();
        if (!host_powered())
            exit(3);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const bool reached = strcmp(argv[i], "--tcp") == 0 || strcmp(argv[i], "--udp") == 0 || strcmp(argv[i], "--unix") == 0;
        const bool takes = reached || strcmp(argv[i], "--flash") == 0 || strcmp(argv[i], "--log") == 0;
        if (takes && i + 1 >= argc)
            refuse(argv[i], "has no value behind it");
        if ((reached || strcmp(argv[i], "--stdio") == 0) && options.kind != NULL)
            refuse(argv[i], "a second way to reach it");
        if (strcmp(argv[i], "--fast") == 0)
            options.fast = true;
        else if (strcmp(argv[i], "--stdio") == 0)
            options.kind = argv[i];
        else if (strcmp(argv[i], "--flash") == 0)
            options.flash = argv[++i];
        else if (strcmp(argv[i], "--log") == 0)
            options.log = argv[++i];
        else if (reached) {
            options.kind = argv[i];
            options.at = argv[++i];
        } else
            refuse(argv[i], "there is no such option");
    }
    if (options.kind == NULL)
        refuse("--stdio, --tcp, --unix or --udp", "one of them is needed");
    signal(SIGPIPE, SIG_IGN);
    if (options.log != NULL && (log_file = fopen(options.log, "w")) == NULL)
        die(options.log);
    if (options.flash != NULL) {
        const int file = open(options.flash, O_RDWR | O_CREAT, 0644);
        const off_t had = file < 0 ? -1 : lseek(file, 0, SEEK_END);
        if (had < 0 || ftruncate(file, (off_t)board_flash_bytes()) != 0)
            die(options.flash);
        uint8_t *const at = mmap(NULL, board_flash_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (at == MAP_FAILED)
            die(options.flash);
        if (had == 0)
            memset(at, 0xff, board_flash_bytes());
        host_flash_at(at);
    }
    host_power_on(0);
    open_pipe();
    serve();
}
