"""Undo: what the journal says of it, and what its scripts do, run by a real shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard import kept, session, undo
from harbor_wizard.engine.runner import Outcome, Runner, Settings
from harbor_wizard.errors import InputError
from harbor_wizard.journal import Journal, Record, summarise
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues, secret
from harbor_wizard.session import Session
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command, Step, command, file, look, script
from harbor_wizard.text import Text
from harbor_wizard.transport.base import Call, OnLines, OnProgress, Result


class Here:
    """A host that is a folder: scripts run here, with what the wizard keeps in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []

    def connect(self) -> None:
        (self.folder / "kept-here").mkdir(parents=True, exist_ok=True)

    def run(self, call: Call, on_lines: OnLines) -> Result:
        text = call.script.replace("/var/lib/harbor-wizard", str(self.folder / "wizard"))
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        done = self._run(text, call.input, environment)
        self.ran.append(call.script)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def _run(self, text: str, given: bytes | None, environment: dict[str, str]) -> Any:
        path = self.folder / "script"
        path.write_text(text)
        return subprocess.run(["sh", str(path)], input=given or b"", capture_output=True,
                              env=environment, timeout=60)  # fmt: skip

    def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        return self.run(call, on_lines)

    def attach(self, unit: str, on_lines: OnLines, stop: threading.Event) -> Result | None:
        return None

    def end(self, unit: str) -> None: ...

    def upload(self, step: str, source: Path, path: str, sha256: str, progress: OnProgress,
               stop: threading.Event) -> None: ...  # fmt: skip

    def close(self) -> None: ...


@pytest.fixture
def here(answers: dict[str, Any], tmp_path: Path) -> Session:
    made = session.create(answers["name"], tmp_path)
    made.save_answers(answers)
    return made


class World:
    """A session whose hosts are folders."""

    def __init__(self, made: Session, cluster: Cluster, folder: Path) -> None:
        self.session, self.cluster = made, cluster
        self.hosts = {host.name: Here(folder / host.name) for host in cluster.hosts}
        for host in self.hosts.values():
            host.folder.mkdir()

    def place(self, path: str, host: str = "lb-1") -> Path:
        return self.hosts[host].folder / path

    def apply(self, *steps: Step) -> Outcome:
        with Journal(self.session.journal_file) as journal:
            runner = Runner(Plan(self.cluster, steps), self.session.id, SecretValues({"s": "secret-value"}, {}),
                            lambda text: text, lambda host: self.hosts[host.name], journal,  # type: ignore[arg-type]
                            self.session.logs, Path, lambda _: None, Settings())  # fmt: skip
            return runner.run()

    def found(self) -> undo.Found:
        return undo.read(Journal(self.session.journal_file).records())

    def undo(self, *, data: bool = False) -> tuple[Outcome, list[tuple[str, str]]]:
        found = self.found()
        plan, _ = undo.make_plan(self.cluster, found, data=data)
        with undo.runner(self.session, found, plan, SecretValues({"s": "secret-value"}, {}),
                         lambda host: self.hosts[host.name], lambda _: None, Settings()) as runner:  # fmt: skip
            return runner.run(), runner.left


@pytest.fixture
def world(here: Session, cluster: Cluster, tmp_path: Path) -> World:
    (tmp_path / "hosts").mkdir()
    return World(here, cluster, tmp_path / "hosts")


def written(world: World, path: str, content: str = "ours\n", name: str = "x/file", host: str = "lb-1",
            **options: Any) -> Step:  # fmt: skip
    owner = f"{os.getuid()}:{os.getgid()}"
    return file(host, name, str(world.place(path, host)), Text.of(content), "why", owner=owner, **options)


def test_a_file_that_was_not_there_is_removed_with_the_folders_made_for_it(world: World) -> None:
    step = written(world, "etc/new/app.conf")
    assert world.apply(step).changed == [step.id]
    assert world.place("etc/new/app.conf").read_text() == "ours\n"
    outcome, left = world.undo()
    assert (outcome.exit_code, left) == (0, [])
    assert not world.place("etc").exists()
    assert not world.place("wizard").exists()


