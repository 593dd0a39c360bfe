"""Writes docs/reference: run it in the repository's root after a declaration changed."""

import sys

from docs.generate.pages import FOLDER, write

for name in write():
    sys.stdout.write(f"{FOLDER / name}\n")
