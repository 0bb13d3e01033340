"""Every file and script of every example, read by the programs that it is for.

What the examples have in common is looked at once: a program is asked about each different file.
The files lie in a folder for each host, in their places below it, and what they name of each other
is looked for there: a configuration that names a file which no step writes is refused, too.
"""

from __future__ import annotations

import configparser
import functools
import grp
import json
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard import certificates, release_keys, secrets
from harbor_wizard.components.harbor_config import config_path
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.plan import Plan
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import find
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command, FileView

from .conftest import EXAMPLES
from .test_releases import STORAGES, dotted, numbers

# Beside the examples as they are, some of them with addresses of IPv6.
SIX = "by IPv6: "
NAMES = [
    *sorted(path.name for path in EXAMPLES.glob("*.yaml")),
    *(f"{SIX}{name}.yaml" for name in ("active-active-lvs", "active-active-lvs-redirect",
                                       "active-active-backup", "active-standby", "master-master",
                                       "master-master-nginx-passthrough", "master-slave")),
]  # fmt: skip


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


# What is rendered.


class Harmless:
    """Real certificates and keys where they are wanted, and for every other secret its name."""

    def __init__(self) -> None:
        drawn = certificates.draw({}, ["registry.example.com"])
        # A key that signs tokens is as good as any here; to draw a long one takes seconds.
        drawn["harbor_token_key"] = drawn[secrets.TLS_KEY]
        drawn["harbor_token_certificate"] = drawn[secrets.TLS_CERTIFICATE]
        drawn["storage_key"] = '{"type": "service_account"}\n'
        self._values = drawn

    def value(self, name: str) -> str:
        if name.startswith(("harbor_token_key", "harbor_token_certificate")):
            name = "_".join(name.split("_")[:3])
        return self._values.get(name, f"canary-{name}")


@functools.cache
def values() -> Harmless:
    return Harmless()


@functools.cache
def plan_of(name: str) -> Plan:
    data = load.read(EXAMPLES / name.removeprefix(SIX))
    if name.startswith(SIX):
        text = re.sub(r"10\.(?:0|77)\.0\.(\d+)/24", r"fd00::\1/64", json.dumps(data))
        data = json.loads(re.sub(r"10\.(?:0|77)\.0\.(\d+)", r"fd00::\1", text))
    return make_plan(load.parse(data, name))


@dataclass(frozen=True)
class Rendered:
    """A file of a host of an example."""

    example: str
    cluster: Cluster
    host: Host
    file: FileView

    @property
    def title(self) -> str:
        return f"{self.example}, {self.host.name}: {self.file.path}"

    @property
    def text(self) -> str:
        return self.file.content.raw(values())

    @property
    def essence(self) -> str:
        """What it says, without comments, and the same whatever the secrets are."""
        lines = self.file.content.masked().splitlines()
        return "\n".join(line for line in lines if not line.startswith("# ")).replace(
            self.cluster.name, "NAME"
        )


@functools.cache
def rendered() -> tuple[Rendered, ...]:
    return tuple(
        Rendered(name, plan.cluster, plan.cluster.host(step.host), step.file)
        for name in NAMES
        for plan in (plan_of(name),)
        for step in plan.steps
        if step.file is not None
    )


def different(wanted: Callable[[Rendered], bool]) -> Iterator[Rendered]:
    """Yield the files that are wanted, those that say the same only once."""
    seen = set()
    for one in rendered():
        if wanted(one) and (one.file.path, one.essence) not in seen:
            seen.add((one.file.path, one.essence))
            yield one


def ending(end: str) -> Callable[[Rendered], bool]:
    return lambda one: one.file.path.endswith(end)


def lay_out(one: Rendered, root: Path, own: Iterable[tuple[str, str]] = ()) -> Path:
    """Write all files of the host of `one` below a folder; return the place of `one` there.

    Whatever a file says of the paths of the others is said of their places below the folder. `own`
    are further replacements, of what differs between that host and this machine.
    """
    files = [other for other in rendered()
             if (other.example, other.host) == (one.example, one.host)]  # fmt: skip
    paths = sorted((other.file.path for other in files), key=len, reverse=True)
    known = re.compile("|".join(rf"(?<![\w/.-]){re.escape(path)}(?![\w/.-])" for path in paths))
    for other in files:
        place = root / other.file.path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        text = other.text
        for old, new in own:
            text = text.replace(old, new)
        place.write_text(known.sub(lambda found: f"{root}{found[0]}", text))
        place.chmod(other.file.mode)
    return root / one.file.path.lstrip("/")


