"""What is so whatever is given: cluster files, journals, words for a shell, files, output.

What single functions promise stands with their tests; here are the ways through several of them.
"""

from __future__ import annotations

import copy
import functools
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harbor_wizard import step
from harbor_wizard.components import storage
from harbor_wizard.components.harbor_config import config_path
from harbor_wizard.engine import hostlog
from harbor_wizard.engine.hostlog import CUT, Cleaner
from harbor_wizard.errors import ClusterError, InputError, SessionError
from harbor_wizard.journal import Journal
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan
from harbor_wizard.render import render
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command, quote
from harbor_wizard.text import FixedValues, Hole, Masker, Text
from harbor_wizard.transport import lines as transport_lines
from harbor_wizard.transport.base import Call, Phase
from harbor_wizard.transport.lines import Lines
from harbor_wizard.transport.shell import _Output, frame

from .conftest import EXAMPLES

settings.register_profile("properties", deadline=None, print_blob=True, suppress_health_check=[
    HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip
PROFILE = settings.get_profile("properties")


def tries(number: int) -> settings:
    return settings(PROFILE, max_examples=number)


NAMES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


@functools.cache
def _example(name: str) -> dict[str, Any]:
    return load.read(EXAMPLES / name)


def example(name: str) -> dict[str, Any]:
    return copy.deepcopy(_example(name))


# The cluster file.

KEYS = sorted({*Cluster.model_fields, "type", "host", "address", "colour", "roles", "", "a.b", "\u202e"})
WORDS = st.sampled_from(["secret:x", "10.0.0.1", "fd00::1/64", "10.0.0.10/24", "2.15.2", "1.5.4", "lvs", "harbor",
                         "services", "none", "wizard", "/", "..", "~nobody-of-that-name", "\n", "{path}", "%s", "%"])  # fmt: skip
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | WORDS
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place in plain data: what holds it, and its key or number."""
    for key in list(data) if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from places(data[key])


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an example in which something was left out, put in, or written otherwise."""
    data = example(draw(st.sampled_from(NAMES)))
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(list(places(data)) or [({}, None)]))
        what = draw(st.sampled_from(["drop", "replace", "replace", "garble", "add", "borrow"]))
        if what == "drop" and key is not None:
            del holder[key]
        elif what == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = draw(ANY)
        elif what == "borrow":
            other, one = draw(st.sampled_from(list(places(example(draw(st.sampled_from(NAMES)))))))
            holder[key] = other[one]
        elif what == "garble" and isinstance(holder.get(key) if isinstance(holder, dict) else holder[key], str):
            at = draw(st.integers(0, len(holder[key])))
            holder[key] = holder[key][:at] + draw(st.text(max_size=3)) + holder[key][at:]
        else:
            holder[key] = draw(ANY)
    return data


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


@tries(150)
@given(mutated(), st.booleans())
def test_a_mutated_cluster_file_is_a_cluster_or_gives_sentences(data: dict[str, Any], there: bool) -> None:
    try:
        content = yaml.dump(data, Dumper=Plain, allow_unicode=True).encode()
    except (yaml.YAMLError, UnicodeEncodeError):
        assume(False)
    try:
        cluster = load.parse(load.decode(content, "c.yaml"), "c.yaml", Path("/nowhere") if there else None)
    except ClusterError as error:
        assert error.problems
        for one in error.problems:
            assert one.isprintable(), one
            assert one.strip()
    except InputError as error:
        assert "\n" not in str(error)
    else:
        again = load.dump(cluster).encode()
        assert load.parse(load.decode(again, "again"), "again") == cluster
        assert make_plan(cluster).steps


# The journal.

VALUES = st.none() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2)
RECORDS = st.lists(
    st.tuples(st.sampled_from(["run", "begun", "ended", "undone"]),
              st.dictionaries(st.sampled_from(["step", "state", "needs", "undo"]), VALUES)),
    min_size=1, max_size=5,
)  # fmt: skip


def journal(path: Path, records: list[tuple[str, dict[str, Any]]]) -> bytes:
    path.unlink(missing_ok=True)
    with mock.patch("os.fsync"), mock.patch("time.time", return_value=1.5), Journal(path) as one:
        for kind, data in records:
            one.write(kind, **data)
    return path.read_bytes()


def told(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(one.kind, {k: v for k, v in one.data.items() if k not in ("v", "kind", "time")})
            for one in Journal(path).records()]  # fmt: skip


