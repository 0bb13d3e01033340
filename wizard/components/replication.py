"""Replication by Harbor's own API: a robot at the destination, an endpoint and a policy at the source.

The calls are made on the Harbor's own host, to itself. Methods, paths and fields are those of
Harbor's API 2.0; a test makes them and checks each against its specification. The
permissions of the robot are those that the destination's adapter uses, and nothing more.
"""  # noqa: E501

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from harbor_wizard import certificates
from harbor_wizard.components.packages import install
from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import Cluster, Host, Replication, Solution
from harbor_wizard.releases import find
from harbor_wizard.render import render
from harbor_wizard.secrets import of_host, reference, secret
from harbor_wizard.step import Step, command, file, quote
from harbor_wizard.text import Hole, Text

_CA = "/var/lib/harbor-wizard/tls/ca.crt"
API = "/usr/local/lib/harbor-wizard/harbor-api"
_READ = f". {API}\n"

PERMISSIONS: list[dict[str, object]] = [
    {"kind": "system", "namespace": "/", "access": [
        {"resource": "project", "action": "list"},
        {"resource": "project", "action": "create"},
    ]},
    {"kind": "project", "namespace": "*", "access": [
        *({"resource": "repository", "action": a} for a in ("list", "read", "pull", "push",
                                                           "delete")),
        *({"resource": "artifact", "action": a} for a in ("list", "read", "delete")),
        *({"resource": "tag", "action": a} for a in ("list", "create", "delete")),
    ]},
]  # fmt: skip

# Not replicated by Harbor, and so not by us (harbor #5350, #7993, #10494).
NOT_REPLICATED = (
    mark("users"), mark("project members"), mark("robot accounts"), mark("quotas"),
    mark("retention and immutability rules"), mark("webhooks"), mark("labels"),
    mark("scan results"), mark("the configuration"),
)  # fmt: skip


@dataclass(frozen=True)
class Wire:
    """One direction of replication."""

    source: Host
    target: Host

    @property
    def name(self) -> str:
        """What the endpoint and the policy at the source are called."""
        return f"harbor-wizard-to-{self.target.name}"

    @property
    def robot(self) -> str:
        """What the robot at the target is called, without the prefix that Harbor gives it."""
        return f"harbor-wizard-from-{self.source.name}"

    @property
    def secret_name(self) -> str:
        """The name of the robot's secret."""
        return of_host(of_host("replication", self.source.name), f"to-{self.target.name}")

    @property
    def secret(self) -> Hole:
        """The robot's secret, which both sides need."""
        return secret(self.secret_name)


def wires(cluster: Cluster) -> tuple[Wire, ...]:
    """Return the directions in which a cluster replicates."""
    if cluster.solution is Solution.MASTER_SLAVE:
        return tuple(Wire(cluster.nodes[0], replica) for replica in cluster.replicas())
    if cluster.solution is Solution.MASTER_MASTER:
        one, other = cluster.nodes
        return (Wire(one, other), Wire(other, one))
    return ()


def filters(replication: Replication) -> list[dict[str, str]]:
    """Return a policy's filters: a pattern of repositories with their project, and one of tags."""
    found = []
    if replication.projects:
        projects = ",".join(replication.projects)
        where = f"{{{projects}}}" if len(replication.projects) > 1 else projects
        found.append({"type": "name", "value": f"{where}/{replication.repositories}"})
    else:
        wild = replication.repositories
        found.append({"type": "name", "value": wild if wild == "**" else f"*/{wild}"})
    found.append({"type": "tag", "value": replication.tags, "decoration": "matches"})
    return found


def policy(cluster: Cluster, wire: Wire) -> dict[str, object]:
    """Return the policy as the API takes it, but for the endpoint's id.

    `deletion` is what Harbor reads; `replicate_deletion`, which is to replace it, is ignored when
    a policy is written (facts of 2.15). An event replicates what is pushed or deleted from then
    on; what is there already comes by a first execution.
    """
    return {
        "name": wire.name,
        "description": f"Made by harbor-wizard for the cluster {cluster.name}",
        "enabled": True,
        "dest_namespace": "",
        "dest_namespace_replace_count": -1,
        "filters": filters(cluster.replication),
        "trigger": {"type": "event_based"},
        "deletion": cluster.replication.deletion,
        "override": True,
        "speed": 0,
    }


