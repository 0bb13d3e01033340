"""The questions about a cluster: asked by the screens and by the plain prompts alike.

Answers are the plain data of the cluster file. What each field means, its default and an example
are the model's own; what is wrong with an answer is said by the model too.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harbor_wizard.errors import ClusterError
from harbor_wizard.model import load
from harbor_wizard.model.cluster import (
    Access,
    Cluster,
    Database,
    FilesystemStorage,
    Host,
    Installer,
    NfsStorage,
    Part,
    Redis,
    Role,
    S3Storage,
    Sentinel,
    Solution,
    Tls,
    VirtualAddress,
)
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import NEWEST, RELEASES
from harbor_wizard.secrets import MINIMUM_LENGTH, PASSPHRASE

Data = dict[str, Any]
Section = Literal["solution", "topology", "access", "services"]
Kind = Literal["text", "choice", "path", "secret", "bool"]

SECTIONS: tuple[Section, ...] = ("solution", "topology", "access", "services")


def get(data: Data, path: str) -> Any:
    """Return what stands at a path such as `database.host`, or None."""
    value: Any = data
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def put(data: Data, path: str, value: Any) -> None:
    """Put a value at a path; None or an empty text takes it away."""
    *parents, last = path.split(".")
    holder = data
    for part in parents:
        inside = holder.get(part)
        if not isinstance(inside, dict):
            if value in (None, ""):
                return
            inside = holder[part] = {}
        holder = inside
    if value in (None, ""):
        holder.pop(last, None)
    else:
        holder[last] = value


class SecretAnswers(dict[str, str]):
    """Secrets that were typed, held in memory only; their values are in no representation."""

    def __repr__(self) -> str:
        return f"SecretAnswers({', '.join(sorted(self))})"


def _always(_: Data) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    """One question. `when` says whether it is asked, given the other answers.

    `read` and `write` turn the cluster file's data into the text of the answer and back, where
    it is more than a text at `path`. A secret's answer is not in the data: `path` is where its
    reference stands.
    """

    path: str
    section: Section
    label: str
    help: str
    kind: Kind = "text"
    default: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    when: Callable[[Data], bool] = _always
    number: bool = False
    read: Callable[[Data], str] | None = None
    write: Callable[[Data, str], None] | None = None

    @property
    def key(self) -> str:
        """A name that no other question has."""
        return f"{self.kind}-{self.path.replace('.', '-').replace('_', '-')}"

    def answer(self, data: Data) -> str:
        """Return the present answer as text; empty where there is none."""
        if self.read is not None:
            return self.read(data)
        value = get(data, self.path)
        return "" if value is None else str(value)

    def store(self, data: Data, text: str) -> None:
        """Put an answer into the data."""
        text = text.strip()
        if self.write is not None:
            self.write(data, text)
        else:
            put(data, self.path, int(text) if self.number and _is_number(text) else text)

    def secret_name(self, data: Data) -> str:
        """Return the name of the secret that is asked for."""
        reference = get(data, self.path)
        return str(reference or self.default).removeprefix("secret:")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _of(
    model: type[Part], path: str, section: Section, label: str, kind: Kind = "text", **more: Any
) -> Question:
    """Return the question for a field of the model, in the model's own words."""
    field = model.model_fields[path.rpartition(".")[2]]
    if "default" not in more and isinstance(field.default, str | int):
        more["default"] = str(field.default)
    example = field.examples[0] if field.examples else ""
    if "example" not in more and isinstance(example, str | int):
        more["example"] = str(example)
    more.setdefault("help", field.description or "")
    return Question(path, section, label, kind=kind, **more)


def _flag(
    path: str, section: Section, label: str, about: str, *, yes: Any, no: Any = None,
    when: Callable[[Data], bool] = _always,
) -> Question:  # fmt: skip
    """Return a question for yes or no; None for one of them leaves the key out."""

    def read(data: Data) -> str:
        value = get(data, path)
        if no is None:
            return "no" if value in (None, False) else "yes"
        return "no" if value == no else "yes"

    def write(data: Data, text: str) -> None:
        if text != read(data):
            put(data, path, yes if text == "yes" else no)

    default = "no" if no is None else "yes"
    return Question(path, section, label, about, "bool", default, choices=("no", "yes"), when=when,
                    read=read, write=write)  # fmt: skip


