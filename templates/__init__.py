"""The files that are written to hosts."""
