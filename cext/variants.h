/* Includes the header that QCTL_TEMPLATE names for double and float and for each kind of processor; no include guard.

   The template sees REAL, WIDE (numbers of the widest vector) and NAME(x), and QCTL_CHOOSE(x, double, widest) names the variant
   for one kind of processor, as qctl_widest counts them. Multiplications and additions may be fused: amplitudes are right within their rounding, not
   bit-identical between processors. */

#ifndef QCTL_VARIANTS_H
#define QCTL_VARIANTS_H
#include "processor.h"
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define QCTL_VARIANTS
#define QCTL_CHOOSE(x, real, widest)                                                                                   \
    ((widest) == 2   ? qctl_##x##_##real##_avx512                                                                      \
     : (widest) == 1 ? qctl_##x##_##real##_avx2                                                                        \
                     : qctl_##x##_##real##_plain)
#else
#define QCTL_CHOOSE(x, real, widest) qctl_##x##_##real##_plain
#endif
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

#define REAL double
#define WIDE 4
#define NAME(x) qctl_##x##_double_plain
#include QCTL_TEMPLATE
#undef REAL
#undef WIDE
#undef NAME
#define REAL float
#define WIDE 8
#define NAME(x) qctl_##x##_float_plain
#include QCTL_TEMPLATE
#undef REAL
#undef WIDE
#undef NAME

#ifdef QCTL_VARIANTS
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define REAL double
#define WIDE 4
#define NAME(x) qctl_##x##_double_avx2
#include QCTL_TEMPLATE
#undef REAL
#undef WIDE
#undef NAME
#define REAL float
#define WIDE 8
#define NAME(x) qctl_##x##_float_avx2
#include QCTL_TEMPLATE
#undef REAL
#undef WIDE
#undef NAME
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#define REAL double
#define WIDE 8
#define NAME(x) qctl_##x##_double_avx512
#include QCTL_TEMPLATE
#undef REAL
#undef WIDE
#undef NAME
#define REAL float
#define WIDE 16
#define NAME(x) qctl_##x##_float_avx512
#include QCTL_TEMPLATE
#undef REAL
#undef WIDE
#undef NAME
#pragma GCC pop_options
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
#undef QCTL_TEMPLATE
