"""HAProxy: spreads clients over the nodes that are healthy."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components.packages import install
from harbor_wizard.model.cluster import Cluster, Host, TlsMode
from harbor_wizard.render import render
from harbor_wizard.secrets import file_hole, secret
from harbor_wizard.step import Step, command, file
from harbor_wizard.text import Text

_CONFIG = "/etc/haproxy/haproxy.cfg"
_CERTIFICATE = "/etc/haproxy/certs/harbor.pem"
_SYSCTL = "/etc/sysctl.d/90-harbor-wizard-vip.conf"
_STAMP = "/var/lib/harbor-wizard/haproxy-loaded"
_ANSWERS = "timeout 3 bash -c '</dev/tcp/127.0.0.1/8404' 2>/dev/null"


def host_port(address: str, port: int) -> str:
    """Return address and port as HAProxy reads them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring HAProxy up on a balancer."""
    yield install(host, "haproxy", why="it spreads clients over the nodes",
                  present="haproxy -v")  # fmt: skip
    yield file(
        host.name, "haproxy/sysctl", _SYSCTL,
        Text.of(
            f"# Written by harbor-wizard for the cluster {cluster.name}. It will be overwritten.\n"
            "net.ipv4.ip_nonlocal_bind = 1\nnet.ipv6.ip_nonlocal_bind = 1\n"
        ),
        "HAProxy listens on the virtual address also while the peer holds it",
    )  # fmt: skip
    yield command(
        host.name, "haproxy/nonlocal", "allow listening on the virtual address",
        "HAProxy is ready before the address arrives",
        check="[ \"$(cat /proc/sys/net/ipv4/ip_nonlocal_bind)\" = 1 ]",
        apply=f"sysctl -q -e -p {_SYSCTL}",
    )  # fmt: skip
    loaded = [_CONFIG]
    if cluster.tls.mode is TlsMode.TERMINATE:
        certificate = file_hole("tls_certificate", str(cluster.tls.certificate))
        yield file(
            host.name, "haproxy/certificate", _CERTIFICATE,
            Text((certificate, "\n", secret("tls_key"))),
            "clients see this certificate; its key is in the same file, as HAProxy wants it",
            mode=0o600,
        )  # fmt: skip
        loaded.append(_CERTIFICATE)
    yield file(
        host.name, "haproxy/config", _CONFIG,
        render(
            "haproxy/haproxy.cfg", cluster=cluster, host_port=host_port,
            bind=f"[{cluster.vip}]" if ":" in str(cluster.vip) else cluster.vip,
            port=443 if cluster.tls.mode is TlsMode.PASSTHROUGH else 80,
        ),
        "which nodes there are, and when one is healthy",
    )  # fmt: skip
    newer = "\n".join(f"[ {_STAMP} -nt {path} ]" for path in loaded)
    yield command(
        host.name, "haproxy/service", "check the configuration, then load it",
        "a configuration that HAProxy refuses never replaces one that works",
        # A reload that HAProxy could not do leaves the unit active and the old one running, or
        # none: so it is asked itself.
        check=f"""
systemctl is-enabled --quiet haproxy
{newer}
{_ANSWERS}
""",
        apply=f"""
haproxy -c -q -f {_CONFIG}
systemctl enable haproxy
systemctl reload-or-restart haproxy
sleep 1
{_ANSWERS} || systemctl restart haproxy
mkdir -p /var/lib/harbor-wizard
touch {_STAMP}
""",
        wait=15,
    )  # fmt: skip
