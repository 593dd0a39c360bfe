"""Lets `python -m optimerge` do what `optimerge` does."""

from optimerge.cli.main import main

main()
