/* The arithmetic of angles in program texts, by libm as Python's own. */

#ifndef QCTL_ANGLES_H
#define QCTL_ANGLES_H

#include <math.h>

enum {
    QCTL_LEAF, QCTL_NEG, QCTL_ADD, QCTL_SUB, QCTL_MUL, QCTL_DIV, QCTL_POW, QCTL_SIN, QCTL_COS, QCTL_TAN, QCTL_EXP,
    QCTL_LN, QCTL_SQRT, QCTL_ASIN, QCTL_ACOS, QCTL_ATAN
};

static inline int qctl_operands(int code)
{
    return code >= QCTL_ADD && code <= QCTL_POW ? 2 : 1;
}

/* The value; not finite where it is undefined. */
static inline double qctl_apply(int code, double x, double y)
{
    switch (code) {
    case QCTL_NEG: return -x;
    case QCTL_ADD: return x + y;
    case QCTL_SUB: return x - y;
    case QCTL_MUL: return x * y;
    case QCTL_DIV: return x / y;
    case QCTL_POW: return pow(x, y);
    case QCTL_SIN: return sin(x);
    case QCTL_COS: return cos(x);
    case QCTL_TAN: return tan(x);
    case QCTL_EXP: return exp(x);
    case QCTL_LN: return log(x);
    case QCTL_SQRT: return sqrt(x);
    case QCTL_ASIN: return asin(x);
    case QCTL_ACOS: return acos(x);
    case QCTL_ATAN: return atan(x);
    default: return x;
    }
}

#endif
