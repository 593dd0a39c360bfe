// What Python hands to the compiled kernels: plain structs, mirrored in kernels/library.py.
#pragma once
#include <cstdint>

namespace optimerge {

enum Type : int32_t { BF16, F16, F32, I8 };

// EDGES is a Band of which an end lies within a bin, so that draws decide there.
enum Kind : int32_t { WHOLE, BINS, EDGES, RANDOM, RANKED };

struct Keep {
  uint64_t key;
  int32_t kind;
  int32_t above, upto;  // BINS, EDGES: above < code <= upto
  int32_t below;        // RANDOM: signed draw < below
  int32_t start, step;  // RANKED: signed draw < (start + place * step) >> 14
};

struct Term {
  const void* values;
  const float* scales;    // with I8: one a row
  const uint8_t* places;  // with RANKED
  int64_t row;            // with I8: entries a row
  Keep keep;
  int32_t type;
  float weight, scale;
};

struct Merge {
  const void* base;  // null: no statistics
  void* out;
  const Term* terms;
  int64_t size;
  int64_t start;  // index of entry 0 in the whole tensor
  int32_t count;
  int32_t base_type, out_type;
  int32_t linear, elect, normalize, divided;
  float divisor, factor;
};

// One task vector to be measured; weight and scale of its term are not used.
struct Measure {
  const void* base;
  const Term* term;
  int64_t size;
  int64_t start;
  int32_t base_type;
  float unit;
};

struct Sums {
  double l1, squares;
  int64_t nonzero;
};

// Work is handed to threads, and statistics are added up, by parts of a tensor. Parts, tiles and
// groups are counted from the last multiple of four at or before `start`, where a word of draws
// begins: so these `start % 4` entries of the first group lie before entry 0.
constexpr int64_t PART = 1 << 18;

inline int64_t lead(int64_t start) { return start & 3; }

// The kernels of one instruction set. They take the parts from `first` to `last` - 1.
struct Level {
  const char* name;
  void (*merge)(const Merge&, int64_t first, int64_t last, Sums* parts);
  void (*norms)(const Measure&, int64_t first, int64_t last, int64_t* sums);
  void (*magnitudes)(const Measure&, int64_t first, int64_t last, int64_t* counts);
  void (*shares)(const Measure&, int64_t first, int64_t last, int64_t* sums);
};

}  // namespace optimerge
