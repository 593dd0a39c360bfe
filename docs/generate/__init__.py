"""Writes docs/reference from the declarations of the package: `python -m docs.generate`."""
