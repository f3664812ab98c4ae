/* The one table of opcodes: number, form, and for gates how many qubits and angles (-1: any number) each one has.

   Kernels take their numbers from here; qctl/program/opcodes.py says the same for Python, and a test compares the two.
   docs/instruction-format.md has the forms. */

#ifndef QCTL_OPCODES_H
#define QCTL_OPCODES_H

#include <stdint.h>

#define QCTL_OPCODES(ROW) \
    ROW(NOP, 0x000, PLAIN, 0, 0) \
    ROW(BEGIN, 0x001, BLOCK, 0, 0) \
    ROW(END, 0x002, BLOCK, 0, 0) \
    ROW(CALL, 0x003, BLOCK, 0, 0) \
    ROW(BREAK, 0x004, PLAIN, 0, 0) \
    ROW(CONTINUE, 0x005, PLAIN, 0, 0) \
    ROW(HALT, 0x006, PLAIN, 0, 0) \
    ROW(BARRIER, 0x007, BARRIER, 0, 0) \
    ROW(MEASURE, 0x008, MEASURE, 0, 0) \
    ROW(RESET, 0x009, QUBIT, 0, 0) \
    ROW(DELAY, 0x00A, DELAY, 0, 0) \
    ROW(ASSIGN, 0x00B, ASSIGN, 0, 0) \
    ROW(SET_BIT, 0x00C, SET_BIT, 0, 0) \
    ROW(ID, 0x100, GATE, 1, 0) \
    ROW(X, 0x101, GATE, 1, 0) \
    ROW(Y, 0x102, GATE, 1, 0) \
    ROW(Z, 0x103, GATE, 1, 0) \
    ROW(H, 0x104, GATE, 1, 0) \
    ROW(S, 0x105, GATE, 1, 0) \
    ROW(SDG, 0x106, GATE, 1, 0) \
    ROW(T, 0x107, GATE, 1, 0) \
    ROW(TDG, 0x108, GATE, 1, 0) \
    ROW(SX, 0x109, GATE, 1, 0) \
    ROW(SXDG, 0x10A, GATE, 1, 0) \
    ROW(P, 0x10B, GATE, 1, 1) \
    ROW(RX, 0x10C, GATE, 1, 1) \
    ROW(RY, 0x10D, GATE, 1, 1) \
    ROW(RZ, 0x10E, GATE, 1, 1) \
    ROW(U1, 0x10F, GATE, 1, 1) \
    ROW(U2, 0x110, GATE, 1, 2) \
    ROW(U, 0x111, GATE, 1, 3) \
    ROW(U3, 0x112, GATE, 1, 3) \
    ROW(RPHI, 0x113, GATE, 1, 2) \
    ROW(GPHASE, 0x114, GATE, 0, 1) \
    ROW(CX, 0x115, GATE, 2, 0) \
    ROW(CY, 0x116, GATE, 2, 0) \
    ROW(CZ, 0x117, GATE, 2, 0) \
    ROW(CH, 0x118, GATE, 2, 0) \
    ROW(CSX, 0x119, GATE, 2, 0) \
    ROW(SWAP, 0x11A, GATE, 2, 0) \
    ROW(ISWAP, 0x11B, GATE, 2, 0) \
    ROW(ISWAPDG, 0x11C, GATE, 2, 0) \
    ROW(SQRTISWAP, 0x11D, GATE, 2, 0) \
    ROW(SQRTISWAPDG, 0x11E, GATE, 2, 0) \
    ROW(CP, 0x11F, GATE, 2, 1) \
    ROW(CRX, 0x120, GATE, 2, 1) \
    ROW(CRY, 0x121, GATE, 2, 1) \
    ROW(CRZ, 0x122, GATE, 2, 1) \
    ROW(RXX, 0x123, GATE, 2, 1) \
    ROW(RYY, 0x124, GATE, 2, 1) \
    ROW(RZZ, 0x125, GATE, 2, 1) \
    ROW(RZX, 0x126, GATE, 2, 1) \
    ROW(CU, 0x127, GATE, 2, 4) \
    ROW(CCX, 0x128, GATE, 3, 0) \
    ROW(CCZ, 0x129, GATE, 3, 0) \
    ROW(CSWAP, 0x12A, GATE, 3, 0) \
    ROW(MS, 0x12B, GATE, -1, 2) \
    ROW(PLAY, 0x200, PLAY, 0, 0) \
    ROW(CAPTURE, 0x201, CAPTURE, 0, 0) \
    ROW(SHIFT_PHASE, 0x202, PORT_VALUE, 0, 0) \
    ROW(SET_PHASE, 0x203, PORT_VALUE, 0, 0) \
    ROW(SHIFT_FREQUENCY, 0x204, PORT_VALUE, 0, 0) \
    ROW(SET_FREQUENCY, 0x205, PORT_VALUE, 0, 0) \
    ROW(TTL, 0x300, TTL, 0, 0) \
    ROW(IMAGE, 0x402, CAPTURE, 0, 0) \
    ROW(DDS, 0x301, PORT_WIDE, 0, 3) \
    ROW(RYDBERG, 0x400, QUBITS_WIDE, -1, 4) \
    ROW(SHUTTLE, 0x401, QUBITS_WIDE, -1, -1) \
    ROW(REGISTER, 0x500, RAW, 0, 0) \
    ROW(TRIGGER, 0x501, RAW, 0, 0) \
    ROW(WAIT, 0x502, TICKS, 0, 0) \
    ROW(JUMP, 0x503, JUMP, 0, 0)

