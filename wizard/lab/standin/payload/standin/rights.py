"""Who may do what. Nothing here asks the database: it is told all that it judges by."""

from dataclasses import dataclass, field

ANONYMOUS, USER, ROBOT, SERVICE = "anonymous", "user", "robot", "service"

_READ = {
    ("project", "read"), ("repository", "list"), ("repository", "read"), ("repository", "pull"),
    ("artifact", "list"), ("artifact", "read"), ("tag", "list"),
}  # fmt: skip
_DEVELOP = _READ | {("repository", "push"), ("artifact", "create"), ("tag", "create"), ("member", "list")}
_MAINTAIN = _DEVELOP | {
    ("repository", "delete"), ("repository", "update"), ("artifact", "delete"), ("tag", "delete"),
}  # fmt: skip
_OWN = _MAINTAIN | {
    ("project", "update"), ("project", "delete"), ("member", "create"), ("member", "delete"),
    ("robot", "create"), ("robot", "read"), ("robot", "list"), ("robot", "delete"),
}  # fmt: skip
# By the number of a member's role: project admin, developer, guest, maintainer, limited guest.
ROLES = {1: _OWN, 2: _DEVELOP, 3: _READ, 4: _MAINTAIN, 5: _READ}

_FIVE = ("create", "read", "update", "list", "delete")
# What a robot can be given.
GRANTABLE = {
    "system": {
        ("project", "list"), ("project", "create"), ("catalog", "read"), ("audit-log", "list"),
        ("replication", "read"), ("replication", "create"), ("replication", "list"),
        ("replication-adapter", "list"), ("system-volumes", "read"),
        ("quota", "read"), ("quota", "list"), ("quota", "update"),
        *(("replication-policy", one) for one in _FIVE), *(("registry", one) for one in _FIVE),
        *(("robot", one) for one in _FIVE if one != "update"), *(("user", one) for one in _FIVE),
        *(("garbage-collection", one) for one in ("read", "create", "list", "update", "stop")),
        *(("purge-audit", one) for one in ("read", "create", "list", "update", "stop")),
        *(("label", one) for one in _FIVE), *(("scanner", one) for one in _FIVE),
    },
    "project": {
        *_OWN, ("project", "update"), ("log", "list"), ("member", "read"), ("member", "update"),
        ("accessory", "list"), ("artifact-addition", "read"), ("artifact-label", "create"),
        ("artifact-label", "delete"), ("scan", "create"), ("scan", "read"), ("scan", "stop"),
        ("sbom", "create"), ("sbom", "read"), ("sbom", "stop"), ("quota", "read"),
        *(("label", one) for one in _FIVE), *(("metadata", one) for one in _FIVE),
        *(("tag-retention", one) for one in _FIVE), *(("immutable-tag", one) for one in _FIVE),
        *(("notification-policy", one) for one in _FIVE),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Caller:
    """Who asks. `roles` are a user's, by the project's number; `permissions` a robot's."""

    kind: str = ANONYMOUS
    name: str = ""
    number: int = 0
    admin: bool = False
    roles: dict = field(default_factory=dict)
    permissions: tuple = ()
    session: bool = False

    @property
    def known(self):
        return self.kind != ANONYMOUS

    def may(self, resource, action):
        """Say whether they may do this to the system."""
        if self.kind == SERVICE or self.admin:
            return True
        if self.kind == USER:
            return (resource, action) in (("project", "list"), ("project", "create"))
        if self.kind == ROBOT:
            return any(one["kind"] == "system" and _gives(one, resource, action)
                       for one in self.permissions)  # fmt: skip
        return False

    def may_in(self, project, resource, action):
        """Say whether they may do this in a project: a row with its id, name and public."""
        if self.kind == SERVICE or self.admin:
            return True
        if project is None:
            return False
        if project["public"] and (resource, action) in _READ:
            return True
        if self.kind == USER:
            return (resource, action) in ROLES.get(self.roles.get(project["project_id"]), ())
        if self.kind == ROBOT:
            return any(one["kind"] == "project" and one["namespace"] in ("*", project["name"])
                       and _gives(one, resource, action) for one in self.permissions)  # fmt: skip
        return False

    def sees(self, project):
        """Say whether a project is in their list."""
        if self.kind == ROBOT:
            named = {one["namespace"] for one in self.permissions if one["kind"] == "project"}
            return project["public"] or "*" in named or project["name"] in named
        return self.kind == SERVICE or self.admin or project["public"] or project["project_id"] in self.roles

    def pulls_and_pushes(self, project, wanted):
        """Return those of a token's wanted actions that they have in a project."""
        meant = {"pull": ("repository", "pull"), "push": ("repository", "push"),
                 "delete": ("artifact", "delete")}  # fmt: skip
        asked = list(meant) if "*" in wanted else [one for one in wanted if one in meant]
        return [one for one in asked if self.may_in(project, *meant[one])]


def _gives(permission, resource, action):
    said = [one for one in permission["access"]
            if one["resource"] in (resource, "*") and one["action"] in (action, "*")]  # fmt: skip
    return bool(said) and all(one.get("effect", "allow") != "deny" for one in said)


def checked(permissions, level):
    """Return what a robot is to be allowed, in order. Raises `ValueError`."""
    if not permissions:
        raise ValueError("bad request empty permission")
    if level == "project" and (len(permissions) > 1 or permissions[0].get("namespace") in ("*", "/")):
        raise ValueError("bad request permission: a robot of a project has one project")
    kept = []
    for one in permissions:
        kind = one.get("kind")
        if kind not in GRANTABLE or (level == "project" and kind != "project"):
            raise ValueError(f"bad request error kind: {kind}")
        access = one.get("access") or []
        if not access:
            raise ValueError("bad request empty access")
        for item in access:
            pair = (item.get("resource"), item.get("action"))
            if pair not in GRANTABLE[kind] and pair != ("*", "*"):
                raise ValueError(f"bad request permission: {pair[0]}:{pair[1]}")
        kept.append({"kind": kind, "namespace": one.get("namespace") or "/", "access": [
            {key: item[key] for key in ("resource", "action", "effect") if item.get(key)}
            for item in access
        ]})  # fmt: skip
    return kept


def strong(secret):
    """The rule for passwords and for a robot's secret."""
    return (8 <= len(secret) <= 128 and any(c.islower() for c in secret)
            and any(c.isupper() for c in secret) and any(c.isdigit() for c in secret))  # fmt: skip