def ca_bundle(folder: Path, one: Rendered) -> tuple[str, str]:
    """Give the host's bundle of public CAs a place here, whatever this machine has."""
    made = folder / "bundle.pem"
    made.write_text(values().value(secrets.CA_CERTIFICATE))
    return PLATFORMS[one.host.platform].ca_bundle, str(made)


def run(*arguments: str | Path, **more: Any) -> str:
    """Run a program; return nothing where it takes the file, else all that it says of it."""
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, **more)
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"


def existing_user(name: str) -> bool:
    return any(one.pw_name == name for one in pwd.getpwall())


# The programs.

# The steps' scripts run by it.
SH = "dash" if shutil.which("dash") else "sh"


def haproxy(config: Path) -> str:
    # It ends with success for what it only warns of; here a warning is a refusal.
    return run("haproxy", "-c", "-dW", "-f", config)


def keepalived(config: Path) -> str:
    # In a session of its own: keepalived 2.2 ends its test by a signal to its whole group.
    return run("setsid", "-w", "keepalived", "--config-test", "-f", config)


def nginx(config: Path) -> str:
    return run("nginx", "-t", "-q", "-c", config)


def compose(folder: Path, *files: str) -> str:
    return run("docker-compose", *(word for name in files for word in ("-f", name)), "config", "-q",
               cwd=folder)  # fmt: skip


def systemd(unit: Path) -> str:
    """Look at a unit, whose neighbours are in its folder; what it ignores is a refusal, too."""
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], text=True,
                          capture_output=True,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": f"{unit.parent}:"})  # fmt: skip
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"{done.returncode}")


def shells(folder: Path, *shell: str) -> str:
    """Have a shell read every file of a folder."""
    loop = 'bad=0; for path in "$0"/*; do "$@" "$path" || bad=1; done; exit $bad'
    return run("sh", "-c", loop, folder, *shell)


@needs("haproxy")
def test_haproxy_takes_its_files(tmp_path: Path) -> None:
    seen = 0
    for seen, one in enumerate(different(ending("/haproxy.cfg")), 1):
        folder = tmp_path / str(seen)
        folder.mkdir()
        own = [ca_bundle(folder, one)]
        if not existing_user("haproxy") or "haproxy" not in [g.gr_name for g in grp.getgrall()]:
            own.append(("    user haproxy\n    group haproxy\n", ""))
        assert haproxy(lay_out(one, folder, own)) == "", one.title
    assert seen > 10


def interface() -> str | None:
    """Return an interface of this machine; keepalived refuses the loopback."""
    names = sorted(Path("/sys/class/net").iterdir())
    return next((one.name for one in names
                 if (one / "device").exists() or one.name.startswith("eth")), None)  # fmt: skip


@needs("keepalived")
def test_keepalived_takes_its_files(tmp_path: Path) -> None:
    here = interface()
    if here is None:
        pytest.skip("this machine has no interface but the loopback, which keepalived refuses")
    seen = 0
    for seen, one in enumerate(different(ending("/keepalived.conf")), 1):
        own = [(f"interface {one.host.interface}\n", f"interface {here}\n"),
               (f" dev {one.host.interface}\n", f" dev {here}\n")]  # fmt: skip
        config = lay_out(one, tmp_path / str(seen), own)
        assert keepalived(config) == "", one.title
        # It takes a script that is not there, and only tells of it.
        for script in re.findall(r'(?:script|misc_path) "([^" ]+)', config.read_text()):
            assert os.access(script, os.X_OK), (one.title, script)
    assert seen > 10


def nginx_stands_in(folder: Path, one: Rendered) -> list[tuple[str, str]]:
    own = [("pid /run/nginx.pid;", f"pid {folder}/nginx.pid;"),
           ("/var/log/nginx/", f"{folder}/"), ca_bundle(folder, one)]  # fmt: skip
    user = PLATFORMS[one.host.platform].nginx_user
    if not existing_user(user):
        own.append((f"user {user};", "user root;"))
    return own


ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="nginx -t opens its ports: it needs root")


@needs("nginx")
@ROOT
def test_nginx_takes_its_files(tmp_path: Path) -> None:
    def possible(one: Rendered) -> bool:
        # It opens its ports also when it only looks: of IPv6 where the machine has that.
        here = not one.example.startswith(SIX) or Path("/proc/net/if_inet6").exists()
        return here and ending("/nginx.conf")(one)

    seen = 0
    for seen, one in enumerate(different(possible), 1):
        folder = tmp_path / str(seen)
        folder.mkdir()
        assert nginx(lay_out(one, folder, nginx_stands_in(folder, one))) == "", one.title
    assert seen >= 2


