// What is measured of a task vector: integers, so that no order of summation changes them.

// As x86 and torch convert what no 64-bit integer is.
INLINE int64_t truncated(float x) { return x < 0x1p63f ? int64_t(x) : INT64_MIN; }

// A sum of vectors of 32-bit integers that are not negative.
struct Total {
  Q low = {}, high = {};
  INLINE void add(I units) {
    low += Q(units) & 0xffffffffu;
    high += Q(units) >> 32;
  }
  uint64_t sum() const {
    uint64_t sum = 0;
    for (int k = 0; k < WIDTH / 2; ++k) sum += low[k] + high[k];
    return sum;
  }
};

// |d| in units, as 32-bit integers; `most` becomes TWO_TO_31 or more where these do not suffice:
// with a unit that is not of this task vector, and for numbers that are not finite.
INLINE I units(F d, F unit, I& most) {
  const F scaled = magnitude(d) * unit;
  most = I(scaled) > most ? I(scaled) : most;
  return __builtin_convertvector(scaled, I);
}

INLINE bool suffice(I most) {
  for (int k = 0; k < WIDTH; ++k) {
    if (most[k] >= TWO_TO_31) return false;
  }
  return true;
}

static uint64_t sum_slowly(const F* d, float unit) {
  uint64_t sum = 0;
  for (int j = 0; j < VECTORS; ++j) {
    const F scaled = magnitude(d[j]) * unit;
    for (int k = 0; k < WIDTH; ++k) sum += uint64_t(truncated(scaled[k]));
  }
  return sum;
}

// Calls `visit` with each tile's inputs.
template <class V>
static void each_tile(const Measure& job, int64_t first, int64_t last, V& visit) {
  Scratch scratch(2);
  const int64_t shift = lead(job.start);
  const int64_t end = last * PART - shift < job.size ? last * PART - shift : job.size;
  for (int64_t at = first * PART - shift; at < end; at += TILE) {
    const Tile tile = tile_at(at, job.size);
    const int base = SIZES[job.base_type], bytes = SIZES[job.term->type];
    ask(static_cast<const char*>(job.base) + (at + TILE) * base, TILE * base);
    ask(static_cast<const char*>(job.term->values) + (at + TILE) * bytes, TILE * bytes);
    read_base(job.base, job.base_type, tile, scratch);
    visit(inputs(*job.term, tile, job.start, 0, scratch), tile, scratch.thinned);
  }
}

// The task vector itself, into `to`; all of it, or what the term keeps.
static void plainly(const Inputs& in, bool all_of_it, F* to) {
  Term term = in.term;
  term.weight = term.scale = 1.0f;
  if (all_of_it) term.keep.kind = WHOLE;
  thin(Inputs{term, in.values, in.base, in.steps, in.drawn, in.places}, to);
}

struct Norms {
  const float unit;
  uint64_t before = 0, after = 0;

  template <class X, class K>
  bool fast(const Inputs& in, const K keep) {
    auto x = static_cast<const typename X::Stored*>(in.values);
    const F *base = in.base, *steps = in.steps, unit = all(this->unit);
    const U* drawn = in.drawn;
    Total whole, kept;
    I most = {};
    for (int j = 0; j < TILE; j += GROUP, base += 2, steps += 2) {
      const Pair d = delta<X>(x + j, base, steps);
      const I even = units(d.even, unit, most), odd = units(d.odd, unit, most);
      const Pair rest = keep(d, K::DRAWS ? *drawn++ : U{}, in.places + j, {F(even), F(odd)});
      whole.add(even);
      whole.add(odd);
      kept.add(I(rest.even));
      kept.add(I(rest.odd));
    }
    if (!suffice(most)) return false;
    before += whole.sum();
    after += kept.sum();
    return true;
  }

  template <class X>
  struct Fast {
    Norms& norms;
    const Inputs& in;
    bool& done;
    template <class K>
    void operator()(const K& keep) const { done = norms.fast<X>(in, keep); }
  };

