"""The search: a loop over plain records; start reading at study.py."""
