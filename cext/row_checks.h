/* Says whether one row of a program is as docs/instruction-format.md wants it: forms, flags, operands, operand lists. */

#ifndef QCTL_ROW_CHECKS_H
#define QCTL_ROW_CHECKS_H

#include <stdint.h>

#include "opcodes.h"

typedef struct {
    uint16_t op, flags;
    uint32_t a, b, c;
} qctl_instruction_t;

#define QCTL_NONE UINT32_C(0xFFFFFFFF)
#define QCTL_EXPRESSION UINT32_C(0x80000000)
#define QCTL_PORT UINT32_C(0x40000000)

#define QCTL_FEW_SYMBOLS 256

enum { QCTL_IMM = 1, QCTL_EXPR = 2, QCTL_WIDE = 4, QCTL_TICKS = 8 };

/* What is there to be named; what is not known yet is as many as fit. */
typedef struct {
    int64_t n_qubits, n_bits, n_ports, n_expressions, n_constants, n_words, n_blocks, n_waveforms, n_captures;
    int64_t n_registers, n_rows;
} qctl_limits_t;

#define QCTL_FAULTS(X)                                                                                                      \
    X(FINE, "") X(BAD_OP, "has an unknown opcode") X(BAD_FLAGS, "has flags that its opcode does not take")                   \
    X(BAD_SYMBOL, "names a symbol that isn't there") X(BAD_VALUE, "names a value that isn't there")                         \
    X(BAD_INDEX, "names a table row that isn't there") X(BAD_LIST, "has its operands not next in the operand list")         \
    X(TWICE, "names a symbol twice") X(BAD_SHAPE, "has the wrong number of symbols or values")                              \
    X(UNUSED, "has an operand that must be empty") X(BAD_BLOCK, "does not fit the block table")                             \
    X(BAD_ELSE, "is an else that follows no if") X(BAD_CALL, "calls no finished subroutine")                                \
    X(TOO_DEEP, "is nested over 64 deep") X(NOT_IN_LOOP, "is outside of any loop") X(OPEN, "leaves blocks open at its end") \
    X(LEFT_OVER, "leaves operand words unused")

#define QCTL_FAULT_NUMBER(name, words) QCTL_##name,
enum { QCTL_FAULTS(QCTL_FAULT_NUMBER) QCTL_N_FAULTS };
#undef QCTL_FAULT_NUMBER

#define QCTL_FAULT_WORDS(name, words) words,
static const char *const qctl_fault_words[] = {QCTL_FAULTS(QCTL_FAULT_WORDS)};
#undef QCTL_FAULT_WORDS

static inline int qctl_known_value(uint32_t word, const qctl_limits_t *limits)
{
    if (word & QCTL_EXPRESSION)
        return (int64_t)(word & ~QCTL_EXPRESSION) < limits->n_expressions;
    return (int64_t)word < limits->n_constants;
}

static inline int qctl_known_symbol(uint32_t word, const qctl_limits_t *limits)
{
    if (word & QCTL_PORT)
        return (int64_t)(word & ~QCTL_PORT) < limits->n_ports;
    return (int64_t)word < limits->n_qubits;
}

/* A row that stands WIDE gives all its symbols, one after the other, then its values, from word `used` on. `marks` has
   one place for each qubit, then one for each port; none of them is `stamp` yet. Without marks only the first symbols
   are compared with each other. */
