/* The arithmetic unit of a QICK tProcessor v2: two registers of 32 bits in, one out; numbers as in the full list.
 *
 * Source: qick 0.2.436, tprocv2_assembler.py (operations).
 */
#ifndef QCTL_TPROC_ALU_H
#define QCTL_TPROC_ALU_H

#include <stdint.h>

static inline int64_t qctl_tproc_low(uint32_t word) { return (int64_t)(int32_t)word; }

static inline int64_t qctl_tproc_operation(int64_t which, int64_t a, int64_t b) {
    uint32_t x = (uint32_t)a, y = (uint32_t)b;
    switch (which) {
    case 0: return qctl_tproc_low(x + y);
    case 1: return qctl_tproc_low(~x);
    case 2: return qctl_tproc_low(x - y);
    case 3: return qctl_tproc_low(x | y);
    case 4: return qctl_tproc_low(x & y);
    case 5: return qctl_tproc_low(x ^ y);
    case 6: return qctl_tproc_low((uint32_t)(a >> (y & 31)));
    case 7: return qctl_tproc_low(x << 16 | (y & 0xFFFF));
    case 8: return b < 0 ? qctl_tproc_low(0u - y) : qctl_tproc_low(y);
    case 10: return x >> 16;
    case 11: {
        uint32_t folded = x ^ x >> 16;
        folded ^= folded >> 8;
        folded ^= folded >> 4;
        return 0x6996 >> (folded & 15) & 1;
    }
    case 12: return x & 0xFFFF;
    case 13: return qctl_tproc_low(x << (y & 15));
    case 14: return qctl_tproc_low(x << 16 | x >> 16);
    default: return qctl_tproc_low(x >> (y & 15));
    }
}

#endif
