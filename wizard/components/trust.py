"""Trust: who gets the CA's certificate, and TLS between Harbor's own containers."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import certificates
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.releases import find
from harbor_wizard.step import Step, command, file, quote
from harbor_wizard.text import Text

# Where harbor.yml points its `internal_tls.dir` to; `prepare` copies it to the data volume.
INTERNAL = "/var/lib/harbor-wizard/internal-tls"

# A file that is newer than the last prepare where the certificates are: prepare has to run again.
INTERNAL_MADE = f"{INTERNAL}/harbor_internal_ca.crt"

_BUNDLE = "/var/lib/harbor-wizard/tls/harbor-trusts.crt"
_CONTAINER_USER = "10000:10000"

# They are known to nobody but the containers of one node, and to renew them stops that node.
_INTERNAL_DAYS = 3650


def ca_download(cluster: Cluster, node: Host) -> Iterator[Step]:
    """Yield the step by which Harbor offers the CA's certificate for download.

    Core reads it there whenever it is asked (`/api/v2.0/systeminfo/getcert`; the folder is mounted
    since 1.5), so that nothing has to be started anew.
    """
    authority = certificates.hole_ca(cluster)
    if authority is not None:
        yield file(
            node.name, "trust/download", f"{cluster.data_volume}/ca_download/ca.crt",
            Text((authority,)),
            tr("Harbor's pages offer it to people whose Docker does not trust it"),
            owner=_CONTAINER_USER,
        )  # fmt: skip


def docker_trusts(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps by which a client's Docker trusts the CA, for `tls.clients` only.

    Docker reads the folder of a registry's name at each connection: it is not restarted.
    """
    authority = certificates.hole_ca(cluster)
    if authority is None or host.name not in cluster.tls.clients:
        return
    for name in cluster.names():
        registry = f"[{name}]" if ":" in name else name
        yield file(
            host.name, f"trust/docker-{name.replace(':', '-')}",
            f"/etc/docker/certs.d/{registry}/ca.crt", Text((authority,)),
            tr("this host's Docker trusts the registry as {name}", name=name),
        )  # fmt: skip


def bundle(cluster: Cluster) -> str | None:
    """Return what harbor.yml says as `storage_service.ca_bundle`, or None where it needs not.

    Harbors that replicate to each other have to trust the CA. From 2.15 on the API takes its
    certificate with each endpoint (`ca_certificate`). Before, there is this: `prepare` empties the
    folder of trusted certificates and fills it with the file named as `ca_bundle`, whatever the
    storage is, and every container appends the folder to its own bundle as it starts
    (`prepare_trust_ca`, `install_cert.sh`; the same from 2.0 to 2.15).
    """
    needed = (
        not cluster.shares_state
        and certificates.hole_ca(cluster) is not None
        and not find(cluster.release).registry_takes_ca
    )
    return _BUNDLE if needed else None


def harbor_trusts(cluster: Cluster, node: Host) -> Iterator[Step]:
    """Yield the step, before prepare, by which a node's Harbor trusts the CA. See `bundle`."""
    path, authority = bundle(cluster), certificates.hole_ca(cluster)
    if path is not None and authority is not None:
        yield file(
            node.name, "trust/harbor", path,
            # The containers put files one after the other: the last line has to end.
            Text((authority, "\n")),
            tr("the other Harbor, to which this one replicates, has a certificate by this CA"),
        )  # fmt: skip


def internal_names(cluster: Cluster) -> tuple[str, ...]:
    """Return the parts whose certificates prepare asks for (`InternalTLS` in its models)."""
    names = ["proxy", "core", "job_service", "registry", "registryctl"]
    if find(cluster.release).internal_portal:
        names.append("portal")
    if cluster.scanner == "trivy":
        names.append("trivy_adapter")
    if cluster.scanner == "clair":
        names += ["clair", "clair_adapter"]
    if cluster.used_database is None:
        names.append("harbor_db")
    return tuple(names)


def internal(cluster: Cluster, node: Host) -> Iterator[Step]:
    """Yield the step that draws the certificates of Harbor's own parts on a node.

    After the images are loaded, before prepare. They are the node's own: containers of one node
    talk to each other only. The release's own image draws them (`gencert`), since it knows which.
    """
    if not cluster.tls.internal:
        return
    new, old = f"{INTERNAL}.new", f"{INTERNAL}.old"
    image = f"goharbor/prepare:{find(cluster.release).tag}"
    seconds = certificates.LEAST_DAYS * 24 * 3600
    check = f"""
exec >/dev/null
cd {INTERNAL}
openssl x509 -noout -checkend {seconds} -in harbor_internal_ca.crt
for name in {" ".join(internal_names(cluster))}; do
  [ -s "$name.key" ]
  openssl x509 -noout -checkend {seconds} -in "$name.crt"
  openssl verify -CAfile harbor_internal_ca.crt "$name.crt"
done
"""
    yield command(
        node.name, "trust/internal",
        tr("draw the certificates of Harbor's parts in {folder}", folder=INTERNAL),
        tr("Harbor's containers speak TLS to each other, too"),
        check=check,
        # gencert goes on with a CA that it finds, however soon that ends: so it finds none.
        apply=f"""
umask 077
rm -rf {new} {old}
mkdir -p {new}
docker run --rm -v {new}:/hostfs{new}:z {quote(image)} gencert -p {new} -d {_INTERNAL_DAYS}
cd {new}
# Nobody signs by this CA again, and prepare would copy its key to the data volume.
rm -f harbor_internal_ca.key ./*.csr ./*.srl extfile.cnf
chmod 600 ./*.key
chmod 644 ./*.crt
cd /
if [ -e {INTERNAL} ]; then mv -T {INTERNAL} {old}; fi
mv -T {new} {INTERNAL}
rm -rf {old}
""",
        detached=True,
        undo=f"rm -rf {INTERNAL} {new} {old}",
        undone=tr("the certificates are removed"),
    )  # fmt: skip
