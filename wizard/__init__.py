"""A terminal wizard that installs a highly available Harbor registry over SSH."""
