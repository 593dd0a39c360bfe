// The sum of a tile's thinned task vectors, all of them or those of the elected sign.

// Sum of what has the sign of the sum, for finite numbers; with others it says that it did it not. NORMALIZE: divided by the sum of the weights of those entries, for weights that are all
// above FLT_MIN. `d`: one vector of each term, VECTORS apart.
template <int N, bool NORMALIZE>
struct Elect {
  F weights[N], finite = {};
  explicit Elect(const Merge& job) {
    for (int i = 0; i < N; ++i) weights[i] = all(job.terms[i].weight);
  }

  // Both vectors of a group step by step side by side, so that neither waits for its last step.
  INLINE Pair operator()(const F* thinned) {
    F d[N][2], sum[2], total[2];
    I sign[2];
    for (int i = 0; i < N; ++i) {
      for (int h = 0; h < 2; ++h) d[i][h] = thinned[i * VECTORS + h];
      for (int h = 0; h < 2; ++h) sum[h] = i ? sum[h] + d[i][h] : d[i][h];
    }
    for (int h = 0; h < 2; ++h) {
      finite += sum[h];
      sign[h] = I(sum[h]) & INT32_MIN;  // -0 only where all are zero and none agrees
    }
    for (int i = 0; i < N; ++i) {
      for (int h = 0; h < 2; ++h) {
        const I agrees = (I(d[i][h]) ^ sign[h]) > 0;
        const F kept = where(agrees, d[i][h]);
        sum[h] = i ? sum[h] + kept : kept;
        if (!NORMALIZE) continue;
        const F weight = where(agrees, weights[i]);
        total[h] = i ? total[h] + weight : weight;
      }
    }
    for (int h = 0; NORMALIZE && h < 2; ++h) {
      // Where none agrees the sum is 0, and any divisor will do.
      sum[h] /= F(larger(I(total[h]), all(FLT_MIN_BITS)));
    }
    return {sum[0], sum[1]};
  }

  bool did() const {
    const Q zeros = Q(finite - finite);  // or NaN
    uint64_t any = 0;
    for (int k = 0; k < WIDTH / 2; ++k) any |= zeros[k];
    return any == 0;
  }
};

// The same for any numbers, of any number of terms.
static void elect_any(const Merge& job, const F* thinned, F* to) {
  for (int j = 0; j < VECTORS; ++j) {
    F sum = {}, kept = {}, total = {};
    for (int i = 0; i < job.count; ++i) sum += thinned[i * VECTORS + j];
    const F sign = sum >= 0.0f ? all(1.0f) : all(-1.0f);
    for (int i = 0; i < job.count; ++i) {
      const F d = thinned[i * VECTORS + j];
      const I agrees = d * sign > 0.0f;
      kept += where(agrees, d);
      total += where(agrees, all(job.terms[i].weight));
    }
    if (job.normalize) kept /= total == 0.0f ? all(1.0f) : total;
    to[j] = kept;
  }
}

static void sum_of(const Merge& job, const F* thinned, F* to) {
  for (int j = 0; j < VECTORS; ++j) {
    F sum = {};
    for (int i = 0; i < job.count; ++i) sum += thinned[i * VECTORS + j];
    to[j] = sum;
  }
}

// The same, of N terms, and divided where the job says so.
template <int N>
struct Add {
  const F divisor;
  const bool divided;
  explicit Add(const Merge& job) : divisor(all(job.divisor)), divided(job.divided) {}

  INLINE Pair operator()(const F* thinned) const {
    Pair y = {};
    for (int i = 0; i < N; ++i, thinned += VECTORS) {
      y = {y.even + thinned[0], y.odd + thinned[1]};
    }
    if (divided) y = {y.even / divisor, y.odd / divisor};
    return y;
  }

  bool did() const { return true; }
};
