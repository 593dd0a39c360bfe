// Where each magnitude stands in its row: formulas in kernels/places.py. For any processor.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace optimerge {

// A magnitude's bits, which are ordered as the numbers are, and its index in the row.
struct Ranked {
  uint32_t bits, index;
};

// Sorts by the bits, least digit first, so many bits a digit; a digit that all share is skipped.
// Returns which of the two buffers holds the result.
template <int DIGIT>
static Ranked* sorted(Ranked* from, Ranked* to, int64_t count) {
  constexpr int SIZE = 1 << DIGIT, PASSES = (31 + DIGIT - 1) / DIGIT;
  static thread_local uint32_t counts[PASSES][SIZE];
  std::memset(counts, 0, sizeof counts);
  for (int64_t j = 0; j < count; ++j) {
    for (int p = 0; p < PASSES; ++p) ++counts[p][from[j].bits >> (p * DIGIT) & (SIZE - 1)];
  }
  for (int p = 0; p < PASSES; ++p) {
    const int shift = p * DIGIT;
    if (counts[p][from[0].bits >> shift & (SIZE - 1)] == uint32_t(count)) continue;
    uint32_t next = 0;
    for (uint32_t& c : counts[p]) {
      const uint32_t here = c;
      c = next;
      next += here;
    }
    for (int64_t j = 0; j < count; ++j) {
      to[counts[p][from[j].bits >> shift & (SIZE - 1)]++] = from[j];
    }
    Ranked* const other = from;
    from = to;
    to = other;
  }
  return from;
}

// `delta`: the bits of float32 numbers; rows have 2 entries or more.
static void places(const uint32_t* delta, int64_t rows, int64_t width, uint8_t* to) {
  auto buffers = static_cast<Ranked*>(std::malloc(sizeof(Ranked) * size_t(width) * 2));
  if (!buffers) std::abort();
  const int64_t last = 2 * (width - 1);
  for (int64_t r = 0; r < rows; ++r, delta += width, to += width) {
    for (int64_t j = 0; j < width; ++j) buffers[j] = {delta[j] & 0x7fffffffu, uint32_t(j)};
    const Ranked* const row = width < 2048 ? sorted<8>(buffers, buffers + width, width)
                                           : sorted<11>(buffers, buffers + width, width);
    int64_t place = 0;  // grows with the rank, so that nothing need be divided
    for (int64_t below = 0, upto; below < width; below = upto) {
      for (upto = below + 1; upto < width && row[upto].bits == row[below].bits;) ++upto;
      // Twice the middle rank, as exact as a float32 is.
      const int64_t halves = int64_t(float(below + upto + 1)) - 2;
      while (halves * 510 + last >= (place + 1) * 2 * last) ++place;
      for (int64_t j = below; j < upto; ++j) to[row[j].index] = uint8_t(place);
    }
  }
  std::free(buffers);
}

}  // namespace optimerge
