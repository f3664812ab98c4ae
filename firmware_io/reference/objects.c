/* Objects that arrive in pieces; see objects.h. */
#include "objects.h"
#include "board.h"
#include "boot.h"
#include "limits.h"
#include "program.h"
#include "sequencer.h"
#include "sha256.h"
#include <string.h>

/* Two places for programs, so that the one in use is whole until another has been found good. */
static _Alignas(8) uint8_t places[2][MAX_PROGRAM];
static struct {
    struct object object;
    uint32_t n_received;
    uint32_t incoming; /* place of the program that arrives; the other one's is in use */
} objects;

static const struct outcome fine = {0, "", -1};

void objects_begin(void)
{
    memset(&objects, 0, sizeof objects);
}

uint32_t objects_received(void) { return objects.n_received; }

uint32_t objects_max_bytes(void)
{
    const uint32_t image = boot_max_image();
    return image > MAX_PROGRAM ? image : MAX_PROGRAM;
}

struct outcome objects_open(const struct object *object)
{
    if (memcmp(object, &objects.object, sizeof *object) == 0)
        return fine;
    if (object->length == 0)
        return (struct outcome){BAD_RANGE, "an object has at least 1 byte", -1};
    const uint32_t most = object->kind == OBJECT_PROGRAM ? MAX_PROGRAM : boot_max_image();
    if (most == 0)
        return (struct outcome){BAD_KIND, "this board has no second bank for an image", -1};
    if (object->length > most)
        return (struct outcome){BAD_RESOURCE, "no room for an object of this length", -1};
    if (object->kind == OBJECT_IMAGE) {
        const char *const wrong = boot_begin_image();
        if (wrong != NULL)
            return (struct outcome){BAD_STATE, wrong, -1};
    }
    objects.object = *object;
    objects.n_received = 0;
    return fine;
}

struct outcome objects_write(uint32_t offset, const uint8_t *bytes, uint32_t n_bytes)
{
    if (objects.object.kind == 0)
        return (struct outcome){BAD_STATE, "no object is open", -1};
    if (offset != objects.n_received || n_bytes > objects.object.length - offset)
        return (struct outcome){BAD_RANGE, "not the next bytes of the object", -1};
    if (objects.object.kind == OBJECT_PROGRAM) {
        memcpy(places[objects.incoming] + offset, bytes, n_bytes);
    } else if (!boot_write_image(offset, bytes, n_bytes, offset + n_bytes == objects.object.length)) {
        objects.object.kind = 0;
        return (struct outcome){BAD_FAULT, "flash was not written", -1};
    }
    objects.n_received += n_bytes;
    return fine;
}

static struct outcome close_program(void)
{
    int32_t instruction;
    const char *const wrong = program_check(places[objects.incoming], objects.object.length, &instruction);
    if (wrong != NULL)
        return (struct outcome){BAD_RANGE, wrong, instruction};
    sequencer_load(places[objects.incoming]);
    objects.incoming ^= 1u;
    return fine;
}

struct outcome objects_close(void)
{
    struct outcome outcome;
    uint8_t hash[32];
    const struct object *const object = &objects.object;
    if (object->kind == 0)
        return (struct outcome){BAD_STATE, "no object is open", -1};
    const enum state state = sequencer_state();
    if (object->kind == OBJECT_PROGRAM && (state == STATE_ARMED || state == STATE_RUNNING))
        return (struct outcome){BAD_STATE, "a program is armed or runs", -1};
    sha256(object->kind == OBJECT_PROGRAM ? places[objects.incoming] : boot_image(), objects.n_received, hash);
    if (objects.n_received != object->length || memcmp(hash, object->sha256, sizeof hash) != 0)
        outcome = (struct outcome){BAD_HASH, "the bytes that came are not those of the hash", -1};
    else if (object->kind == OBJECT_PROGRAM)
        outcome = close_program();
    else
        outcome = boot_end_image(object->length) ? fine
                                                 : (struct outcome){BAD_SIGNATURE, "not an image that the key has signed", -1};
    objects.object.kind = 0;
    return outcome;
}