@tries(60)
@given(RECORDS, st.data())
def test_any_prefix_of_a_journal_is_the_whole_records_of_it_and_goes_on(
    tmp_path: Path, records: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    path = tmp_path / "j"
    whole = journal(path, records)
    prefix = whole[: data.draw(st.integers(0, len(whole)))]
    path.write_bytes(prefix)
    assert told(path) == records[: prefix.count(b"\n")]
    with mock.patch("os.fsync"), Journal(path) as one:
        one.write("begun", step="x/y/z")
    assert told(path) == [*records[: prefix.count(b"\n")], ("begun", {"step": "x/y/z"})]


@tries(120)
@given(RECORDS, st.data(), st.integers(1, 255))
def test_a_flipped_byte_of_a_journal_is_noticed_or_is_in_its_last_line(
    tmp_path: Path, records: list[tuple[str, dict[str, Any]]], data: st.DataObject, flip: int
) -> None:
    path = tmp_path / "j"
    whole = bytearray(journal(path, records))
    at = data.draw(st.integers(0, len(whole) - 1))
    # An end of a line that is none any more makes its line and the next one.
    last = whole[:-1].rfind(b"\n")
    whole[at] ^= flip
    path.write_bytes(bytes(whole))
    try:
        found = told(path)
    except SessionError as error:
        assert "damaged" in str(error) or "version" in str(error)
        return
    if found != records:  # else it was in a checksum, which says the same in other letters
        assert at >= last
        assert found == records[: -1 if at > last else -2]


# Quoting: what is run has to be what was meant, byte by byte.

# It would make a file if any part of it were run.
CANARY = "canary"
AWKWARD = st.lists(
    st.sampled_from(["'", '"', "\\", "`touch canary`", "$(touch canary)", "; touch canary;", "\n", "\ntouch canary\n",
                     "$HOME", "${x}", "~", "*", "?", "[a]", "!", "#", " ", "\t", "\r", "-", "--", "&", "|", ">canary",
                     "<", "{a,b}", "%s", "{{ x }}", "{% x %}", "é", "名", "\U0001f600", "\x7f", "\x85", "\u2028",
                     "\ufeff", "\xa0", "HW-SCRIPT-", "EOF", ": ", "- ", "\x01", "null", "1e3", "0x10"])
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
    max_size=8,
).map("".join)  # fmt: skip


@contextmanager
def nothing_is_run() -> Iterator[Path]:
    """Give an empty folder to run in, and look that it is not touched."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        assert os.listdir(folder) == []  # noqa: PTH208


def far_end(script: str, given: bytes | None, folder: Path) -> tuple[bytes, str]:
    """Run a script as a host's shell gets it; return what came on its first output, and the exit."""
    token = "0123456789abcdef01234567"
    call = Call("a/b/c", Phase.APPLY, script, given)
    done = subprocess.run(["sh"], input=frame(call, token), capture_output=True, cwd=folder)
    out, _, ended = done.stdout.partition(f"hw-out-{token}:".encode())
    first, _, rest = out.partition(b"\n")
    assert first.startswith(b"hw-pid-")
    # What takes it apart finds the same in it.
    seen = _Output(token, lambda _: None)
    seen.feed(done.stdout)
    assert seen.ended == ended.decode().strip()
    if rest.endswith(b"\n"):
        rest_text = rest[:-1].decode("utf-8", "replace")
    else:
        rest_text = rest.decode("utf-8", "replace")
    assert seen.text == rest_text
    return rest, ended.decode().strip()


@tries(60)
@given(AWKWARD, AWKWARD, st.binary(max_size=300))
def test_any_word_secret_and_input_arrive_at_a_shell_unchanged_and_run_nothing(
    word: str, secret: str, given: bytes
) -> None:
    script = Text((f"printf '%s|' {quote(word)} ", Hole("s", encoding="shell"), "; cat; exit 7\n"))
    with nothing_is_run() as folder:
        out, ended = far_end(script.raw(FixedValues({"s": secret})), given, folder)
    assert out == f"{word}|{secret}|".encode() + given
    assert ended == "7"


@tries(60)
@given(st.data(), st.none() | st.binary(max_size=30))
def test_a_script_of_which_not_all_arrives_is_not_begun(data: st.DataObject, given: bytes | None) -> None:
    """A line that breaks, or a wizard that dies, may end what a shell reads anywhere."""
    framed = frame(Call("a/b/c", Phase.APPLY, "touch canary\ntouch canary-2\n", given), "0123456789abcdef01234567")
    whole = framed.index(b"\nHW-SCRIPT-") + len(b"\nHW-SCRIPT-0123456789abcdef01234567")
    cut = data.draw(st.integers(0, whole) | st.integers(framed.index(b"touch"), whole))
    with nothing_is_run() as folder:
        subprocess.run(["sh"], input=framed[:cut], capture_output=True, cwd=folder)


@tries(60)
@given(AWKWARD, AWKWARD)
def test_any_text_is_the_same_value_in_a_yaml_file(value: str, secret: str) -> None:
    text = Text(("a: ", Hole("s", encoding="yaml"), "\nb: [", Hole("s", encoding="yaml"), "]\n"))
    assert yaml.safe_load(text.raw(FixedValues({"s": secret}))) == {"a": secret, "b": [secret]}
    # The same by a template, for what is no secret.
    with mock.patch("harbor_wizard.render._environment", return_value=_templates()):
        rendered = render("t", value=value).masked()
    if not re.search("[\x02\x03\x1f]", value):
        assert yaml.safe_load(rendered) == {"a": value}


@functools.cache
def _templates() -> Any:
    import jinja2

    from harbor_wizard import render as module

    return module._environment().overlay(loader=jinja2.DictLoader({"t.j2": "a: {{ value | yaml }}\n"}))


@tries(25)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=12)
    | AWKWARD.map(lambda text: text.replace("/", "")[:30]).filter(bool),
    AWKWARD, st.sampled_from([0o600, 0o644, 0o755]), st.booleans(),
)  # fmt: skip
def test_a_file_of_any_path_is_written_as_it_was_meant_and_then_is_so(
    tmp_path: Path, name: str, content: str, mode: int, keep: bool
) -> None:
    assume(name not in (".", "..") and len(name.encode()) < 200)
    with tempfile.TemporaryDirectory(dir=tmp_path) as root:
        path = f"{root}/$(touch canary)/{name}"
        owner = f"{os.getuid()}:{os.getgid()}"
        made = step.file("h", "c/n", path, Text((content,)), "why", mode=mode, owner=owner, keep=keep)
        assert isinstance(made.apply, Command)
        with nothing_is_run() as folder:
            ends = [far_end(one.script.raw(FixedValues({})), content.encode(), folder)[1]
                    for one in (made.check, made.apply, made.check)]  # fmt: skip
        assert ends == ["1", "0", "0"]
        assert Path(path).read_bytes() == content.encode()
        assert Path(path).stat().st_mode & 0o777 == mode
        assert [one.name for one in Path(path).parent.iterdir()] == [name]


