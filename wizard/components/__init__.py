"""One module per installed program; each yields the steps that bring it to a host."""
