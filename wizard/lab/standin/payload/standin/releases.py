"""What is not the same in all releases: each thing with the release it began in."""

SINCE = {
    "redis host with its port": (2, 1, 0),  # before, `external_redis` had a key `port`
    "redirect.disable": (2, 8, 0),  # before, `redirect.disabled`
    "job_loggers": (2, 9, 0),
    "valkey": (2, 15, 2),  # before, the image redis-photon
}


def numbers(version):
    """Return `v2.15.2` as (2, 15, 2); what is lacking is 0."""
    found = [int("".join(c for c in part if c.isdigit()) or 0)
             for part in version.lstrip("v").partition("-")[0].split(".")]  # fmt: skip
    return tuple((*found, 0, 0, 0)[:3])


def has(version, what):
    return numbers(version) >= SINCE[what]


def schema(version):
    """The number of the database's schema: one per minor release, as far as the stand-in cares."""
    major, minor, _ = numbers(version)
    return major * 100 + minor


def cache_image(version):
    return "valkey-photon" if has(version, "valkey") else "redis-photon"