def test_a_file_that_was_there_is_put_back_as_it_was_however_often_it_was_written(world: World) -> None:
    place = world.place("app.conf")
    place.write_text("theirs\n")
    place.chmod(0o640)
    before = place.stat()
    world.apply(written(world, "app.conf", "one\n"))
    world.apply(written(world, "app.conf", "two\n"))
    assert place.read_text() == "two\n"
    assert world.undo()[0].exit_code == 0
    assert place.read_text() == "theirs\n"
    assert (place.stat().st_mode, place.stat().st_mtime) == (before.st_mode, before.st_mtime)


def test_a_link_is_put_back_as_a_link(world: World) -> None:
    world.place("target").write_text("theirs\n")
    world.place("app.conf").symlink_to(world.place("target"))
    world.apply(written(world, "app.conf"))
    assert not world.place("app.conf").is_symlink()
    assert world.undo()[0].exit_code == 0
    assert world.place("app.conf").readlink() == world.place("target")
    assert world.place("target").read_text() == "theirs\n"


def test_what_somebody_changed_since_is_kept_aside_and_told(world: World) -> None:
    world.place("app.conf").write_text("theirs\n")
    world.apply(written(world, "app.conf"))
    world.place("app.conf").write_text("by hand\n")
    outcome, left = world.undo()
    assert outcome.exit_code == 0
    assert "was changed since by somebody" in left[0][1]
    assert world.place("app.conf").read_text() == "theirs\n"
    (aside,) = world.place("wizard/changed").iterdir()
    assert aside.read_text() == "by hand\n"


def test_what_was_so_already_is_never_undone(world: World) -> None:
    world.place("app.conf").write_text("ours\n")
    world.place("app.conf").chmod(0o644)
    outcome = world.apply(written(world, "app.conf"))
    assert outcome.changed == []
    assert world.found().items == []
    assert world.place("app.conf").read_text() == "ours\n"


def test_a_second_undo_does_nothing_and_what_was_undone_can_be_done_and_undone_again(world: World) -> None:
    step = written(world, "app.conf")
    world.apply(step)
    world.undo()
    assert world.found().items == []
    assert summarise(Journal(world.session.journal_file).records()).done == frozenset()
    assert world.apply(step).changed == [step.id]
    assert summarise(Journal(world.session.journal_file).records()).done == {step.id}
    assert world.undo()[0].exit_code == 0
    assert not world.place("app.conf").exists()


def note(world: World, name: str, host: str = "lb-1", *, fails: bool = False, **options: Any) -> Step:
    """A step whose undo writes its name into the host's diary."""
    diary, made = world.place("diary", host), world.place(name.replace("/", "-"), host)
    hold = f'[ ! -e "{world.place("hold", host)}" ]\n' if fails else ""
    return replace(
        command(host, name, name, "why", check=f"[ -e {made} ]", apply=f"touch {made}",
                undo=f"{hold}echo {name} >> {diary}\nrm -f {made}", undone="it is removed"),
        **options,
    )  # fmt: skip


def test_a_host_is_undone_newest_first(world: World) -> None:
    steps = [note(world, f"x/{number}") for number in range(4)]
    world.apply(*steps)
    assert world.undo()[0].exit_code == 0
    assert world.place("diary").read_text().split() == ["x/3", "x/2", "x/1", "x/0"]


def test_a_step_that_was_begun_and_not_ended_is_undone(world: World) -> None:
    step = replace(note(world, "x/half"), apply=Command(script(f"touch {world.place('x-half')}; exit 1")))
    assert world.apply(step).exit_code == 1
    assert summarise(Journal(world.session.journal_file).records()).unknown == {step.id}
    assert [one.step for one in world.found().items] == [step.id]
    assert world.undo()[0].exit_code == 0
    assert world.place("diary").read_text().split() == ["x/half"]


