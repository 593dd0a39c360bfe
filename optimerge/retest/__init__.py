"""After the search: its front, the parents and baselines on test items, and what that proves."""