enum {
    QCTL_FORM_PLAIN, QCTL_FORM_BLOCK, QCTL_FORM_GATE, QCTL_FORM_BARRIER, QCTL_FORM_MEASURE, QCTL_FORM_QUBIT,
    QCTL_FORM_DELAY, QCTL_FORM_ASSIGN, QCTL_FORM_SET_BIT, QCTL_FORM_PLAY, QCTL_FORM_CAPTURE,
    QCTL_FORM_PORT_VALUE, QCTL_FORM_TTL, QCTL_FORM_PORT_WIDE, QCTL_FORM_QUBITS_WIDE, QCTL_FORM_RAW,
    QCTL_FORM_TICKS, QCTL_FORM_JUMP,
    QCTL_N_FORMS
};

#define QCTL_OP_NUMBER(name, number, form, n_qubits, n_params) QCTL_OP_##name = number,
enum { QCTL_OPCODES(QCTL_OP_NUMBER) QCTL_N_OPS = QCTL_OP_JUMP + 1 };
#undef QCTL_OP_NUMBER

#define QCTL_FIRST_GATE QCTL_OP_ID
#define QCTL_LAST_GATE QCTL_OP_MS
#define QCTL_N_GATES (QCTL_LAST_GATE - QCTL_FIRST_GATE + 1)

typedef struct {
    uint8_t known; /* 0 for a number between opcodes */
    uint8_t form;
    int8_t n_qubits, n_params;
} qctl_op_t;

#define QCTL_OP_ROW(name, number, form, n_qubits, n_params) [number] = {1, QCTL_FORM_##form, n_qubits, n_params},
static const qctl_op_t qctl_ops[QCTL_N_OPS + 1] = {QCTL_OPCODES(QCTL_OP_ROW)};
#undef QCTL_OP_ROW

/* The properties of an opcode; those of an unknown one for any other number. */
static inline const qctl_op_t *qctl_op(uint32_t op)
{
    return qctl_ops + (op < QCTL_N_OPS ? op : QCTL_N_OPS);
}

#define QCTL_OP_NAME(name, number, form, n_qubits, n_params) {#name, number},
#define QCTL_OP_NAMES {QCTL_OPCODES(QCTL_OP_NAME)}

#endif
