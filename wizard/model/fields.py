"""The kinds of values in a cluster file: what each may be, checked one by one."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from harbor_wizard.language import tr
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import supported


class Solution(StrEnum):
    """The four ways in which a Harbor stays up."""

    ACTIVE_ACTIVE = "active-active"
    ACTIVE_STANDBY = "active-standby"
    MASTER_SLAVE = "master-slave"
    MASTER_MASTER = "master-master"


class Role(StrEnum):
    """What a host is there for."""

    BALANCER = "balancer"
    HARBOR = "harbor"
    SERVICES = "services"


class BalancerType(StrEnum):
    """What spreads the clients over the nodes."""

    HAPROXY = "haproxy"
    LVS = "lvs"
    NGINX = "nginx"
    EXISTING = "existing"


class TlsMode(StrEnum):
    """Where TLS ends."""

    TERMINATE = "terminate"
    PASSTHROUGH = "passthrough"
    NONE = "none"


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(tr("is not an IP address")) from None


def _virtual(value: str) -> str:
    if "/" not in value:
        raise ValueError(tr("has no prefix length"))
    try:
        return str(ipaddress.ip_interface(value))
    except ValueError:
        raise ValueError(tr("is not an IP address with a prefix length")) from None


def _domain(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        pass
    else:
        return value
    labels = value.split(".")
    good = all(re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", label) for label in labels)
    if not good or len(value) > 253:
        raise ValueError(tr("is not a host name"))
    if labels[-1].isdigit():
        raise ValueError(tr("is neither an IP address nor a host name"))
    return value.lower()


def _release(value: str) -> str:
    reason = supported(value)
    if reason:
        raise ValueError(reason)
    return value


def _platform(value: str) -> str:
    if value not in PLATFORMS:
        known = ", ".join(PLATFORMS)
        raise ValueError(tr("is not a platform that is supported ({known})", known=known))
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s'\"\\]+", value):
        raise ValueError(tr("is not an http or https URL"))
    return value


def _absolute(value: str) -> str:
    # Harbor's prepare reads data_volume by grep and awk: no blank, no quote, no comment.
    if not re.fullmatch(r"/[A-Za-z0-9._/+@-]+", value) or ".." in value.split("/"):
        raise ValueError(tr("is not an absolute path made of letters, digits and ._/+@-"))
    return value.rstrip("/")


def _secret(value: str) -> str:
    if not re.fullmatch(r"secret:[a-z][a-z0-9_]{0,62}", value):
        raise ValueError(tr("is not a reference to a secret"))
    return value


Url = Annotated[str, AfterValidator(_url)]
ReleaseVersion = Annotated[str, AfterValidator(_release)]
PlatformName = Annotated[str, AfterValidator(_platform)]
VirtualInterface = Annotated[str, AfterValidator(_virtual)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
Address = Annotated[str, AfterValidator(_address)]
Domain = Annotated[str, AfterValidator(_domain)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
LocalPath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
Interface = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,15}$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/*?{},-]{1,255}$")]
User = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
SecretReference = Annotated[str, AfterValidator(_secret), Field(json_schema_extra={"secret": True})]


class Part(BaseModel):
    """A part of the cluster file: unknown keys are mistakes, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, use_enum_values=False)
