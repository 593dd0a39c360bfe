"""Search spaces: a merge recipe with ranges in it, and what to optimise beside it."""
