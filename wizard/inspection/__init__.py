"""Looks at what is installed: how it stands, whether it does what clients need, what differs."""
