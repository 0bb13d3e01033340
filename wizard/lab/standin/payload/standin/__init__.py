"""A stand-in for Harbor, for tests and practice runs only. It shares no code with Harbor."""
