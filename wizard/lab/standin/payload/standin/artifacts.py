"""What was pushed: repositories, artifacts and tags, as the database knows them."""

import json

from standin import events
from standin.database import first, json_of, query, transaction
from standin.projects import by_name
from standin.web import Answer, Problem, created, route

_ARTIFACTS = """
SELECT a.*, r.name AS repository_name, r.project_id, coalesce((SELECT json_agg(json_build_object('id', t.id, 'name', t.name,
  'repository_id', t.repository_id, 'artifact_id', t.artifact_id, 'push_time', t.push_time, 'immutable', false)
  ORDER BY t.name) FROM tag t WHERE t.artifact_id = a.id), '[]') AS tags
FROM artifact a JOIN repository r USING (repository_id) """


def digest_of(repository, reference):
    """Return the digest behind a tag, or the digest itself where it is there, or `None`."""
    if ":" in reference:
        row = first("SELECT a.digest FROM artifact a JOIN repository r USING (repository_id)"
                    " WHERE r.name = %s AND a.digest = %s", (repository, reference))  # fmt: skip
    else:
        row = first("SELECT a.digest FROM tag t JOIN artifact a ON a.id = t.artifact_id JOIN repository r"
                    " ON r.repository_id = t.repository_id WHERE r.name = %s AND t.name = %s", (repository, reference))  # fmt: skip
    return row and row["digest"]


def record(project, repository, reference, digest, media_type, body):
    """Write down what was pushed, and tell who wants to know."""
    try:
        manifest = json.loads(body)
    except ValueError:
        manifest = {}
    parts = [manifest.get("config") or {}, *(manifest.get("layers") or [])]
    children = [one.get("digest") for one in manifest.get("manifests") or []]
    with transaction() as cursor:
        cursor.execute("INSERT INTO repository (name, project_id) VALUES (%s, %s) ON CONFLICT (name)"
                       " DO UPDATE SET update_time = now() RETURNING repository_id",
                       (repository, project["project_id"]))  # fmt: skip
        number = cursor.fetchone()["repository_id"]
        size = len(body) + sum(part.get("size") or 0 for part in parts)
        if children:
            cursor.execute("SELECT coalesce(sum(size), 0) AS size FROM artifact WHERE repository_id = %s"
                           " AND digest = ANY(%s)", (number, children))  # fmt: skip
            size = len(body) + int(cursor.fetchone()["size"])
        cursor.execute("INSERT INTO artifact (repository_id, digest, media_type, config_type, size, children)"
                       " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (repository_id, digest)"
                       " DO UPDATE SET push_time = now() RETURNING id",
                       (number, digest, media_type, parts[0].get("mediaType"), size, json_of(children)))  # fmt: skip
        artifact = cursor.fetchone()["id"]
        tag = None if ":" in reference else reference
        if tag:
            cursor.execute("INSERT INTO tag (repository_id, artifact_id, name) VALUES (%s, %s, %s) ON CONFLICT"
                           " (repository_id, name) DO UPDATE SET artifact_id = excluded.artifact_id,"
                           " push_time = now()", (number, artifact, tag))  # fmt: skip
    if tag:
        events.tell("pushed", repository, [{"digest": digest, "tags": [tag]}])


def tags_of(repository):
    return [one["name"] for one in query("SELECT t.name FROM tag t JOIN repository r USING (repository_id)"
                                         " WHERE r.name = %s ORDER BY t.name", (repository,))]  # fmt: skip


def all_of(repository):
    """Return the artifacts of a repository; a part of an index without a tag is not one by itself."""
    rows = query(_ARTIFACTS + "WHERE r.name = %s ORDER BY a.id DESC", (repository,))
    inner = {digest for one in rows for digest in one["children"]}
    return [one for one in rows if one["tags"] or one["digest"] not in inner]


def _view(row):
    return {"id": row["id"], "type": "IMAGE", "media_type": row["config_type"],
            "manifest_media_type": row["media_type"], "project_id": row["project_id"],
            "repository_id": row["repository_id"], "repository_name": row["repository_name"],
            "digest": row["digest"], "size": row["size"], "push_time": row["push_time"],
            "pull_time": row["pull_time"] or "0001-01-01T00:00:00.000Z", "tags": row["tags"] or None,
            "references": [{"child_digest": one} for one in row["children"]] or None, "labels": None}  # fmt: skip


def _repository(request, project, repository, resource, action):
    by_name(request, project, resource, action)
    row = first("SELECT * FROM repository WHERE name = %s", (f"{project}/{repository}",))
    if row is None:
        raise Problem(404, f"repository {project}/{repository} not found")
    return row


def _wanted(name, reference):
    digest = digest_of(name, reference)
    row = digest and first(_ARTIFACTS + "WHERE r.name = %s AND a.digest = %s", (name, digest))
    if not row:
        raise Problem(404, f"artifact {name}:{reference} not found")
    return row


