/* Instructions of gates as controlled matrices on at most two qubits; docs/instruction-format.md has the opcodes.

   In a matrix' index bit i is target[i]; the first operand of a gate on two qubits is its more significant bit. */

#ifndef QCTL_STATEVECTOR_GATES_H
#define QCTL_STATEVECTOR_GATES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "row_checks.h"
#include "statevector_steps.h"

typedef qctl_instruction_t qctl_row;

typedef struct {
    const qctl_row *rows;
    const uint32_t *operands;
    const double *constants;
    const double *expressions; /* the value of each */
    int64_t n_operands, n_constants, n_expressions;
    int n_qubits;
} qctl_code;

typedef struct {
    int k;             /* 1 or 2 targets */
    int diagonal;      /* the matrix is, controls or not */
    int target[2];
    uint64_t controls; /* all of these must be 1 */
    uint64_t along;    /* qubits on which it is diagonal: controls, and targets of a diagonal matrix */
    uint64_t across;   /* the others */
    int64_t row;       /* the instruction that it is of */
    double m[32];      /* (2**k, 2**k) complex */
} qctl_gate;

enum { QCTL_OK = 0, QCTL_NO_GATE = 1, QCTL_BAD_OPERAND = 2, QCTL_NO_MEMORY = 3 };

#define QCTL_PI 3.14159265358979323846

static inline void qctl_put(double *m, int at, double re, double im)
{
    m[2 * at] = re;
    m[2 * at + 1] = im;
}

static inline void qctl_diagonal2(double *m, double first, double second)
{
    memset(m, 0, 8 * sizeof(double));
    qctl_put(m, 0, cos(first), sin(first));
    qctl_put(m, 3, cos(second), sin(second));
}

/* e^{i gamma} u(theta, phi, lam) of OpenQASM. */
static inline void qctl_u(double *m, double theta, double phi, double lam, double gamma)
{
    const double c = cos(theta / 2), s = sin(theta / 2);
    qctl_put(m, 0, c * cos(gamma), c * sin(gamma));
    qctl_put(m, 1, -s * cos(gamma + lam), -s * sin(gamma + lam));
    qctl_put(m, 2, s * cos(gamma + phi), s * sin(gamma + phi));
    qctl_put(m, 3, c * cos(gamma + phi + lam), c * sin(gamma + phi + lam));
}

/* exp(-i theta/2 (cos(phi) X + sin(phi) Y)). */
static inline void qctl_turn(double *m, double theta, double phi)
{
    const double c = cos(theta / 2), s = sin(theta / 2);
    qctl_put(m, 0, c, 0);
    qctl_put(m, 1, -s * sin(phi), -s * cos(phi));
    qctl_put(m, 2, s * sin(phi), -s * cos(phi));
    qctl_put(m, 3, c, 0);
}

/* The matrix of a gate on one qubit, or of the target of a controlled one; 0 if it is none. */
static int qctl_matrix1(int op, const double *p, double *m)
{
    static const double h = 0.70710678118654752440;
    memset(m, 0, 8 * sizeof(double));
    switch (op) {
    case QCTL_OP_ID:
        m[0] = m[6] = 1;
        return 1;
    case QCTL_OP_X: case QCTL_OP_CX: case QCTL_OP_CCX:
        m[2] = m[4] = 1;
        return 1;
    case QCTL_OP_Y: case QCTL_OP_CY:
        m[3] = -1;
        m[5] = 1;
        return 1;
    case QCTL_OP_Z: case QCTL_OP_CZ: case QCTL_OP_CCZ:
        m[0] = 1;
        m[6] = -1;
        return 1;
    case QCTL_OP_H: case QCTL_OP_CH:
        m[0] = m[2] = m[4] = h;
        m[6] = -h;
        return 1;
    case QCTL_OP_S:
        m[0] = m[7] = 1;
        return 1;
    case QCTL_OP_SDG:
        m[0] = 1;
        m[7] = -1;
        return 1;
    case QCTL_OP_T:
        m[0] = 1;
        m[6] = m[7] = h;
        return 1;
    case QCTL_OP_TDG:
        m[0] = 1;
        m[6] = h;
        m[7] = -h;
        return 1;
    case QCTL_OP_SX: case QCTL_OP_CSX:
        m[0] = m[1] = m[2] = m[4] = m[6] = m[7] = 0.5;
        m[3] = m[5] = -0.5;
        return 1;
    case QCTL_OP_SXDG:
        m[0] = m[2] = m[3] = m[4] = m[5] = m[6] = 0.5;
        m[1] = m[7] = -0.5;
        return 1;
    case QCTL_OP_P: case QCTL_OP_U1: case QCTL_OP_CP:
        qctl_diagonal2(m, 0, p[0]);
        return 1;
    case QCTL_OP_RX: case QCTL_OP_CRX:
        qctl_turn(m, p[0], 0);
        m[2] = m[4] = 0;
        return 1;
    case QCTL_OP_RY: case QCTL_OP_CRY:
        qctl_turn(m, p[0], QCTL_PI / 2);
        m[3] = m[5] = 0;
        return 1;
    case QCTL_OP_RZ: case QCTL_OP_CRZ:
        qctl_diagonal2(m, -p[0] / 2, p[0] / 2);
        return 1;
    case QCTL_OP_U2:
        qctl_u(m, QCTL_PI / 2, p[0], p[1], 0);
        return 1;
    case QCTL_OP_U: case QCTL_OP_U3:
        qctl_u(m, p[0], p[1], p[2], 0);
        return 1;
    case QCTL_OP_RPHI:
        qctl_turn(m, p[0], p[1]);
        return 1;
    case QCTL_OP_GPHASE:
        qctl_diagonal2(m, p[0], p[0]);
        return 1;
    case QCTL_OP_CU:
        qctl_u(m, p[0], p[1], p[2], p[3]);
        return 1;
    }
    return 0;
}

