"""nginx: one address before two masters; each client stays with one of them (`ip_hash`)."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import certificates
from harbor_wizard.components import service
from harbor_wizard.components.haproxy import host_port
from harbor_wizard.components.packages import install
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host, TlsMode
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.render import render
from harbor_wizard.step import Step, file
from harbor_wizard.text import Text

_CONFIG = "/etc/nginx/nginx.conf"
_CERTIFICATE = "/etc/nginx/harbor/harbor.crt"
_KEY = "/etc/nginx/harbor/harbor.key"
_CA = "/etc/nginx/harbor/ca.crt"


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring nginx up on a balancer."""
    yield install(cluster, host, "nginx", why=tr("it is the one address before the two Harbors"),
                  present="nginx -v")  # fmt: skip
    loaded = [_CONFIG]
    authority = certificates.hole_ca(cluster)
    if cluster.tls.mode is TlsMode.TERMINATE:
        loaded += [_CERTIFICATE, _KEY]
        yield file(host.name, "nginx/certificate", _CERTIFICATE,
                   Text((certificates.hole_certificate(cluster),)),
                   tr("clients see this certificate"))  # fmt: skip
        yield file(host.name, "nginx/key", _KEY, Text((certificates.hole_key(cluster),)),
                   tr("the certificate's private key"), mode=0o600)  # fmt: skip
        if authority is not None:
            loaded.append(_CA)
            yield file(host.name, "nginx/ca", _CA, Text((authority,)),
                       tr("the nodes' certificates are checked against it"))  # fmt: skip
    yield file(
        host.name, "nginx/config", _CONFIG,
        render("nginx/nginx.conf", cluster=cluster, certificate=_CERTIFICATE, key=_KEY,
               user=PLATFORMS[host.platform].nginx_user, host_port=host_port,
               # A bare port is one of IPv4 only.
               any="[::]:" if ":" in str(cluster.vip) else "",
               ca=_CA if authority is not None else PLATFORMS[host.platform].ca_bundle),
        tr("which Harbors there are, and that a client stays with one of them"),
    )  # fmt: skip
    test = f"nginx -t -q -c {_CONFIG}"
    yield service.loaded(host.name, "nginx", "nginx", test=test, files=loaded)
