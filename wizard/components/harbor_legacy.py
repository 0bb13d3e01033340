"""Harbor 1.5: harbor.cfg, and a `prepare --ha` that runs on the host itself.

Its guide installs the first node and packs the folder into a tar for the others, because the
folder `ha/` has got the key that signs tokens, its certificate and the secret key. Here they are
put there on every node before the first prepare, which takes them from there (`make/prepare`).
"""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.step import Step, command, quote

# The guide's place for the certificate; harbor.cfg names it.
TLS_DIR = "/data/cert"


def compose_files(cluster: Cluster) -> str:
    """Return the options that name the compose files: with Clair there is one more."""
    if cluster.scanner != "clair":
        return ""
    names = ("docker-compose.yml", "docker-compose.clair.yml", "docker-compose.override.yml")
    return "".join(f" -f {name}" for name in names)


def prepare(cluster: Cluster, host: Host, inputs: list[str], stamp: str) -> Iterator[Step]:
    """Yield the run of `prepare --ha`, and the compose files of `ha/` in their place."""
    home = quote(cluster.install_dir)
    newer = "\n".join(f"[ {stamp} -nt {quote(path)} ]" for path in inputs)
    flag = " --with-clair" if cluster.scanner == "clair" else ""
    yield command(
        host.name, "harbor/prepare", f"./prepare --ha{flag}",
        tr("it makes the configuration of each container, and the compose file of ha/ is taken"),
        check=f"[ -f {home}/ha/docker-compose.yml ]\n{newer}",
        apply=f"""
cd {home}
# With images on a file system it asks whether that is shared: here it is.
echo yes | ./prepare --ha{flag}
for name in docker-compose.yml docker-compose.clair.yml; do
  [ ! -f ha/$name ] || cp -f ha/$name $name
done
touch {stamp}
""",
        detached=True,
        undo=f"rm -f {stamp}",
        undone=tr("what it made is removed with the installer's folder"),
    )  # fmt: skip