/* The matrix of a gate on two qubits that is no controlled one (cswap: of its targets); 0 if it is none. */
static int qctl_matrix2(int op, const double *p, double *m)
{
    const double c = op >= QCTL_OP_RXX && op <= QCTL_OP_RZX ? cos(p[0] / 2) : 0, s = op >= QCTL_OP_RXX && op <= QCTL_OP_RZX ? sin(p[0] / 2) : 0;
    double exchange = 0;
    memset(m, 0, 32 * sizeof(double));
    switch (op) {
    case QCTL_OP_SWAP: case QCTL_OP_CSWAP:
        m[2 * 0] = m[2 * 6] = m[2 * 9] = m[2 * 15] = 1;
        return 1;
    case QCTL_OP_ISWAP: case QCTL_OP_ISWAPDG: case QCTL_OP_SQRTISWAP: case QCTL_OP_SQRTISWAPDG: /* exp(i t/2 (XX + YY)) */
        exchange = (op <= QCTL_OP_ISWAPDG ? QCTL_PI / 2 : QCTL_PI / 4) * (op == QCTL_OP_ISWAP || op == QCTL_OP_SQRTISWAP ? 1 : -1);
        m[2 * 0] = m[2 * 15] = 1;
        m[2 * 5] = m[2 * 10] = op <= QCTL_OP_ISWAPDG ? 0 : cos(exchange);
        m[2 * 6 + 1] = m[2 * 9 + 1] = sin(exchange);
        return 1;
    case QCTL_OP_RXX: case QCTL_OP_RYY:
        for (int i = 0; i < 4; i++) {
            m[2 * (5 * i)] = c;
            m[2 * (3 + 3 * i) + 1] = op == QCTL_OP_RYY && (i == 0 || i == 3) ? s : -s;
        }
        return 1;
    case QCTL_OP_RZZ:
        for (int i = 0; i < 4; i++)
            qctl_put(m, 5 * i, c, i == 0 || i == 3 ? -s : s);
        return 1;
    case QCTL_OP_RZX: /* Z on the first operand (bit 1), X on the second */
        for (int i = 0; i < 4; i++) {
            m[2 * (5 * i)] = c;
            m[2 * (4 * i + (i ^ 1)) + 1] = i & 2 ? s : -s;
        }
        return 1;
    }
    return 0;
}

/* How many controls a named gate has itself. */
static inline int qctl_own_controls(int op)
{
    if ((op >= QCTL_OP_CX && op <= QCTL_OP_CSX) || (op >= QCTL_OP_CP && op <= QCTL_OP_CRZ) || op == QCTL_OP_CU || op == QCTL_OP_CSWAP)
        return 1;
    return op == QCTL_OP_CCX || op == QCTL_OP_CCZ ? 2 : 0;
}

static inline int qctl_value(const qctl_code *code, uint32_t word, double *value)
{
    const uint32_t i = word & 0x7FFFFFFF;
    if (word >> 31 ? i >= code->n_expressions : i >= code->n_constants)
        return 0;
    *value = word >> 31 ? code->expressions[i] : code->constants[i];
    return 1;
}

/* Qubits (controls first) and angles of a gate's row, with how many qubits and generic controls there are. */
static int qctl_read(const qctl_code *code, int64_t i, uint32_t *qubits, int *n_qubits, int *n_controls, double *angles)
{
    const qctl_row *row = code->rows + i;
    const qctl_op_t *op = qctl_op(row->op);
    const int wanted = op->n_params;
    uint64_t seen = 0;
    *n_controls = 0;
    if (!op->known || op->form != QCTL_FORM_GATE)
        return QCTL_NO_GATE;
    if (row->flags & 4) {
        if ((uint64_t)row->a + row->b + row->c > (uint64_t)code->n_operands || row->b > QCTL_MOST_QUBITS ||
            row->c != (uint32_t)wanted)
            return QCTL_BAD_OPERAND;
        *n_qubits = (int)row->b;
        *n_controls = row->flags >> 8;
        memcpy(qubits, code->operands + row->a, row->b * sizeof(uint32_t));
        for (int k = 0; k < wanted; k++)
            if (!qctl_value(code, code->operands[row->a + row->b + k], angles + k))
                return QCTL_BAD_OPERAND;
    } else {
        if (!qctl_is_narrow(op))
            return QCTL_BAD_OPERAND;
        *n_qubits = op->n_qubits;
        qubits[0] = row->a;
        qubits[1] = row->b;
        if (row->flags & 1)
            memcpy(angles, &row->b, sizeof(double));
        else if (row->flags & 2) {
            if (row->b >= code->n_expressions)
                return QCTL_BAD_OPERAND;
            angles[0] = code->expressions[row->b];
        } else if (wanted && !qctl_value(code, row->c, angles))
            return QCTL_BAD_OPERAND;
    }
    for (int k = 0; k < *n_qubits; k++) {
        if (qubits[k] >= (uint32_t)code->n_qubits || seen >> qubits[k] & 1)
            return QCTL_BAD_OPERAND;
        seen |= (uint64_t)1 << qubits[k];
    }
    return *n_controls < *n_qubits || row->op == QCTL_OP_GPHASE ? QCTL_OK : QCTL_BAD_OPERAND;
}

