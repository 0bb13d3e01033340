"""Drills: failures caused on purpose on an installed cluster, with what its clients see of them."""
