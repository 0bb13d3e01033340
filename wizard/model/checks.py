"""Checks that look at more than one field.

They read the plain data, not the model, so that they find their mistakes even where other fields
are wrong too: the operator gets all of them at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harbor_wizard import files
from harbor_wizard.errors import Mistake, MistakeKind
from harbor_wizard.language import mark, tr
from harbor_wizard.platforms import PLATFORMS, docker_refusal
from harbor_wizard.releases import Release, find, supported


def problems(data: dict[str, Any], folder: Path | None) -> Iterator[Mistake]:
    """Yield each mistake in how fields go together.

    `folder` is what relative paths start from; without one, no file is looked for.
    """
    data = _given(data)
    yield from _unique(data)
    yield from _roles(data)
    yield from _solution(data)
    yield from _network(data)
    yield from _installer(data, folder)
    yield from _tls(data, folder)
    yield from _packages(data, folder)
    yield from _files(data, folder)
    yield from _redis(data)
    yield from _access(data)


def _given(value: Any) -> Any:
    """Return plain data without the keys that say null, which is the same as not to be there."""
    if isinstance(value, list):
        return [_given(one) for one in value]
    if isinstance(value, dict):
        return {key: _given(one) for key, one in value.items() if one is not None}
    return value


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _hosts(data: dict[str, Any]) -> list[dict[str, Any]]:
    hosts = data.get("hosts")
    return [_dict(host) for host in hosts] if isinstance(hosts, list) else []


def _roles_of(host: dict[str, Any]) -> list[Any]:
    roles = host.get("roles")
    return roles if isinstance(roles, list) else []


def _unique(data: dict[str, Any]) -> Iterator[Mistake]:
    for field in ("name", "address"):
        seen: dict[str, int] = {}
        for index, host in enumerate(_hosts(data)):
            value = host.get(field)
            if not isinstance(value, str):
                continue
            if value in seen:
                yield Mistake(
                    f"hosts[{index}].{field}",
                    tr('"{value}" is also that of {host}; every host has its own {field}',
                       value=value, host=f"hosts[{seen[value]}]", field=field),
                )  # fmt: skip
            seen.setdefault(value, index)


# What each solution needs: at least and at most so many hosts of a role.
_COUNTS: dict[str, dict[str, tuple[int, int]]] = {
    "active-active": {"harbor": (2, 99), "balancer": (1, 2)},
    "active-standby": {"harbor": (2, 2), "balancer": (0, 0)},
    "master-slave": {"harbor": (2, 99), "balancer": (0, 2), "services": (0, 0)},
    "master-master": {"harbor": (2, 2), "balancer": (0, 2), "services": (0, 0)},
}
_WORDS = {1: mark("one"), 2: mark("two")}


def _has(data: dict[str, Any], key: str) -> bool:
    return data.get(key) is not None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _solution_of(data: dict[str, Any]) -> str:
    return _word(data.get("solution"))


def _shares(data: dict[str, Any]) -> bool:
    return _solution_of(data) in ("active-active", "active-standby")


def _balancer_type(data: dict[str, Any]) -> str:
    return _word(_dict(data.get("balancer")).get("type", "haproxy"))


def _roles(data: dict[str, Any]) -> Iterator[Mistake]:
    hosts, solution = _hosts(data), _solution_of(data)
    if not hosts or solution not in _COUNTS:
        return
    counts = {"services": (0, 1), **_COUNTS[solution]}
    if _balancer_type(data) == "existing":
        counts["balancer"] = (0, 0)
    for role, (least, most) in counts.items():
        number = sum(role in _roles_of(host) for host in hosts)
        if number < least:
            yield Mistake(
                "hosts",
                tr("{number} with the role {role}, but {solution} needs at least {least}; add a "
                   "host with that role",
                   number=number, role=role, solution=solution, least=tr(_WORDS[least])),
            )  # fmt: skip
        elif number > most:
            existing = role == "balancer" and _balancer_type(data) == "existing"
            why = tr("an existing balancer") if existing else solution
            yield Mistake("hosts", _too_many(number, role, why, most))
    for index, host in enumerate(hosts):
        if {"balancer", "harbor"} <= {r for r in _roles_of(host) if isinstance(r, str)}:
            yield Mistake(
                f"hosts[{index}].roles",
                tr("balancer and harbor on one host, but both want ports 80 and 443; give each a "
                   'host of its own, for example "roles: [harbor]"'),
            )  # fmt: skip
        holds = "harbor" if solution == "active-standby" else "balancer"
        if holds in _roles_of(host) and "interface" not in host and _has(data, "virtual_address"):
            yield Mistake(f"hosts[{index}].interface", tr(_NO_INTERFACE[holds]),
                          MistakeKind.MISSING)  # fmt: skip


_NO_INTERFACE = {
    "balancer": mark("is missing, but a balancer needs to know where the virtual address goes; "
                     'write for example "interface: eth0"'),
    "harbor": mark("is missing, but a node that holds it needs to know where the virtual address "
                   'goes; write for example "interface: eth0"'),
}  # fmt: skip


def _too_many(number: int, role: str, why: str, most: int) -> str:
    if not most:
        return tr(
            "{number} with the role {role}, but {why} takes none; give the others another role or "
            "leave them out",
            number=number, role=role, why=why,
        )  # fmt: skip
    return tr(
        "{number} with the role {role}, but {why} takes {most} at most; give the others another "
        "role or leave them out",
        number=number, role=role, why=why, most=tr(_WORDS[most]) if most in _WORDS else most,
    )  # fmt: skip


def _solution(data: dict[str, Any]) -> Iterator[Mistake]:
    """What goes with the solution, beside the hosts."""
    solution, kind = _solution_of(data), _balancer_type(data)
    if solution not in _COUNTS:
        return
    balancers = _balances(data)
    held = _has(data, "virtual_address")
    if not held and (solution == "active-standby" or (balancers and kind != "existing")):
        yield Mistake(
            "virtual_address",
            tr("is missing, but clients need one that moves to the host that lives; write for "
               'example "virtual_address: {address: 10.0.0.10/24}"'),
            MistakeKind.MISSING,
        )  # fmt: skip
    if kind in ("lvs", "existing") and solution != "active-active":
        yield Mistake(
            "balancer.type",
            tr('"{type}" serves active-active only; write "haproxy" or leave the balancer out',
               type=kind),
        )  # fmt: skip
    if kind == "nginx" and solution != "master-master":
        yield Mistake("balancer.type", tr('"nginx" serves master-master only; write "haproxy"'))
    yield from _state(data)
    yield from _release(data)


def _state(data: dict[str, Any]) -> Iterator[Mistake]:
    """Where the database, Redis and the images are."""
    solution = _solution_of(data)
    services = any("services" in _roles_of(host) for host in _hosts(data))
    stored = _word(_dict(data.get("storage")).get("type", "local"))
    for field, title in (("database", tr("a database")), ("redis", tr("a Redis"))):
        if _shares(data) and not services and not _has(data, field):
            yield Mistake(
                field,
                tr("is missing, but the nodes of {solution} share {what}; write for example "
                   '"{field}: {{host: 10.0.0.31}}", or give a host the role services for a proof '
                   "of concept", solution=solution, what=title, field=field),
                MistakeKind.MISSING,
            )  # fmt: skip
        if not _shares(data) and _has(data, field):
            yield Mistake(
                field,
                tr("is given, but with {solution} each Harbor brings {what} of its own; leave it "
                   "out", solution=solution, what=title),
            )  # fmt: skip
        if services and _has(data, field) and _shares(data):
            yield Mistake(
                field,
                tr("is given, but a host with the role services brings {what}, too; leave one of "
                   "them out", what=title),
            )  # fmt: skip
    if _shares(data) and stored == "local":
        yield Mistake(
            "storage",
            tr("is missing, but the nodes of {solution} share their images; write for example "
               '"storage: {{type: filesystem, path: /mnt/shared/harbor}}"', solution=solution),
            MistakeKind.MISSING,
        )  # fmt: skip
    if not _shares(data) and stored != "local":
        yield Mistake(
            "storage",
            tr("is given, but with {solution} each Harbor keeps its images on its own data "
               "volume; leave it out", solution=solution),
        )  # fmt: skip
    if not _shares(data):
        shared = [_dict(host).get("public_name") for host in _hosts(data)]
        named = [name for name in shared if isinstance(name, str)]
        for name in sorted({name for name in named if named.count(name) > 1}):
            yield Mistake(
                "hosts",
                tr('"{name}" is the public_name of two hosts; every Harbor has its own', name=name),
            )


def _release(data: dict[str, Any]) -> Iterator[Mistake]:
    """What the release has, and has not."""
    version = data.get("release")
    if not isinstance(version, str) or supported(version):
        return
    release = find(version)
    solution, scanner = _solution_of(data), data.get("scanner", "none")
    if not _shares(data) and not release.replicates:
        yield Mistake(
            "release",
            tr('"{version}" has no robot accounts of the whole system, by which {solution} '
               "replicates; choose 2.2 or later", version=version, solution=solution),
        )  # fmt: skip
    if scanner == "trivy" and "trivy" not in release.scanners:
        yield Mistake(
            "scanner",
            tr('"trivy" comes with Harbor 2.0, but release is {version}; write "clair"',
               version=version),
        )  # fmt: skip
    if scanner == "clair" and "clair" not in release.scanners:
        yield Mistake(
            "scanner",
            tr('"clair" went with Harbor 2.2, but release is {version}; write "trivy"',
               version=version),
        )  # fmt: skip
    tls = _dict(data.get("tls"))
    if tls.get("internal") is True and not release.internal_tls:
        yield Mistake(
            "tls.internal",
            tr("comes with Harbor 2.0, but release is {version}; leave it out", version=version),
        )
    yield from _release_databases(data, release)
    sentinel = "sentinel" in _dict(data.get("redis"))
    if sentinel and not release.sentinel:
        yield Mistake(
            "redis.sentinel",
            tr("comes with Harbor 2.1, but release is {version}; write its host", version=version),
        )


def _release_databases(data: dict[str, Any], release: Release) -> Iterator[Mistake]:
    """What Harbor 1.5 needs of its databases, and later ones do not."""
    database = _dict(data.get("database"))
    if release.uses_mariadb and database and "schema_file" not in database:
        yield Mistake(
            "database.schema_file",
            tr("is missing, but Harbor 1.5 does not bring the schema of its database; write the "
               "path of make/photon/db/registry.sql of its sources"),
            MistakeKind.MISSING,
        )  # fmt: skip
    if not release.uses_mariadb and "schema_file" in database:
        yield Mistake(
            "database.schema_file",
            tr("is for Harbor 1.5 only, release is {version}; leave it out",
               version=release.version),
        )  # fmt: skip
    clair = data.get("scanner") == "clair"
    if release.uses_mariadb and clair and not _has(data, "clair_database"):
        yield Mistake(
            "clair_database",
            tr("is missing, but clair keeps its findings in a PostgreSQL; write for example "
               '"clair_database: {host: 10.0.0.32, name: postgres, user: postgres}"'),
            MistakeKind.MISSING,
        )  # fmt: skip


def _network(data: dict[str, Any]) -> Iterator[Mistake]:
    try:
        virtual = ipaddress.ip_interface(_dict(data.get("virtual_address")).get("address", ""))
    except ValueError:
        return
    if _balancer_type(data) == "existing":
        return
    holder = "harbor" if _solution_of(data) == "active-standby" else "balancer"
    for index, host in enumerate(_hosts(data)):
        try:
            address = ipaddress.ip_address(host.get("address", ""))
        except ValueError:
            continue
        if address == virtual.ip:
            yield Mistake(
                f"hosts[{index}].address",
                tr('"{address}" is the virtual address, which moves between balancers; give the '
                   "host an address of its own", address=address),
            )  # fmt: skip
        elif holder in _roles_of(host) and address not in virtual.network:
            yield Mistake(
                "virtual_address.address",
                tr('"{virtual}" is not on the network of {role} {host} ({address}); a virtual '
                   "address has to be on the own network of the hosts that hold it, for example "
                   "{address}/24's",
                   virtual=virtual, role=holder, host=f"hosts[{index}]", address=address),
            )  # fmt: skip


def _installer(data: dict[str, Any], folder: Path | None) -> Iterator[Mistake]:
    installer = data.get("installer")
    if not isinstance(installer, dict):
        return
    if ("file" in installer) == ("url" in installer):
        yield _both_or_neither(
            "installer", "file", "url", "file: ~/harbor-offline-installer-v2.15.2.tgz",
            both="file" in installer,
        )  # fmt: skip
    if "url" in installer and "sha256" not in installer:
        yield Mistake(
            "installer.sha256",
            tr("is missing, but a download is not used unchecked; write the 64 digits that "
               '"sha256sum" prints of the file'),
            MistakeKind.MISSING,
        )  # fmt: skip
    yield from _file_there("installer.file", installer.get("file"), folder)


def _both_or_neither(path: str, one: str, other: str, example: str, *, both: bool) -> Mistake:
    """Return the mistake that of two keys, one of which is needed, both or none are there."""
    if both:
        reason = tr(
            'has both {one} and {other}, but exactly one is needed; write for example "{example}"',
            one=one, other=other, example=example,
        )  # fmt: skip
        return Mistake(path, reason)
    reason = tr(
        "has neither {one} nor {other}, but exactly one is needed; write for example "
        '"{example}"',
        one=one, other=other, example=example,
    )  # fmt: skip
    return Mistake(path, reason, MistakeKind.NEITHER)


def _packages(data: dict[str, Any], folder: Path | None) -> Iterator[Mistake]:
    packages = _dict(data.get("packages"))
    source, bundle = packages.get("source", "distribution"), packages.get("bundle")
    if (source == "bundle") != (bundle is not None):
        yield _lonely_bundle(source, given=bundle is not None)
    if source != "docker" and "mirror" in packages:
        yield Mistake(
            "packages.mirror",
            tr('is given, but source is "{source}", which does not use it; write "source: docker" '
               "or leave it out", source=source),
        )  # fmt: skip
    for index, host in enumerate(_hosts(data)):
        platform = PLATFORMS.get(_word(host.get("platform")))
        dockers = {"harbor", "services"} & {r for r in _roles_of(host) if isinstance(r, str)}
        if platform is not None and dockers and source in ("distribution", "docker", "bundle"):
            reason = docker_refusal(platform, source)
            if reason:
                yield Mistake(f"hosts[{index}].platform", reason)
    if folder is None or not isinstance(bundle, str):
        return
    if not files.is_file(files.at(bundle, folder) / "bundle.json"):
        yield Mistake(
            "packages.bundle",
            tr('"{bundle}" is no folder that "harbor-wizard bundle" made; make it, or write '
               "its path", bundle=bundle),
        )  # fmt: skip


def _lonely_bundle(source: Any, *, given: bool) -> Mistake:
    if given:
        reason = tr(
            'is given, but source is "{source}"; write "source: bundle" and "bundle: FOLDER" '
            'together, with a folder that "harbor-wizard bundle" made',
            source=source,
        )
        return Mistake("packages.bundle", reason)
    reason = tr(
        'is missing; write "source: bundle" and "bundle: FOLDER" together, with a folder that '
        '"harbor-wizard bundle" made'
    )
    return Mistake("packages.bundle", reason, MistakeKind.MISSING)


def _files(data: dict[str, Any], folder: Path | None) -> Iterator[Mistake]:
    yield from _file_there(
        "database.schema_file", _dict(data.get("database")).get("schema_file"), folder
    )
    yield from _file_there("storage.key_file", _dict(data.get("storage")).get("key_file"), folder)


def _file_there(field: str, value: Any, folder: Path | None) -> Iterator[Mistake]:
    if folder is None or not isinstance(value, str) or not value:
        return
    if not files.is_file(files.at(value, folder)):
        yield Mistake(
            field,
            tr('"{path}" is not there or not a file; write the path of a file here', path=value),
        )


def _tls(data: dict[str, Any], folder: Path | None) -> Iterator[Mistake]:
    tls = data.get("tls")
    if not isinstance(tls, dict):
        return
    mode, issuer = tls.get("mode"), tls.get("issuer", "operator")
    encrypted = mode in ("terminate", "passthrough")
    for field in ("certificate", "key"):
        if encrypted and issuer == "operator" and field not in tls:
            example = f"{field}: certs/registry.{'key' if field == 'key' else 'crt'}"
            yield Mistake(
                f"tls.{field}",
                tr('is missing, but mode "{mode}" needs it; write for example "{example}", or '
                   '"issuer: wizard" for a private CA', mode=mode, example=example),
                MistakeKind.MISSING,
            )  # fmt: skip
        if field in tls and (mode == "none" or issuer == "wizard"):
            why = 'mode "none"' if mode == "none" else 'issuer "wizard"'
            yield Mistake(
                f"tls.{field}",
                tr("is given, but {why} has no use for it; leave it out", why=why),
            )
    if mode == "passthrough" and _solution_of(data) == "master-slave" and _balances(data):
        yield Mistake(
            "tls.mode",
            tr('"passthrough" hides from the balancer which requests are pushes, and those go to '
               'the master only; write "terminate"'),
        )  # fmt: skip
    if mode == "terminate" and not _terminates(data):
        yield Mistake(
            "tls.mode",
            tr('"terminate" ends TLS at a balancer of ours, and here is none that can; write '
               '"passthrough" (TLS ends at the nodes) or "none"'),
        )  # fmt: skip
    yield from _trusting(data, tls)
    for field in ("certificate", "key", "ca"):
        yield from _file_there(f"tls.{field}", tls.get(field), folder)


def _trusting(data: dict[str, Any], tls: dict[str, Any]) -> Iterator[Mistake]:
    """Which hosts shall trust the CA."""
    clients = tls.get("clients")
    for name in clients if isinstance(clients, list | tuple) else ():
        if isinstance(name, str) and name not in [host.get("name") for host in _hosts(data)]:
            yield Mistake(
                "tls.clients",
                tr('"{name}" is the name of no host here; write one of hosts\' names', name=name),
            )
    if tls.get("clients") and tls.get("issuer", "operator") == "operator" and "ca" not in tls:
        yield Mistake(
            "tls.clients", tr("is given, but there is no CA to trust; write its path as tls.ca")
        )


def _balances(data: dict[str, Any]) -> bool:
    return any("balancer" in _roles_of(host) for host in _hosts(data))


def _terminates(data: dict[str, Any]) -> bool:
    """Say whether a balancer of this plan or of the site's own can end TLS."""
    if _balancer_type(data) == "existing":
        return True
    return _balances(data) and _balancer_type(data) != "lvs"


def _redis(data: dict[str, Any]) -> Iterator[Mistake]:
    redis = data.get("redis")
    if isinstance(redis, dict) and ("host" in redis) == ("sentinel" in redis):
        yield _both_or_neither("redis", "host", "sentinel", "host: 10.0.0.31", both="host" in redis)


def _access(data: dict[str, Any]) -> Iterator[Mistake]:
    places = [("access", _dict(data.get("access")))]
    for index, host in enumerate(_hosts(data)):
        places.append((f"hosts[{index}].access", _dict(host.get("access"))))
    for field, access in places:
        if access.get("sudo") is False and "sudo_password" in access:
            yield Mistake(
                f"{field}.sudo_password",
                tr('is given, but sudo is false; write "sudo: true" or leave the password out'),
            )
