"""One module per solution; each reads as one would tell it to a colleague."""
