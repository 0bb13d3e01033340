"""How a cluster stands now: all its hosts are asked at once, and nothing is changed there."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harbor_wizard.components import replication
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import (
    AuthenticationError,
    HarborWizardError,
    HostKeyError,
    StepFailed,
    TransportError,
)
from harbor_wizard.files import at
from harbor_wizard.inspection import asking
from harbor_wizard.inspection.drift import drifted
from harbor_wizard.inspection.replicating import policies
from harbor_wizard.inspection.seen import (
    GOOD,
    Certificate,
    ClusterStatus,
    HostStatus,
    Policy,
    roles_told,
)
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Role
from harbor_wizard.plan import Plan
from harbor_wizard.releases import find
from harbor_wizard.secrets import CA_CERTIFICATE, SecretValues
from harbor_wizard.session import Session
from harbor_wizard.text import printable
from harbor_wizard.transport.base import Call, Phase, Transport

__all__ = ["GOOD", "ClusterStatus", "HostStatus", "Looker", "probe", "roles_told"]

# Seconds until a host that was not reached is tried again: doubled each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0

# Called by threads: a host's status, as soon as it is there.
OnHost = Callable[[HostStatus], None]


def probe(cluster: Cluster, connect: Connect) -> ClusterStatus:
    """Ask every host what runs there, who holds the address, and of its disks and certificates.

    One that cannot be asked is told as such; nothing is raised for it. Files and the replication
    are not looked at: that is `Looker`'s.
    """
    with Looker(cluster, connect) as looker:
        return looker.look()


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What one host gave."""

    status: HostStatus
    certificates: dict[str, bytes] = dataclasses.field(default_factory=dict)
    policies: tuple[Policy, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Away:
    """A host that was not reached: when it is tried again, after which pause, and why."""

    until: float
    pause: float
    error: str


class Looker:
    """Looks at all hosts at once, as often as wanted, over one connection each.

    With a `plan`, its files are compared with those of the hosts, with `values` for what is secret;
    the replication needs the admin's password among them. Close it, or use it in a `with`.
    """

    def __init__(
        self, cluster: Cluster, connect: Connect, *, plan: Plan | None = None,
        values: SecretValues | None = None, session: Session | None = None,
    ) -> None:  # fmt: skip
        self._cluster, self._connect = cluster, connect
        self._plan = plan
        self._values = values or SecretValues({}, {})
        self._session = session
        self._open: dict[str, Transport] = {}
        self._drift: dict[str, HostStatus] = {}
        self._away: dict[str, _Away] = {}
        self._closed = threading.Event()

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back. What looks meanwhile ends with a host that is not reached."""
        self._closed.set()
        for transport in list(self._open.values()):
            transport.close()
        self._open.clear()

    def insist(self) -> None:
        """Have the next look try all hosts, also those that were not reached."""
        self._away.clear()

    def look(self, on_host: OnHost | None = None, *, files: bool = True) -> ClusterStatus:
        """Look once. Without `files`, what was seen of them the last time is told again.

        A host that was not reached is tried less and less often, and one that refused the login not
        again: looks that follow each other quickly are to lock nobody out.
        """
        cluster = self._cluster

        def one(host: Host) -> _Seen:
            seen = self._host(host, files=files)
            if on_host is not None:
                on_host(seen.status)
            return seen

        with concurrent.futures.ThreadPoolExecutor(max_workers=len(cluster.hosts)) as pool:
            found = list(pool.map(one, cluster.hosts))
        return ClusterStatus(
            cluster.name, cluster.front, tuple(one.status for one in found),
            bool(cluster.vip_holders), tuple(self._certificates(found)),
            tuple(policy for one in found for policy in one.policies),
            self._unasked(), tuple(_notes(cluster)),
        )  # fmt: skip

    # One host.

    def _host(self, host: Host, *, files: bool) -> _Seen:
        cluster = self._cluster
        status = HostStatus(host.name, host.address, tuple(role.value for role in host.roles))
        away = self._away.get(host.name)
        if away is not None and time.monotonic() < away.until:
            return _Seen(dataclasses.replace(status, error=away.error))
        try:
            transport = self._transport(host)
            answer = self._ask(host, transport)
            wanted = find(cluster.release).tag if Role.HARBOR in host.roles else ""
            status = dataclasses.replace(
                status, parts=answer.parts, holds_address=answer.holds_address,
                health=answer.health, versions=answer.versions, wanted=wanted, disks=answer.disks,
            )  # fmt: skip
            status = self._with_files(host, status, transport, again=files)
            seen = _Seen(status, answer.certificates, self._policies(host, transport))
        except HarborWizardError as error:
            return self._not_reached(host, status, error, str(error))
        except Exception as error:  # a status has to say something of each host, whatever happens
            why = tr("{host}: {error} while it was looked at", host=host.name,
                     error=type(error).__name__)  # fmt: skip
            return self._not_reached(host, status, error, why)
        self._away.pop(host.name, None)
        return seen

    def _ask(self, host: Host, transport: Transport) -> asking.Answer:
        call = Call("status", Phase.HOUSEKEEPING, asking.script(self._cluster, host),
                    timeout=asking.ANSWER_WITHIN)  # fmt: skip
        said = transport.run(call, lambda _: None)
        answer = asking.parsed(self._cluster, host, said.out)
        if not answer.whole:
            raise StepFailed(tr("{host}: its answer broke off: {why}", host=host.name,
                                why=printable(" ".join(said.err.split()))[-160:]))  # fmt: skip
        return answer

    def _not_reached(
        self, host: Host, status: HostStatus, error: Exception, why: str
    ) -> _Seen:
        """Close the connection, so that a later look makes a new one, and say when."""
        transport = self._open.pop(host.name, None)
        if transport is not None:
            transport.close()
        before = self._away.get(host.name)
        pause = min(before.pause * 2, _LONGEST_PAUSE) if before is not None else _FIRST_PAUSE
        if isinstance(error, AuthenticationError | HostKeyError):
            pause = float("inf")
        self._away[host.name] = _Away(time.monotonic() + pause, pause, why)
        return _Seen(HostStatus(status.name, status.address, status.roles, error=why))

    def _transport(self, host: Host) -> Transport:
        if self._closed.is_set():
            raise TransportError(tr("{host}: the look was ended", host=host.name))
        if host.name not in self._open:
            transport = self._connect(host)
            self._open[host.name] = transport
            transport.connect()
            if self._closed.is_set():
                transport.close()
        return self._open[host.name]

    def _with_files(
        self, host: Host, status: HostStatus, transport: Transport, *, again: bool
    ) -> HostStatus:
        if self._plan is None:
            return status
        if again or host.name not in self._drift:
            found = drifted(self._plan.on(host.name), self._values, transport)
            self._drift[host.name] = dataclasses.replace(
                status, drift=found.found, compared=found.compared, unknown=found.unknown
            )
        before = self._drift[host.name]
        return dataclasses.replace(
            status, drift=before.drift, compared=before.compared, unknown=before.unknown
        )

    # What is beyond one host.

    @property
    def _admin(self) -> str:
        return self._cluster.admin_password.removeprefix("secret:")

    def _policies(self, host: Host, transport: Transport) -> tuple[Policy, ...]:
        if self._plan is None or not self._values.has(self._admin):
            return ()
        from_here = [one for one in replication.wires(self._cluster) if one.source is host]
        return policies(from_here, self._values.value(self._admin), transport)

    def _unasked(self) -> str:
        if (self._plan is None or self._values.has(self._admin)
                or not replication.wires(self._cluster)):  # fmt: skip
            return ""
        return tr("not asked: it takes the admin's password (--secrets, or the session's "
                  "passphrase)")  # fmt: skip

    def _certificates(self, found: list[_Seen]) -> Iterator[Certificate]:
        """Yield what clients see, each place once: any host that could look there will do."""
        cluster = self._cluster
        places = {one.where: one for host in cluster.hosts for one in asking.shown(cluster, host)}
        for where, place in places.items():
            der = next((one.certificates[where] for one in found
                        if one.certificates.get(where)), b"")  # fmt: skip
            yield _certificate(where, f"{place.address}:443", der)
        authority = self._authority()
        if authority is not None:
            yield authority

    def _authority(self) -> Certificate | None:
        """Return the CA that clients are told to trust, where it is the wizard's own or given."""
        cluster = self._cluster
        if cluster.scheme != "https" or self._session is None:
            return None
        path = self._session.ca_file
        if cluster.tls.issuer == "operator":
            if cluster.tls.ca is None:
                return None
            path = at(cluster.tls.ca, self._session.folder)
        elif self._values.has(CA_CERTIFICATE):
            return _certificate(tr("the CA"), "", _der(self._values.value(CA_CERTIFICATE)))
        return _certificate(tr("the CA"), "", _der_of(path))


def _notes(cluster: Cluster) -> Iterator[str]:
    if cluster.balancers and cluster.balancer.type is BalancerType.NGINX:
        yield tr("nginx does not tell which Harbors it takes for alive: only HAProxy does")


def _der_of(path: Path) -> bytes:
    try:
        return _der(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return b""


def _der(pem: str) -> bytes:
    import ssl  # noqa: PLC0415 - seldom needed

    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        first = pem[pem.index(begin) : pem.index(end) + len(end)]
        return ssl.PEM_cert_to_DER_cert(first)
    except ValueError:
        return b""


def _certificate(where: str, address: str, der: bytes) -> Certificate:
    if not der:
        why = tr("no certificate was seen there") if address else tr("it cannot be read")
        return Certificate(where, address, error=why)
    from cryptography import x509  # noqa: PLC0415 - slow to import

    try:
        ends = x509.load_der_x509_certificate(der).not_valid_after_utc
    except ValueError:
        return Certificate(where, address, error=tr("what was seen there is no certificate"))
    # Some have a time that no clock of ours can tell.
    ends = min(ends, datetime.datetime(2900, 1, 1, tzinfo=datetime.UTC))
    return Certificate(where, address, ends.timestamp())
