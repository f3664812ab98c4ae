/* Which vectors this processor has: the one place where kernels with variants of their own choose at run time. */

#ifndef QCTL_PROCESSOR_H
#define QCTL_PROCESSOR_H

/* Return the widest kind of vectors, at most `most`: 0 none that we use, 1 AVX2 with FMA, 2 AVX-512. */
static inline int qctl_widest(int most)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (most >= 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return 2;
    if (most >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 1;
#endif
    (void)most;
    return 0;
}

#endif