def _redis_kind(data: Data) -> str:
    return "one host" if get(data, "redis.sentinel") is None else "sentinel"


def _set_redis_kind(data: Data, text: str) -> None:
    if text == _redis_kind(data):
        return
    redis = data.get("redis") if isinstance(data.get("redis"), dict) else {}
    kept = {key: value for key, value in dict(redis or {}).items() if key == "password"}
    if text == "sentinel":
        kept["sentinel"] = {"master": "mymaster"}
    data["redis"] = kept


def _sentinels(data: Data) -> str:
    nodes = get(data, "redis.sentinel.nodes")
    if not isinstance(nodes, list):
        return ""
    found = (node if isinstance(node, dict) else {} for node in nodes)
    return ", ".join(f"{node.get('host', '')}:{node.get('port', '')}" for node in found)


def _set_sentinels(data: Data, text: str) -> None:
    nodes = []
    for one in re.split(r"[,\s]+", text):
        if one:
            host, _, port = one.rpartition(":") if ":" in one else (one, "", "26379")
            nodes.append({"host": host, "port": int(port) if _is_number(port) else port})
    put(data, "redis.sentinel.nodes", nodes or None)


def _set_tls_mode(data: Data, text: str) -> None:
    put(data, "tls.mode", text)
    if text == "none":
        for key in ("certificate", "key", "ca"):
            put(data, f"tls.{key}", None)


def _set_storage(data: Data, text: str) -> None:
    if get(data, "storage.type") != text:
        data["storage"] = {"type": text} if text else {}


def _has_tls(data: Data) -> bool:
    return bool(get(data, "tls.mode") != "none")


def _one_redis(data: Data) -> bool:
    return _redis_kind(data) == "one host"


def _has_sentinel(data: Data) -> bool:
    return _redis_kind(data) == "sentinel"


def _stored_in(kind: str) -> Callable[[Data], bool]:
    return lambda data: bool(get(data, "storage.type") == kind)


def _has(path: str) -> Callable[[Data], bool]:
    return lambda data: get(data, path) not in (None, "", False)


_REDIS_PASSWORD = "secret:redis_password"  # noqa: S105 - references, not values
_SSH_PASSWORD = "secret:ssh_password"  # noqa: S105
_SUDO_PASSWORD = "secret:sudo_password"  # noqa: S105

