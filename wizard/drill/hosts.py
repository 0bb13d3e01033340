"""What a drill does on hosts: their locks, breaking, putting back, and whether all is well."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harbor_wizard.drill import breaking, sentinel
from harbor_wizard.drill.scenario import Failure
from harbor_wizard.engine import hostlock
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError, StepFailed, TransportError
from harbor_wizard.inspection import status
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.text import printable
from harbor_wizard.transport.base import Call, Phase, Result, Transport

# Seconds in which a host that boots, or was cut off, is reached again.
_BACK = 900.0
_PAUSE = 2.0
# Compose takes its time to bring up a node.
_MENDS = 600.0


class NotPossible(HarborWizardError):
    """A failure cannot be caused on a host, which lacks what that needs; nothing was changed."""


class Hosts:
    """The cluster's hosts, each connection opened for what is done and closed again."""

    def __init__(self, cluster: Cluster, connect: Connect, session: str) -> None:
        """`session` is the session's id, which the hosts' locks name."""
        self._cluster = cluster
        self._connect = connect
        self._session = session

    @contextmanager
    def _reached(self, host: Host) -> Iterator[Transport]:
        transport = self._connect(host)
        try:
            transport.connect()
            yield transport
        finally:
            transport.close()

    def _run(self, host: Host, script: str, seconds: float = 60.0) -> Result:
        with self._reached(host) as transport:
            call = Call("drill", Phase.HOUSEKEEPING, script, timeout=seconds)
            return transport.run(call, lambda _: None)

    @contextmanager
    def locked(self, *, break_it: bool = False) -> Iterator[None]:
        """Hold the lock of every host. Raises `LockedError` and `TransportError`."""
        taken: list[Host] = []
        try:
            for host in self._cluster.hosts:
                with self._reached(host) as transport:
                    hostlock.take(transport, host.name, self._session, break_it=break_it)
                taken.append(host)
            yield
        finally:
            for host in taken:
                # One that is not reached is told by the health; the next run takes it over.
                with contextlib.suppress(HarborWizardError), self._reached(host) as transport:
                    hostlock.release(transport, self._session)

    def beat(self) -> None:
        """Say on every host that the drill lives."""
        for host in self._cluster.hosts:
            with contextlib.suppress(HarborWizardError), self._reached(host) as transport:
                hostlock.beat(transport)

    def holder(self) -> Host:
        """Return who holds the virtual address. Raises `StepFailed` where that is not one host."""
        holders = status.probe(self._cluster, self._connect).holders
        if len(holders) != 1:
            raise StepFailed(
                tr("the virtual address is on {number} hosts, not on one; look at “harbor-wizard "
                   "status”", number=len(holders))
            )  # fmt: skip
        return self._cluster.host(holders[0])

    def breaks(self, failure: Failure, host: Host, unit: str, seconds: float) -> None:
        """Cause a failure that ends by itself after some seconds. Raises `NotPossible`."""
        made = breaking.breakage(self._cluster, failure, host)
        done = self._run(host, breaking.start(made, unit, seconds))
        if done.exit == breaking.IMPOSSIBLE:
            raise NotPossible(
                tr("{host} cannot be cut off in a way that is sure to end: it has neither tc "
                   "(iproute-tc) with the usual queue, nor an nft that filters what leaves",
                   host=host.name)
            )  # fmt: skip
        if not done.ok:
            raise StepFailed(
                tr("{host}: the failure could not be caused ({reason})", host=host.name,
                   reason=printable(done.err.strip()[-200:].replace("\n", " ")))
            )  # fmt: skip

    def pauses(self, seconds: float, password: str) -> str:
        """Let Redis' master hang for some seconds; return who it is. Raises `StepFailed`."""
        assert self._cluster.redis is not None  # noqa: S101 - else nothing claims to survive this
        script = sentinel.pause(self._cluster.redis, seconds)
        node = self._cluster.nodes[0]
        with self._reached(node) as transport:
            call = Call("drill", Phase.HOUSEKEEPING, script, f"{password}\n".encode())
            done = transport.run(call, lambda _: None)
        if not done.ok:
            raise StepFailed(
                tr("{host}: Redis' master could not be made to hang ({reason})", host=node.name,
                   reason=printable(done.err.strip()[-200:].replace("\n", " ")))
            )  # fmt: skip
        return printable(done.out.strip())[:80]

    def put_back(self, host: Host, unit: str, failure: Failure) -> None:
        """End a failure; wait for a host that is cut off or boots. Raises `StepFailed`."""
        boots = failure in (Failure.BALANCER_HOST, Failure.NODE_HOST)
        script = breaking.put_back(unit, boots=boots)
        deadline = time.monotonic() + _BACK
        while True:
            try:
                done = self._run(host, script, _MENDS)
            except TransportError as error:
                last = str(error)
            else:
                if done.ok:
                    return
                last = printable(done.err.strip()[-200:].replace("\n", " "))
            if time.monotonic() > deadline:
                raise StepFailed(
                    tr("{host} is not put back within {minutes} minutes ({reason}); look at it, "
                       "then say: harbor-wizard drill SESSION --put-back", host=host.name,
                       minutes=f"{_BACK / 60:.0f}", reason=last)
                )  # fmt: skip
            time.sleep(_PAUSE)

    def ill(self, healthy: Callable[[], None]) -> str:
        """Return what is not well yet, or nothing. `healthy` raises an error of ours."""
        seen = status.probe(self._cluster, self._connect)
        said = [
            f"{host.name}: {host.error}" if host.error
            else f"{host.name}: {part} {state}"
            for host in seen.hosts if not host.well
            for part, state in (list(host.parts.items()) or [("", "")])
            if host.error or state not in status.GOOD
        ]  # fmt: skip
        if not said and not seen.well:
            said.append(tr("the virtual address is on {number} hosts", number=len(seen.holders)))
        if not said:
            try:
                healthy()
            except HarborWizardError as error:
                said.append(str(error))
        return "; ".join(said[:3])