def test_a_failure_keeps_what_it_stands_on_and_the_rest_goes_on_and_again_takes_up_there(world: World) -> None:
    order = ("docker/package", "nginx/config", "harbor/unpack", "harbor/up")
    steps = [note(world, name, fails=name == "harbor/up") for name in order]
    world.apply(*steps, note(world, "x/other", "lb-2"))
    world.place("hold").touch()
    outcome, _ = world.undo()
    assert outcome.exit_code == 1
    assert list(outcome.failed) == ["lb-1/harbor/up"]
    assert set(outcome.left) == {"lb-1/harbor/up", "lb-1/harbor/unpack", "lb-1/docker/package"}
    assert world.place("diary").read_text().split() == ["nginx/config"]
    assert world.place("diary", "lb-2").read_text().split() == ["x/other"]
    world.place("hold").unlink()
    assert world.undo()[0].exit_code == 0
    assert world.place("diary").read_text().split() == ["nginx/config", "harbor/up", "harbor/unpack", "docker/package"]


def test_what_another_host_needed_is_undone_after_it_through_what_was_only_looked_at(world: World) -> None:
    first, last = note(world, "x/first", "harbor-1"), note(world, "x/last", "harbor-2")
    seen = replace(look("harbor-1", "x/seen", "seen", "why", check="true"), needs=frozenset({first.id}))
    world.apply(first, seen, replace(last, needs=frozenset({seen.id})))
    plan, gone = undo.make_plan(world.cluster, world.found(), data=False)
    assert gone == []
    assert plan.step(first.id).needs == {last.id}
    assert plan.step(last.id).needs == frozenset()
    assert world.undo()[0].exit_code == 0


def test_data_are_undone_only_when_asked_for_and_last(world: World) -> None:
    volume = world.place("data")
    volume.mkdir()
    (volume / "theirs").mkdir()
    store = command("lb-1", "harbor/store", "store", "why", check=f"[ -e {volume}/ours ]",
                    apply=f"mkdir {volume}/ours {volume}/ours/deep", undone="it is data",
                    remember=kept.remember_data(str(volume)), undo_data=kept.remove_data(str(volume), "ours | secret"))  # fmt: skip
    key = written(world, "data/secret/key", name="harbor/key", keep=True, data=True)
    world.apply(store, key, note(world, "x/later"))
    assert [one.step for one in world.found().chosen(data=False)] == ["lb-1/x/later"]
    assert [one.step for one in world.found().chosen(data=True)] == ["lb-1/x/later", "lb-1/harbor/key", "lb-1/harbor/store"]
    assert world.undo()[0].exit_code == 0
    assert (volume / "secret/key").exists()
    assert (volume / "ours").exists()
    assert [one.step for one in world.found().data] == ["lb-1/harbor/key", "lb-1/harbor/store"]
    (volume / "later").touch()
    outcome, left = world.undo(data=True)
    assert outcome.exit_code == 0
    assert [what for _, what in left] == [f"somebody put there: {volume}/later"]
    assert sorted(one.name for one in volume.iterdir()) == ["later", "theirs"]
    assert world.found().items == []


def test_a_folder_that_had_something_in_it_stays(world: World) -> None:
    home = world.place("opt/harbor")
    for had in (True, False):
        if had:
            home.mkdir(parents=True)
            (home / "theirs").touch()
        step = command("lb-1", f"harbor/unpack-{had}", "unpack", "why", check=f"[ -e {home}/ours ]",
                       apply=f"mkdir -p {home}\ntouch {home}/ours", remember=kept.remember_folder(str(home)),
                       undo=kept.empty_folder(str(home), "/none", "ours"), undone="it is removed")  # fmt: skip
        world.apply(step)
        outcome, left = world.undo()
        assert outcome.exit_code == 0
        assert bool(left) is had
        assert home.exists() is had
        subprocess.run(["rm", "-rf", str(home.parent)], check=True)


def test_what_somebody_put_into_the_installers_folder_stays(world: World) -> None:
    home, archive = world.place("opt/harbor"), world.place("harbor.tgz")
    (world.place("from/harbor")).mkdir(parents=True)
    (world.place("from/harbor/install.sh")).touch()
    subprocess.run(["tar", "-C", str(world.place("from")), "-czf", str(archive), "harbor"], check=True)
    step = command("lb-1", "harbor/unpack", "unpack", "why", check=f"[ -e {home}/common ]",
                   apply=f"mkdir -p {home}/common\ntar -xzf {archive} -C {home} --strip-components=1",
                   remember=kept.remember_folder(str(home)),
                   undo=kept.empty_folder(str(home), str(archive), "common"), undone="it is removed")  # fmt: skip
    world.apply(step)
    assert (home / "install.sh").exists()
    (home / "notes").touch()
    outcome, left = world.undo()
    assert outcome.exit_code == 0
    assert [what for _, what in left] == [f"somebody put there: {home}/notes"]
    assert [one.name for one in home.iterdir()] == ["notes"]


