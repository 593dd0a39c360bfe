// What Python calls. A level is a number: 0 for the baseline, then what x86-64 processors may have.
#include <cstddef>

#include "job.h"
#include "places.h"

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace optimerge {
extern const Level BASELINE, V3, V4;

static const Level* level(int number) {
#if defined(__x86_64__) && defined(OPTIMERGE_ANYWHERE)
  // For tests: all levels' code, compiled for any processor.
  if (number == 1) return &V3;
  if (number == 2) return &V4;
#elif defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (number == 1 && v3) return &V3;
  if (number == 2 && v4) return &V4;
#endif
  return number == 0 ? &BASELINE : nullptr;
}
}  // namespace optimerge

using namespace optimerge;

// Null where this processor has no such level.
EXPORT const char* optimerge_level(int number) {
  const Level* found = level(number);
  return found ? found->name : nullptr;
}

// Changes when the structs or the calls do.
EXPORT int optimerge_version() { return 3; }

// Bytes of the structs, in their order in job.h.
EXPORT int optimerge_size(int which) {
  const size_t sizes[] = {sizeof(Keep), sizeof(Term), sizeof(Merge), sizeof(Measure), sizeof(Sums)};
  return int(sizes[which]);
}

EXPORT void optimerge_merge(int number, const Merge* job, int64_t first, int64_t last,
                            Sums* parts) {
  level(number)->merge(*job, first, last, parts);
}

EXPORT void optimerge_norms(int number, const Measure* job, int64_t first, int64_t last,
                            int64_t* sums) {
  level(number)->norms(*job, first, last, sums);
}

EXPORT void optimerge_magnitudes(int number, const Measure* job, int64_t first, int64_t last,
                                 int64_t* counts) {
  level(number)->magnitudes(*job, first, last, counts);
}

EXPORT void optimerge_shares(int number, const Measure* job, int64_t first, int64_t last,
                             int64_t* sums) {
  level(number)->shares(*job, first, last, sums);
}

EXPORT void optimerge_places(const uint32_t* delta, int64_t rows, int64_t width, uint8_t* to) {
  places(delta, rows, width, to);
}
