"""The dashboard's server: looks at runs, and has no way to write to them."""
