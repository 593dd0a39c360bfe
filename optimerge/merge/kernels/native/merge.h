// The merge of a part, tile by tile. A tile is taken in a few short passes over intermediate
// results that stay in the first cache. Short, because a processor that reorders 100 to 200 vector
// operations finds enough independent ones only if an entry's chain of operations is short.

// Reads the inputs of a term, where need be into the scratch.
INLINE Inputs inputs(const Term& term, const Tile& tile, int64_t start, int i, Scratch& scratch) {
  const size_t room = size_t(i) * TILE;
  const int bytes = SIZES[term.type];
  if (term.keep.kind >= EDGES) {
    draw(term.keep.key, start + tile.at, scratch.words);
  }
  if (term.type == I8) read_steps(term.scales, term.row, tile, scratch.steps);
  const void* places = scratch.places;
  if (term.keep.kind == RANKED) {
    places = view(term.places, 1, tile, scratch.places + room);
    ask(static_cast<const char*>(places) + AHEAD, TILE);
  }
  return {term, view(term.values, bytes, tile, scratch.values + room * 4), scratch.base,
          scratch.steps, scratch.words, static_cast<const uint8_t*>(places)};
}

template <class X>
static void weigh(const void* values, float weight, F* mix) {
  auto x = static_cast<const typename X::Stored*>(values);
  for (int j = 0; j < TILE; j += GROUP, x += GROUP, mix += 2) {
    ask(reinterpret_cast<const char*>(x) + AHEAD, sizeof(*x) * GROUP);
    const Pair both = X::read(x);
    mix[0] += both.even * weight;
    mix[1] += both.odd * weight;
  }
}

static void average(const Merge& job, const Tile& tile, Scratch& scratch) {
  for (int j = 0; j < VECTORS; ++j) scratch.mix[j] = F{};
  for (int i = 0; i < job.count; ++i) {
    const Term& term = job.terms[i];
    const void* const values = view(term.values, SIZES[term.type], tile, scratch.values);
    switch (term.type) {
      case BF16: weigh<Bf16>(values, term.weight, scratch.mix); break;
      case F16: weigh<Half>(values, term.weight, scratch.mix); break;
      default: weigh<Single>(values, term.weight, scratch.mix); break;
    }
  }
}

// What is the same for all tiles of a job.
struct Plan {
  bool plain;    // all inputs are 16-bit numbers: see Bf16::write
  bool at_once;  // `mix_and_finish` can do it, if all is finite
  bool direct;   // `fused` can do it
};

static Plan plan_of(const Merge& job) {
  Plan plan = {job.base_type != F32, !job.linear, job.count >= 2 && job.count <= 4};
  for (int i = 0; i < job.count; ++i) {
    const Term& term = job.terms[i];
    plan.plain &= term.type == BF16 || term.type == F16;
    plan.at_once &= !job.normalize || as_bits(term.weight) >= FLT_MIN_BITS;
    const bool plainly = term.keep.kind == WHOLE && term.scale == 1.0f;
    plan.direct &= term.type == job.out_type && (job.linear || plainly);
  }
  plan.at_once &= (job.out_type == BF16 && plan.plain) || job.out_type == F32;
  plan.direct &= !job.elect && (!job.base || job.base_type == job.out_type) &&
                 (job.out_type == BF16 || job.out_type == F32);
  return plan;
}

static void mix(const Merge& job, const Tile& tile, Scratch& scratch) {
  for (int i = 0; i < job.count; ++i) {
    thin(inputs(job.terms[i], tile, job.start, i, scratch), scratch.thinned + size_t(i) * VECTORS);
  }
}

static void finish_tile(const Merge& job, const Plan& plan, const Scratch& scratch,
                        const Soon& soon, void* to, Lanes& found) {
  if (plan.at_once) {
    if (job.out_type == BF16 ? mix_and_finish<Bf16>(job, scratch, soon, to, found)
                             : mix_and_finish<Single>(job, scratch, soon, to, found)) return;
  }
  if (job.elect) {
    elect_any(job, scratch.thinned, scratch.mix);
  } else if (!job.linear) {
    sum_of(job, scratch.thinned, scratch.mix);
  }
  finish(job, scratch, soon, plan.plain, to, found);
}

static void merge(const Merge& job, int64_t first, int64_t last, Sums* parts) {
  const Plan plan = plan_of(job);
  const int size = SIZES[job.out_type];
  Scratch scratch(job.count);
  for (int64_t part = first; part < last; ++part) {
    Sums sums = {};
    const int64_t begin = part * PART - lead(job.start);
    for (int64_t at = begin; at < begin + PART && at < job.size; at += TILE) {
      const Tile tile = tile_at(at, job.size);
      Lanes lanes;
      char* const out = static_cast<char*>(job.out) + at * size;
      void* const to = tile.whole ? out : scratch.out;
      if (plan.direct && tile.whole) {
        fused(job, at, to, lanes);
      } else {
        if (job.base) read_base(job.base, job.base_type, tile, scratch);
        if (job.linear) {
          average(job, tile, scratch);
        } else {
          mix(job, tile, scratch);
        }
        finish_tile(job, plan, scratch, Soon(job, at + TILE), to, lanes);
      }
      if (!tile.whole) {
        __builtin_memcpy(out + tile.from * size, scratch.out + tile.from * size,
                         (tile.upto - tile.from) * size);
      }
      lanes.add_to(sums);
    }
    parts[part] = sums;
  }
  fence();
}
