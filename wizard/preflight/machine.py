"""Checks of the machine itself: its system, its size, its clock, what is on it already."""

from __future__ import annotations

import re

from harbor_wizard import platforms
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Role
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level
from harbor_wizard.preflight.segment import carried
from harbor_wizard.releases import find

_GB = 1024 * 1024  # in the KiB that the hosts count in

_CPUS_WANTED, _CPUS_BETTER = 2, 4
_MEMORY_WANTED, _MEMORY_BETTER = 4 * _GB, 8 * _GB
_CLOCK_WARNS, _CLOCK_FAILS = 2.0, 30.0  # seconds; Harbor's tokens are good from the second on


def system(at: Seen) -> Verdict | None:
    """The system is the one that the plan was made for."""
    os_id, _, version = at.facts.one("system").partition(" ")
    wanted = platforms.PLATFORMS[at.host.platform]
    title = at.facts.one("title") or at.facts.one("system") or tr("a system without a name")
    if not wanted.matches(os_id, version):
        found = platforms.detect(os_id, version)
        cure = (
            tr("set its system to {platform} in Topology", platform=found.name)
            if found
            else tr(
                "this system is not supported: install one that is, {platform} for example",
                platform=wanted.name,
            )
        )
        return Verdict(Level.FAILED, title, os_id, wanted.title, cure)
    if at.facts.one("systemd") != "yes":
        return Verdict(Level.FAILED, tr("systemd does not run"), "-", "systemd",
                       tr("use a host that is started by systemd"))  # fmt: skip
    return well(title, f"{os_id} {version}", wanted.title)


def root(at: Seen) -> Verdict | None:
    """The login is root, or becomes it."""
    if at.facts.one("user") == "0":
        return well(tr("root"), "root")
    return Verdict(Level.FAILED, tr("not root"), "-", tr("root, by login or by sudo"),
                   tr("turn sudo on in Access"))  # fmt: skip


def architecture(at: Seen) -> Verdict | None:
    """Harbor's images run on this processor."""
    found = at.facts.one("architecture")
    wanted = "x86_64"
    if Role.HARBOR not in at.host.roles or found == wanted:
        return well(found, found, wanted)
    return Verdict(Level.FAILED, found, found, wanted,
                   tr("Harbor's images are for x86_64 only: use such a host"))  # fmt: skip


def cpus(at: Seen) -> Verdict | None:
    """There are processors enough."""
    if Role.HARBOR not in at.host.roles:
        return None
    found = at.facts.number("cpus") or 0
    wanted = tr("{least} or more, {better} for a busy registry", least=_CPUS_WANTED,
                better=_CPUS_BETTER)  # fmt: skip
    level = Level.OK if found >= _CPUS_WANTED else Level.WARNING
    return Verdict(level, str(found), str(found), wanted, tr("give the host more processors"))


