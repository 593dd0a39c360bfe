// The kernels for x86-64-v4: AVX-512.
#include "includes.h"

#if defined(__x86_64__)
#if defined(OPTIMERGE_ANYWHERE)  // for tests: without its instructions
#elif defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx2,bmi,bmi2,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"))), \
    apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,prefer-vector-width=512")
#endif

#define LEVEL v4
#define WIDTH 16
#include "level.h"

namespace optimerge {
extern const Level V4 = {"v4", v4::merge, v4::norms, v4::magnitudes, v4::shares};
}

#if defined(__clang__) && !defined(OPTIMERGE_ANYWHERE)
#pragma clang attribute pop
#endif
#endif