static inline int qctl_check_list(const qctl_instruction_t *row, const uint32_t *words, int64_t *used, int64_t *marks, int64_t stamp,
    int form, const qctl_limits_t *limits)
{
    if (row->a != *used || (int64_t)row->b + (int64_t)row->c > limits->n_words - *used)
        return QCTL_BAD_LIST;
    for (uint32_t k = 0; k < row->b; k++) {
        uint32_t word = words[*used + k];
        if (form == QCTL_FORM_PORT_WIDE) {
            if (word & QCTL_PORT)
                return QCTL_BAD_SYMBOL;
            word |= QCTL_PORT;
        } else if (form != QCTL_FORM_BARRIER && word & QCTL_PORT) {
            return QCTL_BAD_SYMBOL;
        }
        if (!qctl_known_symbol(word, limits))
            return QCTL_BAD_SYMBOL;
        if (!marks) {
            for (uint32_t j = 0; j < k && k < QCTL_FEW_SYMBOLS; j++)
                if (words[*used + j] == words[*used + k])
                    return QCTL_TWICE;
            continue;
        }
        const int64_t place = word & QCTL_PORT ? limits->n_qubits + (word & ~QCTL_PORT) : word;
        if (marks[place] == stamp)
            return QCTL_TWICE;
        marks[place] = stamp;
    }
    *used += row->b;
    for (uint32_t k = 0; k < row->c; k++)
        if (!qctl_known_value(words[*used + k], limits))
            return QCTL_BAD_VALUE;
    *used += row->c;
    return QCTL_FINE;
}

static inline int qctl_check_value(const qctl_instruction_t *row, const qctl_limits_t *limits, int ticks)
{
    if (row->flags == QCTL_IMM || (ticks && row->flags == QCTL_TICKS))
        return QCTL_FINE;
    if (row->flags != QCTL_EXPR)
        return QCTL_BAD_FLAGS;
    if (row->b >= limits->n_expressions)
        return QCTL_BAD_VALUE;
    return row->c == QCTL_NONE ? QCTL_FINE : QCTL_UNUSED;
}

/* A gate that has its operands in the row: on one or two qubits, with at most one angle, without controls. */
static inline int qctl_check_narrow_gate(const qctl_instruction_t *row, const qctl_op_t *op, const qctl_limits_t *limits)
{
    if (row->a >= limits->n_qubits)
        return QCTL_BAD_SYMBOL;
    if (op->n_qubits == 1 && op->n_params)
        return qctl_check_value(row, limits, 0);
    if (row->flags)
        return QCTL_BAD_FLAGS;
    if (op->n_qubits == 1)
        return row->b == QCTL_NONE && row->c == QCTL_NONE ? QCTL_FINE : QCTL_UNUSED;
    if (row->b >= limits->n_qubits)
        return QCTL_BAD_SYMBOL;
    if (row->a == row->b)
        return QCTL_TWICE;
    if (op->n_params)
        return qctl_known_value(row->c, limits) ? QCTL_FINE : QCTL_BAD_VALUE;
    return row->c == QCTL_NONE ? QCTL_FINE : QCTL_UNUSED;
}

static inline int qctl_is_narrow(const qctl_op_t *op)
{
    return op->form == QCTL_FORM_GATE && (op->n_qubits == 1 || op->n_qubits == 2) && op->n_params <= 1;
}

/* Whether rows of this form always stand WIDE, or this row of a gate must. */
static inline int qctl_is_wide(const qctl_instruction_t *row, const qctl_op_t *op)
{
    return op->form == QCTL_FORM_BARRIER || op->form == QCTL_FORM_PORT_WIDE || op->form == QCTL_FORM_QUBITS_WIDE
        || (op->form == QCTL_FORM_GATE && (!qctl_is_narrow(op) || row->flags >> 8));
}

/* Flags and numbers of a row that stands WIDE; its list is not looked at. */
static inline int qctl_check_shape(const qctl_instruction_t *row, const qctl_op_t *op)
{
    const int64_t n_controls = row->flags >> 8, own = (int64_t)row->b - n_controls;
    const int64_t n_values = op->n_params < 0 ? 1 + 2 * (int64_t)row->b : op->n_params;
    if ((row->flags & 0xFF) != QCTL_WIDE || (n_controls && op->form != QCTL_FORM_GATE))
        return QCTL_BAD_FLAGS;
    if (op->form == QCTL_FORM_GATE && (op->n_qubits < 0 ? own < 2 : own != op->n_qubits))
        return QCTL_BAD_SHAPE;
    if (op->form == QCTL_FORM_PORT_WIDE && row->b != 1)
        return QCTL_BAD_SHAPE;
    return row->c == n_values ? QCTL_FINE : QCTL_BAD_SHAPE;
}

