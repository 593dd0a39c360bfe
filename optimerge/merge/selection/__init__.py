"""How entries are chosen: by counter-based hash (`hashed`), or as mergekit does (`exact`)."""