  void operator()(const Inputs& in, const Tile&, F* scratch) {
    bool done = false;
    switch (in.term.type) {
      case BF16: by_keep(in.term.keep, Fast<Bf16>{*this, in, done}); break;
      case F16: by_keep(in.term.keep, Fast<Half>{*this, in, done}); break;
      case F32: by_keep(in.term.keep, Fast<Single>{*this, in, done}); break;
      default: by_keep(in.term.keep, Fast<Steps>{*this, in, done}); break;
    }
    if (done) return;
    plainly(in, true, scratch);
    before += sum_slowly(scratch, unit);
    plainly(in, false, scratch);
    after += sum_slowly(scratch, unit);
  }
};

static void norms(const Measure& job, int64_t first, int64_t last, int64_t* sums) {
  Norms norms{job.unit};
  each_tile(job, first, last, norms);
  sums[0] = int64_t(norms.before);
  sums[1] = int64_t(norms.after);
}

struct Shares {
  static constexpr int STRIDE = 1 << 18;
  const float unit;
  int64_t* const sums;

  // The least of the steps at which an entry is kept.
  static INLINE I steps(U drawn, I fall) {
    const I least = (I(drawn ^ 0x8000u) + 1) * (1 << 14) - fall + (STRIDE - 1);
    return least > 0 ? least >> 18 : I{};
  }

  void operator()(const Inputs& in, const Tile&, F* scratch) {
    plainly(in, true, scratch);
    I found[VECTORS], most = {};
    for (int j = 0; j < VECTORS; ++j) found[j] = units(scratch[j], all(unit), most);
    const bool fast = suffice(most), ranked = in.term.keep.kind == RANKED;
    const I step = all(in.term.keep.step);
    for (int j = 0; j < VECTORS; ++j) {
      const U drawn = j % 2 ? in.drawn[j / 2] >> 16 : in.drawn[j / 2] & 0xffffu;
      I fall = {};
      if (ranked) {
        const U both = pairs_of(in.places + j / 2 * GROUP);
        fall = I(j % 2 ? both >> 16 : both & 0xffffu) * step;
      }
      const I at = steps(drawn, fall);
      for (int k = 0; k < WIDTH; ++k) {
        int64_t& sum = sums[at[k]];
        const int64_t more = fast ? found[j][k] : truncated(magnitude(scratch[j])[k] * unit);
        sum = int64_t(uint64_t(sum) + uint64_t(more));
      }
    }
  }
};

static void shares(const Measure& job, int64_t first, int64_t last, int64_t* sums) {
  Shares shares{job.unit, sums};
  each_tile(job, first, last, shares);
}

struct Magnitudes {
  int64_t* const counts;
  int32_t* const odd_counts;  // a second table: equal neighbours need not wait for each other

  void operator()(const Inputs& in, const Tile& tile, F* scratch) {
    plainly(in, true, scratch);
    for (int j = 0; j < VECTORS; j += 2) {
      const I even = (I(scratch[j]) & ABSOLUTE) >> 16, odd = (I(scratch[j + 1]) & ABSOLUTE) >> 16;
      for (int k = 0; k < WIDTH; ++k) {
        ++counts[even[k]];
        ++odd_counts[odd[k]];
      }
    }
    counts[0] -= TILE - (tile.upto - tile.from);
  }
};

static void magnitudes(const Measure& job, int64_t first, int64_t last, int64_t* counts) {
  constexpr int BINS_OF_MAGNITUDE = 1 << 15;
  constexpr int64_t AT_MOST = int64_t(1) << 12;  // parts, so that no 32-bit count overflows
  auto odd = static_cast<int32_t*>(std::calloc(BINS_OF_MAGNITUDE, sizeof(int32_t)));
  if (!odd) std::abort();
  for (; first < last; first += AT_MOST) {
    Magnitudes magnitudes{counts, odd};
    each_tile(job, first, last - first < AT_MOST ? last : first + AT_MOST, magnitudes);
    for (int k = 0; k < BINS_OF_MAGNITUDE; ++k) counts[k] += odd[k], odd[k] = 0;
  }
  std::free(odd);
}
