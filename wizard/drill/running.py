"""A drill: with a load running, break, look, put back, wait for health; scenario by scenario."""

from __future__ import annotations

import datetime
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harbor_wizard.drill import measuring, record, report
from harbor_wizard.drill.hosts import Hosts, NotPossible
from harbor_wizard.drill.images import Images
from harbor_wizard.drill.load import Load, Target
from harbor_wizard.drill.measuring import Kind
from harbor_wizard.drill.record import Record
from harbor_wizard.drill.scenario import Failure, Scenario
from harbor_wizard.engine.hostlock import BEAT_EVERY
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError, Interrupted, SessionError, StepFailed
from harbor_wizard.files import write_atomically
from harbor_wizard.inspection.registry import RegistryError
from harbor_wizard.inspection.ways import Ways
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.releases import find
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session

_PROJECT = "library"
# Seconds: how long the load has to succeed before anything is broken, how long it runs on.
_WARM_UP, _BASELINE, _CALM = 60.0, 3.0, 3.0
# A failure lasts at least so long, and so much longer than the longest promise.
_LEAST, _OVER = 12.0, 10.0
_NETWORKS = (Failure.BALANCER_NETWORK, Failure.NODE_NETWORK)
# What boots within this many seconds is waited for; so is a node's way back to health.
_WELL = 900.0


@dataclass(frozen=True)
class Told:
    """One thing that happened. `data` is for programs."""

    what: str
    text: str
    scenario: str = ""
    data: dict[str, object] = field(default_factory=dict)


Sink = Callable[[Told], None]


def left(session: Session, cluster: Cluster, ways: Ways, hosts: Hosts, password: str,
         sink: Sink) -> bool:  # fmt: skip
    """Put back what an earlier drill left broken; say whether there was anything.

    Raises `StepFailed`, and `SessionError` where the record names what is not in the cluster.
    """
    found = record.read(session)
    if found is None:
        return False
    if found.unit:
        try:
            host = cluster.host(found.host)
            failure = Failure(found.scenario.partition("@")[0])
        except (KeyError, ValueError):
            raise SessionError(
                tr("an earlier drill broke something on {host}, which this cluster file does not "
                   "have; it puts itself back within 10 minutes: then delete {file}",
                   host=found.host[:60], file=record.path(session))
            ) from None  # fmt: skip
        sink(Told("putting back", tr("a drill was killed at {since}: putting back {scenario} on "
                                     "{host}", since=found.since, scenario=found.scenario,
                                     host=host.name), found.scenario))  # fmt: skip
        hosts.put_back(host, found.unit, failure)
        record.write(session, found.mended())
    images = Images(cluster, ways, password, found.project, found.repository,
                    threading.Event())  # fmt: skip
    _wait_well(cluster, ways, hosts, None, sink, threading.Event())
    # What that drill locked is taken over and given back.
    with hosts.locked():
        images.remove()
    record.clear(session)
    sink(Told("put back", tr("what an earlier drill left is put back"), found.scenario))
    return True


