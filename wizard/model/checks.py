"""Checks that look at more than one field.

They read the plain data, not the model, so that they find their mistakes even where other fields
are wrong too: the operator gets all of them at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harbor_wizard.platforms import PLATFORMS, docker_refusal
from harbor_wizard.releases import find, supported


def problems(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    """Yield a sentence for each mistake in how fields go together.

    `folder` is what relative paths start from; without one, no file is looked for.
    """
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


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _hosts(data: dict[str, Any]) -> list[dict[str, Any]]:
    hosts = data.get("hosts")
    return [_dict(host) for host in hosts] if isinstance(hosts, list) else []


def _roles_of(host: dict[str, Any]) -> list[Any]:
    roles = host.get("roles")
    return roles if isinstance(roles, list) else []


def _unique(data: dict[str, Any]) -> Iterator[str]:
    for field in ("name", "address"):
        seen: dict[str, int] = {}
        for index, host in enumerate(_hosts(data)):
            value = host.get(field)
            if not isinstance(value, str):
                continue
            if value in seen:
                yield (
                    f'hosts[{index}].{field}: "{value}" is also that of hosts[{seen[value]}]; '
                    f"every host has its own {field}"
                )
            seen.setdefault(value, index)


# What each solution needs: at least and at most so many hosts of a role.
_COUNTS: dict[str, dict[str, tuple[int, int]]] = {
    "active-active": {"harbor": (2, 99), "balancer": (1, 2)},
    "active-standby": {"harbor": (2, 2), "balancer": (0, 0)},
    "master-slave": {"harbor": (2, 99), "balancer": (0, 2), "services": (0, 0)},
    "master-master": {"harbor": (2, 2), "balancer": (0, 2), "services": (0, 0)},
}
_WORDS = {0: "none", 1: "one", 2: "two"}


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


def _roles(data: dict[str, Any]) -> Iterator[str]:
    hosts, solution = _hosts(data), _solution_of(data)
    if not hosts or solution not in _COUNTS:
        return
    counts = {"services": (0, 1), **_COUNTS[solution]}
    if _balancer_type(data) == "existing":
        counts["balancer"] = (0, 0)
    for role, (least, most) in counts.items():
        number = sum(role in _roles_of(host) for host in hosts)
        if number < least:
            yield (
                f"hosts: {number} with the role {role}, but {solution} needs at least "
                f'{_WORDS.get(least, least)}; add a host with "roles: [{role}]"'
            )
        elif number > most:
            existing = role == "balancer" and _balancer_type(data) == "existing"
            why = "an existing balancer" if existing else str(solution)
            yield (
                f"hosts: {number} with the role {role}, but {why} takes "
                f"{_WORDS.get(most, most)}{' at most' if most else ''}; give the others another "
                "role or leave them out"
            )
    for index, host in enumerate(hosts):
        if {"balancer", "harbor"} <= {r for r in _roles_of(host) if isinstance(r, str)}:
            yield (
                f"hosts[{index}].roles: balancer and harbor on one host, but both want ports 80 "
                'and 443; give each a host of its own, for example "roles: [harbor]"'
            )
        holds = "harbor" if solution == "active-standby" else "balancer"
        if holds in _roles_of(host) and "interface" not in host and _has(data, "virtual_address"):
            yield (
                f"hosts[{index}].interface: is missing, but a {_HOLDER[holds]} needs to know where "
                'the virtual address goes; write for example "interface: eth0"'
            )


_HOLDER = {"balancer": "balancer", "harbor": "node that holds it"}


def _solution(data: dict[str, Any]) -> Iterator[str]:
    """What goes with the solution, beside the hosts."""
    solution, kind = _solution_of(data), _balancer_type(data)
    if solution not in _COUNTS:
        return
    balancers = _balances(data)
    held = _has(data, "virtual_address")
    if not held and (solution == "active-standby" or (balancers and kind != "existing")):
        yield (
            "virtual_address: is missing, but clients need one that moves to the host that lives; "
            'write for example "virtual_address: {address: 10.0.0.10/24}"'
        )
    if kind in ("lvs", "existing") and solution != "active-active":
        yield (
            f'balancer.type: "{kind}" serves active-active only; write "haproxy" or leave the '
            "balancer out"
        )
    if kind == "nginx" and solution != "master-master":
        yield 'balancer.type: "nginx" serves master-master only; write "haproxy"'
    yield from _state(data)
    yield from _release(data)


def _state(data: dict[str, Any]) -> Iterator[str]:
    """Where the database, Redis and the images are."""
    solution = _solution_of(data)
    services = any("services" in _roles_of(host) for host in _hosts(data))
    stored = _word(_dict(data.get("storage")).get("type", "local"))
    for field, title in (("database", "a database"), ("redis", "a Redis")):
        if _shares(data) and not services and not _has(data, field):
            yield (
                f"{field}: is missing, but the nodes of {solution} share {title}; write for "
                f'example "{field}: {{host: 10.0.0.31}}", or give a host the role services for a '
                "proof of concept"
            )
        if not _shares(data) and _has(data, field):
            yield (
                f"{field}: is given, but with {solution} each Harbor brings {title} of its own; "
                "leave it out"
            )
        if services and _has(data, field) and _shares(data):
            yield (
                f"{field}: is given, but a host with the role services brings {title}, too; "
                "leave one of them out"
            )
    if _shares(data) and stored == "local":
        yield (
            f"storage: is missing, but the nodes of {solution} share their images; write for "
            'example "storage: {type: filesystem, path: /mnt/shared/harbor}"'
        )
    if not _shares(data) and stored != "local":
        yield (
            f"storage: is given, but with {solution} each Harbor keeps its images on its own data "
            "volume; leave it out"
        )
    if not _shares(data):
        shared = [_dict(host).get("public_name") for host in _hosts(data)]
        named = [name for name in shared if isinstance(name, str)]
        for name in sorted({name for name in named if named.count(name) > 1}):
            yield f'hosts: "{name}" is the public_name of two hosts; every Harbor has its own'


def _release(data: dict[str, Any]) -> Iterator[str]:
    """What the release has, and has not."""
    version = data.get("release")
    if not isinstance(version, str) or supported(version):
        return
    release = find(version)
    solution, scanner = _solution_of(data), data.get("scanner", "none")
    if not _shares(data) and not release.replicates:
        yield (
            f'release: "{version}" has no robot accounts of the whole system, by which '
            f"{solution} replicates; choose 2.2 or later"
        )
    if scanner == "trivy" and "trivy" not in release.scanners:
        yield f'scanner: "trivy" comes with Harbor 2.0, but release is {version}; write "clair"'
    if scanner == "clair" and "clair" not in release.scanners:
        yield f'scanner: "clair" went with Harbor 2.2, but release is {version}; write "trivy"'
    tls = _dict(data.get("tls"))
    if tls.get("internal") is True and not release.internal_tls:
        yield f"tls.internal: comes with Harbor 2.0, but release is {version}; leave it out"
    database = _dict(data.get("database"))
    if release.uses_mariadb and database and "schema_file" not in database:
        yield (
            "database.schema_file: is missing, but Harbor 1.5 does not bring the schema of its "
            "database; write the path of make/photon/db/registry.sql of its sources"
        )
    if not release.uses_mariadb and "schema_file" in database:
        yield f"database.schema_file: is for Harbor 1.5 only, release is {version}; leave it out"
    if release.uses_mariadb and scanner == "clair" and not _has(data, "clair_database"):
        yield (
            "clair_database: is missing, but clair keeps its findings in a PostgreSQL; write for "
            'example "clair_database: {host: 10.0.0.32, name: postgres, user: postgres}"'
        )
    sentinel = "sentinel" in _dict(data.get("redis"))
    if sentinel and not release.sentinel:
        yield f"redis.sentinel: comes with Harbor 2.1, but release is {version}; write its host"


def _network(data: dict[str, Any]) -> Iterator[str]:
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
            yield (
                f'hosts[{index}].address: "{address}" is the virtual address, which moves '
                f"between balancers; give the host an address of its own"
            )
        elif holder in _roles_of(host) and address not in virtual.network:
            yield (
                f'virtual_address.address: "{virtual}" is not on the network of {holder} '
                f"hosts[{index}] ({address}); a virtual address has to be on the own network of "
                f"the hosts that hold it, for example {address}/24's"
            )


def _installer(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    installer = data.get("installer")
    if not isinstance(installer, dict):
        return
    if ("file" in installer) == ("url" in installer):
        what = "both file and url" if "file" in installer else "neither file nor url"
        yield (
            f"installer: has {what}, but exactly one is needed; write for example "
            '"file: ~/harbor-offline-installer-v2.15.2.tgz"'
        )
    if "url" in installer and "sha256" not in installer:
        yield (
            "installer.sha256: is missing, but a download is not used unchecked; write the "
            '64 digits that "sha256sum" prints of the file'
        )
    yield from _file_there("installer.file", installer.get("file"), folder)


def _packages(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    packages = _dict(data.get("packages"))
    source, bundle = packages.get("source", "distribution"), packages.get("bundle")
    if (source == "bundle") != (bundle is not None):
        what = "is missing" if bundle is None else f'is given, but source is "{source}"'
        yield (
            f'packages.bundle: {what}; write "source: bundle" and "bundle: FOLDER" together, '
            'with a folder that "harbor-wizard bundle" made'
        )
    if source != "docker" and "mirror" in packages:
        yield (
            f'packages.mirror: is given, but source is "{source}", which does not use it; write '
            '"source: docker" or leave it out'
        )
    for index, host in enumerate(_hosts(data)):
        platform = PLATFORMS.get(_word(host.get("platform")))
        dockers = {"harbor", "services"} & {r for r in _roles_of(host) if isinstance(r, str)}
        if platform is not None and dockers and source in ("distribution", "docker", "bundle"):
            reason = docker_refusal(platform, source)
            if reason:
                yield f"hosts[{index}].platform: {reason}"
    if folder is not None and isinstance(bundle, str):
        path = folder / Path(bundle).expanduser()
        if not (path / "bundle.json").is_file():
            yield (
                f'packages.bundle: "{bundle}" is no folder that "harbor-wizard bundle" made; '
                "make it, or write its path"
            )


def _files(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    yield from _file_there(
        "database.schema_file", _dict(data.get("database")).get("schema_file"), folder
    )
    yield from _file_there("storage.key_file", _dict(data.get("storage")).get("key_file"), folder)


def _file_there(field: str, value: Any, folder: Path | None) -> Iterator[str]:
    if folder is None or not isinstance(value, str) or not value:
        return
    path = folder / Path(value).expanduser()
    if not path.is_file():
        yield f'{field}: "{value}" is not there or not a file; write the path of a file here'


def _tls(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    tls = data.get("tls")
    if not isinstance(tls, dict):
        return
    mode, issuer = tls.get("mode"), tls.get("issuer", "operator")
    encrypted = mode in ("terminate", "passthrough")
    for field in ("certificate", "key"):
        if encrypted and issuer == "operator" and field not in tls:
            yield (
                f'tls.{field}: is missing, but mode "{mode}" needs it; write for example '
                f'"{field}: certs/registry.{field[:3] if field == "key" else "crt"}", or '
                '"issuer: wizard" for a private CA'
            )
        if field in tls and (mode == "none" or issuer == "wizard"):
            why = 'mode "none"' if mode == "none" else 'issuer "wizard"'
            yield f"tls.{field}: is given, but {why} has no use for it; leave it out"
    if mode == "passthrough" and _solution_of(data) == "master-slave" and _balances(data):
        yield (
            'tls.mode: "passthrough" hides from the balancer which requests are pushes, and those '
            'go to the master only; write "terminate"'
        )
    if mode == "terminate" and not _terminates(data):
        yield (
            'tls.mode: "terminate" ends TLS at a balancer of ours, and here is none that can; '
            'write "passthrough" (TLS ends at the nodes) or "none"'
        )
    clients = tls.get("clients")
    for name in clients if isinstance(clients, list | tuple) else ():
        if isinstance(name, str) and name not in [host.get("name") for host in _hosts(data)]:
            yield f'tls.clients: "{name}" is the name of no host here; write one of hosts\' names'
    if tls.get("clients") and issuer == "operator" and "ca" not in tls:
        yield "tls.clients: is given, but there is no CA to trust; write its path as tls.ca"
    for field in ("certificate", "key", "ca"):
        yield from _file_there(f"tls.{field}", tls.get(field), folder)


def _balances(data: dict[str, Any]) -> bool:
    return any("balancer" in _roles_of(host) for host in _hosts(data))


def _terminates(data: dict[str, Any]) -> bool:
    """Say whether a balancer of this plan or of the site's own can end TLS."""
    if _balancer_type(data) == "existing":
        return True
    return _balances(data) and _balancer_type(data) != "lvs"


def _redis(data: dict[str, Any]) -> Iterator[str]:
    redis = data.get("redis")
    if isinstance(redis, dict) and ("host" in redis) == ("sentinel" in redis):
        what = "both host and sentinel" if "host" in redis else "neither host nor sentinel"
        yield f'redis: has {what}, but exactly one is needed; write for example "host: 10.0.0.31"'


def _access(data: dict[str, Any]) -> Iterator[str]:
    places = [("access", _dict(data.get("access")))]
    for index, host in enumerate(_hosts(data)):
        places.append((f"hosts[{index}].access", _dict(host.get("access"))))
    for field, access in places:
        if access.get("sudo") is False and "sudo_password" in access:
            yield (
                f"{field}.sudo_password: is given, but sudo is false; "
                'write "sudo: true" or leave the password out'
            )
