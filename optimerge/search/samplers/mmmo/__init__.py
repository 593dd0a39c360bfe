"""MM-MO, mended and as released; `sampler.MMMOSampler` says what was mended and why."""