# Rendering.

LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
DOMAIN = st.builds("{}.{}".format, LABEL, st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True))
ADDRESS = st.ip_addresses().map(str)
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)
WORD = st.from_regex(r"[A-Za-z0-9._/-]{1,12}", fullmatch=True) | st.sampled_from(
    ["null", "true", "1e3", "0777", "-", "no", "1.10", "---", "..."]
)
PATH = st.from_regex(r"(/[A-Za-z0-9_+@-][A-Za-z0-9._+@-]{0,8}){1,3}", fullmatch=True)
PORT = st.integers(1, 65535)
OTHERS: dict[tuple[str, ...], st.SearchStrategy[Any]] = {
    ("name",): NAME,
    ("public_name",): DOMAIN,
    ("install_dir",): PATH,
    ("data_volume",): PATH,
    ("virtual_address", "router_id"): st.integers(1, 255),
    ("database", "host"): DOMAIN | ADDRESS,
    ("database", "port"): PORT,
    ("database", "name"): WORD,
    ("database", "user"): WORD,
    ("redis", "port"): PORT,
    ("storage", "path"): PATH,
    ("storage", "export"): PATH,
    ("storage", "bucket"): WORD,
    ("storage", "region"): WORD,
    ("replication", "projects"): st.lists(WORD, max_size=3),
}  # fmt: skip
SECRETS = AWKWARD.filter(lambda text: len(text) >= 4)


def shared(data: dict[str, Any]) -> bool:
    return data["solution"] in ("active-active", "active-standby")


@st.composite
def accepted(draw: st.DrawFn) -> Cluster:
    """Draw an example with other names, addresses, ports and paths, all of them allowed."""
    data = example(draw(st.sampled_from(NAMES)))
    for place, strategy in OTHERS.items():
        top = data.get(place[0])
        if len(place) == 1 and draw(st.booleans()):
            data[place[0]] = draw(strategy)
        elif isinstance(top, dict) and (place[1] in top or place[0] == "database") and draw(st.booleans()):
            top[place[1]] = draw(strategy)
    if "host" in data.get("redis", {}):
        data["redis"]["host"] = draw(DOMAIN | ADDRESS)
    names = draw(st.lists(NAME, min_size=len(data["hosts"]), max_size=len(data["hosts"]), unique=True))
    known = {host["name"]: name for host, name in zip(data["hosts"], names, strict=True)}
    for host in data["hosts"]:
        host["name"] = known[host["name"]]
    if "clients" in data["tls"]:
        data["tls"]["clients"] = [known[name] for name in data["tls"]["clients"]]
    text = json.dumps(data)
    if draw(st.booleans()):
        text = re.sub(r"\b10\.(?:0|77)\.0\.(\d+)/24", r"fd00::\1/64", text)
        text = re.sub(r"\b10\.(?:0|77)\.0\.(\d+)", r"fd00::\1", text)
    return load.parse(json.loads(text), "c.yaml")