def test_secrets_are_named_in_the_journal_and_never_written_there(world: World) -> None:
    place = world.place("dropped")
    step = replace(
        command("lb-1", "database/create", "create", "why", check="exit 1", apply="cat >/dev/null", verify="true",
                sent=Text((secret("s"), "\n")), undo_data=f"cat > {place}", undone="it is dropped"),
    )  # fmt: skip
    later = written(world, "x", name="harbor/key", data=True)
    world.apply(step, later, note(world, "database/client"))
    assert "secret-value" not in world.session.journal_file.read_text()
    # What is elsewhere goes in its place, before the program that reaches it.
    plan, _ = undo.make_plan(world.cluster, world.found(), data=True)
    assert [one.id for one in plan.steps] == ["lb-1/database/client", "lb-1/database/create/data", "lb-1/harbor/key/data"]
    values = undo.secrets_for(world.session, plan, {"s": "secret-value"}, None)
    assert values.value("s") == "secret-value"
    assert world.undo(data=True)[0].exit_code == 0
    assert place.read_text() == "secret-value\n"


def record(kind: str, **data: Any) -> Record:
    return Record(kind, 0.0, {"kind": kind, "v": 1, **data})


def test_what_an_earlier_version_did_is_left_and_told() -> None:
    new = {"host": "a", "title": "t", "needs": [], "undone": "how", "undo_data": None,
           "undo": {"script": "true\n", "input": None, "detached": False, "timeout": 60}}  # fmt: skip
    found = undo.read([
        record("begun", step="a/x/old", inputs="1"), record("ended", step="a/x/old", state="done"),
        record("begun", step="a/x/both"), record("begun", step="a/x/both", **new),
        record("begun", step="a/x/new", **new),
        record("begun", step="a/x/never", **{**new, "undo": None, "undone": "because"}),
    ])  # fmt: skip
    assert [one.step for one in found.items] == ["a/x/new"]
    assert {one.step: one.why for one in found.stays}["a/x/never"] == "because"
    assert "an earlier harbor-wizard" in {one.step: one.why for one in found.stays}["a/x/old"]
    assert "a/x/both" in {one.step for one in found.stays}


def test_a_run_meanwhile_stops_an_undo_that_was_read_before_it(world: World) -> None:
    world.apply(note(world, "x/1"))
    found = world.found()
    plan, _ = undo.make_plan(world.cluster, found, data=False)
    world.apply(note(world, "x/2"))
    with pytest.raises(InputError, match="meanwhile"):
        with undo.runner(world.session, found, plan, SecretValues({}, {}), lambda host: world.hosts[host.name],
                         lambda _: None, Settings()):  # fmt: skip
            pass


# Packages and units, with stand-ins for the programs that do it.

DPKG = """#!/bin/sh
sed 's/^/ii  /' "{state}"
"""
APT = """#!/bin/sh
case "$*" in
*" -s purge "*)
  for one in {needed}; do echo "Purg $one [1]"; done
  shift 4; for one; do echo "Purg $one [1]"; done ;;
*" remove "* | *" purge "*)
  echo "$*" >> "{log}"
  shift 4; for one; do sed -i "/^$one$/d" "{state}"; done ;;
esac
"""


@pytest.fixture
def packages(world: World) -> Path:
    state, log, folder = world.place("packages"), world.place("apt.log"), world.place("bin")
    folder.mkdir()
    state.write_text("bash\ncoreutils\n")
    for name, text in (("dpkg-query", DPKG), ("apt-get", APT)):
        (folder / name).write_text(text.format(state=state, log=log, needed=""))
        (folder / name).chmod(0o755)
    return state