QUESTIONS: tuple[Question, ...] = (
    _of(Cluster, "solution", "solution", "Solution", "choice",
        choices=tuple(one.value for one in Solution)),
    _of(Cluster, "public_name", "topology", "Public name"),
    _of(VirtualAddress, "virtual_address.address", "topology", "Virtual address"),
    _of(VirtualAddress, "virtual_address.router_id", "topology", "Router id", number=True),
    _of(Access, "access.user", "access", "User"),
    _of(Access, "access.port", "access", "Port", number=True),
    _of(Access, "access.key", "access", "Private key", "path"),
    _flag("access.password", "access", "By password",
          "yes where no key serves; the password itself is asked for and kept encrypted",
          yes=_SSH_PASSWORD),
    Question("access.password", "access", "Login password", "the login's password on the hosts",
             "secret", _SSH_PASSWORD, when=_has("access.password")),
    _flag("access.sudo", "access", "Use sudo",
          "yes where the login is not root's and sudo makes it so", yes=True),
    _flag("access.sudo_password", "access", "sudo asks",
          "yes where sudo asks for a password", yes=_SUDO_PASSWORD, when=_has("access.sudo")),
    Question("access.sudo_password", "access", "sudo password", "the password that sudo asks for",
             "secret", _SUDO_PASSWORD, when=_has("access.sudo_password")),
    _of(Access, "access.jump", "access", "Jump host"),
    _of(Access, "access.known_hosts", "access", "known_hosts", "path"),
    _of(Cluster, "release", "services", "Harbor", "choice", choices=tuple(RELEASES),
        default=NEWEST),
    _of(Installer, "installer.file", "services", "Installer file", "path"),
    _of(Installer, "installer.url", "services", "… or its URL", example="https://…"),
    _of(Installer, "installer.sha256", "services", "… its SHA-256", example="64 digits"),
    _of(Tls, "tls.mode", "services", "TLS ends", "choice", default="terminate",
        choices=("terminate", "passthrough", "none"), write=_set_tls_mode,
        help="terminate: at the balancers; passthrough: at the nodes; none: plain http"),
    _of(Tls, "tls.certificate", "services", "Certificate", "path", when=_has_tls),
    _of(Tls, "tls.key", "services", "Certificate's key", "path", when=_has_tls),
    _of(Tls, "tls.ca", "services", "CA certificate", "path", when=_has_tls),
    _of(Database, "database.host", "services", "Database host"),
    _of(Database, "database.port", "services", "Database port", number=True),
    _of(Database, "database.name", "services", "Database name"),
    _of(Database, "database.user", "services", "Database user"),
    _of(Database, "database.ssl_mode", "services", "Database TLS", "choice",
        choices=("disable", "require", "verify-ca", "verify-full"),
        help="how PostgreSQL is spoken to: without TLS, with it, or with its certificate checked"),
    Question("database.password", "services", "Database password",
             "the database user's password", "secret", "secret:database_password"),
    Question("redis", "services", "Redis is", "one host, or found by Redis Sentinel", "choice",
             "one host", choices=("one host", "sentinel"), read=_redis_kind,
             write=_set_redis_kind),
    _of(Redis, "redis.host", "services", "Redis host", when=_one_redis),
    _of(Redis, "redis.port", "services", "Redis port", number=True, when=_one_redis),
    _of(Sentinel, "redis.sentinel.master", "services", "Sentinel master", when=_has_sentinel),
    _of(Sentinel, "redis.sentinel.nodes", "services", "Sentinels", when=_has_sentinel,
        example="10.0.0.31:26379, 10.0.0.32:26379", read=_sentinels, write=_set_sentinels,
        help="the sentinels as host:port, with commas between them"),
    _flag("redis.password", "services", "Redis asks",
          "yes where Redis asks for a password", yes=_REDIS_PASSWORD),
    Question("redis.password", "services", "Redis password", "Redis' password", "secret",
             _REDIS_PASSWORD, when=_has("redis.password")),
    Question("storage.type", "services", "Images kept in",
             "a mounted shared file system, an NFS export, or an S3 bucket", "choice",
             "filesystem", choices=("filesystem", "nfs", "s3"), write=_set_storage),
    _of(FilesystemStorage, "storage.path", "services", "Shared folder",
        when=_stored_in("filesystem")),
    _of(NfsStorage, "storage.server", "services", "NFS server", when=_stored_in("nfs")),
    _of(NfsStorage, "storage.export", "services", "NFS export", when=_stored_in("nfs")),
    _of(NfsStorage, "storage.options", "services", "Mount options", when=_stored_in("nfs")),
    _of(S3Storage, "storage.bucket", "services", "S3 bucket", when=_stored_in("s3")),
    _of(S3Storage, "storage.region", "services", "S3 region", when=_stored_in("s3")),
    _of(S3Storage, "storage.endpoint", "services", "S3 endpoint", when=_stored_in("s3")),
    _of(S3Storage, "storage.root", "services", "S3 folder", when=_stored_in("s3")),
    _flag("storage.redirect", "services", "S3 redirects",
          "no where the clients cannot reach the bucket themselves", yes=None, no=False,
          when=_stored_in("s3")),
    Question("storage.access_key", "services", "S3 access key", "the bucket's access key",
             "secret", "secret:s3_access_key", when=_stored_in("s3")),
    Question("storage.secret_key", "services", "S3 secret key", "the bucket's secret key",
             "secret", "secret:s3_secret_key", when=_stored_in("s3")),
    _of(Cluster, "data_volume", "services", "Data volume"),
    _of(Cluster, "install_dir", "services", "Install folder"),
    Question("admin_password", "services", "Admin password",
             "the admin's first password; drawn where it is left empty", "secret",
             "secret:harbor_admin_password"),
    Question(PASSPHRASE, "services", "Passphrase",
             "it encrypts the secrets that this session keeps; asked for again before a run",
             "secret", PASSPHRASE),
)  # fmt: skip

