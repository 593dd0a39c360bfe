// The sum of a tile's thinned task vectors, all of them or those of the elected sign.

// Sum of what has the sign of the sum, for finite numbers; returns false for others. NORMALIZE:
// divided by the sum of the weights of those entries, for weights that are all above FLT_MIN.
template <int N, bool NORMALIZE>
static bool elect(const Merge& job, const F* thinned, F* to) {
  F weights[N];
  for (int i = 0; i < N; ++i) weights[i] = all(job.terms[i].weight);
  F finite = {};
  for (int j = 0; j < VECTORS; ++j) {
    F d[N], sum, total;
    for (int i = 0; i < N; ++i) {
      d[i] = thinned[i * VECTORS + j];
      sum = i ? sum + d[i] : d[i];
    }
    finite += sum;
    const I sign = I(sum) & INT32_MIN;  // -0 only where all are zero and none agrees
    for (int i = 0; i < N; ++i) {
      const I agrees = (I(d[i]) ^ sign) > 0;
      const F kept = where(agrees, d[i]);
      sum = i ? sum + kept : kept;
      if (!NORMALIZE) continue;
      const F weight = where(agrees, weights[i]);
      total = i ? total + weight : weight;
    }
    // Where none agrees the sum is 0, and any divisor will do.
    if (NORMALIZE) sum /= F(I(total) > FLT_MIN_BITS ? I(total) : all(FLT_MIN_BITS));
    to[j] = sum;
  }
  const Q zeros = Q(finite - finite);  // or NaN
  uint64_t any = 0;
  for (int k = 0; k < WIDTH / 2; ++k) any |= zeros[k];
  return any == 0;
}

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