def installing(state: Path, *names: str) -> Step:
    words = " ".join(names)
    return command(
        "lb-1", "haproxy/package", "install", "why", check=f"grep -qx {names[0]} {state}",
        apply=f"printf '%s\\n' {words} >> {state}\nsort -o {state} {state}\n"
        + kept.brought_packages("apt", "haproxy"),
        remember=kept.remember_packages("apt", "haproxy"), undo=kept.restore_packages("apt", "haproxy"),
        undone="exactly",
    )  # fmt: skip


def test_exactly_the_packages_that_came_are_removed(world: World, packages: Path) -> None:
    world.apply(installing(packages, "haproxy", "liblua"))
    with packages.open("a") as stream:
        stream.write("theirs\n")
    assert world.undo()[0].exit_code == 0, world.session.logs
    assert packages.read_text().split() == ["bash", "coreutils", "theirs"]


def test_packages_that_others_need_stay_and_are_told(world: World, packages: Path) -> None:
    world.apply(installing(packages, "haproxy", "liblua"))
    apt = world.place("bin/apt-get")
    apt.write_text(APT.format(state=packages, log=world.place("apt.log"), needed="theirs"))
    outcome, _ = world.undo()
    assert outcome.exit_code == 1
    assert "theirs" in str(next(iter(outcome.failed.values())))
    assert "haproxy" in packages.read_text().split()


# The plan, and the command line.


def test_the_fingerprint_of_a_step_does_not_know_of_its_undo(cluster: Cluster) -> None:
    for step in make_plan(cluster).steps:
        assert replace(step, remember=None, undo=None, undo_data=None, undone="").fingerprint == step.fingerprint


def test_every_step_that_changes_something_says_how_it_is_taken_back_or_why_not(cluster: Cluster) -> None:
    for step in make_plan(cluster).steps:
        assert bool(step.undone) is (step.apply is not None), step.id
        for one in (step.remember, step.undo, step.undo_data):
            if one is not None:
                done = subprocess.run(["sh", "-n"], input=one.script.masked(), text=True, capture_output=True)
                assert done.returncode == 0, step.id + done.stderr
        assert step.undo is None or step.undo.input is None, step.id


def test_no_undo_removes_what_is_not_named_in_it(cluster: Cluster) -> None:
    for step in make_plan(cluster).steps:
        for one in (step.undo, step.undo_data):
            for found in re.findall(r"rm -rf +(?:--\S+ +)*(.*)", one.script.masked() if one else ""):
                assert re.match(r"\"\$k\"$|-- \"\$e\"$|/var/lib/harbor-wizard/", found), (step.id, found)


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "harbor_wizard", "undo", *arguments], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60)  # fmt: skip


@pytest.mark.slow  # each is a process of its own
def test_the_command_shows_what_it_would_do_and_asks_before_it_does_it(world: World) -> None:
    name = world.session.name
    nothing = cli(name)
    assert nothing.returncode == 0
    assert "nothing is left to undo" in nothing.stdout
    world.apply(note(world, "x/1"), note(world, "x/2"), written(world, "k", name="harbor/key", data=True))
    shown = cli(name, "--show")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.index("x/2") < shown.stdout.index("x/1")
    assert "diary" in shown.stdout
    assert "with --data only" in shown.stdout
    assert "harbor/key" not in shown.stdout
    assert "harbor/key" in cli(name, "--show", "--data").stdout
    for options in ((), ("--yes", "--data"), ("--yes", "--data", "--confirm", "other")):
        refused = cli(name, *options)
        assert refused.returncode == 2, options
        assert "Traceback" not in refused.stderr
    assert len(world.found().items) == 3
    assert cli("not-there").returncode == 2


def test_a_host_that_the_cluster_file_has_no_more_is_told(world: World) -> None:
    world.apply(note(world, "x/1"), note(world, "x/1", "lb-2"))
    fewer = world.cluster.model_copy(update={"hosts": [h for h in world.cluster.hosts if h.name != "lb-2"]})
    plan, gone = undo.make_plan(fewer, world.found(), data=False)
    assert [one.id for one in plan.steps] == ["lb-1/x/1"]
    assert [one.host for one in gone] == ["lb-2"]
    said = undo.closing(world.session, plan, Outcome(), [], gone, data=False)
    assert "lb-2 is not in the cluster file any more" in said
    assert yaml.safe_load(world.session.cluster_file.read_text())["name"] == world.session.name
