"""The report of a run: where Harbor is now, what was done, what to do next."""

from __future__ import annotations

from harbor_wizard.engine.runner import Outcome
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.notes import notes
from harbor_wizard.plan import Plan
from harbor_wizard.session import Session


def closing(session: Session, plan: Plan, outcome: Outcome, *, rehearsal: bool = False) -> str:
    """Return the last lines of a run, as the operator reads them."""
    took = f"{int(outcome.seconds) // 60}:{int(outcome.seconds) % 60:02d}"
    lines = []
    for host, error in outcome.unreached.items():
        lines.append(tr("{host} could not be worked on: {reason}", host=host, reason=error))
    total = len(plan.steps)
    if not outcome.left:
        if outcome.changed:
            lines.append(
                tr("done in {took}: {changed} steps changed something, {already} were so already",
                   took=took, changed=len(outcome.changed), already=len(outcome.already))
            )  # fmt: skip
        else:
            lines.append(
                tr("nothing to do: all {total} steps are so already ({took})",
                   total=total, took=took)
            )  # fmt: skip
            lines += [
                f"  {tr('{host}: nothing was changed', host=host.name)}" for host in plan.hosts
            ]
        if not rehearsal:
            lines += first_use(session, plan.cluster)
    else:
        lines.append(_unfinished(outcome, total))
        lines.append(tr("full output: {folder}", folder=session.logs))
        again = "rehearse" if rehearsal else "resume"
        lines.append(tr("go on with: {command}", command=f"harbor-wizard {again} {session.name}"))
    return "\n".join(lines)


def _unfinished(outcome: Outcome, total: int) -> str:
    done, failed = total - len(outcome.left), len(outcome.failed)
    if outcome.interrupted:
        return tr("stopped: {done} of {total} steps done, {failed} failed",
                  done=done, total=total, failed=failed)  # fmt: skip
    return tr("not finished: {done} of {total} steps done, {failed} failed",
              done=done, total=total, failed=failed)  # fmt: skip


def first_use(session: Session, cluster: Cluster, *, rehearsal: bool = False) -> list[str]:
    """Return where Harbor is, or would be after a rehearsal, and a client's first commands."""
    name, url = cluster.public_name, cluster.external_url
    if not cluster.has_front:
        name, url = cluster.name_of(cluster.nodes[0]), cluster.url_of(cluster.nodes[0])
    lines = [_where(url, cluster.vip, rehearsal=rehearsal)]
    if not cluster.shares_state:
        lines += [
            f"  {tr('{host} by itself: {url}', host=node.name, url=cluster.url_of(node))}"
            for node in cluster.nodes
        ]
    if cluster.tls.issuer == "wizard" and cluster.scheme == "https":
        said = tr("its certificate is by a private CA, which clients have to trust: {file} goes "
                  "to {path}", file=session.ca_file,
                  path=f"/etc/docker/certs.d/{name}/ca.crt")  # fmt: skip
        lines.append(f"  {said}")
    lines += [f"  docker login {name}", f"  docker push {name}/library/IMAGE:TAG"]
    return lines


def _where(url: str, vip: str | None, *, rehearsal: bool) -> str:
    if vip is None:
        if rehearsal:
            return tr("Harbor would be at {url}, user admin", url=url)
        return tr("Harbor is at {url}, user admin", url=url)
    if rehearsal:
        return tr("Harbor would be at {url} (virtual address {vip}), user admin", url=url, vip=vip)
    return tr("Harbor is at {url} (virtual address {vip}), user admin", url=url, vip=vip)


def write_report(session: Session, plan: Plan, outcome: Outcome) -> None:
    """Write the report to the session's folder. No secret is in it."""
    cluster = plan.cluster
    lines = [f"# {cluster.name}", "", *closing(session, plan, outcome).splitlines(), ""]
    if outcome.failed:
        lines += [f"## {tr('Failed')}", ""]
        lines += [f"- {step}" for step in outcome.failed]
        lines.append("")
    lines += [f"## {tr('Changed')}", ""]
    lines += [f"- {step}" for step in outcome.changed] or [f"- {tr('nothing')}"]
    said = notes(cluster)
    if said:
        lines += ["", f"## {tr('To know')}", ""]
        lines += [f"- {one}" for one in said]
    lines += ["", f"## {tr('Next')}", "", *(f"- {one}" for one in _next(session, cluster)), ""]
    write_atomically(session.report_file, "\n".join(lines), mode=0o600)


def _next(session: Session, cluster: Cluster) -> list[str]:
    return [
        tr("prove it: {command}", command=f"`harbor-wizard verify {session.name}`"),
        tr("keep a copy of {file} and its passphrase: the key that encrypts stored credentials is "
           "in it", file=f"`{session.store.path}`"),
        tr("change the admin's password in Harbor, and keep it where your team keeps passwords"),
        tr("back up the database and the image store: they are not made redundant here")
        if cluster.shares_state
        else tr("back up each Harbor's data volume: a deletion is replicated as fast as a push"),
    ]  # fmt: skip
