// The kernels for x86-64-v3: AVX2.
#include "includes.h"

#if defined(__x86_64__)
#if defined(OPTIMERGE_ANYWHERE)  // for tests: without its instructions
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2")
#endif

#define LEVEL v3
#define WIDTH 8
#include "level.h"

namespace optimerge {
extern const Level V3 = {"v3", v3::merge, v3::norms, v3::magnitudes, v3::shares};
}

#if defined(__clang__) && !defined(OPTIMERGE_ANYWHERE)
#pragma clang attribute pop
#endif
#endif
