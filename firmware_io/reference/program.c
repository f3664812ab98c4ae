/* Checks a program whole; see program.h. */
#include "program.h"
#include "layouts.h"
#include "limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What may stand in a field. */
enum rule {
    NONE, /* 0 */
    ANY, REGISTER, TONE, COUNTER, TRIGGER_NUMBER, LINES, TONES, LEVELS, AMPLITUDE, PHASE, SHIFT, TARGET, TARGET_OR_NOWHERE
};

struct form { bool known; uint8_t a, b, c; };

static const struct form forms[] = {
    [OP_HALT] = {true, NONE, NONE, NONE},
    [OP_LINES] = {true, NONE, LINES, LEVELS},
    [OP_FREQUENCY] = {true, TONE, NONE, ANY},
    [OP_AMPLITUDE] = {true, TONE, AMPLITUDE, PHASE},
    [OP_UPDATE] = {true, NONE, TONES, NONE},
    [OP_INPUTS] = {true, REGISTER, NONE, NONE},
    [OP_OPEN] = {true, COUNTER, NONE, NONE},
    [OP_CLOSE] = {true, COUNTER, REGISTER, NONE},
    [OP_WAIT] = {true, NONE, NONE, ANY},
    [OP_WAIT_REGISTER] = {true, REGISTER, NONE, NONE},
    [OP_WAIT_TRIGGER] = {true, TRIGGER_NUMBER, TARGET_OR_NOWHERE, ANY},
    [OP_SET] = {true, REGISTER, NONE, ANY},
    [OP_ADD] = {true, REGISTER, REGISTER, ANY},
    [OP_SUM] = {true, REGISTER, REGISTER, REGISTER},
    [OP_DIFFERENCE] = {true, REGISTER, REGISTER, REGISTER},
    [OP_AND] = {true, REGISTER, REGISTER, ANY},
    [OP_SHIFT] = {true, REGISTER, REGISTER, SHIFT},
    [OP_JUMP] = {true, NONE, TARGET, NONE},
    [OP_LOOP] = {true, REGISTER, TARGET, NONE},
    [OP_JUMP_EQUAL] = {true, REGISTER, TARGET, ANY},
    [OP_JUMP_UNEQUAL] = {true, REGISTER, TARGET, ANY},
    [OP_JUMP_BELOW] = {true, REGISTER, TARGET, ANY},
    [OP_JUMP_NOT_BELOW] = {true, REGISTER, TARGET, ANY},
    [OP_STORE] = {true, REGISTER, NONE, NONE},
    [OP_MARK] = {true, REGISTER, NONE, ANY},
};

static const char *const complaints[] = {
    [NONE] = "a field is not 0", [REGISTER] = "no such register", [TONE] = "no such tone", [COUNTER] = "no such counter",
    [TRIGGER_NUMBER] = "no such trigger", [LINES] = "no such line", [TONES] = "no such tone", [LEVELS] = "a level above line 15",
    [AMPLITUDE] = "amplitude over 16383", [PHASE] = "phase over 65535", [SHIFT] = "shift outside -31 to 31",
    [TARGET] = "no such target", [TARGET_OR_NOWHERE] = "no such target",
};

static bool allows(enum rule rule, uint32_t value, uint32_t count)
{
    switch (rule) {
    case NONE: return value == 0;
    case REGISTER: return value < N_REGISTERS;
    case TONE: return value < N_TONES;
    case COUNTER: return value < N_COUNTERS;
    case TRIGGER_NUMBER: return value <= N_INPUTS;
    case LINES: return value < 1u << N_LINES;
    case TONES: return value < 1u << N_TONES;
    case LEVELS: return value <= 0xffffu;
    case AMPLITUDE: return value <= 16383u;
    case PHASE: return value <= 0xffffu;
    case SHIFT: return value + 31u <= 62u;
    case TARGET: return value < count;
    case TARGET_OR_NOWHERE: return value < count || value == 0xffffu;
    default: return true;
    }
}

static const char *complaint(const struct instruction *now, uint32_t count)
{
    if (now->op >= sizeof forms / sizeof forms[0] || !forms[now->op].known)
        return "unknown instruction";
    const struct form *const form = &forms[now->op];
    const uint32_t values[3] = {now->a, now->b, now->c};
    const enum rule rules[3] = {(enum rule)form->a, (enum rule)form->b, (enum rule)form->c};
    for (uint32_t field = 0; field < 3; field++) {
        if (!allows(rules[field], values[field], count))
            return complaints[rules[field]];
    }
    if (form->b == LINES && (now->c & ~(uint32_t)now->b) != 0)
        return "a level outside the mask";
    return NULL;
}

const char *program_check(const uint8_t *program, uint32_t n_bytes, int32_t *instruction)
{
    static const uint8_t magic[4] = {'Q', 'S', 'E', 'Q'};
    struct program_head head;
    struct instruction now = {0, 0, 0, 0};
    *instruction = -1;
    if (n_bytes < sizeof head)
        return "shorter than a header";
    memcpy(&head, program, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.schema != 1 || head.reserved != 0)
        return "not a program of schema 1";
    if (head.tick_hz != TICK_HZ)
        return "made for another tick";
    if (head.count == 0 || head.count > MAX_INSTRUCTIONS || n_bytes != sizeof head + head.count * sizeof now)
        return "wrong count of instructions";
    for (uint32_t number = 0; number < head.count; number++) {
        memcpy(&now, program + sizeof head + number * sizeof now, sizeof now);
        const char *const wrong = complaint(&now, head.count);
        *instruction = (int32_t)number;
        if (wrong != NULL)
            return wrong;
    }
    return now.op == OP_HALT || now.op == OP_JUMP ? NULL : "the program can run past its end";
}
