// From a tile's mixture to what is written, and how that differs from the base.

struct Lanes {
  F l1 = {}, squares = {};
  I same = {};

  INLINE void add(Pair y, Pair base) {
    add(y.even - base.even);
    add(y.odd - base.odd);
  }
  INLINE void add(F difference) {
    const F size = magnitude(difference);
    same += I(size) == 0;  // -1 where true
    l1 += size;
    squares += difference * difference;
  }
  // Entries of the tile that lie outside the part are zero like their base.
  void add_to(Sums& sums) const {
    int32_t nonzero = TILE;
    for (int k = 0; k < WIDTH; ++k) {
      sums.l1 += double(l1[k]);
      sums.squares += double(squares[k]);
      nonzero += same[k];
    }
    sums.nonzero += nonzero;
  }
};

template <class O, bool PLAIN, bool BASE, bool LINEAR>
static void finish(const Merge& job, const F* base, const F* mix, const Soon& soon, void* to,
                   Lanes& found) {
  auto out = static_cast<typename O::Stored*>(to);
  const F factor = all(job.factor), divisor = all(job.divisor);
  const bool past = can_pass(to);
  Lanes lanes = found;
  for (int j = 0; j < TILE; j += GROUP, base += 2, mix += 2) {
    soon.ask(j);
    Pair y = {mix[0], mix[1]};
    const Pair b = BASE ? Pair{base[0], base[1]} : Pair{};
    if (job.divided) y = {y.even / divisor, y.odd / divisor};
    if (!LINEAR) y = {b.even + y.even * factor, b.odd + y.odd * factor};
    y = O::template write<PLAIN>(y, out + j, past);
    if (BASE) lanes.add(y, b);
  }
  found = lanes;
}

template <class O, bool PLAIN>
static void finish(const Merge& job, const Scratch& scratch, const Soon& soon, void* to,
                   Lanes& found) {
  const F *base = scratch.base, *mix = scratch.mix;
  if (!job.linear) return finish<O, PLAIN, true, false>(job, base, mix, soon, to, found);
  if (job.base) return finish<O, PLAIN, true, true>(job, base, mix, soon, to, found);
  finish<O, PLAIN, false, true>(job, base, mix, soon, to, found);
}

static void finish(const Merge& job, const Scratch& scratch, const Soon& soon, bool plain, void* to,
                   Lanes& found) {
  switch (job.out_type) {
    case BF16:
      return plain ? finish<Bf16, true>(job, scratch, soon, to, found)
                   : finish<Bf16, false>(job, scratch, soon, to, found);
    case F16: return finish<Half, true>(job, scratch, soon, to, found);
    default: return finish<Single, true>(job, scratch, soon, to, found);
  }
}

// Mixes N thinned task vectors by an `Elect` or `Add` and finishes in one pass: what is divided takes
// the divider's time, the rest the others'. Returns false, having found nothing, where M did not.
template <class O, int N, class M>
static bool mix_and_finish(const Merge& job, const Scratch& scratch, const Soon& soon, void* to,
                           Lanes& found) {
  auto out = static_cast<typename O::Stored*>(to);
  const F *base = scratch.base, *d = scratch.thinned;
  const F factor = all(job.factor);
  const bool past = can_pass(to);
  M mix(job);
  Lanes lanes = found;
  const auto finished = [&](int j, Pair y) INLINE_LAMBDA {
    const Pair b = {base[0], base[1]};
    y = {b.even + y.even * factor, b.odd + y.odd * factor};
    lanes.add(O::template write<true>(y, out + j, past), b);
    base += 2;
  };
  // Each group is finished while the next one is mixed.
  Pair y = mix(d);
  for (int j = GROUP; j < TILE; j += GROUP) {
    d += 2;
    soon.ask<N + 1>(j - GROUP);
    const Pair next = mix(d);
    finished(j - GROUP, y);
    y = next;
  }
  finished(TILE - GROUP, y);
  if (!mix.did()) return false;
  found = lanes;
  return true;
}

