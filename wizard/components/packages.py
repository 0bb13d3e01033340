"""Packages: of the distribution, of Docker's own repository, or of a bundle brought along."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import kept
from harbor_wizard.errors import InputError
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.platforms import DOCKER_URL, PLATFORMS, Platform, docker_refusal, packages_for
from harbor_wizard.step import Command, Step, Upload, command, quote, script

# Where a host keeps its bundle: the archive, its checksum, and the folder they are unpacked to.
BUNDLES = "/var/lib/harbor-wizard/bundle"
_APT = """
export DEBIAN_FRONTEND=noninteractive
# Another apt may hold the lock (unattended upgrades at the first boot): it is waited for.
"""
_KEEP = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
_EMPTY = f"rmdir {BUNDLES} 2>/dev/null || true"
_DOCKER_KEYS = {
    "apt": "/etc/apt/keyrings/docker.asc",
    "dnf": "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
    "yum": "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
}

_DOCKER_LISTS = {
    "apt": "/etc/apt/sources.list.d/harbor-wizard-docker.list",
    "dnf": "/etc/yum.repos.d/harbor-wizard-docker.repo",
    "yum": "/etc/yum.repos.d/harbor-wizard-docker.repo",
}


def ready(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield what a host needs once before its first package: the bundle, where that is the source.

    The archive of its platform is uploaded, compared with the checksum that was written when the
    bundle was made, and unpacked.
    """
    if cluster.packages.source != "bundle":
        return
    name = host.platform
    archive, folder = f"{BUNDLES}/{name}.tar", f"{BUNDLES}/{name}"
    local = str(cluster.packages.bundle).rstrip("/")
    for word, ending in (("archive", ""), ("checksum", ".sha256")):
        yield Step(
            id=f"{host.name}/packages/{word}",
            host=host.name,
            title=tr("upload {file}", file=f"{name}.tar{ending}"),
            why=tr("this host gets its packages from the bundle, and from nowhere else"),
            check=Command(script(f"sha256sum {quote(archive + ending)}"), timeout=600),
            apply=Upload(f"{local}/{name}.tar{ending}", archive + ending),
            undo=Command(script(f"""
rm -f {quote(archive + ending)} {quote(f"{BUNDLES}/upload/{name}.tar{ending}.part")}
rmdir {BUNDLES}/upload 2>/dev/null || true
{_EMPTY}
""")),
            undone=tr("the file is removed"),
        )
    yield command(
        host.name, "packages/unpack", tr("unpack the packages to {folder}", folder=folder),
        tr("what arrived is what was put into the bundle: its checksum says so"),
        check=f"cmp -s {archive}.sha256 {folder}/.unpacked",
        apply=f"""
cd {BUNDLES}
if ! sha256sum -c {name}.tar.sha256; then
  echo '{name}.tar is not what the bundle was made with; bring the bundle here again, and look' \\
    'at it with "harbor-wizard bundle --verify"' >&2
  exit 1
fi
rm -rf {name}.new
mkdir {name}.new
tar -xf {name}.tar -C {name}.new --no-same-owner
cp {name}.tar.sha256 {name}.new/.unpacked
rm -rf {name}
mv {name}.new {name}
""",
        detached=True,
        undo=f"""
cd /
rm -rf {folder} {folder}.new {folder}.list {folder}.lists {folder}.repos
{_EMPTY}
""",
        undone=tr("what was unpacked is removed"),
    )  # fmt: skip


def install(cluster: Cluster, host: Host, what: str, *, why: str, present: str) -> Step:
    """Return the step that installs the packages for `what`, unless `present` succeeds.

    Raises `InputError` where the platform cannot have them from the cluster's source.
    """
    platform, source = PLATFORMS[host.platform], cluster.packages.source
    refused = docker_refusal(platform, source) if what == "docker" else ""
    written: tuple[str, ...] = ()
    if refused:
        raise InputError(f"{host.name}: packages.source: {refused}")
    if source == "bundle":
        # Which packages they are was chosen when the bundle was made; it says so itself.
        title = tr("install {packages} from the bundle", packages=what)
        apply = _from_bundle(platform, what)
    else:
        names = " ".join(packages_for(platform, what, source))
        title = tr("install {packages}", packages=names)
        if what == "docker" and source == "docker":
            title = tr("install {packages} from Docker's repository", packages=names)
            address = (cluster.packages.mirror or DOCKER_URL).rstrip("/")
            apply = _docker_repository(platform, address) + _install(platform, names)
            written = (_DOCKER_KEYS[platform.manager], _DOCKER_LISTS[platform.manager])
        else:
            extra = platform.extra.get(what)
            release = _install(platform, "epel-release") if extra == "EPEL" else ""
            apply = release + _install(platform, names)
    return command(
        host.name, f"{what}/package", title, why,
        check=present, apply=apply + kept.brought_packages(platform.manager, what), detached=True,
        remember=kept.remember_packages(platform.manager, what, written),
        undo=kept.restore_packages(platform.manager, what, written),
        undone=tr("exactly the packages that came with it are removed"),
    )  # fmt: skip


