"""What a look at a cluster found, part by part, and how it is told to people and to programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harbor_wizard.language import tr, trn

# What a part that is well is called: by systemd, by Docker, by HAProxy, by Harbor.
GOOD = ("active", "running", "UP", "healthy")

# A disk is not well when less than this share is free; a large one still is with so much.
LEAST_FREE_PERCENT = 10
ENOUGH_FREE_BYTES = 50 * 1024**3
LEAST_INODES_PERCENT = 5

# A certificate is not well when it ends within so many days.
LEAST_DAYS = 14

_GB = 1024**3


@dataclass(frozen=True)
class Disk:
    """A file system that something of ours is on: `paths` are what is there. Sizes are in bytes.

    `inodes_percent` is the share of inodes that are free; None where it makes them as it needs.
    """

    mount: str
    paths: tuple[str, ...]
    free: int
    total: int
    inodes_percent: int | None = None

    @property
    def percent(self) -> int:
        """The share that is free."""
        return self.free * 100 // self.total if self.total else 0

    @property
    def well(self) -> bool:
        """Say whether there is room to go on with."""
        room = self.percent >= LEAST_FREE_PERCENT or self.free >= ENOUGH_FREE_BYTES
        return room and (self.inodes_percent is None or self.inodes_percent >= LEAST_INODES_PERCENT)

    @property
    def told(self) -> str:
        """How full it is, in words."""
        if not self.total:
            return tr("{mount}: it does not answer", mount=self.mount)
        said = tr("{mount}: {free} of {total} GB free ({percent} %)", mount=self.mount,
                  free=f"{self.free / _GB:.1f}", total=f"{self.total / _GB:.1f}",
                  percent=self.percent)  # fmt: skip
        if self.inodes_percent is not None and self.inodes_percent < LEAST_INODES_PERCENT:
            said += ", " + tr("{percent} % of its inodes", percent=self.inodes_percent)
        return said


@dataclass(frozen=True)
class Drift:
    """A file that is not as the plan would write it.

    `state` is `missing` or `changed`; `diff` leads from what is there to what the plan writes, with
    secrets as bullets.
    """

    path: str
    state: str
    diff: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate: `where` it is seen, and when it ends (seconds since the epoch).

    `error` says why it could not be seen.
    """

    where: str
    address: str
    ends: float | None = None
    error: str = ""

    def days(self, now: float) -> int | None:
        """Return how many whole days are left."""
        return int((self.ends - now) // 86400) if self.ends is not None else None

    def well(self, now: float) -> bool:
        """Say whether it was seen, and does not end soon."""
        days = self.days(now)
        return not self.error and days is not None and days >= LEAST_DAYS

    def told(self, now: float) -> str:
        """What was seen of it, in words."""
        days, place = self.days(now), " ".join(filter(None, (self.where, self.address)))
        if self.error or days is None:
            return f"{place}: {self.error}"
        left = trn("{number} day left", "{number} days left", days)
        if days < 0:
            left = trn("ended {number} day ago", "ended {number} days ago", -days)
        return f"{place}: {left}"


@dataclass(frozen=True)
class Policy:
    """One direction of replication, as its policy at the source tells it.

    `status`, `trigger`, `began` and `ended` (seconds since the epoch, by the source's clock) are
    those of its last execution, as Harbor words them. `lag` is in seconds: for how long the last
    execution has been under way, or how long it took; where it failed, the time since the last one
    that succeeded ended, for the target has been behind since then. `lost` are the executions that
    failed or were stopped and that no complete one (by hand or by schedule) has made up for: an
    event copies only what it is about. `error` says why nothing is known.
    """

    source: str
    target: str
    name: str
    enabled: bool = False
    status: str = ""
    trigger: str = ""
    began: float | None = None
    ended: float | None = None
    lag: float | None = None
    lost: int = 0
    error: str = ""

    @property
    def well(self) -> bool:
        """Say whether all that was to be copied was, or is being copied."""
        return not self.error and self.enabled and not self.lost

    @property
    def told(self) -> str:
        """How it stands, in words."""
        way = f"{self.source} → {self.target}"
        if self.error:
            return f"{way}: {self.error}"
        parts = [tr("nothing was replicated yet")]
        if self.status:
            said = self.status
            if self.lag is not None:
                said = tr("{status}, lag {seconds} s", status=self.status,
                          seconds=f"{self.lag:.1f}")  # fmt: skip
            parts = [tr("last execution {told}", told=said)]
        if not self.enabled:
            parts.append(tr("the policy is turned off"))
        if self.lost:
            parts.append(trn(
                "{number} execution failed and was not made up for: run the policy once by hand",
                "{number} executions failed and were not made up for: run the policy once by hand",
                self.lost,
            ))  # fmt: skip
        return f"{way}: {', '.join(parts)}"


@dataclass(frozen=True)
class HostStatus:
    """One host.

    `parts` are what should run there with how it is, `health` the parts of its Harbor's own answer.
    `versions` are what is installed; `wanted` is Harbor's version in the cluster file. `compared`
    counts the files that were compared with the plan, `unknown` those that could not be for want
    of secrets. `error` says why nothing is known.
    """

    name: str
    address: str
    roles: tuple[str, ...]
    parts: dict[str, str] = field(default_factory=dict)
    holds_address: bool = False
    error: str = ""
    health: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    wanted: str = ""
    disks: tuple[Disk, ...] = ()
    drift: tuple[Drift, ...] = ()
    compared: int = 0
    unknown: int = 0

    @property
    def ill(self) -> tuple[str, ...]:
        """What is not well, a short sentence each."""
        if self.error:
            return (self.error,)
        found = [f"{part}: {state}" for part, state in self.parts.items() if state not in GOOD]
        found += [
            tr("Harbor's {part}: {state}", part=part, state=state)
            for part, state in self.health.items()
            if state not in GOOD
        ]
        installed = self.versions.get("harbor", "")
        if self.wanted and installed and installed != self.wanted:
            found.append(tr("Harbor is {version}, the cluster file says {wanted}",
                            version=installed, wanted=self.wanted))  # fmt: skip
        found += [one.told for one in self.disks if not one.well]
        found += [_drifted(one) for one in self.drift]
        return tuple(found)

    @property
    def well(self) -> bool:
        """Say whether all that should run there does, there is room, and no file differs."""
        return not self.ill

    @property
    def sign(self) -> str:
        """A sign for whether it is well."""
        return "✓" if self.well else "✗"

    @property
    def summary(self) -> str:
        """Whether it is well, in words."""
        if self.well:
            return tr("well")
        return tr("not reached") if self.error else tr("not well")

    @property
    def files_told(self) -> str:
        """How many files differ from the plan, in words; nothing where none were compared."""
        if not self.compared and not self.unknown:
            return ""
        said = [trn("{number} file as planned", "{number} files as planned",
                    self.compared - len(self.drift))]  # fmt: skip
        if self.drift:
            said.append(trn("{number} differs", "{number} differ", len(self.drift)))
        if self.unknown:
            said.append(trn("{number} not compared: its secrets are not here",
                            "{number} not compared: their secrets are not here",
                            self.unknown))  # fmt: skip
        return ", ".join(said)

    def lines(self) -> Iterator[str]:
        """Yield what is known of it, a line each."""
        if self.error:
            yield f"✗ {self.error}"
            return
        for part, state in self.parts.items():
            yield f"{'✓' if state in GOOD else '✗'} {part}: {state}"
        if self.health:
            ill = {part: state for part, state in self.health.items() if state not in GOOD}
            told = ", ".join(f"{part} {state}" for part, state in ill.items())
            if not ill:
                told = trn("{number} part", "{number} parts", len(self.health))
            yield f"{'✗' if ill else '✓'} " + tr("Harbor's own health: {told}", told=told)
        for disk in self.disks:
            yield f"{'✓' if disk.well else '✗'} {disk.told}"
        if self.versions:
            sign = "✗" if self.wanted and self.versions.get("harbor", self.wanted) != self.wanted \
                else "✓"  # fmt: skip
            yield f"{sign} " + ", ".join(f"{name} {one}" for name, one in self.versions.items())
        if self.files_told:
            sign = "✗" if self.drift else "?" if self.unknown and not self.compared else "✓"
            yield f"{sign} {self.files_told}"
        for drift in self.drift:
            yield f"✗ {_drifted(drift)}"

    def as_data(self) -> dict[str, Any]:
        """Return it for programs; see `ClusterStatus.as_json`."""
        return {
            "name": self.name, "address": self.address, "roles": self.roles, "well": self.well,
            "ill": self.ill, "error": self.error, "holds_address": self.holds_address,
            "parts": self.parts, "health": self.health, "versions": self.versions,
            "disks": [
                {"mount": one.mount, "paths": one.paths, "free_bytes": one.free,
                 "total_bytes": one.total, "free_percent": one.percent,
                 "inodes_free_percent": one.inodes_percent, "well": one.well}
                for one in self.disks
            ],
            "files": {"compared": self.compared, "not_compared": self.unknown,
                      "drift": [vars(one) for one in self.drift]},
        }  # fmt: skip


def _drifted(drift: Drift) -> str:
    if drift.state == "missing":
        return tr("{path} is not there", path=drift.path)
    return tr("{path} differs from the plan", path=drift.path)


@dataclass(frozen=True)
class ClusterStatus:
    """All hosts, and what is beyond one host. `time` is when it was looked at (since the epoch).

    `movable` says whether there is a virtual address that one of our hosts holds. `unasked` says
    why nothing is known of the replication, where there is some and nobody could ask.
    """

    cluster: str
    virtual_address: str
    hosts: tuple[HostStatus, ...]
    movable: bool = True
    certificates: tuple[Certificate, ...] = ()
    policies: tuple[Policy, ...] = ()
    unasked: str = ""
    notes: tuple[str, ...] = ()
    time: float = field(default_factory=time.time)

    @property
    def holders(self) -> tuple[str, ...]:
        """The hosts that hold the virtual address; one, when all is well."""
        return tuple(host.name for host in self.hosts if host.holds_address)

    @property
    def held(self) -> bool:
        """Say whether the virtual address, if there is one, is on exactly one host."""
        return not self.movable or len(self.holders) == 1

    @property
    def holders_told(self) -> str:
        """Who holds the virtual address, in words."""
        holders = ", ".join(self.holders) or tr("nobody")
        return tr("{address} is held by {holders}", address=self.virtual_address, holders=holders)

    @property
    def ill(self) -> tuple[str, ...]:
        """What is not well, a sentence each that begins with where."""
        found = [] if self.held else [self.holders_told]
        for host in self.hosts:
            found += [one if host.error else f"{host.name}: {one}" for one in host.ill]
        found += [tr("certificate of {told}", told=one.told(self.time))
                  for one in self.certificates if not one.well(self.time)]  # fmt: skip
        found += [tr("replication {told}", told=one.told) for one in self.policies if not one.well]
        return tuple(found)

    @property
    def well(self) -> bool:
        """Say whether all is well."""
        return not self.ill

    def as_json(self) -> str:
        """Return it for monitoring: an object that later versions add to, and take nothing from.

        `well` is all in one; `ill` says what is not, a sentence each. `time` is when it was looked
        at, in seconds since the epoch, UTC. `holders` are the hosts that hold `virtual_address`,
        where it is `movable`. Each of `hosts` has `well` and `ill` of its own; `error` where it was
        not reached, and then nothing else; `parts` (units, containers, and `sees X`: the balancer's
        view of a node), good when `active`, `running` or `UP`; `health` (the parts of Harbor's own
        answer), good when `healthy`; `versions`; `disks` with sizes in bytes; `files` with how many
        were compared, how many could not be for want of secrets, and in `drift` those that are
        `missing` or `changed`, with a unified diff in which secrets are bullets. `certificates`
        have `days_left` and `ends` in seconds since the epoch, or `error`. `replication` has one
        entry for each direction, with the last execution's `status`, `trigger`, `began` and `ended`
        (seconds since the epoch), `lag_seconds` and `lost` (see `Policy`); `replication_unasked`
        says why there is none of it. Nothing in it is a secret.
        """
        data = {
            "cluster": self.cluster, "time": round(self.time, 3), "well": self.well,
            "ill": self.ill, "virtual_address": self.virtual_address, "movable": self.movable,
            "holders": self.holders,
            "hosts": [host.as_data() for host in self.hosts],
            "certificates": [
                {"where": one.where, "address": one.address, "days_left": one.days(self.time),
                 "ends": one.ends, "well": one.well(self.time), "error": one.error}
                for one in self.certificates
            ],
            "replication": [
                {"source": one.source, "target": one.target, "policy": one.name,
                 "enabled": one.enabled, "status": one.status, "trigger": one.trigger,
                 "began": one.began, "ended": one.ended, "lag_seconds": one.lag,
                 "lost": one.lost, "well": one.well, "error": one.error}
                for one in self.policies
            ],
            "replication_unasked": self.unasked,
            "notes": self.notes,
        }  # fmt: skip
        return json.dumps(data, indent=2, ensure_ascii=False)

    def headline(self) -> str:
        """Say in one line whether all is well."""
        if self.well:
            return tr("{cluster}: all is well", cluster=self.cluster)
        return tr("{cluster}: not all is well", cluster=self.cluster)

    def beyond_hosts(self) -> Iterator[str]:
        """Yield what is no single host's, a line each."""
        if self.movable:
            yield f"{'✓' if self.held else '✗'} {self.holders_told}"
        for certificate in self.certificates:
            sign = "✓" if certificate.well(self.time) else "✗"
            yield f"{sign} " + tr("certificate of {told}", told=certificate.told(self.time))
        for policy in self.policies:
            yield f"{'✓' if policy.well else '✗'} " + tr("replication {told}", told=policy.told)
        if self.unasked:
            yield "? " + tr("replication: {why}", why=self.unasked)
        for note in self.notes:
            yield f"· {note}"

    def as_text(self, *, drift: bool = False) -> str:
        """Return it for people; with `drift`, how each file differs."""
        lines = [self.headline(), *self.beyond_hosts()]
        for host in self.hosts:
            lines.append(f"{host.sign} {host.name} {host.address} ({roles_told(host)}): "
                         f"{host.summary}")  # fmt: skip
            lines += [f"    {line}" for line in host.lines()]
        if drift:
            for host in self.hosts:
                for one in host.drift:
                    lines += ["", f"{host.name}: {_drifted(one)}", one.diff]
        return "\n".join(lines)


def roles_told(host: HostStatus) -> str:
    """Return a host's roles, with a warning for what is a single point of failure."""
    roles = ", ".join(host.roles)
    if "services" in host.roles:
        return tr("{roles}: a single point of failure, for a proof of concept", roles=roles)
    return roles