static inline void qctl_seal(qctl_gate *gate, int64_t row)
{
    const int d = 1 << gate->k;
    uint64_t targets = 0;
    gate->row = row;
    gate->diagonal = 1;
    for (int i = 0; i < d * d; i++)
        if (i % (d + 1) && (gate->m[2 * i] != 0 || gate->m[2 * i + 1] != 0))
            gate->diagonal = 0;
    for (int i = 0; i < gate->k; i++)
        targets |= (uint64_t)1 << gate->target[i];
    /* a diagonal too wide for a table is played as a controlled matrix, whose targets must lie in the chunk */
    const int table = gate->diagonal && __builtin_popcountll(gate->controls) + gate->k <= QCTL_MOST_DIAGONAL;
    gate->along = gate->controls | (table ? targets : 0);
    gate->across = table ? 0 : targets;
    gate->diagonal = table;
}

/* How many gates `qctl_lower` makes of a row at most. */
static inline int64_t qctl_most_gates(const qctl_row *row)
{
    const int64_t n = row->b;
    return row->op == QCTL_OP_MS && n <= QCTL_MOST_QUBITS ? 2 * n + n * (n - 1) / 2 : 1;
}

/* Write the gates of a row to `out`, and how many to `n_out`; a Mølmer–Sørensen gate is rzz on all pairs, turned. */
static int qctl_lower(const qctl_code *code, int64_t i, qctl_gate *out, int64_t *n_out)
{
    uint32_t q[QCTL_MOST_QUBITS];
    double p[4] = {0, 0, 0, 0};
    int n, n_controls, error = qctl_read(code, i, q, &n, &n_controls, p);
    const int op = code->rows[i].op;
    uint64_t controls = 0;
    int64_t made = 0;
    *n_out = 0;
    if (error)
        return error;
    if (op != QCTL_OP_MS && op != QCTL_OP_GPHASE)
        n_controls += qctl_own_controls(op);
    for (int k = 0; k < n_controls && k < n; k++)
        controls |= (uint64_t)1 << q[k];
    n -= n_controls;
    if (op == QCTL_OP_MS) {
        for (int turn = 0; turn < 2; turn++) {
            for (int k = 0; k < n; k++) { /* cos(phi) X + sin(phi) Y = V Z V†, V = exp(-i pi/4 (cos(phi) Y - sin(phi) X)) */
                qctl_gate *gate = out + made++;
                gate->k = 1;
                gate->target[0] = (int)q[n_controls + k];
                gate->controls = 0;
                qctl_turn(gate->m, turn ? QCTL_PI / 2 : -QCTL_PI / 2, p[1] + QCTL_PI / 2);
                qctl_seal(gate, i);
            }
            for (int k = 0; k < n && !turn; k++)
                for (int j = 0; j < k; j++) {
                    qctl_gate *gate = out + made++;
                    gate->k = 2;
                    gate->target[0] = (int)q[n_controls + j];
                    gate->target[1] = (int)q[n_controls + k];
                    gate->controls = controls;
                    qctl_matrix2(QCTL_OP_RZZ, p, gate->m);
                    qctl_seal(gate, i);
                }
        }
        *n_out = made;
        return QCTL_OK;
    }
    out->k = n == 2 ? 2 : 1;
    if (n == 0) { /* a phase: diagonal on any qubit, or on its last control */
        out->target[0] = n_controls ? (int)q[n_controls - 1] : 0;
        controls &= ~((uint64_t)1 << out->target[0]);
        qctl_diagonal2(out->m, n_controls ? 0 : p[0], p[0]);
    } else {
        out->target[0] = (int)q[n_controls + n - 1];
        out->target[1] = n == 2 ? (int)q[n_controls] : 0;
        if (n > 2 || !(n == 2 ? qctl_matrix2(op, p, out->m) : qctl_matrix1(op, p, out->m)))
            return QCTL_BAD_OPERAND;
    }
    if (n == 0 && !n_controls && code->n_qubits == 0)
        return QCTL_BAD_OPERAND;
    out->controls = controls;
    qctl_seal(out, i);
    *n_out = 1;
    return QCTL_OK;
}

#endif