def tools(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield what the calls need on a host: curl, jq, and the CA where there is one."""
    yield install(cluster, host, "curl", why=tr("the calls of Harbor's API are made with it"),
                  present="curl --version")  # fmt: skip
    yield install(cluster, host, "jq", why=tr("the API's answers are read with it"),
                  present="jq --version")  # fmt: skip
    authority = certificates.hole_ca(cluster)
    if authority is not None:
        yield file(host.name, "replication/ca", _CA, Text((authority,)),
                   tr("the certificates of the other Harbors are checked against it"))  # fmt: skip
    name, port = cluster.name_of(host), 443 if cluster.node_tls else 80
    yield file(
        host.name, "replication/api", API,
        render("replication/harbor-api", cluster=cluster, ca=_CA if authority is not None else "",
               resolve=quote(f"{name}:{port}:127.0.0.1"),
               url=quote(f"{cluster.url_of(host)}/api/v2.0")),
        tr("the calls of Harbor's API are made with these functions"),
    )  # fmt: skip


def _sent(cluster: Cluster, wire: Wire) -> Text:
    return Text((reference(cluster.admin_password), "\n", wire.secret, "\n"))


def robot(cluster: Cluster, wire: Wire) -> Iterator[Step]:
    """Yield the robot account at the target of a wire."""
    host = wire.target
    body = json.dumps({
        "name": wire.robot, "level": "system", "duration": -1,
        "description": f"Replication from {wire.source.name}, by harbor-wizard",
        "permissions": PERMISSIONS,
    })  # fmt: skip
    # The answer's name has Harbor's prefix, which can be configured: it is looked for by its end.
    # Robots are listed by level; `q=name=` would want the name as it is stored.
    find_it = f"""
robot=$(api GET '/robots?page_size=100' | jq -r --arg suffix {quote("$" + wire.robot)} \\
  '[.[] | select(.name | endswith($suffix))][0] // empty | "\\(.id) \\(.name)"')
"""
    yield command(
        host.name, f"replication/robot-{wire.source.name}",
        tr("robot account {name}", name=wire.robot),
        tr("replication logs in with an account of its own, which may do nothing else"),
        sent=_sent(cluster, wire),
        check=f"""{_READ}{find_it}
[ -n "$robot" ]
as "$(login "${{robot#* }}" "$robot_secret")" GET '/projects?page_size=1' >/dev/null 2>&1
""",
        apply=f"""{_READ}{find_it}
if [ -z "$robot" ]; then
  api POST /robots {quote(body)} >/dev/null
  {find_it.strip()}
fi
api PATCH "/robots/${{robot%% *}}" "$(printf '%s' "$robot_secret" | jq -Rs '{{secret: .}}')"
""",
        undone=tr("it stays in Harbor's own database, which goes with the data volume"),
    )  # fmt: skip


def endpoint(cluster: Cluster, wire: Wire) -> Iterator[Step]:
    """Yield the endpoint, the policy and the first execution at the source of a wire."""
    host, release = wire.source, find(cluster.release)
    authority = certificates.hole_ca(cluster) is not None and release.registry_takes_ca
    ca = f"--arg ca \"$(cat {_CA})\"" if authority else "--arg ca ''"
    # Harbor's default prefix of robots' names; a site may have changed it, and the robot's check
    # finds its name by its end, so the endpoint's says then that the login is refused.
    key = f"robot${wire.robot}"
    url = cluster.url_of(wire.target)
    build = f"""
body() {{
  printf '%s' "$robot_secret" | jq -Rs {ca} --arg name {quote(wire.name)} --arg url {quote(url)} \\
    --arg key {quote(key)} "$1"' + (if $ca == "" then {{}} else {{ca_certificate: $ca}} end)'
}}
"""
    find_it = _find("endpoint", "/registries", wire)
    yield command(
        host.name, f"replication/endpoint-{wire.target.name}",
        tr("registry endpoint {url}", url=url),
        tr("this is where {node} replicates to", node=wire.source.name),
        sent=_sent(cluster, wire),
        check=f"""{_READ}{find_it}
[ -n "$endpoint" ]
[ "$(field .url "$endpoint")" = {quote(url)} ]
[ "$(field .credential.access_key "$endpoint")" = {quote(key)} ]
api POST /registries/ping "{{\\"id\\": $endpoint_id}}" >/dev/null
""",
        apply=f"""{_READ}{build}{find_it}
if [ -z "$endpoint" ]; then
  api POST /registries "$(body '{{name: $name, type: "harbor", url: $url, insecure: false,
    description: "Made by harbor-wizard",
    credential: {{type: "basic", access_key: $key, access_secret: .}}}}')"
else
  api PUT "/registries/$endpoint_id" "$(body '{{url: $url, insecure: false,
    credential_type: "basic", access_key: $key, access_secret: .}}')"