class Drill:
    """One drill of a cluster. Its load runs from this machine, through the public address."""

    def __init__(
        self, session: Session, cluster: Cluster, values: SecretValues, connect: Connect,
        sink: Sink, stop: threading.Event, *, break_lock: bool = False,
    ) -> None:  # fmt: skip
        """`stop` ends it in order: what is broken is put back first."""
        self._session, self._cluster = session, cluster
        self._ways = Ways(session, cluster, values)
        self._password = values.value(cluster.admin_password.removeprefix("secret:"))
        redis = cluster.redis.password if cluster.redis is not None else None
        self._redis_password = values.value(redis.removeprefix("secret:")) if redis else ""
        self._hosts = Hosts(cluster, connect, session.id)
        self._sink = sink
        self._stop = stop
        self._break_lock = break_lock

    def put_back(self) -> bool:
        """Put back what an earlier drill left; say whether there was anything. See `left`."""
        # The hosts' locks are still that drill's, and one that is cut off gives none.
        return left(self._session, self._cluster, self._ways, self._hosts, self._password,
                    self._sink)  # fmt: skip

    def run(self, chosen: Sequence[Scenario]) -> report.Report:
        """Run scenarios, one after the other; the report is written after each of them.

        Raises errors of ours only where nothing was begun; what comes later stands in the report.
        """
        begun = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        made = report.Report(self._cluster, begun)
        with self._hosts.locked(break_it=self._break_lock):
            ill = self._hosts.ill(self._healthy)
            if ill:
                raise StepFailed(
                    tr("not all is well before the drill, so nothing was broken: {what}", what=ill)
                )
            project = self._project()
            name = f"harbor-wizard-drill-{secrets.token_hex(4)}"
            noted = Record(begun, project, name)
            record.write(self._session, noted)
            images = Images(self._cluster, self._ways, self._password, project, name,
                            self._stop)  # fmt: skip
            try:
                seed = images.seed()
                target = images.target(anonymous=images.pulls_anonymously(seed))
                for number, scenario in enumerate(chosen, start=1):
                    made.results.append(
                        self._scenario(scenario, number, noted, images, target, seed)
                    )
                    self._told_result(made.results[-1])
                    self._write(made)
            except HarborWizardError as error:
                made.stopped = str(error)
                self._sink(Told("stopped", tr("stopped: {reason}", reason=error)))
            self._clean_up(images, made)
        self._write(made)
        return made

    def _project(self) -> str:
        projects = self._cluster.replication.projects
        return projects[0] if not self._cluster.shares_state and projects else _PROJECT

    def _clean_up(self, images: Images, made: report.Report) -> None:
        found = record.read(self._session)
        if found is not None and found.unit:
            return  # it could not be put back: the record stays for the next start
        try:
            images.remove()
        except HarborWizardError as error:
            made.stopped = made.stopped or str(error)
            return
        record.clear(self._session)

    def _write(self, made: report.Report) -> None:
        write_atomically(self._session.path / "drill.md", report.as_markdown(made), mode=0o644)
        write_atomically(self._session.path / "drill.json", report.as_json(made), mode=0o644)

    def _told_result(self, result: report.Result) -> None:
        sign = {"kept": "✓", "not kept": "✗", "not tried": "-"}[result.verdict]
        lines = [f"{sign} {report.one_line(result)}", *(f"✗ {one}" for one in result.unkept)]
        self._sink(Told("result", "\n".join(lines), result.scenario.name, report.as_data(result)))

    def _scenario(
        self, scenario: Scenario, number: int, noted: Record, images: Images, target: Target,
        seed: str,
    ) -> report.Result:  # fmt: skip
        self._check_stop()
        self._hosts.beat()
        host = self._host(scenario)
        self._sink(Told("scenario", scenario.title(host.name), scenario.name,
                        {"host": host.name}))  # fmt: skip
        load = Load(target, f"s{number}", seed)
        load.start()
        try:
            self._warm_up(load)
            unit = f"harbor-wizard-drill-{secrets.token_hex(4)}"
            promise = scenario.promise
            holds = max(_LEAST, *(one + _OVER for one in (promise.pulls, promise.pushes) if one))
            # Before anything is broken, it is on disk what will be.
            record.write(self._session, noted.breaking(scenario.name, host.name, unit))
            since = time.monotonic()
            try:
                self._broken(scenario, host.name, unit, holds, since)
            except NotPossible as error:
                record.write(self._session, noted)
                return report.Result(scenario, host.name, None, str(error))
            finally:
                # Also where the operator stops it, or it goes wrong: nothing stays broken.
                self._put_back(scenario.failure, host.name, unit, noted)
            over = time.monotonic()
            self._sink(Told("put back", tr("put back; waiting for health"), scenario.name))
            _wait_well(self._cluster, self._ways, self._hosts, load, self._sink, self._stop)
            well = time.monotonic()
            self._sink(Told("well", tr("well again; looking whether each pushed image is there"),
                            scenario.name))  # fmt: skip
            self._pause(_CALM)
            until = time.monotonic()
        finally:
            load.stop()
        attempts, pushed = load.attempts, load.pushed
        seen = report.Seen(
            address=measuring.figures(attempts, Kind.ADDRESS, since, until),
            pulls=measuring.figures(attempts, Kind.PULL, since, until),
            pushes=measuring.figures(attempts, Kind.PUSH, since, until),
            well_after=well - over, pushed=len(pushed),
            lost=images.lost(pushed), one_sided=images.one_sided(pushed),
        )  # fmt: skip
        self._check_stop()  # what was looked for in haste counts for nothing
        return report.Result(scenario, host.name, seen)

    def _host(self, scenario: Scenario) -> Host:
        if scenario.host is not None:
            return self._cluster.host(scenario.host)
        if scenario.failure is Failure.REDIS_MASTER:
            return self._cluster.nodes[0]  # from which it is done
        return self._hosts.holder()

    def _broken(self, scenario: Scenario, host: str, unit: str, holds: float, since: float) -> None:
        failure = scenario.failure
        cut = failure in _NETWORKS
        seconds = holds if cut else max(600.0, 2 * holds)
        if failure is Failure.REDIS_MASTER:
            self._hosts.pauses(holds, self._redis_password)
        else:
            self._hosts.breaks(failure, self._cluster.host(host), unit, seconds)
        self._sink(Told("broken", tr("broken; looking for {seconds} s", seconds=f"{holds:.0f}"),
                        scenario.name))  # fmt: skip
        self._pause(holds + since - time.monotonic())

    def _put_back(self, failure: Failure, host: str, unit: str, noted: Record) -> None:
        self._hosts.put_back(self._cluster.host(host), unit, failure)
        record.write(self._session, noted)

    def _warm_up(self, load: Load) -> None:
        begun = time.monotonic()
        while any(measuring.succeeded(load.attempts, kind, begun) < 3 for kind in Kind):
            if time.monotonic() > begun + _WARM_UP:
                bad = [one for one in load.attempts if not one.good]
                raise StepFailed(
                    tr("pulls and pushes do not work before anything is broken ({reason}), so "
                       "nothing was", reason=bad[-1].reason if bad else tr("they are too slow"))
                )  # fmt: skip
            self._pause(0.2)
        self._pause(_BASELINE)

    def _healthy(self) -> None:
        _healthy(self._cluster, self._ways)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted(tr("the drill was stopped; what was broken is put back"))

    def _pause(self, seconds: float) -> None:
        self._stop.wait(max(seconds, 0))
        self._check_stop()


