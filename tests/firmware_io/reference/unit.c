/* Unit tests of the firmware's parts, for the sanitizers to watch. */
#include "boot.h"
#include "frame.h"
#include "host/host.h"
#include "lms.h"
#include "program.h"
#include "sha256.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t n_passed;

static void check_at(int line, bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "unit.c:%d: %s\n", line, what);
        exit(1);
    }
    n_passed++;
}
#define CHECK(condition) check_at(__LINE__, (condition), #condition)

static void test_crc_is_that_of_zip(void)
{
    CHECK(crc32("123456789", 9) == 0xcbf43926u); /* the check value of CRC-32/ISO-HDLC */
    CHECK(crc32("", 0) == 0);
}

static void test_sha256_is_that_of_the_standard(void)
{
    static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf}, empty[4] = {0xe3, 0xb0, 0xc4, 0x42}, two[4] = {0x24, 0x8d, 0x6a, 0x61};
    uint8_t digest[32];
    sha256("abc", 3, digest);
    CHECK(memcmp(digest, abc, 4) == 0);
    sha256("", 0, digest);
    CHECK(memcmp(digest, empty, 4) == 0);
    sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
    CHECK(memcmp(digest, two, 4) == 0);
}

/* The hello of docs/firmware-protocol.md, section 5. */
static void test_golden_frame(void)
{
    static const uint8_t golden[] = {0x05, 0x01, 0x01, 0x34, 0x12, 0x01, 0x02, 0x04, 0x02, 0x01, 0x02,
                                     0x01, 0x05, 0x47, 0x09, 0xe6, 0xf8, 0x00};
    uint8_t packet[16] = {0, HELLO, 0x34, 0x12, 0, 0, 4, 0, 1, 0, 1, 0}, frame[MAX_FRAME];
    static struct frame_reader reader;
    CHECK(frame_write(packet, frame) == sizeof golden);
    CHECK(memcmp(frame, golden, sizeof golden) == 0);
    for (uint32_t i = 0; i < sizeof golden; i++)
        CHECK(frame_take(&reader, golden[i]) == (i == sizeof golden - 1));
    CHECK(memcmp(reader.bytes, packet, 12) == 0);
}

static void test_frames_of_every_length_come_back(void)
{
    static uint8_t packet[MAX_PACKET], frame[MAX_FRAME];
    static struct frame_reader reader;
    for (uint32_t length = 0; length <= MAX_PAYLOAD; length++) {
        for (uint32_t zeros = 0; zeros < 3; zeros++) {
            const struct packet_head head = {1, STATUS, 1, 1, (uint16_t)length};
            memcpy(packet, &head, sizeof head);
            for (uint32_t i = 0; i < length; i++)
                packet[sizeof head + i] = (uint8_t)(zeros == 0 ? 0 : zeros == 1 ? 1 + i % 255 : (i * 7 + length) & 0xff);
            const uint32_t n_frame = frame_write(packet, frame);
            CHECK(n_frame <= MAX_FRAME && n_frame <= MOST_COLLECTED + 1);
            for (uint32_t i = 0; i + 1 < n_frame; i++)
                CHECK(frame[i] != 0 && !frame_take(&reader, frame[i]));
            CHECK(frame_take(&reader, 0));
            CHECK(memcmp(reader.bytes, packet, sizeof head + length + 4) == 0);
        }
    }
}

static void test_too_long_a_frame_is_dropped_to_its_end(void)
{
    static struct frame_reader reader;
    for (uint32_t i = 0; i < 5000; i++)
        CHECK(!frame_take(&reader, 1));
    CHECK(!frame_take(&reader, 0));
    CHECK(reader.n_dropped == 1);
    test_golden_frame();
}

static void test_header_of_a_program(void)
{
    uint8_t program[24] = {'Q', 'S', 'E', 'Q', 1, 0, 1, 0, 0x40, 0x42, 0x0f, 0};
    int32_t at;
    CHECK(program_check(program, sizeof program, &at) == NULL);
    for (uint32_t i = 0; i < 16; i++) {
        program[i] ^= 0x80;
        CHECK(program_check(program, sizeof program, &at) != NULL && at == -1);
        program[i] ^= 0x80;
    }
    CHECK(program_check(program, 23, &at) != NULL);
    CHECK(program_check(program, 3, &at) != NULL);
}

static void test_a_blank_flash_runs_what_the_programmer_put_there(void)
{
    struct boot_status status;
    memset(host_flash(), 0xff, board_flash_bytes());
    for (uint32_t n = 1; n < 200; n++) { /* over several pages of records */
        host_power_on(RESET_POWER);
        boot_tell(&status);
        CHECK(status.n_boots == n && status.pending == 0xff && status.confirmed == 1);
        CHECK(status.version_0 == 0xffffffffu && status.version_1 == 0xffffffffu);
    }
}

static void test_short_or_odd_signatures_are_refused(void)
{
    uint8_t key[LMS_KEY_BYTES] = {0, 0, 0, 5, 0, 0, 0, 3}, signature[2508] = {0};
    signature[7] = 3;
    for (uint32_t n = 0; n <= sizeof signature; n++) {
        uint8_t *const exact = malloc(n + 1); /* so that a byte too far is found */
        memcpy(exact, signature, n);
        CHECK(!lms_verify(key, (const uint8_t *)"", 0, exact, n));
        free(exact);
    }
    key[3] = 4;
    CHECK(!lms_verify(key, (const uint8_t *)"", 0, signature, sizeof signature));
}

int main(void)
{
    test_crc_is_that_of_zip();
    test_sha256_is_that_of_the_standard();
    test_golden_frame();
    test_frames_of_every_length_come_back();
    test_too_long_a_frame_is_dropped_to_its_end();
    test_header_of_a_program();
    test_a_blank_flash_runs_what_the_programmer_put_there();
    test_short_or_odd_signatures_are_refused();
    printf("%u checks passed\n", n_passed);
    return 0;
}