def of_release(cluster: Cluster) -> str:
    """A compose file with the services of a release's own, as its prepare would write it."""
    release = find(cluster.release)
    names = release.running(cluster.scanner, bundled=cluster.used_database is None)
    made: dict[str, Any] = {"services": {name: {"image": f"i/{name}"} for name in names}}
    if release.compose_format:
        made["version"] = release.compose_format
    return yaml.safe_dump(made)


@needs("docker-compose")
@pytest.mark.slow
def test_compose_merges_the_override_into_the_file_of_the_release(tmp_path: Path) -> None:
    seen = set()
    for one in filter(ending("/docker-compose.override.yml"), rendered()):
        text, base = one.text, of_release(one.cluster)
        # A service that the release has not got would be added, with no image.
        services = yaml.safe_load(text)["services"]
        assert services.keys() <= yaml.safe_load(base)["services"].keys(), one.title
        for name, service in services.items():
            assert all(isinstance(value, str) for value in service["environment"].values()), name
        if one.essence in seen:  # it has its version: in it
            continue
        folder = tmp_path / str(len(seen))
        seen.add(one.essence)
        folder.mkdir()
        (folder / "docker-compose.yml").write_text(base)
        (folder / "docker-compose.override.yml").write_text(text)
        both = ("docker-compose.yml", "docker-compose.override.yml")
        assert compose(folder, *both) == "", one.title
    assert len(seen) >= 5


@needs("docker-compose")
def test_compose_takes_the_file_of_a_proof_of_concept(tmp_path: Path) -> None:
    def services(one: Rendered) -> bool:
        return one.host is one.cluster.services_host and ending("/docker-compose.yml")(one)

    seen = 0
    for seen, one in enumerate(different(services), 1):
        place = lay_out(one, tmp_path / str(seen))
        assert compose(place.parent, place.name) == "", one.title
        # Its relative paths are those of files that are written beside it.
        data = yaml.safe_load(place.read_text())["services"]
        named = [*data["database"]["env_file"], data["redis"]["volumes"][-1].split(":")[0]]
        assert all((place.parent / path).is_file() for path in named), one.title
    assert seen


@needs("systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    seen = 0
    for seen, one in enumerate(different(lambda one: "/systemd/system/" in one.file.path), 1):
        root = tmp_path / str(seen)
        # A unit's folders and programs have to be here; Docker's unit is its package's.
        (root / "opt").mkdir(parents=True)
        own = [("WorkingDirectory=/opt/", f"WorkingDirectory={root}/opt/")]
        unit = lay_out(one, root, own)
        (unit.parent / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
        assert systemd(unit) == "", one.title
    assert seen > 10


# Scripts.


def test_a_shell_reads_every_script_that_is_written(tmp_path: Path) -> None:
    """Bash, which their first line names, and nothing else."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    number = 0
    for number, one in enumerate(different(lambda one: one.text.startswith("#!")), 1):
        assert one.text.startswith("#!/bin/bash\n"), one.title
        assert one.file.mode & 0o111, one.title
        (folder / f"{number}-{one.example}-{one.host.name}").write_text(one.text)
    assert number > 5
    assert shells(folder, "bash", "-n") == ""


def scripts() -> Iterator[tuple[str, Command]]:
    for name in NAMES:
        for step in plan_of(name).steps:
            for command in (step.check, step.apply, step.verify, step.undo):
                if isinstance(command, Command):
                    yield f"{name}: {step.id}", command


def test_a_shell_reads_every_script_of_a_step(tmp_path: Path) -> None:
    """They run by /bin/sh, which is dash on Debian and Ubuntu, and bash on the others."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    texts = {command.script.masked(): title for title, command in scripts()}
    for number, (text, title) in enumerate(texts.items(), 1):
        (folder / f"{number}-{re.sub('[^a-z0-9.]+', '-', title)}").write_text(text)
    assert len(texts) > 300
    assert shells(folder, SH, "-n") == ""
    assert shells(folder, "bash", "--posix", "-n") == ""


def test_no_secret_is_in_a_script() -> None:
    """It could become an argument of something, which every user of a host sees."""
    for title, command in scripts():
        assert command.script.holes == (), title
        if command.input is not None:
            for hole in command.input.holes:
                value = values().value(hole.name)
                assert value not in command.script.raw(values()), title


# What Harbor's own prepare reads.


def is_config(one: Rendered) -> bool:
    return one.host in one.cluster.nodes and one.file.path == config_path(one.cluster)


def assert_prepare_takes(data: dict[str, Any], version: str, what: str) -> None:
    """A harbor.yml has the keys of its release and no others, and all that `prepare` needs."""
    has, keys = find(version), dotted(data)
    drivers = tuple(f"storage_service.{name}" for name in STORAGES if name != "filesystem")
    assert {key for key in keys if not key.startswith(drivers)} <= has.keys, what
    assert has.required <= keys, what
    for block, names in release_keys.required_within(numbers(version)).items():
        if block in keys:
            assert {f"{block}.{name}" for name in names} <= keys, (what, block)


def test_prepare_takes_every_harbor_yml() -> None:
    seen = set()
    for one in filter(is_config, rendered()):
        release = find(one.cluster.release)
        if release.config_name == "harbor.cfg":
            reader = configparser.RawConfigParser()
            reader.read_string("[configuration]\n" + one.text)
            keys = set(reader["configuration"])
            assert release.required <= keys <= release.keys, one.title
        else:
            data = yaml.safe_load(one.text)
            assert_prepare_takes(data, release.version, one.title)
            assert data["_version"] == release.config_version, one.title
        seen.add(release.line)
    wanted = {(1, 5), (1, 8), (1, 10), (2, 1), (2, 2), (2, 8), (2, 14), (2, 15)}
    assert wanted <= seen


def test_every_file_says_who_wrote_it() -> None:
    """All but those that are a secret or a certificate, and nothing else."""
    for one in rendered():
        parts = one.file.content.parts
        if any(isinstance(part, str) and part.strip() for part in parts):
            head = one.file.content.masked().splitlines()[:2]
            assert any(line.startswith("# Written by harbor-wizard") for line in head), one.title


# That the programs refuse what is wrong.


def first(end: str, having: str = "") -> Rendered:
    return next(different(lambda one: ending(end)(one) and having in one.text))


def broken(place: Path, old: str, new: str) -> Path:
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new))
    return place


