/* Looks at all rows of a program in one pass: each as it stands, blocks against their table, nothing left over. */

#ifndef QCTL_PROGRAM_CHECKS_H
#define QCTL_PROGRAM_CHECKS_H

#include <stdlib.h>

#include "narrow.h"
#include "row_checks.h"

#define QCTL_DEEPEST 64
#define QCTL_FEW_ROWS 64 /* so few are sooner looked at one by one than a table for the commonest forms is filled */

enum { QCTL_IF_BLOCK = 2, QCTL_ELSE_BLOCK, QCTL_CALL_BLOCK = 6, QCTL_CAL_BLOCK, QCTL_BOX_BLOCK }; /* as in program/tables.py */

typedef struct {
    const int32_t *rows; /* kind, first, end of each */
    int64_t started, last_if;
    int32_t stack[QCTL_DEEPEST];
    int depth;
} qctl_blocks_t;

static inline int qctl_check_block(int64_t i, const qctl_instruction_t *row, qctl_blocks_t *on)
{
    const int32_t *block = on->rows + 3 * (int64_t)row->a;
    if (row->op == QCTL_OP_CALL)
        return block[0] == QCTL_CALL_BLOCK && block[2] >= 0 && block[2] < i ? QCTL_FINE : QCTL_BAD_CALL;
    if (row->op == QCTL_OP_BEGIN) {
        if (row->a != on->started || block[1] != i)
            return QCTL_BAD_BLOCK;
        if (block[0] == QCTL_ELSE_BLOCK && on->last_if != i - 1)
            return QCTL_BAD_ELSE;
        if (on->depth >= QCTL_DEEPEST)
            return QCTL_TOO_DEEP;
        on->started++;
        on->stack[on->depth++] = (int32_t)row->a;
        return QCTL_FINE;
    }
    if (on->depth == 0 || on->stack[on->depth - 1] != (int32_t)row->a || block[2] != i)
        return QCTL_BAD_BLOCK;
    on->depth--;
    if (block[0] == QCTL_IF_BLOCK)
        on->last_if = i;
    return QCTL_FINE;
}

/* Break and continue belong to the innermost loop of their own routine. */
static int qctl_inside_loop(const qctl_blocks_t *on)
{
    for (int k = on->depth - 1; k >= 0; k--) {
        const int32_t kind = on->rows[3 * (int64_t)on->stack[k]];
        if (kind == QCTL_CALL_BLOCK || kind == QCTL_CAL_BLOCK)
            return QCTL_NOT_IN_LOOP;
        if (kind != QCTL_IF_BLOCK && kind != QCTL_ELSE_BLOCK && kind != QCTL_BOX_BLOCK)
            return QCTL_FINE;
    }
    return QCTL_NOT_IN_LOOP;
}

#define QCTL_NARROW_OPS (QCTL_LAST_GATE + 1) /* opcodes above are rare enough to be looked at one by one */

static void qctl_describe(qctl_narrow_t *narrow, const qctl_limits_t *limits)
{
    const uint32_t n = (uint32_t)limits->n_qubits, n_bits = (uint32_t)limits->n_bits, n_numbers = (uint32_t)limits->n_constants;
    qctl_narrow_close(narrow + QCTL_NARROW_OPS, QCTL_NONE);
    for (uint32_t op = 0; op < QCTL_NARROW_OPS; op++) {
        const qctl_op_t *of = qctl_op(op);
        qctl_narrow_t *to = narrow + op;
        qctl_narrow_close(to, op);
        if (n == 0 || !of->known)
            continue;
        if (of->form == QCTL_FORM_QUBIT || (qctl_is_narrow(of) && of->n_qubits == 1 && of->n_params == 0))
            qctl_narrow_open(to, op, 0, n, QCTL_NONE, 0, QCTL_NONE, 0, 0);
        else if (of->form == QCTL_FORM_MEASURE && n_bits)
            qctl_narrow_open(to, op, 0, n, 0, n_bits - 1, QCTL_NONE, 0, 0);
        else if (qctl_is_narrow(of) && of->n_qubits == 1)
            qctl_narrow_open(to, op, QCTL_IMM, n, 0, QCTL_NONE, 0, QCTL_NONE, 0);
        else if (qctl_is_narrow(of) && of->n_params == 0)
            qctl_narrow_open(to, op, 0, n, 0, n - 1, QCTL_NONE, 0, 1);
        else if (qctl_is_narrow(of) && n_numbers && n_numbers <= QCTL_EXPRESSION)
            qctl_narrow_open(to, op, 0, n, 0, n - 1, 0, n_numbers - 1, 1);
    }
}

/* Returns the first row that is wrong, or n_rows if what is wrong is the whole; -1 if there is no memory for `narrow`.
   `marks` has a zero for each qubit, then one for each port. */
static inline int64_t qctl_check_program(const qctl_instruction_t *rows, const uint32_t *words, const int32_t *blocks, int64_t *marks,
    const qctl_limits_t *limits, int *fault)
{
    qctl_narrow_t *narrow = NULL;
    qctl_blocks_t on = {blocks, 0, -2, {0}, 0};
    int64_t used = 0, i = 0;
    if (limits->n_rows > QCTL_FEW_ROWS) {
        narrow = malloc((QCTL_NARROW_OPS + 1) * sizeof *narrow);
        if (!narrow)
            return -1;
        qctl_describe(narrow, limits);
    }
    *fault = QCTL_FINE;
    for (;; i++) {
        if (narrow)
            i += qctl_narrow_run(narrow, QCTL_NARROW_OPS, rows + i, limits->n_rows - i);
        if (i >= limits->n_rows)
            break;
        *fault = qctl_check_row(rows + i, words, &used, marks, i + 1, limits);
        if (*fault == QCTL_FINE) {
            if (qctl_op(rows[i].op)->form == QCTL_FORM_BLOCK)
                *fault = qctl_check_block(i, rows + i, &on);
            else if (rows[i].op == QCTL_OP_BREAK || rows[i].op == QCTL_OP_CONTINUE)
                *fault = qctl_inside_loop(&on);
        }
        if (*fault)
            break;
    }
    free(narrow);
    if (*fault == QCTL_FINE)
        *fault = on.depth || on.started != limits->n_blocks ? QCTL_OPEN : used != limits->n_words ? QCTL_LEFT_OVER : QCTL_FINE;
    return i;
}

#endif