# Asked of each host; their paths are within the host.
HOST_QUESTIONS: tuple[Question, ...] = (
    _of(Host, "name", "topology", "Name"),
    Question("roles", "topology", "Role", "balancer takes clients, harbor serves them", "choice",
             "harbor", choices=tuple(one.value for one in Role),
             read=lambda host: ", ".join(map(str, host.get("roles") or [])),
             write=lambda host, text: put(host, "roles",
                                          [r for r in re.split(r"[,\s]+", text) if r] or None)),
    _of(Host, "address", "topology", "Address"),
    _of(Host, "interface", "topology", "Interface",
        help="the network interface that gets the virtual address; for balancers"),
    Question("platform", "topology", "System",
             "the operating system; “find out” asks the host when access is tried", "choice",
             "find out", choices=("find out", *PLATFORMS),
             read=lambda host: str(host.get("platform") or "find out"),
             write=lambda host, text: put(host, "platform",
                                          None if text == "find out" else text)),
)  # fmt: skip


def fresh(name: str) -> Data:
    """Return the first answers of a new session."""
    return {
        "name": name,
        "release": NEWEST,
        "tls": {"mode": "terminate"},
        "storage": {"type": "filesystem"},
    }


def asked(data: Data, section: Section) -> list[Question]:
    """Return the questions of a section that are to be asked, given the other answers."""
    return [one for one in QUESTIONS if one.section == section and one.when(data)]


def shaped(data: Data) -> Data:
    """Return a copy in which every part is there, so that what is missing is named in full."""
    made = copy.deepcopy(data)
    for part in ("installer", "virtual_address", "tls", "database", "redis", "storage"):
        made.setdefault(part, {})
    made.setdefault("hosts", [])
    return made


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: where, and why, as a sentence."""

    path: str
    reason: str

    @property
    def section(self) -> Section:
        """The section whose answers mend it."""
        if self.path.startswith("hosts"):
            unknown = self.path.endswith(".platform") and self.reason.startswith("is missing")
            return "access" if ".access" in self.path or unknown else "topology"
        return _SECTION_OF.get(re.split(r"[.\[]", self.path)[0], "services")

    def sentence(self, data: Data) -> str:
        """Return it in the words of the questions: labels and hosts' names, not paths."""
        if self.path == "solution" and self.reason.startswith("is missing"):
            return "Choose a solution: Enter takes the one under the cursor"
        if self.path == "hosts" and self.reason.startswith("[]"):
            return "Hosts: there are none yet; add the machines that the solution needs"
        if self.path == "installer" and "neither" in self.reason:
            return "Installer: is missing; give its file here, or a URL that the nodes can reach"
        if self.path == "redis" and "neither" in self.reason:
            return "Redis host: is missing; give its name or address"
        found = re.fullmatch(r"hosts\[(\d+)\]\.?(.*)", self.path)
        if found is not None:
            where = f"{_host_name(data, int(found[1]))} {found[2]}".strip()
        else:
            where = next((q.label for q in QUESTIONS if q.path == self.path), self.path)
        if self.path.endswith(".platform") and self.reason.startswith("is missing"):
            return f"{where}: is not known yet; try the hosts with Ctrl+T, or choose it in Topology"
        reason = re.sub(r"hosts\[(\d+)\]", lambda at: _host_name(data, int(at[1])), self.reason)
        # The field is in front of the operator: what it is for does not have to be said again.
        reason = re.sub(r"^is missing; expected .*, for example ", "is missing, e.g. ", reason)
        return f"{where}: {reason}"


_SECTION_OF: dict[str, Section] = {
    "name": "solution", "solution": "solution", "public_name": "topology",
    "virtual_address": "topology", "access": "access",
}  # fmt: skip


def _host_name(data: Data, index: int) -> str:
    hosts = data.get("hosts")
    host = hosts[index] if isinstance(hosts, list) and index < len(hosts) else None
    name = host.get("name") if isinstance(host, dict) else None
    return str(name or f"host {index + 1}")


def problems(data: Data, folder: Path | None = None) -> list[Problem]:
    """Return all that is wrong with the answers; with a folder, also files that are not there."""
    try:
        load.parse(shaped(data), "", folder)
    except ClusterError as error:
        found = [_problem(sentence) for sentence in error.problems]
        # Of a list whose items are wrong, the items' own sentences say it all.
        return [one for one in found if not (_whole(one) and _has_inner(one, found))]
    return []


def _whole(problem: Problem) -> bool:
    return "is not right; expected" in problem.reason


def _has_inner(problem: Problem, found: list[Problem]) -> bool:
    return any(other.path.startswith((f"{problem.path}.", f"{problem.path}["))
               for other in found)  # fmt: skip