@needs("haproxy")
def test_haproxy_refuses_a_word_that_it_does_not_know(tmp_path: Path) -> None:
    config = lay_out(first("/haproxy.cfg"), tmp_path)
    assert "redispath" in haproxy(broken(config, "option redispatch", "option redispath"))


@needs("haproxy")
def test_haproxy_refuses_a_file_that_names_one_that_is_not_there(tmp_path: Path) -> None:
    config = lay_out(first("/haproxy.cfg", having="crt /etc"), tmp_path)
    (config.parent / "certs/harbor.pem").unlink()
    assert "harbor.pem" in haproxy(config)


@needs("keepalived")
def test_keepalived_refuses_a_word_that_it_does_not_know(tmp_path: Path) -> None:
    config = lay_out(first("/keepalived.conf"), tmp_path)
    assert "nopreemt" in keepalived(broken(config, "nopreempt", "nopreemt"))


@needs("nginx")
@ROOT
def test_nginx_refuses_a_word_that_it_does_not_know(tmp_path: Path) -> None:
    one = first("/nginx.conf", having="ip_hash;")
    config = lay_out(one, tmp_path, nginx_stands_in(tmp_path, one))
    assert "unknown directive" in nginx(broken(config, "ip_hash;", "ip_hush;"))


@needs("docker-compose")
def test_compose_refuses_an_override_of_a_service_that_is_not_there(tmp_path: Path) -> None:
    one = first("/docker-compose.override.yml")
    (tmp_path / "base.yml").write_text(of_release(one.cluster))
    (tmp_path / "override.yml").write_text(one.text.replace("  jobservice:", "  jobsservice:"))
    assert "jobsservice" in compose(tmp_path, "base.yml", "override.yml")


@needs("systemd-analyze")
def test_systemd_refuses_a_key_that_it_does_not_know(tmp_path: Path) -> None:
    unit = lay_out(first("/harbor.service"), tmp_path)
    assert "ExecStrat" in systemd(broken(unit, "ExecStart=", "ExecStrat="))


def test_a_shell_refuses_a_script_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("true\n")
    (tmp_path / "2").write_text("if true; then\n  echo unfinished\n")
    (tmp_path / "3").write_text("true\n")
    assert shells(tmp_path, SH, "-n") != ""
    assert shells(tmp_path, "bash", "-n") != ""
    (tmp_path / "2").unlink()
    assert shells(tmp_path, "bash", "-n") == ""


def test_prepare_refuses_keys_of_another_release() -> None:
    one = next(one for one in rendered() if is_config(one) and one.cluster.release == "2.8.6")
    with pytest.raises(AssertionError):
        assert_prepare_takes(yaml.safe_load(one.text), "2.14.4", one.title)
