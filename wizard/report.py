"""The report of a run: where Harbor is now, what was done, what to do next."""

from __future__ import annotations

from harbor_wizard.engine.runner import Outcome
from harbor_wizard.files import write_atomically
from harbor_wizard.model.cluster import Cluster
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
            lines += first_use(plan.cluster)
    else:
        word = "stopped" if outcome.interrupted else "not finished"
        lines.append(f"{word}: {total - len(outcome.left)} of {total} steps done, "
                     f"{len(outcome.failed)} failed")  # fmt: skip
        lines.append(f"full output: {session.logs}")
        again = "rehearse" if rehearsal else "resume"
        lines.append(f"go on with: harbor-wizard {again} {session.name}")
    return "\n".join(lines)


def first_use(cluster: Cluster) -> list[str]:
    """Return where Harbor is, and the first commands of a client."""
    return [
        f"Harbor is at {cluster.external_url} (virtual address {cluster.vip}), user admin",
        f"  docker login {cluster.public_name}",
        f"  docker push {cluster.public_name}/library/IMAGE:TAG",
    ]


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
    lines += [
        "", "## Next", "",
        f"- prove it: `harbor-wizard verify {session.name}`",
        f"- keep a copy of `{session.store.path}` and its passphrase: the key that encrypts "
        "stored credentials is in it",
        "- change the admin's password in Harbor, and keep it where your team keeps passwords",
        "- back up the database and the image store: they are shared, and not made redundant here",
        "",
    ]  # fmt: skip
    write_atomically(session.report_file, "\n".join(lines), mode=0o600)