def _problem(sentence: str) -> Problem:
    path, _, reason = sentence.partition(": ")
    return Problem(path, reason)


def validate(path: str, value: Any, data: Data, folder: Path | None = None) -> str | None:
    """Return why a value cannot stand at a path, as a sentence; None where it can."""
    changed = shaped(data)
    put(changed, path, value)
    return reason_at(path, problems(changed, folder))


def reason_at(path: str, found: list[Problem]) -> str | None:
    """Return the first reason that is given for a path or what is below it."""
    for one in found:
        if one.path == path or one.path.startswith((f"{path}.", f"{path}[")):
            return one.reason
    return None


def check(question: Question, text: str, data: Data, folder: Path | None = None) -> str | None:
    """Return why an answer is not right, as a sentence; None where it is."""
    if question.kind == "secret":
        return secret_reason(question.secret_name(data), text)
    changed = shaped(data)
    question.store(changed, text)
    if not text.strip() and get(changed, question.path) is None and question.path != "redis":
        return None  # what is missing is said where all is looked at together
    return reason_at(question.path, problems(changed, folder))


def secret_reason(name: str, value: str) -> str | None:
    """Return why a secret cannot be used, or None. An empty one is asked for later."""
    if not value:
        return None
    if len(value) < MINIMUM_LENGTH:
        return f"is too short; at least {MINIMUM_LENGTH} characters, so that it can be masked"
    if name == "harbor_admin_password":
        kinds = (str.isupper, str.islower, str.isdigit)
        if not 8 <= len(value) <= 128 or not all(any(map(kind, value)) for kind in kinds):
            return "is not one that Harbor takes: 8 to 128 characters with A-Z, a-z and 0-9"
    return None


def host_reasons(host: Data, index: int, data: Data) -> dict[str, str]:
    """Return what is wrong with one host's answers, by field; `index` is its place in the list."""
    changed = shaped(data)
    hosts = list(changed["hosts"]) if isinstance(changed["hosts"], list) else []
    hosts[index : index + 1] = [host]
    changed["hosts"] = hosts
    found: dict[str, str] = {}
    for one in problems(changed):
        prefix = f"hosts[{min(index, len(hosts) - 1)}]."
        if one.path.startswith(prefix) and one.section == "topology":
            field = re.split(r"[.\[]", one.path.removeprefix(prefix))[0]
            found.setdefault(field, one.sentence(changed).partition(": ")[2])
    return found


def pasted_hosts(text: str) -> list[Data]:
    """Return hosts for pasted lines, each `name address` or an address alone.

    A name that begins with lb, bal, ha, proxy or vip makes a balancer; without names, the first
    two are balancers.
    """
    hosts: list[Data] = []
    for line in text.splitlines():
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        address = next((word for word in words if re.fullmatch(r"[0-9.]+|.*:.*", word)), words[-1])
        name = next((word.lower() for word in words if word != address), "")
        balancer = bool(re.match(r"lb|bal|haproxy|proxy|vip", name)) if name else len(hosts) < 2
        same = sum((h["roles"] == ["balancer"]) == balancer for h in hosts) + 1
        host: Data = {
            "name": name or (f"lb-{same}" if balancer else f"harbor-{same}"),
            "roles": ["balancer" if balancer else "harbor"],
            "address": address,
        }
        if balancer:
            host["interface"] = "eth0"
        hosts.append(host)
    return hosts


def for_access(data: Data) -> Cluster:
    """Return a cluster that is good for trying the access, whatever else is not answered yet.

    Raises `ClusterError` where the hosts or the access themselves are wrong.
    """
    hosts = data.get("hosts")
    known = [dict(host) for host in hosts if isinstance(host, dict)] if hosts else []
    for host in known:
        host.setdefault("platform", next(iter(PLATFORMS)))
    filled = {
        "name": data.get("name"), "solution": data.get("solution"), "release": NEWEST,
        "installer": {"file": "-"}, "public_name": data.get("public_name"),
        "virtual_address": data.get("virtual_address"), "access": data.get("access") or {},
        "hosts": known, "tls": {"mode": "none"}, "database": {"host": "localhost"},
        "redis": {"host": "localhost"}, "storage": {"type": "filesystem", "path": "/mnt"},
    }  # fmt: skip
    return load.parse(filled, "")
