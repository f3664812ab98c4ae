/* What differs between instruction sets: a vector of reals, its arithmetic, and turning complex pairs into two planes.

   Included once for each set and precision by statevector_dispatch.h, which defines QCTL_SET (0 portable, 1 AVX2 and FMA,
   2 AVX-512) and QCTL_DOUBLE; statevector_blocks.h is compiled on top. LOG_LANES is log2 of the numbers in a vector. */

#undef NAME
#undef TARGET
#undef REAL
#undef VECTOR
#undef LOG_LANES
#undef INDICES
#undef LOAD
#undef STORE
#undef MUL
#undef FMA
#undef FNMA
#undef ADD
#undef ZERO
#undef PERMUTE
#undef LOAD_INDICES

#define QCTL_JOIN2(a, b, c) a##_##b##_##c
#define QCTL_JOIN1(a, b, c) QCTL_JOIN2(a, b, c)
#define NAME(x) QCTL_JOIN1(x, QCTL_SET_NAME, QCTL_PRECISION_NAME)

#undef QCTL_SET_NAME
#undef QCTL_PRECISION_NAME
#if QCTL_DOUBLE
#define QCTL_PRECISION_NAME f64
#define REAL double
#else
#define QCTL_PRECISION_NAME f32
#define REAL float
#endif

#if QCTL_SET == 0

#define QCTL_SET_NAME portable
#define TARGET
#define VECTOR REAL
#define LOG_LANES 0
#define INDICES int
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define MUL(a, b) ((a) * (b))
#define FMA(a, b, c) ((a) * (b) + (c))
#define FNMA(a, b, c) ((c) - (a) * (b))
#define ADD(a, b) ((a) + (b))
#define ZERO() ((REAL)0)
#define LOAD_INDICES(p) (*(const int *)(p))
#define PERMUTE(v, i) ((void)(i), (v))

#elif QCTL_SET == 1

#define QCTL_SET_NAME avx2
#define TARGET __attribute__((target("avx2,fma")))
#define INDICES __m256i
#define LOAD_INDICES(p) _mm256_load_si256((const __m256i *)(p))
#if QCTL_DOUBLE
#define VECTOR __m256d
#define LOG_LANES 2
#define LOAD(p) _mm256_load_pd(p)
#define STORE(p, v) _mm256_store_pd(p, v)
#define MUL(a, b) _mm256_mul_pd(a, b)
#define FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define FNMA(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define ADD(a, b) _mm256_add_pd(a, b)
#define ZERO() _mm256_setzero_pd()
#define PERMUTE(v, i) _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(v), i))
#else
#define VECTOR __m256
#define LOG_LANES 3
#define LOAD(p) _mm256_load_ps(p)
#define STORE(p, v) _mm256_store_ps(p, v)
#define MUL(a, b) _mm256_mul_ps(a, b)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define FNMA(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define ADD(a, b) _mm256_add_ps(a, b)
#define ZERO() _mm256_setzero_ps()
#define PERMUTE(v, i) _mm256_permutevar8x32_ps(v, i)
#endif

#else

#define QCTL_SET_NAME avx512
#define TARGET __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define INDICES __m512i
#define LOAD_INDICES(p) _mm512_load_si512(p)
#if QCTL_DOUBLE
#define VECTOR __m512d
#define LOG_LANES 3
#define LOAD(p) _mm512_load_pd(p)
#define STORE(p, v) _mm512_store_pd(p, v)
#define MUL(a, b) _mm512_mul_pd(a, b)
#define FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define FNMA(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define ADD(a, b) _mm512_add_pd(a, b)
#define ZERO() _mm512_setzero_pd()
#define PERMUTE(v, i) _mm512_castps_pd(_mm512_permutexvar_ps(i, _mm512_castpd_ps(v)))
#else
#define VECTOR __m512
#define LOG_LANES 4
#define LOAD(p) _mm512_load_ps(p)
#define STORE(p, v) _mm512_store_ps(p, v)
#define MUL(a, b) _mm512_mul_ps(a, b)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define FNMA(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define ADD(a, b) _mm512_add_ps(a, b)
#define ZERO() _mm512_setzero_ps()
#define PERMUTE(v, i) _mm512_permutexvar_ps(i, v)
#endif

#endif

#undef LANES
#define LANES (1 << LOG_LANES)

/* Complex pairs to planes and back, one vector of each plane at a time. */

static inline TARGET void NAME(split)(const REAL *pairs, REAL *re, REAL *im)
{
#if QCTL_SET == 0
    *re = pairs[0];
    *im = pairs[1];
#elif QCTL_SET == 1 && QCTL_DOUBLE
    const __m256d a = _mm256_loadu_pd(pairs), b = _mm256_loadu_pd(pairs + 4);
    STORE(re, _mm256_permute4x64_pd(_mm256_unpacklo_pd(a, b), 0xD8));
    STORE(im, _mm256_permute4x64_pd(_mm256_unpackhi_pd(a, b), 0xD8));
#elif QCTL_SET == 1
    const __m256 a = _mm256_loadu_ps(pairs), b = _mm256_loadu_ps(pairs + 8);
    const __m256 r = _mm256_shuffle_ps(a, b, 0x88), i = _mm256_shuffle_ps(a, b, 0xDD);
    STORE(re, _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(r), 0xD8)));
    STORE(im, _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(i), 0xD8)));
#elif QCTL_DOUBLE
    const __m512d a = _mm512_loadu_pd(pairs), b = _mm512_loadu_pd(pairs + 8);
    STORE(re, _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b));
    STORE(im, _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b));
#else
    const __m512 a = _mm512_loadu_ps(pairs), b = _mm512_loadu_ps(pairs + 16);
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    STORE(re, _mm512_permutex2var_ps(a, even, b));
    STORE(im, _mm512_permutex2var_ps(a, _mm512_add_epi32(even, _mm512_set1_epi32(1)), b));
#endif
}

static inline TARGET void NAME(join)(const REAL *re, const REAL *im, REAL *pairs)
{
#if QCTL_SET == 0
    pairs[0] = *re;
    pairs[1] = *im;
#elif QCTL_SET == 1 && QCTL_DOUBLE
    const __m256d r = _mm256_permute4x64_pd(LOAD(re), 0xD8), i = _mm256_permute4x64_pd(LOAD(im), 0xD8);
    _mm256_storeu_pd(pairs, _mm256_unpacklo_pd(r, i));
    _mm256_storeu_pd(pairs + 4, _mm256_unpackhi_pd(r, i));
#elif QCTL_SET == 1
    const __m256 r = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(LOAD(re)), 0xD8));
    const __m256 i = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(LOAD(im)), 0xD8));
    _mm256_storeu_ps(pairs, _mm256_unpacklo_ps(r, i));
    _mm256_storeu_ps(pairs + 8, _mm256_unpackhi_ps(r, i));
#elif QCTL_DOUBLE
    const __m512d r = LOAD(re), i = LOAD(im);
    _mm512_storeu_pd(pairs, _mm512_permutex2var_pd(r, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), i));
    _mm512_storeu_pd(pairs + 8, _mm512_permutex2var_pd(r, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), i));
#else
    const __m512 r = LOAD(re), i = LOAD(im);
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_storeu_ps(pairs, _mm512_permutex2var_ps(r, low, i));
    _mm512_storeu_ps(pairs + 16, _mm512_permutex2var_ps(r, _mm512_add_epi32(low, _mm512_set1_epi32(8)), i));
#endif
}