def delete(repository, reference):
    """Delete an artifact with its tags; its blobs stay until they are collected."""
    row = _wanted(repository, reference)
    held = first("SELECT 1 FROM artifact WHERE repository_id = %s AND children ? %s",
                 (row["repository_id"], row["digest"]))  # fmt: skip
    if held:
        raise Problem(412, "the artifact is part of an index")
    query("DELETE FROM artifact WHERE id = %s", (row["id"],))
    for child in row["children"]:
        # What was pushed only for this index goes with it.
        query("DELETE FROM artifact a WHERE repository_id = %s AND digest = %s AND NOT EXISTS (SELECT 1 FROM tag t"
              " WHERE t.artifact_id = a.id) AND NOT EXISTS (SELECT 1 FROM artifact o WHERE o.repository_id ="
              " a.repository_id AND o.children ? a.digest)", (row["repository_id"], child))  # fmt: skip
    events.tell("deleted", repository, [{"digest": row["digest"], "tags": [one["name"] for one in row["tags"]]}])


@route("GET", "/projects/{project}/repositories")
def repositories(request, project):
    row = by_name(request, project, "repository", "list")
    return request.listed(query(
        "SELECT r.repository_id AS id, r.project_id, r.name, r.pull_count, r.creation_time, r.update_time,"
        " (SELECT count(*) FROM artifact a WHERE a.repository_id = r.repository_id) AS artifact_count"
        " FROM repository r WHERE project_id = %s ORDER BY r.repository_id DESC", (row["project_id"],)))  # fmt: skip


@route("GET", "/projects/{project}/repositories/{repository}")
def repository_one(request, project, repository):
    row = _repository(request, project, repository, "repository", "read")
    return Answer(200, {"id": row.pop("repository_id"), **row, "artifact_count": len(all_of(row["name"]))})


@route("DELETE", "/projects/{project}/repositories/{repository}")
def repository_deleted(request, project, repository):
    row = _repository(request, project, repository, "repository", "delete")
    artifacts = all_of(row["name"])
    query("DELETE FROM repository WHERE repository_id = %s", (row["repository_id"],))
    events.tell("deleted", row["name"], [{"digest": one["digest"], "tags": [t["name"] for t in one["tags"]]}
                                         for one in artifacts])  # fmt: skip
    return Answer(200)


@route("GET", "/projects/{project}/repositories/{repository}/artifacts")
def artifacts(request, project, repository):
    row = _repository(request, project, repository, "artifact", "list")
    rows = [_view(one) for one in all_of(row["name"])]
    if request.one("q").startswith("tags="):
        wanted = request.parameters.pop("q")[0].removeprefix("tags=")
        rows = [one for one in rows if wanted in ("*", *(t["name"] for t in one["tags"] or []))
                or (wanted == "nil" and not one["tags"])]  # fmt: skip
    return request.listed(rows)


@route("GET", "/projects/{project}/repositories/{repository}/artifacts/{reference}")
def artifact(request, project, repository, reference):
    row = _repository(request, project, repository, "artifact", "read")
    return Answer(200, _view(_wanted(row["name"], reference)))


@route("DELETE", "/projects/{project}/repositories/{repository}/artifacts/{reference}")
def artifact_deleted(request, project, repository, reference):
    delete(_repository(request, project, repository, "artifact", "delete")["name"], reference)
    return Answer(200)


@route("GET", "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags")
def tags(request, project, repository, reference):
    row = _repository(request, project, repository, "tag", "list")
    return request.listed(_wanted(row["name"], reference)["tags"])


@route("POST", "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags")
def tagged(request, project, repository, reference):
    row = _repository(request, project, repository, "tag", "create")
    found, name = _wanted(row["name"], reference), request.json().get("name")
    if not name:
        raise Problem(400, "a tag has a name")
    if digest_of(row["name"], name):
        raise Problem(409, f"tag {name} already exists")
    query("INSERT INTO tag (repository_id, artifact_id, name) VALUES (%s, %s, %s)",
          (row["repository_id"], found["id"], name))  # fmt: skip
    events.tell("pushed", row["name"], [{"digest": found["digest"], "tags": [name]}])
    return created(f"/api/v2.0/projects/{project}/repositories/{repository}/artifacts/{reference}/tags/{name}")


@route("DELETE", "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags/{tag}")
def untagged(request, project, repository, reference, tag):
    row = _repository(request, project, repository, "tag", "delete")
    found = _wanted(row["name"], reference)
    if tag not in [one["name"] for one in found["tags"]]:
        raise Problem(404, f"tag {tag} not found")
    query("DELETE FROM tag WHERE repository_id = %s AND name = %s", (row["repository_id"], tag))
    events.tell("untagged", row["name"], [{"digest": found["digest"], "tags": [tag]}])
    return Answer(200)
