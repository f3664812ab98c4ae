/* Real superoperators on Pauli coefficients, for one number type and one instruction set; density.h includes it often.

   Set before: REAL, WIDE (numbers of the widest vector), NAME(x). A state of n qubits has 4**n coefficients, two bits of
   the index a qubit; qubit q has the stride 4**q. A function's units first ... last-1 are independent of each other. */

typedef REAL NAME(wide) __attribute__((vector_size(WIDE * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef REAL NAME(four) __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef REAL NAME(pair_of_fours) __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* One qubit whose coefficients lie `stride` >= WIDTH apart: WIDTH neighbours at a time. */
#define QCTL_ONE(LABEL, VECTOR, WIDTH)                                                                                 \
    static void NAME(LABEL)(REAL *r, int q, const REAL *m, size_t first, size_t last)                                  \
    {                                                                                                                  \
        const size_t stride = (size_t)1 << 2 * q;                                                                      \
        for (size_t unit = first; unit < last; unit++) {                                                               \
            const size_t i = unit * WIDTH;                                                                             \
            REAL *at = r + ((i & (stride - 1)) | (i & ~(stride - 1)) << 2);                                            \
            VECTOR x[4], y[4];                                                                                         \
            for (int j = 0; j < 4; j++)                                                                                \
                x[j] = *(const VECTOR *)(at + stride * j);                                                             \
            for (int k = 0; k < 4; k++)                                                                                \
                y[k] = x[0] * m[4 * k] + x[1] * m[4 * k + 1] + x[2] * m[4 * k + 2] + x[3] * m[4 * k + 3];              \
            for (int k = 0; k < 4; k++)                                                                                \
                *(VECTOR *)(at + stride * k) = y[k];                                                                   \
        }                                                                                                              \
    }

QCTL_ONE(one_wide, NAME(wide), WIDE)
QCTL_ONE(one_four, NAME(four), 4)
#undef QCTL_ONE

/* Qubit 0: its four coefficients are neighbours, so the matrix' columns are the vectors. */
static void NAME(one_low)(REAL *r, const REAL *m, size_t first, size_t last)
{
    NAME(four) column[4];
    for (int j = 0; j < 4; j++)
        for (int k = 0; k < 4; k++)
            column[j][k] = m[4 * k + j];
    for (size_t unit = first; unit < last; unit++) {
        REAL *at = r + 4 * unit;
        *(NAME(four) *)at = column[0] * at[0] + column[1] * at[1] + column[2] * at[2] + column[3] * at[3];
    }
}

/* Two qubits a < b, neither of them 0: WIDTH neighbours at a time; m has the index 4 digit(b) + digit(a). */
#define QCTL_TWO(LABEL, VECTOR, WIDTH)                                                                                 \
    static void NAME(LABEL)(REAL *r, int a, int b, const REAL *m, size_t first, size_t last)                           \
    {                                                                                                                  \
        const size_t low = (size_t)1 << 2 * a, high = (size_t)1 << 2 * b;                                              \
        for (size_t unit = first; unit < last; unit++) {                                                               \
            size_t i = unit * WIDTH;                                                                                   \
            i = (i & (low - 1)) | (i & ~(low - 1)) << 2;                                                               \
            i = (i & (high - 1)) | (i & ~(high - 1)) << 2;                                                             \
            REAL *at = r + i;                                                                                          \
            VECTOR x[16];                                                                                              \
            for (int j = 0; j < 16; j++)                                                                               \
                x[j] = *(const VECTOR *)(at + high * (j >> 2) + low * (j & 3));                                        \
            for (int k = 0; k < 16; k += 4) {                                                                          \
                const REAL *row = m + 16 * k;                                                                          \
                VECTOR y0 = x[0] * row[0], y1 = x[0] * row[16], y2 = x[0] * row[32], y3 = x[0] * row[48];              \
                _Pragma("GCC unroll 15") for (int j = 1; j < 16; j++)                                                  \
                {                                                                                                      \
                    y0 += x[j] * row[j];                                                                               \
                    y1 += x[j] * row[16 + j];                                                                          \
                    y2 += x[j] * row[32 + j];                                                                          \
                    y3 += x[j] * row[48 + j];                                                                          \
                }                                                                                                      \
                REAL *to = at + high * (k >> 2);                                                                       \
                *(VECTOR *)to = y0;                                                                                    \
                *(VECTOR *)(to + low) = y1;                                                                            \
                *(VECTOR *)(to + 2 * low) = y2;                                                                        \
                *(VECTOR *)(to + 3 * low) = y3;                                                                        \
            }                                                                                                          \
        }                                                                                                              \
    }

QCTL_TWO(two_wide, NAME(wide), WIDE)
QCTL_TWO(two_four, NAME(four), 4)
#undef QCTL_TWO

/* Qubits 0 and b: the four neighbours of qubit 0 are a vector, `columns` has the matrix' columns in that form. */
static void NAME(two_low)(REAL *r, int b, const REAL *m, size_t first, size_t last)
{
    const size_t high = (size_t)1 << 2 * b;
    NAME(four) columns[16][4];
    for (int j = 0; j < 16; j++)
        for (int k = 0; k < 16; k++)
            columns[j][k >> 2][k & 3] = m[16 * k + j];
    for (size_t unit = first; unit < last; unit++) {
        size_t i = unit * 4;
        i = (i & (high - 1)) | (i & ~(high - 1)) << 2;
        REAL *at = r + i;
        NAME(four) y0 = columns[0][0] * at[0], y1 = columns[0][1] * at[0];
        NAME(four) y2 = columns[0][2] * at[0], y3 = columns[0][3] * at[0];
        _Pragma("GCC unroll 15") for (int j = 1; j < 16; j++)
        {
            const REAL x = at[high * (j >> 2) + (j & 3)];
            y0 += columns[j][0] * x;
            y1 += columns[j][1] * x;
            y2 += columns[j][2] * x;
            y3 += columns[j][3] * x;
        }
        *(NAME(four) *)at = y0;
        *(NAME(four) *)(at + high) = y1;
        *(NAME(four) *)(at + 2 * high) = y2;
        *(NAME(four) *)(at + 3 * high) = y3;
    }
}

/* Three qubits a < b < c, a group of 64 coefficients at a time; m has the index 16 digit(c) + 4 digit(b) + digit(a). */
static void NAME(three)(REAL *r, int a, int b, int c, const REAL *m, size_t first, size_t last)
{
    const size_t s0 = (size_t)1 << 2 * a, s1 = (size_t)1 << 2 * b, s2 = (size_t)1 << 2 * c;
    for (size_t unit = first; unit < last; unit++) {
        size_t i = (unit & (s0 - 1)) | (unit & ~(s0 - 1)) << 2;
        i = (i & (s1 - 1)) | (i & ~(s1 - 1)) << 2;
        i = (i & (s2 - 1)) | (i & ~(s2 - 1)) << 2;
        REAL *at = r + i, x[64];
        for (int j = 0; j < 64; j++)
            x[j] = at[s2 * (j >> 4) + s1 * (j >> 2 & 3) + s0 * (j & 3)];
        for (int k = 0; k < 64; k++) {
            NAME(pair_of_fours) sum = {0};
            for (int j = 0; j < 64; j += 8)
                sum += *(const NAME(pair_of_fours) *)(x + j) * *(const NAME(pair_of_fours) *)(m + 64 * k + j);
            at[s2 * (k >> 4) + s1 * (k >> 2 & 3) + s0 * (k & 3)] =
                ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
        }
    }
}

/* Play one superoperator on the units of share `share` of `n_shares`. */
static void NAME(superoperator)(REAL *r, int n_qubits, const int32_t *q, const REAL *m, size_t share, size_t n_shares)
{
    const int n = q[1] < 0 ? 1 : q[2] < 0 ? 2 : 3;
    const int width = n == 3 ? 1 : q[0] == 0 ? (n == 1 ? 1 : 4) : q[0] == 1 ? 4 : WIDE;
    const int low_pair = n == 2 && q[0] == 0;
    const size_t n_units = ((size_t)1 << 2 * (n_qubits - n)) / (low_pair ? 1 : width);
    const size_t first = n_units * share / n_shares, last = n_units * (share + 1) / n_shares;
    if (n == 3)
        NAME(three)(r, q[0], q[1], q[2], m, first, last);
    else if (low_pair)
        NAME(two_low)(r, q[1], m, first, last);
    else if (n == 2 && q[0] == 1)
        NAME(two_four)(r, q[0], q[1], m, first, last);
    else if (n == 2)
        NAME(two_wide)(r, q[0], q[1], m, first, last);
    else if (q[0] == 0)
        NAME(one_low)(r, m, first, last);
    else if (q[0] == 1)
        NAME(one_four)(r, q[0], m, first, last);
    else
        NAME(one_wide)(r, q[0], m, first, last);
}
