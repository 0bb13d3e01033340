"""Checks of Redis and its sentinels, as each node sees them."""

from __future__ import annotations

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Redis, Role
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level
from harbor_wizard.preflight.unlooked import unlooked


def _used(at: Seen) -> Redis | None:
    return at.cluster.redis if Role.HARBOR in at.host.roles else None


def login(at: Seen) -> Verdict | None:
    """Redis lets this node in."""
    redis = _used(at)
    if redis is None:
        return None
    wanted = tr("a login with the password") if redis.password else tr("a login without a password")
    refused = at.facts.one("redis_refused")
    if refused:
        return _refused(redis, refused, wanted)
    versions = at.facts.one("redis_version")
    if at.facts.all("redis_login"):
        return well(tr("Redis {version} lets it in", version=versions), versions, wanted)
    why = at.facts.one("redis_unlooked")
    if why:
        return unlooked(why, wanted)
    silent = at.facts.one("redis_silent")
    if silent and redis.sentinel is None and silent.replace(":", " ") in at.facts.all("reaches"):
        return unlooked("", wanted)
    return None  # what does not answer, or is not found, is another look's


def _refused(redis: Redis, refused: str, wanted: str) -> Verdict:
    place, _, message = refused.partition(" ")
    values = {"place": place, "message": message}
    if message.startswith("NOAUTH"):
        return Verdict(Level.FAILED, tr("{place} wants a password", **values), "NOAUTH", wanted,
                       tr("name one: redis.password"))  # fmt: skip
    if message.startswith("- "):
        return Verdict(
            Level.FAILED, tr("what answers at {place} does not speak as Redis does ({message})",
                             place=place, message=message.removeprefix("- ")),
            tr("no answer"), wanted, tr("check redis.host and its port, whether it wants TLS, and "
                                        "that it is not hanging"),
        )  # fmt: skip
    word = message.partition(" ")[0] if message.partition(" ")[0].isupper() else tr("refused")
    if "without any password configured" in message or "no password is set" in message:
        cure = tr("set requirepass there, or leave redis.password out")
    elif word in ("WRONGPASS", "ERR"):
        cure = tr("correct {reference}", reference=redis.password or "redis.password")
    else:
        cure = tr("let this host in, and let it ask INFO")
    return Verdict(Level.FAILED, tr("{place} refuses it: {message}", **values), word, wanted, cure)


def master(at: Seen) -> Verdict | None:
    """What is written to is the master."""
    found = [one.split(" ") for one in at.facts.all("redis_role")]
    if _used(at) is None or not found:
        return None
    wanted = tr("the master: a replica takes no writes")
    for place, role, *rest in found:
        if role != "master":
            of = rest[0] if rest else "?"
            return Verdict(
                Level.FAILED, tr("{place} is a replica of {master}", place=place, master=of),
                tr("replica"), wanted,
                tr("give the master's address as redis.host, or the sentinels that know it"),
            )  # fmt: skip
    return well(tr("{place} is the master", place=found[0][0]), tr("master"), wanted)


def memory(at: Seen) -> Verdict | None:
    """Nothing is thrown away when Redis is full."""
    limit, _, policy = at.facts.one("redis_memory").partition(" ")
    if _used(at) is None or not policy:
        return None
    wanted = tr("maxmemory-policy noeviction, or no maxmemory")
    if limit == "0":
        return well(tr("no maxmemory"), tr("no limit"), wanted)
    size = f"{int(limit) // 1024**2} MB" if limit.isascii() and limit.isdigit() else limit
    seen = tr("maxmemory {size}, {policy}", size=size, policy=policy)
    if policy != "noeviction":
        return Verdict(Level.WARNING, seen, policy, wanted,
                       tr("set there: maxmemory-policy noeviction"))  # fmt: skip
    return well(seen, policy, wanted)


def keys(at: Seen) -> Verdict | None:
    """No other Harbor keeps its sessions and jobs there."""
    if _used(at) is None or not at.facts.all("redis_login"):
        return None
    # Core's, the registry's, the jobs', the scanner's: harbor.yml says the same.
    used = ("0", "1", "2", "5") if at.cluster.scanner == "trivy" else ("0", "1", "2")
    wanted = tr("databases {numbers} empty, or of this Harbor", numbers=", ".join(used))
    found = [one.split(" ") for one in at.facts.all("redis_keys") if one.count(" ") == 1]
    full = [(index, number) for index, number in found if index in used]
    if not full:
        return well(tr("empty"), tr("empty"), wanted)
    said = ", ".join(tr("database {index} has {number} keys", index=index, number=number)
                     for index, number in full)  # fmt: skip
    if at.facts.one("known") == "yes":
        return well(tr("{keys}, of an earlier run", keys=said), tr("ours"), wanted)
    return Verdict(
        Level.WARNING, said, tr("in use"), wanted,
        tr("give this Harbor a Redis of its own: two that share one take each other's jobs; or "
           "accept it where the keys are its own from before"),
    )  # fmt: skip


def sentinels(at: Seen) -> Verdict | None:
    """All sentinels answer, know the master, name the same one, and can replace it."""
    redis = _used(at)
    if redis is None or redis.sentinel is None:
        return None
    name, nodes = redis.sentinel.master, [f"{one.host}:{one.port}" for one in redis.sentinel.nodes]
    wanted = tr("{number} sentinels that name one master “{name}”, which answers, and a quorum",
                number=len(nodes), name=name)  # fmt: skip
    refused = at.facts.one("sentinel_refused")
    if refused:
        place, _, message = refused.partition(" ")
        cure = (
            tr("take the password off: Harbor speaks to sentinels without one (harbor #22538)")
            if "NOAUTH" in message else tr("check redis.sentinel.nodes: is a sentinel there?")
        )  # fmt: skip
        return Verdict(Level.FAILED, tr("{place} refuses it: {message}", place=place,
                       message=message), tr("refused"), wanted, cure)  # fmt: skip
    unknown = at.facts.all("sentinel_unknown")
    if unknown:
        return Verdict(
            Level.FAILED, tr("{place} knows no master “{name}”", place=", ".join(unknown),
                             name=name),
            tr("no master"), wanted, tr("correct redis.sentinel.master"),
        )  # fmt: skip
    named = [one.split(" ") for one in at.facts.all("sentinel") if one.count(" ") == 1]
    if not named:
        why = at.facts.one("redis_unlooked")
        return unlooked(why, wanted) if why else None
    masters = list(dict.fromkeys(master for _, master in named))
    if len(masters) > 1:
        seen = "; ".join(tr("{place} names {master}", place=place, master=one)
                         for place, one in named)  # fmt: skip
        cure = tr("let one set of sentinels watch one Redis: SENTINEL RESET there")
        return Verdict(Level.FAILED, seen, tr("not one"), wanted, cure)
    silent = at.facts.all("redis_silent")
    if silent:
        return Verdict(
            Level.FAILED, tr("the master that they name, {master}, does not answer this node",
                             master=masters[0]), tr("no master"), wanted,
            tr("have Redis and the sentinels announce an address that the nodes reach "
               "(replica-announce-ip, sentinel announce-ip)"),
        )  # fmt: skip
    without = [one for one in at.facts.all("sentinel_quorum")
               if not one.partition(" ")[2].startswith("OK")]  # fmt: skip
    if without:
        cure = tr("start the other sentinels: none of them can replace the master alone")
        return Verdict(Level.WARNING, without[0], tr("no quorum"), wanted, cure)
    return well(tr("{number} of {all} name {master}, quorum", number=len(named), all=len(nodes),
                   master=masters[0]), f"{len(named)}/{len(nodes)}", wanted)  # fmt: skip