/* A row that is neither a gate nor stands WIDE; of a row of a block, that the block is there. */
static inline int qctl_check_plain(const qctl_instruction_t *row, int form, const qctl_limits_t *limits)
{
    switch (form) {
    case QCTL_FORM_DELAY:
        return qctl_known_symbol(row->a, limits) ? qctl_check_value(row, limits, 1) : QCTL_BAD_SYMBOL;
    case QCTL_FORM_PORT_VALUE:
        return row->a < limits->n_ports ? qctl_check_value(row, limits, 0) : QCTL_BAD_SYMBOL;
    case QCTL_FORM_ASSIGN:
    case QCTL_FORM_SET_BIT:
        if (row->a >= (form == QCTL_FORM_ASSIGN ? limits->n_registers : limits->n_bits))
            return QCTL_BAD_SYMBOL;
        return row->flags == QCTL_EXPR ? qctl_check_value(row, limits, 0) : QCTL_BAD_FLAGS;
    case QCTL_FORM_TICKS:
        if (row->flags != QCTL_TICKS)
            return QCTL_BAD_FLAGS;
        return row->a == QCTL_NONE ? QCTL_FINE : QCTL_UNUSED;
    }
    if (row->flags)
        return QCTL_BAD_FLAGS;
    if (form == QCTL_FORM_RAW)
        return QCTL_FINE;
    if (form == QCTL_FORM_PLAY || form == QCTL_FORM_CAPTURE || form == QCTL_FORM_TTL) {
        if (row->a >= limits->n_ports)
            return QCTL_BAD_SYMBOL;
        if (form != QCTL_FORM_PLAY && row->c != QCTL_NONE)
            return QCTL_UNUSED;
        if (form == QCTL_FORM_TTL)
            return row->b <= 1 ? QCTL_FINE : QCTL_BAD_VALUE;
        if (row->b >= (form == QCTL_FORM_PLAY ? limits->n_waveforms : limits->n_captures))
            return QCTL_BAD_INDEX;
        return row->c == QCTL_NONE || qctl_known_value(row->c, limits) ? QCTL_FINE : QCTL_BAD_VALUE;
    }
    if (row->c != QCTL_NONE)
        return QCTL_UNUSED;
    if (form == QCTL_FORM_MEASURE)
        return row->a < limits->n_qubits && row->b < limits->n_bits ? QCTL_FINE : QCTL_BAD_SYMBOL;
    if (row->b != QCTL_NONE)
        return QCTL_UNUSED;
    switch (form) {
    case QCTL_FORM_QUBIT:
        return row->a < limits->n_qubits ? QCTL_FINE : QCTL_BAD_SYMBOL;
    case QCTL_FORM_BLOCK:
        return row->a < limits->n_blocks ? QCTL_FINE : QCTL_BAD_INDEX;
    case QCTL_FORM_JUMP:
        return row->a < limits->n_rows ? QCTL_FINE : QCTL_BAD_INDEX;
    }
    return row->a == QCTL_NONE ? QCTL_FINE : QCTL_UNUSED;
}

/* A row as it stands alone, and its operand list. */
static inline int qctl_check_row(const qctl_instruction_t *row, const uint32_t *words, int64_t *used, int64_t *marks, int64_t stamp,
    const qctl_limits_t *limits)
{
    const qctl_op_t *op = qctl_op(row->op);
    if (!op->known)
        return QCTL_BAD_OP;
    if (qctl_is_wide(row, op)) {
        const int fault = qctl_check_shape(row, op);
        return fault ? fault : qctl_check_list(row, words, used, marks, stamp, op->form, limits);
    }
    if (op->form == QCTL_FORM_GATE)
        return row->flags & QCTL_WIDE ? QCTL_BAD_FLAGS : qctl_check_narrow_gate(row, op, limits);
    return qctl_check_plain(row, op->form, limits);
}

#endif
