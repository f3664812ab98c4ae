/* Rows of gates from columns of opcodes, qubits and angles, in a loop without branches that compilers turn into vectors. */

#ifndef QCTL_BULK_H
#define QCTL_BULK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clones.h"

/* What a gate looks like, by its opcode: the low 32 bits are the row's opcode and flags. */
#define QCTL_WRONG (UINT64_C(1) << 63)
#define QCTL_TWO (UINT64_C(1) << 62)
#define QCTL_ANGLE (UINT64_C(1) << 61)

/* Writes n rows; field c of a gate on two qubits with an angle is left for qctl_number. Returns 0, or another number if
   any opcode, qubit or angle is wrong. */
static QCTL_CLONES uint64_t qctl_rows(
    const int64_t *restrict ops, const int64_t *restrict first, const int64_t *restrict second,
    const uint64_t *restrict angles, ptrdiff_t n, const uint64_t *restrict shapes, uint64_t n_shapes, uint64_t n_qubits,
    uint64_t *restrict rows, uint64_t *restrict n_constants)
{
    uint64_t bad = 0, count = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t op = (uint64_t)ops[i], a = (uint64_t)first[i], b = (uint64_t)second[i], bits = angles[i];
        const uint64_t shape = shapes[op < n_shapes ? op : 0];
        const uint64_t two = (uint64_t)((int64_t)(shape << 1) >> 63), angle = (uint64_t)((int64_t)(shape << 2) >> 63);
        const uint64_t near = a >= n_qubits ? QCTL_WRONG : 0;
        const uint64_t far = (b >= n_qubits ? QCTL_WRONG : 0) | (a == b ? QCTL_WRONG : 0);
        const uint64_t infinite = ((bits & 0x7FF0000000000000) == 0x7FF0000000000000) ? QCTL_WRONG : 0;
        bad |= shape | near | (two & far) | (angle & infinite);
        count += two & angle & 1;
        rows[2 * i] = (shape & 0xFFFFFFFF) | a << 32;
        rows[2 * i + 1] = two ? b | 0xFFFFFFFF00000000 : angle ? bits : ~UINT64_C(0);
    }
    *n_constants = count;
    return bad & QCTL_WRONG;
}

/* Stores the angles of gates on two qubits as constants from number k on, and their numbers in field c. */
static void qctl_number(
    const int64_t *restrict ops, const uint64_t *restrict angles, ptrdiff_t n, const uint64_t *restrict shapes,
    uint64_t *restrict rows, uint64_t *restrict constants, uint64_t k)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if ((~shapes[ops[i]] & (QCTL_TWO | QCTL_ANGLE)) == 0) {
            rows[2 * i + 1] = (rows[2 * i + 1] & 0xFFFFFFFF) | k << 32;
            constants[k++] = angles[i];
        }
    }
}

#endif
