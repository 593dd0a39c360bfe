"""What a candidate is worth: expected gains of hypervolume, and where to look for them."""
