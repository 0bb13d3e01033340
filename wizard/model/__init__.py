"""The cluster: what the operator answered, validated."""
