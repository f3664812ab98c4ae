/* QCTL_CLONES: compile a function for wider vectors too, where the loader can choose at run time. */

#ifndef QCTL_CLONES_H
#define QCTL_CLONES_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define QCTL_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define QCTL_CLONES
#endif

#endif
