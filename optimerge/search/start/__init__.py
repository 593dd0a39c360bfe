"""Where a search starts: parents, known recipes, and a design of points; read design.py first."""
