"""A stand-in for Harbor's offline installer, for tests and practice runs only."""