template <class O, int N>
static bool mix_and_finish(const Merge& job, const Scratch& scratch, const Soon& soon, void* to,
                           Lanes& found) {
  if (!job.elect) return mix_and_finish<O, N, Add<N>>(job, scratch, soon, to, found);
  if (job.normalize) return mix_and_finish<O, N, Elect<N, true>>(job, scratch, soon, to, found);
  return mix_and_finish<O, N, Elect<N, false>>(job, scratch, soon, to, found);
}

template <class O>
static bool mix_and_finish(const Merge& job, const Scratch& scratch, const Soon& soon, void* to,
                           Lanes& found) {
  switch (job.count) {
    case 2: return mix_and_finish<O, 2>(job, scratch, soon, to, found);
    case 3: return mix_and_finish<O, 3>(job, scratch, soon, to, found);
    case 4: return mix_and_finish<O, 4>(job, scratch, soon, to, found);
    default: return false;
  }
}

// All of a tile in one pass, for averages and sums of whole task vectors, with one dtype for all.
template <class X, int N, bool BASE, bool LINEAR>
static void fused(const Merge& job, int64_t at, void* to, Lanes& found) {
  using Stored = typename X::Stored;
  constexpr bool PLAIN = sizeof(Stored) == 2;
  const Stored* x[N];
  F weights[N];
  for (int i = 0; i < N; ++i) {
    x[i] = static_cast<const Stored*>(job.terms[i].values) + at;
    weights[i] = all(job.terms[i].weight);
  }
  auto base = static_cast<const Stored*>(job.base) + (BASE ? at : 0);
  auto out = static_cast<Stored*>(to);
  const F factor = all(job.factor), divisor = all(job.divisor);
  const bool past = can_pass(to);
  Lanes lanes = found;

  const auto mixed = [&](int j, Pair& b) INLINE_LAMBDA {
    Pair y = {};
    b = Pair();
    if (BASE) {
      ask(reinterpret_cast<const char*>(base + j) + AHEAD, sizeof(Stored) * GROUP);
      b = X::read(base + j);
    }
    for (int i = 0; i < N; ++i) {
      ask(reinterpret_cast<const char*>(x[i] + j) + AHEAD, sizeof(Stored) * GROUP);
      Pair d = X::read(x[i] + j);
      if (!LINEAR) d = {d.even - b.even, d.odd - b.odd};
      y = {y.even + d.even * weights[i], y.odd + d.odd * weights[i]};
    }
    return y;
  };
  const auto finished = [&](int j, Pair y, Pair b) INLINE_LAMBDA {
    if (job.divided) y = {y.even / divisor, y.odd / divisor};
    if (!LINEAR) y = {b.even + y.even * factor, b.odd + y.odd * factor};
    y = X::template write<PLAIN>(y, out + j, past);
    if (BASE) lanes.add(y, b);
  };
  // Each group is finished while the next one is begun.
  Pair b, y = mixed(0, b);
  for (int j = GROUP; j < TILE; j += GROUP) {
    Pair next_b;
    const Pair next = mixed(j, next_b);
    finished(j - GROUP, y, b);
    y = next;
    b = next_b;
  }
  finished(TILE - GROUP, y, b);
  found = lanes;
}

template <class X, int N>
static void fused(const Merge& job, int64_t at, void* to, Lanes& found) {
  if (!job.linear) return fused<X, N, true, false>(job, at, to, found);
  if (job.base) return fused<X, N, true, true>(job, at, to, found);
  fused<X, N, false, true>(job, at, to, found);
}

template <class X>
static void fused(const Merge& job, int64_t at, void* to, Lanes& found) {
  switch (job.count) {
    case 2: return fused<X, 2>(job, at, to, found);
    case 3: return fused<X, 3>(job, at, to, found);
    default: return fused<X, 4>(job, at, to, found);
  }
}

static void fused(const Merge& job, int64_t at, void* to, Lanes& found) {
  job.out_type == BF16 ? fused<Bf16>(job, at, to, found) : fused<Single>(job, at, to, found);
}