class Drawn:
    """Secrets of any characters; those that have a form have it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, name: str) -> str:
        if name.endswith(("_password", "_secret", "access_key", "secret_key", "account_key")):
            return f"{self._text}{name}"
        return f"canary-{name}"


def secret_of(reference: str | None) -> str:
    assert reference is not None
    return reference.removeprefix("secret:")


def assert_harbor_yml(cluster: Cluster, data: dict[str, Any], values: Drawn) -> None:
    assert data["data_volume"] == cluster.data_volume
    assert data["harbor_admin_password"] == values.value(secret_of(cluster.admin_password))
    if cluster.used_database is not None:
        block = next(iter(data["external_database"].values()))
        used = cluster.used_database
        assert (block["host"], block["port"], block["db_name"], block["username"], block["password"]) == (
            used.host, cluster.database_port, used.name, used.user, values.value(secret_of(used.password)))  # fmt: skip
    if cluster.used_redis is not None:
        redis, used_redis = data["external_redis"], cluster.used_redis
        if used_redis.password:
            assert redis["password"] == values.value(secret_of(used_redis.password))
        if used_redis.sentinel is not None:
            assert redis["sentinel_master_set"] == used_redis.sentinel.master
        else:
            said = f"{redis['host']}:{redis['port']}" if "port" in redis else redis["host"]
            host, _, port = said.rpartition(":")
            assert (host.strip("[]"), int(port)) == (used_redis.host, used_redis.port)
    if cluster.storage.type == "s3":
        s3 = data["storage_service"]["s3"]
        assert (s3["bucket"], s3["region"]) == (cluster.storage.bucket, cluster.storage.region)
        assert s3["secretkey"] == values.value(secret_of(cluster.storage.secret_key))


def assert_braces(text: str, comment: str) -> None:
    """A file of blocks: each line ends a statement, opens a block or closes one."""
    depth = 0
    for line in text.splitlines():
        said = line.partition(comment)[0].strip()
        depth += said.count("{") - said.count("}")
        assert depth >= 0
    assert depth == 0


SECTIONS = {"global", "defaults", "frontend", "backend", "listen", "resolvers", "userlist", "peers"}


def assert_haproxy(cluster: Cluster, text: str) -> None:
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        assert line[0] == " " or words[0] in SECTIONS, line
        if words[0] == "server":
            host, _, port = words[2].rpartition(":")
            assert 0 < int(port) <= 65535
            known = [*(one.address for one in cluster.nodes), "127.0.0.1", "::1"]  # a replica's guard
            assert str(ipaddress.ip_address(host.strip("[]"))) in known
            assert host.startswith("[") == (":" in host), line


def assert_unit(path: str, text: str) -> None:
    sections: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            assert re.fullmatch("[A-Za-z]+", key), line
            assert value
            sections[list(sections)[-1]].append(line)
    assert sections.keys() <= {"Unit", "Service", "Mount", "Install"}
    if path.endswith(".mount"):
        (where,) = (line.removeprefix("Where=") for line in sections["Mount"] if line.startswith("Where="))
        assert path == f"/etc/systemd/system/{storage.unit_name(where)}"
        if shutil.which("systemd-escape"):
            known = subprocess.run(["systemd-escape", "--path", "--suffix=mount", where],
                                   capture_output=True, text=True, check=True)  # fmt: skip
            assert path == f"/etc/systemd/system/{known.stdout.strip()}"


def assert_parses(cluster: Cluster, path: str, text: str, values: Drawn) -> None:
    name = path.rpartition("/")[2]
    if path == config_path(cluster) and name == "harbor.yml":
        assert_harbor_yml(cluster, yaml.safe_load(text), values)
    elif name == "docker-compose.override.yml":
        for service in yaml.safe_load(text)["services"].values():
            for said in service["environment"].values():
                # Compose puts variables in for what is left of the dollars: nothing is.
                assert "$" not in said.replace("$$", "")
                assert said.replace("$$", "$").startswith((values.value("x_secret")[:-8], "canary-")), said
    elif name.endswith((".yml", ".yaml")):
        assert isinstance(yaml.safe_load(text), dict)
    elif name.endswith(".json") and "gcs" not in name:
        json.loads(text)
    elif name == "haproxy.cfg":
        assert_haproxy(cluster, text)
    elif name in ("keepalived.conf", "nginx.conf"):
        assert_braces(text, "#" if name == "nginx.conf" else "!")
    elif "/systemd/system/" in path and name.endswith((".service", ".mount")):
        assert_unit(path, text)


@pytest.mark.slow  # every file of every cluster that it draws
@tries(60)
@given(accepted(), SECRETS)
def test_any_accepted_cluster_gives_files_that_parse_as_what_they_are(cluster: Cluster, secret: str) -> None:
    # harbor.cfg knows no quoting: what it cannot hold, Harbor 1.5 cannot be given.
    values = Drawn(secret)
    for one in make_plan(cluster).steps:
        if one.file is not None:
            assert_parses(cluster, one.file.path, one.file.content.raw(values), values)
            # What is shown of it is the same, but for what is masked.
            assert secret not in one.file.content.masked() or secret in _literals(one.file.content)


def _literals(text: Text) -> str:
    return "".join(part for part in text.parts if isinstance(part, str))


def scripts(plan: Plan) -> Iterator[str]:
    for one in plan.steps:
        for command in (one.check, one.apply, one.verify, one.remember, one.undo, one.undo_data):
            if isinstance(command, Command):
                yield command.script.masked()
        if one.file is not None and one.file.content.masked().startswith("#!/bin/sh"):
            yield one.file.content.masked()


@tries(3)
@given(accepted())
def test_any_accepted_cluster_gives_scripts_that_a_shell_reads(cluster: Cluster) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(set(scripts(make_plan(cluster)))):
            (Path(folder) / str(number)).write_text(text)
        loop = 'for path in "$0"/*; do sh -n "$path" || exit 1; done'
        done = subprocess.run(["sh", "-c", loop, folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


# Output.

SPELLED = {"plain": lambda text: text, "json": lambda text: json.dumps(text)[1:-1]}
PRINTED = st.lists(
    st.sampled_from(["SECRET", "YAML", "SHELL", "JSON", "\x1b[31m", "\x1b]0;t\x07", "\x1b", "\x9b", "\r", "\x08", "\n",
                     "\t", "\x0c", "\u202e", "\x00", "ab"])
    | st.binary(max_size=4), max_size=12,
)  # fmt: skip


@tries(150)
@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]) | st.sampled_from(" \t\"'\\$"),
            min_size=4, max_size=20).filter(lambda text: "•" not in text and text.strip() == text),
    PRINTED, st.integers(1, 40),
)  # fmt: skip
def test_no_secret_and_no_control_of_a_host_is_told_however_its_bytes_arrive(
    secret: str, printed: list[str | bytes], size: int
) -> None:
    forms = {"SECRET": secret, "JSON": json.dumps(secret)[1:-1]}
    for form, encoding in (("YAML", "yaml"), ("SHELL", "shell")):
        forms[form] = Text((Hole("s", encoding=encoding),)).raw(FixedValues({"s": secret}))
    data = b"".join(one if isinstance(one, bytes) else forms.get(one, one).encode() for one in printed)
    # Lines that are long for us here, so that parts of them meet the secret, too.
    with mock.patch.object(transport_lines, "LONGEST", 20), mock.patch.object(hostlog, "_LONGEST_SECRET", 256):
        split, clean, seen = Lines(), Cleaner(Masker([secret])), []
        for at in range(0, len(data), size):
            seen += clean(split.feed(data[at : at + size]))
        seen += clean([*split.end(), "end"])
    text = "".join(one.removesuffix(CUT) if one.endswith(CUT) else f"{one}\n" for one in seen)
    if not re.search("[\x1b\x9b\r\x08]", secret):
        for form in {*forms.values(), secret.replace("\t", "    ")}:
            assert form not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("encoding", ["plain", "yaml", "compose", "shell"])
@tries(40)
@given(secret=SECRETS.filter(lambda text: "•" not in text and len(text.strip()) >= 4 and len(text.splitlines()) == 1))
def test_a_secret_is_masked_however_it_was_quoted(encoding: str, secret: str) -> None:
    quoted = Text((Hole("s", encoding=encoding),)).raw(FixedValues({"s": secret}))
    assert secret not in Masker([secret])(f"<{quoted}>")
    inner = quoted.strip("\"'")
    assert not inner or inner not in Masker([secret])(f"<{quoted}>")
