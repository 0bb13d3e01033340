"""What breaks something on a host, and what puts it back.

A failure lives as long as a unit of its own on the host: that one breaks, waits, and puts back when
it is stopped, or by itself when its time is over, whatever became of the machine that started it.
What puts back is in a file beside it before anything is broken, and does no harm where nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass

from harbor_wizard.components.docker import COMPOSE
from harbor_wizard.drill.scenario import Failure
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.releases import find
from harbor_wizard.step import quote

_FOLDER = "/var/lib/harbor-wizard/drill"

# Seconds after which what was broken puts itself back.
BOUND = 600
# The exit codes of `start` and `put_back`: it cannot be done there; the host is still going down.
IMPOSSIBLE, NOT_YET = 3, 75


@dataclass(frozen=True)
class Breakage:
    """Two shell scripts: one breaks, the other puts back. `possible` says whether it can be."""

    breaks: str
    mends: str
    possible: str = ""


def breakage(cluster: Cluster, failure: Failure, host: Host) -> Breakage:
    """Return what causes a failure on a host."""
    if failure is Failure.BALANCER_PROCESS:
        return _process(cluster.balancer.type.value)
    if failure is Failure.NODE_CORE:
        services = find(cluster.release).services
        return _containers(cluster, "core" if "core" in services else "ui")
    if failure is Failure.NODE_CONTAINERS:
        return _containers(cluster, "")
    if failure in (Failure.BALANCER_HOST, Failure.NODE_HOST):
        # At once, as by a loss of power: nothing says goodbye to its peers. What was written is on
        # the disk before, which a loss of power would not have seen to.
        return Breakage("sleep 1\nsync\nsystemctl reboot --force --force\n", ":\n")
    return _cut(host.address)


def _process(unit: str) -> Breakage:
    folder = f"/run/systemd/system/{unit}.service.d"
    # systemd would start it again at once: then nothing would be seen but a pause.
    return Breakage(
        f"mkdir -p {folder}\n"
        f"printf '[Service]\\nRestart=no\\n' > {folder}/harbor-wizard-drill.conf\n"
        f"systemctl daemon-reload\nsystemctl kill --signal=KILL {unit}\n",
        f"rm -f {folder}/harbor-wizard-drill.conf\n"
        f"rmdir {folder} 2>/dev/null || true\n"
        f"systemctl daemon-reload\nsystemctl reset-failed {unit} 2>/dev/null || true\n"
        f"systemctl start {unit}\n",
    )


def _containers(cluster: Cluster, service: str) -> Breakage:
    home = f"cd {quote(cluster.install_dir)}\n{COMPOSE}"
    # Docker starts no container again that was killed by its own command.
    return Breakage(
        f"{home}docker kill $(compose ps -q {service})\n",
        f"{home}compose up -d\n",
    )


def _cut(address: str) -> Breakage:
    # Nothing leaves any more, no ARP either: for all others that is a pulled cable. A link that is
    # set down would lose its routes, and a packet filter does not see what keepalived tells by ARP.
    name = "harbor_wizard_drill"
    device = (
        f"dev=$(ip -o addr show | awk -v a={quote(address)} "
        "'{ split($4, at, \"/\"); if (at[1] == a) { print $2; exit } }')\n"
    )
    default = 'tc qdisc show dev "$dev" 2>/dev/null | grep " root " | grep -q " 0: "'
    table = f"nft add table netdev {name}"
    chain = (
        f"nft add chain netdev {name} out "
        '"{ type filter hook egress device \\"$dev\\" priority 0; policy drop; }"'
    )
    return Breakage(
        # The answer to who asked for it gets out first.
        f"{device}sleep 1\n"
        f'if {default} && tc qdisc replace dev "$dev" root pfifo limit 0; then :\n'
        f"else {table} && {chain}; fi\n",
        f"{device}"
        'if tc qdisc show dev "$dev" 2>/dev/null | grep -q "^qdisc pfifo .* limit 0p"; then\n'
        '  tc qdisc del dev "$dev" root\nfi\n'
        f"if nft list table netdev {name} >/dev/null 2>&1; then\n"
        f"  nft delete table netdev {name}\nfi\n",
        f'{device}[ -n "$dev" ] || exit 1\n'
        f"{default} && exit 0\n"
        f"nft add table netdev {name} 2>/dev/null || exit 1\n"
        f"{chain.replace('policy drop', 'policy accept')} 2>/dev/null\ncan=$?\n"
        f"nft delete table netdev {name}\nexit $can\n",
    )


def start(made: Breakage, unit: str, seconds: float = BOUND) -> str:
    """Return the script that begins a failure, which puts itself back after some seconds.

    It ends with `IMPOSSIBLE` where that cannot be done there; then nothing was changed.
    """
    path = f"{_FOLDER}/{unit}"
    whole = f"""
mend() {{ trap '' TERM; /bin/sh {path}.mend && rm -f {path}.mend {path}.break; }}
trap 'mend; exit 0' TERM
{made.breaks}
sleep {seconds:.0f} & wait $!
mend
"""
    return f"""
set -eu
umask 077
if ! (
{made.possible or ":"}
); then exit {IMPOSSIBLE}; fi
mkdir -p {_FOLDER}
cat > {path}.break <<'HW-BREAK'
{whole}HW-BREAK
cat > {path}.mend <<'HW-MEND'
set -e
{made.mends}HW-MEND
sync {path}.break {path}.mend
touch /run/{unit}
systemd-run --quiet --unit={unit} --description='harbor-wizard: a drill' /bin/sh {path}.break
"""


def put_back(unit: str, *, boots: bool) -> str:
    """Return the script that ends a failure, and does nothing where it is over.

    It ends with `NOT_YET` where a host that `boots` has not yet gone down.
    """
    path = f"{_FOLDER}/{unit}"
    waits = f"[ ! -e /run/{unit} ] || [ ! -e {path}.mend ] || exit {NOT_YET}\n" if boots else ""
    return f"""
{waits}systemctl stop {unit} 2>/dev/null
systemctl reset-failed {unit} 2>/dev/null
if [ -f {path}.mend ]; then
  /bin/sh {path}.mend || exit 1
fi
rm -f {path}.mend {path}.break /run/{unit}
rmdir {_FOLDER} 2>/dev/null
exit 0
"""