fi
""",
        wait=30,
        undone=tr("it stays in Harbor's own database, which goes with the data volume"),
    )  # fmt: skip
    yield from _policy(cluster, wire)
    yield _first(cluster, wire)


def _find(what: str, path: str, wire: Wire) -> str:
    """Return the script that looks for what has the wire's name, and sets $what and $what_id."""
    return f"""
{what}=$(named {path} {quote(wire.name)})
{what}_id=$(field .id "${what}")
"""


def _policy(cluster: Cluster, wire: Wire) -> Iterator[Step]:
    host = wire.source
    wanted = policy(cluster, wire)
    # Only what we set is compared, and with what it means: Harbor leaves out what is false or
    # zero, says deletions in a newer field, and adds fields of its own.
    compared = {key: wanted[key] for key in ("enabled", "filters", "trigger", "override")}
    same = """
. as $is | ($is.enabled == true) and ($is.override == true)
and ($is.trigger.type == $wanted.trigger.type)
and ([$is.filters[] | {type, value}] | sort) == ([$wanted.filters[] | {type, value}] | sort)
"""
    deletion = json.dumps(wanted["deletion"])
    why = tr("what is pushed here from now on goes there at once")
    if cluster.replication.deletion:
        why = tr("what is pushed here from now on goes there at once, and so does a deletion")
    deletes = f"(.deletion == true or .replicate_deletion == true) == {deletion}"
    yield command(
        host.name, f"replication/policy-{wire.target.name}",
        tr("replication policy {name}", name=wire.name),
        why,
        sent=_sent(cluster, wire),
        check=f"""{_READ}{_find("policy", "/replication/policies", wire)}
[ -n "$policy" ]
printf '%s' "$policy" | jq -e --argjson wanted {quote(json.dumps(compared))} \\
  '{same.strip()}' >/dev/null
printf '%s' "$policy" | jq -e '{deletes}' >/dev/null
[ "$(field .dest_registry.name "$policy")" = {quote(wire.name)} ]
""",
        apply=f"""{_READ}{_find("policy", "/replication/policies", wire)}
{_find("endpoint", "/registries", wire).strip()}
body=$(printf '%s' {quote(json.dumps(wanted))} |
  jq -c --argjson id "$endpoint_id" '. + {{dest_registry: {{id: $id}}}}')
if [ -z "$policy" ]; then
  api POST /replication/policies "$body"
else
  api PUT "/replication/policies/$policy_id" "$body"
fi
""",
        undone=tr("it stays in Harbor's own database, which goes with the data volume"),
    )  # fmt: skip


# A first execution may copy terabytes. Harbor does it by itself; this step only follows it, and
# follows the same one again when it is resumed.
_LONGEST = 24 * 3600.0


def _first(cluster: Cluster, wire: Wire) -> Step:
    host, target = wire.source, wire.target.name
    of_policy = "/replication/executions?policy_id=$policy_id"
    return command(
        host.name, f"replication/first-{target}",
        tr("first replication to {node}", node=target),
        tr("events replicate what comes from now on; what is there already comes by this"),
        sent=_sent(cluster, wire),
        check=f"""{_READ}{_find("policy", "/replication/policies", wire)}
[ -n "$policy" ]
done=$(api GET "{of_policy}&status=Succeed&page_size=1")
[ "$(field length "$done")" -gt 0 ]
""",
        apply=f"""{_READ}{_find("policy", "/replication/policies", wire)}
latest() {{ api GET "{of_policy}&page_size=100" | jq -c 'max_by(.id) // empty'; }}
state=$(latest)
if [ -z "$state" ] || [ "$(field .status "$state")" != InProgress ]; then
  api POST /replication/executions "{{\\"policy_id\\": $policy_id}}"
  state=$(latest)
fi
execution=$(field .id "$state")
while :; do
  state=$(api GET "/replication/executions/$execution")
  field '"\\(.succeed // 0) of \\(.total // 0) replicated, \\(.failed // 0) failed"' "$state"
  case $(field .status "$state") in
  Succeed) break ;;
  InProgress) sleep 2 ;;
  *)
    task=$(api GET "/replication/executions/$execution/tasks?page_size=100" |
      jq '[.[] | select(.status != "Succeed")][0].id // empty')
    [ -z "$task" ] || api GET "/replication/executions/$execution/tasks/$task/log" | tail -n 20 >&2
    exit 1
    ;;
  esac
done
""",
        timeout=_LONGEST,
        undone=tr("it stays in Harbor's own database, which goes with the data volume"),
    )  # fmt: skip