def _healthy(cluster: Cluster, ways: Ways) -> None:
    """Raise `RegistryError` where Harbor says that it is ill."""
    front = ways.front(timeout=10)
    if not find(cluster.release).health_path.startswith("/api/v2.0/"):
        front.request("GET", "/v2/")
        return
    parts = front.health()
    ill = [f"{part} {state}" for part, state in parts.items() if state != "healthy"]
    if ill:
        raise RegistryError(tr("Harbor says: {parts}", parts=", ".join(ill)))


def _wait_well(
    cluster: Cluster, ways: Ways, hosts: Hosts, load: Load | None, sink: Sink,
    stop: threading.Event,
) -> None:  # fmt: skip
    """Wait until all is well and the load succeeds. Raises `StepFailed` with what is not."""
    begun = beaten = time.monotonic()
    told = ""
    while True:
        looked = time.monotonic()
        ill = hosts.ill(lambda: _healthy(cluster, ways))
        if not ill and load is not None:
            ill = _still_failing(load, looked, stop)
        if not ill:
            return
        if ill != told:
            sink(Told("waiting", tr("not well yet: {what}", what=ill)))
            told = ill
        now = time.monotonic()
        if now > begun + _WELL:
            raise StepFailed(
                tr("it is put back, but not well again after {minutes} minutes: {what}. Look at "
                   "“harbor-wizard status” and “harbor-wizard apply”", what=ill,
                   minutes=f"{_WELL / 60:.0f}")
            )  # fmt: skip
        if now > beaten + BEAT_EVERY:
            hosts.beat()
            beaten = now
        if stop.wait(1):
            raise Interrupted(tr("the drill was stopped; what was broken is put back"))


def _still_failing(load: Load, since: float, stop: threading.Event) -> str:
    """Return what of the load has no success within 20 s, or nothing."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not stop.wait(0.2):
        attempts = load.attempts
        bad = [k for k in Kind if not measuring.succeeded(attempts, k, since)]
        if not bad:
            return ""
    return tr("no success: {kinds}", kinds=", ".join(bad))