def memory(at: Seen) -> Verdict | None:
    """There is memory enough."""
    if Role.HARBOR not in at.host.roles:
        return None
    found = at.facts.number("memory") or 0
    # A machine of 4 GB shows its system a little less.
    level = Level.OK if found >= _MEMORY_WANTED * 0.9 else Level.WARNING
    wanted = tr("{least} GB or more, {better} GB for a busy registry",
                least=_MEMORY_WANTED // _GB, better=_MEMORY_BETTER // _GB)  # fmt: skip
    return Verdict(level, f"{found / _GB:.1f} GB", f"{found / _GB:.0f} GB", wanted,
                   tr("give the host more memory"))  # fmt: skip


def clock(at: Seen) -> Verdict | None:
    """The clock agrees with the other hosts."""
    offs = [facts.clock_off for facts in at.hosts.values() if facts.clock_off is not None]
    if at.facts.clock_off is None or not offs:
        return None
    middle = sorted(offs)[len(offs) // 2]
    apart = abs(at.facts.clock_off - middle)
    wanted = tr("less than {seconds} s from the others, and kept so by NTP", seconds=_CLOCK_WARNS)
    seen = tr("{apart} s from the others", apart=f"{apart:.1f}")
    cure = tr("set the clock, and keep it by chrony or systemd-timesyncd")
    if apart > _CLOCK_WARNS:
        level = Level.FAILED if apart > _CLOCK_FAILS else Level.WARNING
        return Verdict(level, seen, f"{apart:.0f} s", wanted, cure)
    if at.facts.one("synchronised") == "no":
        return Verdict(Level.WARNING, tr("{seen}, but not kept by NTP", seen=seen), "no NTP",
                       wanted, cure)  # fmt: skip
    return well(seen, f"{apart:.1f} s", wanted)


def identity(at: Seen) -> Verdict | None:
    """No other host has the same name or machine id."""
    wanted = tr("a host name and a machine id that no other host has")
    # Two entries for one machine are no clones: that is told by the look at its addresses.
    hosts = {name: facts for name, facts in at.hosts.items() if name == at.host.name
             or at.cluster.host(name).address not in carried(at.facts)}  # fmt: skip
    for what, word in (("machine", tr("machine id")), ("name", tr("host name"))):
        own = at.facts.one(what)
        same = [name for name, facts in hosts.items()
                if name != at.host.name and own and facts.one(what) == own]  # fmt: skip
        if same:
            seen = tr("the same {what} as {others}: {value}", what=word, others=", ".join(same),
                      value=own)  # fmt: skip
            cure = (
                tr("they are clones: remove /etc/machine-id, run systemd-machine-id-setup, reboot")
                if what == "machine"
                else tr("give it another name: hostnamectl set-hostname")
            )
            return Verdict(Level.WARNING, seen, tr("twice"), wanted, cure)
    return well(at.facts.one("name"), at.facts.one("name"), wanted)


def docker(at: Seen) -> Verdict | None:
    """What Docker there is, if any, is good enough."""
    if Role.HARBOR not in at.host.roles:
        return None
    said, version = at.facts.one("docker_is"), at.facts.one("docker")
    wanted = tr("none, or Docker {least} or later", least=find(at.cluster.release).docker_minimum)
    if said and not said.startswith("Docker"):
        return Verdict(Level.FAILED, said, "podman", wanted,
                       tr("remove that package: it stands in Docker's place"))  # fmt: skip
    if not said:
        return well(tr("not there yet"), tr("none"), wanted)
    if not version:
        return Verdict(Level.WARNING, tr("installed, but it does not run"), tr("stopped"), wanted,
                       tr("look why: journalctl -u docker"))  # fmt: skip
    driver = at.facts.one("docker_driver")
    if _numbers(version) < _numbers(find(at.cluster.release).docker_minimum):
        return Verdict(Level.FAILED, version, version, wanted, tr("update Docker"))
    if driver in ("vfs", "devicemapper", "aufs"):
        return Verdict(Level.WARNING, f"{version}, {driver}", driver, "overlay2",
                       tr("use the storage driver overlay2"))  # fmt: skip
    return well(f"{version}, {driver}", version, wanted)


def _numbers(version: str) -> list[int]:
    """Return what versions are compared by: 20.10.5+dfsg1 is older than 20.10.10."""
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def leftovers(at: Seen) -> Verdict | None:
    """No Harbor of somebody else is in the way."""
    if Role.HARBOR not in at.host.roles:
        return None
    left = at.facts.all("leftover")
    wanted = tr("no Harbor that others installed")
    if left and at.facts.one("known") != "yes":
        return Verdict(Level.WARNING, tr("{files} is there", files=", ".join(left)), tr("a Harbor"),
                       wanted, tr("it will be taken over: keep a copy, or choose another "
                                  "install_dir and data_volume"))  # fmt: skip
    return well(tr("none") if not left else tr("of an earlier run"), tr("none") if not left
                 else tr("ours"), wanted)  # fmt: skip
