"""Redis: sessions in one database of it, jobs in another."""

import os
from functools import lru_cache

import redis

E = os.environ
JOBS = 2


@lru_cache(maxsize=4)
def cache(number=0, patience=3):
    """Return the client; it connects anew by itself, and asks the sentinels where to."""
    password = E.get("REDIS_PASSWORD") or None
    if E.get("REDIS_MASTER"):
        nodes = [one.rsplit(":", 1) for one in E["REDIS_HOST"].split(",")]
        sentinel = redis.Sentinel([(h, int(p)) for h, p in nodes], socket_timeout=3)
        return sentinel.master_for(E["REDIS_MASTER"], password=password, db=number, socket_timeout=patience)
    host, port = E["REDIS_HOST"].rsplit(":", 1)
    return redis.Redis(host, int(port), password=password, db=number, socket_timeout=patience)
