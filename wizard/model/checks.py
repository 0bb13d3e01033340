"""Checks that look at more than one field.

They read the plain data, not the model, so that they find their mistakes even where other fields
are wrong too: the operator gets all of them at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def problems(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    """Yield a sentence for each mistake in how fields go together.

    `folder` is what relative paths start from; without one, no file is looked for.
    """
    yield from _unique(data)
    yield from _roles(data)
    yield from _network(data)
    yield from _installer(data, folder)
    yield from _tls(data, folder)
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


def _roles(data: dict[str, Any]) -> Iterator[str]:
    hosts = _hosts(data)
    if not hosts or data.get("solution") != "active-active":
        return
    count = {
        role: sum(role in _roles_of(host) for host in hosts) for role in ("balancer", "harbor")
    }
    for role, number in count.items():
        if number < 2:
            yield (
                f"hosts: {number} with the role {role}, but active-active needs at least two; "
                f'add a host with "roles: [{role}]"'
            )
    for index, host in enumerate(hosts):
        if {"balancer", "harbor"} <= {r for r in _roles_of(host) if isinstance(r, str)}:
            yield (
                f"hosts[{index}].roles: balancer and harbor on one host, but both want ports 80 "
                'and 443; give each a host of its own, for example "roles: [harbor]"'
            )
        if "balancer" in _roles_of(host) and "interface" not in host:
            yield (
                f"hosts[{index}].interface: is missing, but a balancer needs to know where the "
                'virtual address goes; write for example "interface: eth0"'
            )


def _network(data: dict[str, Any]) -> Iterator[str]:
    try:
        virtual = ipaddress.ip_interface(_dict(data.get("virtual_address")).get("address", ""))
    except ValueError:
        return
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
        elif "balancer" in _roles_of(host) and address not in virtual.network:
            yield (
                f'virtual_address.address: "{virtual}" is not on the network of balancer '
                f"hosts[{index}] ({address}); a virtual address has to be on the balancers' own "
                f"network, for example {address}/24's"
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
    mode = tls.get("mode")
    for field in ("certificate", "key"):
        if mode in ("terminate", "passthrough") and field not in tls:
            yield (
                f'tls.{field}: is missing, but mode "{mode}" needs it; write for example '
                f'"{field}: certs/registry.{field[:3] if field == "key" else "crt"}"'
            )
        if mode == "none" and field in tls:
            yield f'tls.{field}: is given, but mode "none" has no use for it; leave it out'
    for field in ("certificate", "key", "ca"):
        yield from _file_there(f"tls.{field}", tls.get(field), folder)


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