def _install(platform: Platform, names: str) -> str:
    """Return the script that installs packages from the sources that the host knows."""
    if platform.manager == "apt":
        return f"""{_APT}
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \\
  {_KEEP} {names}
"""
    # Both wait for another one that holds the lock.
    weak = " --setopt=install_weak_deps=False" if platform.manager == "dnf" else ""
    return f"\n{platform.manager} -y{weak} install {names}\n"


def _from_bundle(platform: Platform, what: str) -> str:
    bundle = f"{BUNDLES}/{platform.name}"
    names = f"{bundle}/names/{what}"
    there = f"""
if [ ! -f {names} ]; then
  echo 'the bundle has no packages for {what} on {platform.title}; make it again with this' \\
    'harbor-wizard' >&2
  exit 1
fi
# The packages are trusted because the archive was compared with its checksum when it was unpacked:
# no key is asked a second time. Only the bundle is a source; the host's own ones are left alone.
"""
    if platform.manager == "apt":
        return f"""{_APT}{there}
printf 'deb [trusted=yes] file:%s ./\\n' {bundle} > {bundle}.list
mkdir -p {bundle}.lists/partial
offline() {{
  apt-get -o DPkg::Lock::Timeout=300 -o Dir::Etc::SourceList={bundle}.list \\
    -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists={bundle}.lists \\
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}}
offline update
offline install -y --no-install-recommends {_KEEP} $(cat {names})
"""
    weak = " --setopt=install_weak_deps=False" if platform.manager == "dnf" else ""
    # Packages of a module (nginx, postgresql of RHEL 8) are taken without the module's metadata.
    return f"""{there}
mkdir -p {bundle}.repos
cat > {bundle}.repos/bundle.repo <<'END'
[harbor-wizard-bundle]
name=Packages of the harbor-wizard bundle
baseurl=file://{bundle}
enabled=1
gpgcheck=0
module_hotfixes=1
metadata_expire=1
END
{platform.manager} -y{weak} --setopt=reposdir={bundle}.repos install $(cat {names})
"""


def _docker_repository(platform: Platform, address: str) -> str:
    """Return the script that makes Docker's repository, or its mirror, known to a host.

    Its key is compared with the fingerprint that Docker publishes before anything trusts it.
    """
    repository = platform.docker
    if repository is None:
        raise InputError(docker_refusal(platform, "docker"))
    key = _DOCKER_KEYS[platform.manager]
    if platform.manager == "apt":
        tools = f"""
if ! command -v curl >/dev/null || ! command -v gpg >/dev/null; then
  {_install(platform, "ca-certificates curl gpg").strip()}
fi
"""
        line = f"deb [signed-by={key}] {address}/{repository.path} {repository.suite} stable"
        listed = f"""
printf '%s\\n' {quote(line)} > {_DOCKER_LISTS["apt"]}
"""
    else:
        tools = f"""
if ! command -v curl >/dev/null || ! command -v gpg >/dev/null; then
  {_install(platform, "curl gnupg2").strip()}
fi
"""
        listed = f"""
cat > {_DOCKER_LISTS[platform.manager]} <<'END'
[harbor-wizard-docker]
name=Docker
baseurl={address}/{repository.path}
enabled=1
gpgcheck=1
gpgkey=file://{key}
END
"""
    return f"""{tools}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
curl -fsSL --retry 3 -o "$work/key" {quote(f"{address}/{repository.key_path}")}
seen=$(gpg --homedir "$work" --batch --with-colons {_show_keys(platform)} "$work/key" |
  awk -F: '$1 == "pub" {{ p = 1 }} $1 == "fpr" && p {{ print $10; p = 0 }}')
if [ "$seen" != {repository.fingerprint} ]; then
  echo "the key at {address} has the fingerprint ${{seen:-(none)}}, Docker's is" \\
    '{repository.fingerprint}; nothing was installed, look at packages.mirror' >&2
  exit 1
fi
mkdir -p {key.rpartition("/")[0]}
install -m 644 "$work/key" {key}
{listed}"""


def _show_keys(platform: Platform) -> str:
    """Return how the platform's gpg is told to look into a file of keys."""
    # The gpg of CentOS 7 (2.0) knows no --show-keys: it looks into a file that it is given alone.
    return "--with-fingerprint" if platform.manager == "yum" else "--show-keys"
