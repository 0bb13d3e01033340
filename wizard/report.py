"""The report of a run: where Harbor is now, what was done, what to do next."""

from __future__ import annotations

from harbor_wizard.engine.runner import Outcome
from harbor_wizard.files import write_atomically
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.notes import notes
from harbor_wizard.plan import Plan
from harbor_wizard.session import Session


def closing(session: Session, plan: Plan, outcome: Outcome, *, rehearsal: bool = False) -> str:
    """Return the last lines of a run, as the operator reads them."""
    took = f"{int(outcome.seconds) // 60}:{int(outcome.seconds) % 60:02d}"
    lines = []
    for host, error in outcome.unreached.items():
        lines.append(f"{host} could not be worked on: {error}")
    total = len(plan.steps)
    if not outcome.left:
        if outcome.changed:
            lines.append(f"done in {took}: {len(outcome.changed)} steps changed something, "
                         f"{len(outcome.already)} were so already")  # fmt: skip
        else:
            lines.append(f"nothing to do: all {total} steps are so already ({took})")
            lines += [f"  {host.name}: nothing was changed" for host in plan.hosts]
        if not rehearsal:
            lines += first_use(session, plan.cluster)
    else:
        word = "stopped" if outcome.interrupted else "not finished"
        lines.append(f"{word}: {total - len(outcome.left)} of {total} steps done, "
                     f"{len(outcome.failed)} failed")  # fmt: skip
        lines.append(f"full output: {session.logs}")
        again = "rehearse" if rehearsal else "resume"
        lines.append(f"go on with: harbor-wizard {again} {session.name}")
    return "\n".join(lines)


def first_use(session: Session, cluster: Cluster) -> list[str]:
    """Return where Harbor is, and the first commands of a client."""
    held = f" (virtual address {cluster.vip})" if cluster.vip else ""
    name, url = cluster.public_name, cluster.external_url
    if not cluster.has_front:
        name, url = cluster.name_of(cluster.nodes[0]), cluster.url_of(cluster.nodes[0])
    lines = [f"Harbor is at {url}{held}, user admin"]
    if not cluster.shares_state:
        lines += [f"  {node.name} by itself: {cluster.url_of(node)}" for node in cluster.nodes]
    if cluster.tls.issuer == "wizard" and cluster.scheme == "https":
        lines.append(f"  its certificate is by a private CA, which clients have to trust: "
                     f"{session.ca_file} goes to /etc/docker/certs.d/{name}/ca.crt")  # fmt: skip
    lines += [f"  docker login {name}", f"  docker push {name}/library/IMAGE:TAG"]
    return lines


def write_report(session: Session, plan: Plan, outcome: Outcome) -> None:
    """Write the report to the session's folder. No secret is in it."""
    cluster = plan.cluster
    lines = [f"# {cluster.name}", "", *closing(session, plan, outcome).splitlines(), ""]
    if outcome.failed:
        lines += ["## Failed", ""]
        lines += [f"- {step}" for step in outcome.failed]
        lines.append("")
    lines += ["## Changed", ""]
    lines += [f"- {step}" for step in outcome.changed] or ["- nothing"]
    said = notes(cluster)
    if said:
        lines += ["", "## To know", ""]
        lines += [f"- {one}" for one in said]
    lines += [
        "", "## Next", "",
        f"- prove it: `harbor-wizard verify {session.name}`",
        f"- keep a copy of `{session.store.path}` and its passphrase: the key that encrypts "
        "stored credentials is in it",
        "- change the admin's password in Harbor, and keep it where your team keeps passwords",
        "- back up the database and the image store: they are not made redundant here"
        if cluster.shares_state
        else "- back up each Harbor's data volume: a deletion is replicated as fast as a push",
        "",
    ]  # fmt: skip
    write_atomically(session.report_file, "\n".join(lines), mode=0o600)
