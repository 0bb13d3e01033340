"""What an operator should know of a cluster before and after: said in the same words everywhere."""

from __future__ import annotations

from harbor_wizard.components import balancer, replication
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Cluster, FilesystemStorage, NfsStorage
from harbor_wizard.releases import NEWEST, find


def notes(cluster: Cluster) -> tuple[str, ...]:
    """Return the notes on a cluster, one sentence each; none where there is nothing to say."""
    return (*_release(cluster), *_single_points(cluster), *_replication(cluster),
            *_job_logs(cluster), *_existing(cluster))  # fmt: skip


def _release(cluster: Cluster) -> tuple[str, ...]:
    if find(cluster.release).known:
        return ()
    return (
        tr("Harbor {release} is newer than this program knows; it is treated as {newest}, so read "
           "its release notes before the run", release=cluster.release, newest=NEWEST),
    )  # fmt: skip


def _single_points(cluster: Cluster) -> tuple[str, ...]:
    found = []
    one = cluster.services_host
    if one is not None:
        found.append(
            tr("{host} runs the database and Redis for a proof of concept: it is a single point "
               "of failure, and Harbor stops with it", host=one.name)
        )  # fmt: skip
    if len(cluster.balancers) == 1:
        found.append(
            tr("{host} is the only balancer: it is a single point of failure",
               host=cluster.balancers[0].name)
        )  # fmt: skip
    return tuple(found)


def _replication(cluster: Cluster) -> tuple[str, ...]:
    wires = replication.wires(cluster)
    if not wires:
        return ()
    left = tr(", ").join(tr(one) for one in replication.NOT_REPLICATED)
    found = [
        tr("Harbor does not replicate {left}: make them on each Harbor that needs them", left=left),
        tr("what is pushed to one Harbor is at the other a little later, not at once"),
    ]
    if len(wires) == 2 and not cluster.replicas():
        found.append(
            tr("two different pushes of one tag to both Harbors at the same time may end swapped; "
               "let a client stay with one of them")
        )  # fmt: skip
    found += [
        tr("{host} serves pulls: pushes to it are refused, but for those of the master's "
           "replication, which is known by its address", host=node.name)
        for node in cluster.replicas()
    ]  # fmt: skip
    if cluster.replication.deletion:
        found.append(tr("a deletion is replicated, too: it is no backup"))
    return tuple(found)


def _job_logs(cluster: Cluster) -> tuple[str, ...]:
    shared = cluster.job_logs is not None
    if not cluster.shares_state or find(cluster.release).logs_jobs_to_database or shared:
        return ()
    example = (
        f"{cluster.storage.path.rsplit('/', 1)[0]}/job_logs"
        if isinstance(cluster.storage, FilesystemStorage)
        else "/mnt/shared/job_logs"
    )
    if isinstance(cluster.storage, NfsStorage):
        said = tr(
            "Harbor {release} keeps the logs of jobs in files of the node that ran them (harbor "
            '#3919): set job_logs to a shared folder on that export, for example "{example}", or '
            "a log may not be shown",
            release=cluster.release, example=example,
        )  # fmt: skip
    else:
        said = tr(
            "Harbor {release} keeps the logs of jobs in files of the node that ran them (harbor "
            '#3919): set job_logs to a shared folder, for example "{example}", or a log may not '
            "be shown",
            release=cluster.release, example=example,
        )  # fmt: skip
    return (said,)


def _existing(cluster: Cluster) -> tuple[str, ...]:
    if cluster.balancer.type is not BalancerType.EXISTING:
        return ()
    return tuple(tr("your balancer: {line}", line=line) for line in balancer.wanted(cluster))
