"""Replication policies: which are good ones, what they choose, and where it goes."""

from standin.patterns import compiled, matches

TRIGGERS = ("manual", "scheduled", "event_based")


def checked(given):
    """Return a policy as it is kept. Raises `ValueError`.

    Only `deletion` is read: `replicate_deletion` is ignored, as by the real one.
    """
    if not given.get("name"):
        raise ValueError("empty name")
    source = (given.get("src_registry") or {}).get("id") or 0
    destination = (given.get("dest_registry") or {}).get("id") or 0
    if bool(source) == bool(destination):
        raise ValueError("either src_registry or dest_registry should be set, and not both")
    trigger = given.get("trigger") or {"type": "manual"}
    kind = trigger.get("type") or "manual"
    if kind not in TRIGGERS:
        raise ValueError(f"invalid trigger type: {kind}")
    settings = trigger.get("trigger_settings") or {}
    if kind == "event_based" and source:
        raise ValueError("the event_based trigger needs a local source")
    if kind == "event_based" and given.get("single_active_replication"):
        raise ValueError("single_active_replication does not go with event_based")
    if kind == "scheduled":
        cron_checked(settings.get("cron") or "")
    filters = []
    for one in given.get("filters") or []:
        if one.get("type") not in ("name", "tag", "resource"):
            raise ValueError(f"invalid filter type: {one.get('type')}")
        if not isinstance(one.get("value"), str):
            raise ValueError("the filter's value is not a string")
        if one.get("decoration") not in (None, "", "matches", "excludes"):
            raise ValueError(f"invalid filter decoration: {one['decoration']}")
        compiled(one["value"])
        filters.append({key: one[key] for key in ("type", "value", "decoration") if one.get(key)})
    count = given.get("dest_namespace_replace_count")
    return {
        "name": given["name"],
        "description": given.get("description") or "",
        "src_registry": source,
        "dest_registry": destination,
        "dest_namespace": given.get("dest_namespace") or "",
        "dest_namespace_replace_count": -1 if count is None else int(count),
        "trigger": {"type": kind, **({"trigger_settings": settings} if settings else {})},
        "filters": filters,
        "deletion": bool(given.get("deletion")),
        "override": bool(given.get("override")),
        "enabled": bool(given.get("enabled")),
        "speed": int(given.get("speed") or 0),
        "copy_by_chunk": bool(given.get("copy_by_chunk")),
        "single_active_replication": bool(given.get("single_active_replication")),
    }


def cron_checked(text):
    """Six fields; the seconds have to be 0, and not every minute. Raises `ValueError`."""
    fields = text.split()
    if len(fields) != 6:
        raise ValueError(f"invalid cron string for scheduled trigger: {text}")
    if fields[0] != "0":
        raise ValueError("the 1st field (indicating Seconds of time) of the cron setting must be 0")
    if fields[1] == "*":
        raise ValueError("the 2nd field (indicating Minutes of time) of the cron setting cannot be *")
    return fields


def due(text, now):
    """Say whether a schedule begins in this minute (a `struct_time`)."""
    _, minute, hour, day, month, weekday = text.split()
    there = ((minute, now.tm_min), (hour, now.tm_hour), (day, now.tm_mday), (month, now.tm_mon),
             (weekday, (now.tm_wday + 1) % 7))  # fmt: skip
    return all(_due(field, value) for field, value in there)


def _due(field, value):
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span in ("*", "?"):
            if value % int(step or 1) == 0:
                return True
        elif step:
            if value >= int(low) and (value - int(low)) % int(step) == 0:
                return True
        elif int(low) <= value <= int(high or low):
            return True
    return False


def chooses_name(policy, repository):
    return all(matches(one["value"], repository) for one in policy["filters"] if one["type"] == "name")


def chooses_tag(policy, tag):
    """Say whether a tag is chosen; `None` is an artifact without one."""
    for one in policy["filters"]:
        if one["type"] != "tag":
            continue
        hit = one["value"] in ("", "**") if tag is None else matches(one["value"], tag)
        if hit == (one.get("decoration") == "excludes"):
            return False
    return True


def destination(policy, repository):
    """Return what a repository is called at the other side."""
    wanted, count = policy["dest_namespace"], policy["dest_namespace_replace_count"]
    if not wanted:
        return repository
    parts = repository.split("/")
    if count < 0:
        return f"{wanted}/{parts[-1]}"
    if count >= len(parts):
        raise ValueError(f"the repository {repository} has fewer than {count} levels to replace")
    return "/".join([wanted, *parts[count:]])
