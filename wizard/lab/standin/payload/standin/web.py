"""What a part of the API is written with: routes, requests, answers, and problems."""

import json
import re
import urllib.parse
from dataclasses import dataclass, field

ROUTES = []


class Problem(Exception):
    """An answer that says what is wrong."""

    def __init__(self, status, message, code=None, headers=None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}
        self.code = code or {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND",
                             409: "CONFLICT", 412: "PRECONDITION"}.get(status, "UNKNOWN")  # fmt: skip


@dataclass
class Answer:
    """What is answered: data as JSON, or a text."""

    status: int = 200
    data: object = None
    headers: dict = field(default_factory=dict)


def created(place, data=None):
    return Answer(201, data, {"Location": place})


def route(method, path):
    """Register a function for a path below /api/v2.0; `{x}` is one part of it."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def keep(function):
        ROUTES.append((method, pattern, function))
        return function

    return keep


def find(method, path):
    """Return the function for a path and its arguments. Raises `Problem`."""
    other = False
    for known, pattern, function in ROUTES:
        if found := pattern.fullmatch(path):
            if known == method or (known == "GET" and method == "HEAD" and path != "/projects"):
                # A repository's slashes are escaped twice, for proxies that undo it once.
                unquote = urllib.parse.unquote
                return function, {k: unquote(unquote(v)) for k, v in found.groupdict().items()}
            other = True
    if other:
        raise Problem(405, f"method {method} is not allowed", "METHOD_NOT_ALLOWED")
    raise Problem(404, "the stand-in has no such path")


class Request:
    """One call of the API, with who makes it."""

    def __init__(self, method, path, headers, body, caller):
        self.method, self.headers, self.body, self.caller = method, headers, body, caller
        self.path, _, rest = path.partition("?")
        self.parameters = urllib.parse.parse_qs(rest, keep_blank_values=True)

    def one(self, name, default=""):
        return self.parameters.get(name, [default])[0]

    def json(self):
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            raise Problem(400, "the body is no JSON", "UNPROCESSABLE_ENTITY") from None
        if not isinstance(found, dict):
            raise Problem(400, "the body is no object", "UNPROCESSABLE_ENTITY")
        return found

    def number(self, name, default):
        try:
            return max(1, int(self.one(name, str(default))))
        except ValueError:
            raise Problem(422, f"{name} is no number", "UNPROCESSABLE_ENTITY") from None

    def listed(self, rows):
        """Answer a page of a list, after the filters of `q`."""
        for part in filter(None, self.one("q").split(",")):
            name, equals, wanted = part.partition("=")
            if not equals:
                raise Problem(400, f"the query string {part} is no condition")
            loose = wanted.startswith("~")
            wanted = urllib.parse.unquote(wanted).lstrip("~").strip("()")
            rows = [one for one in rows if _fits(one, name.lower(), wanted, loose)]
        size, page = min(100, self.number("page_size", 10)), self.number("page", 1)
        headers = {"X-Total-Count": str(len(rows))}
        links = []
        for word, other, there in (("prev", page - 1, page > 1), ("next", page + 1, page * size < len(rows))):
            if there:
                query = urllib.parse.urlencode(
                    {**{k: v[0] for k, v in self.parameters.items()}, "page": other, "page_size": size})  # fmt: skip
                links.append(f'<{self.path}?{query}>; rel="{word}"')
        if links:
            headers["Link"] = ", ".join(links)
        return Answer(200, rows[(page - 1) * size : page * size], headers)

    def require(self, resource, action):
        """Refuse who may not do this to the system."""
        self._refuse(self.caller.may(resource, action))

    def require_in(self, project, resource, action):
        """Refuse who may not do this in a project; one that is not there is not found."""
        if project is None and not self.caller.may("project", "delete"):
            self._refuse(False)
        if project is None:
            raise Problem(404, "project not found")
        self._refuse(self.caller.may_in(project, resource, action))

    def require_login(self):
        if not self.caller.known:
            raise Problem(401, "unauthorized")

    def _refuse(self, good):
        if not good:
            self.require_login()
            raise Problem(403, "forbidden")


def _fits(row, name, wanted, loose):
    there = row.get(name)
    if isinstance(there, bool):
        there = str(there).lower()
    return wanted in str(there) if loose else str(there) == wanted
