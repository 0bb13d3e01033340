"""Reads cluster files, and says all that is wrong with one in sentences."""

from __future__ import annotations

import difflib
import json
import types
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from harbor_wizard.errors import ClusterError, InputError
from harbor_wizard.model import checks
from harbor_wizard.model.cluster import Cluster

# A cluster of a hundred hosts is about 20 kB; what is larger is something else.
MAX_BYTES = 256 * 1024
MAX_DEPTH = 20


def load(path: Path) -> Cluster:
    """Read a cluster file.

    Raises `ClusterError` with one sentence per mistake, `InputError` where it is no cluster
    file at all.
    """
    return parse(read(path), str(path), path.parent)


def read(path: Path) -> dict[str, Any]:
    """Return a cluster file's plain data. Raises `InputError` in one sentence."""
    return decode(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a cluster file in it")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(
            f"{path} is not there; give the path of a cluster file, or the name of a session"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its path") from None
    return content


def decode(content: bytes, source: str) -> dict[str, Any]:
    """Return the plain data of a cluster file's bytes. Raises `InputError` in one sentence."""
    if len(content) > MAX_BYTES:
        raise InputError(
            f"{source} is larger than {MAX_BYTES // 1024} KiB, which no cluster file is; "
            "check that it is the right file"
        )
    if b"\0" in content:
        raise InputError(f"{source} is a binary file; a cluster file is YAML text")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{source} line {line} is not UTF-8 text; save the file as UTF-8"
        ) from None
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(
            f"{source}{where}: {error.problem}; mend the YAML there and try again"
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise InputError(f"{source} is not YAML that can be read ({what[:200]})") from None
    if not isinstance(data, dict):
        raise InputError(
            f"{source} holds no mapping at its top; a cluster file begins with lines such as "
            '"name: prod-eu"'
        )
    return data


def parse(data: dict[str, Any], source: str, folder: Path | None = None) -> Cluster:
    """Return the cluster that `data` describes; raises `ClusterError` with all its mistakes."""
    found: list[str] = []
    cluster = None
    try:
        cluster = Cluster.model_validate(data)
    except ValidationError as error:
        details: list[dict[str, Any]] = [dict(detail) for detail in error.errors(include_url=False)]
        # A list whose items are wrong is also "too short": the items' own sentences say it all.
        inner = {one["loc"][:length] for one in details for length in range(len(one["loc"]))}
        found += [_sentence(one) for one in details if one["loc"] not in inner]
    found += [one for one in checks.problems(data, folder) if one not in found]
    if cluster is None or found:
        raise ClusterError(source, found)
    return cluster


def dump(cluster: Cluster) -> str:
    """Return a cluster as the text of a cluster file; what is at its default is left out."""
    data = cluster.model_dump(mode="json", exclude_defaults=True)
    header = "# A cluster for harbor-wizard. It holds no secret, only references to secrets.\n"
    return header + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def schema() -> str:
    """Return the JSON Schema of the cluster file."""
    described = Cluster.model_json_schema()
    described["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(described, indent=2, ensure_ascii=False)


class _Loader(yaml.SafeLoader):
    """YAML without what surprises: no aliases, no duplicate keys, no floats, no dates."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "an alias (*) is not allowed in a cluster file", event.start_mark
            )
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "nested too deeply for a cluster file", mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "a merge key (<<) is not allowed in a cluster file", key.start_mark
                )
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key has to be a word", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key.value[:60]}" stands here twice', key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# "release: 2.10" would be the number 2.1, and a date a date: both stay the words they are.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


_STORES = ("local", "filesystem", "nfs", "s3", "swift", "gcs", "azure", "oss")


def _sentence(detail: dict[str, Any]) -> str:
    """Return one sentence for one of pydantic's errors: path, value, expected, example."""
    location, kind, message = detail["loc"], detail["type"], detail["msg"]
    holder, info = _field(location)
    path = _path(location)
    if kind == "extra_forbidden":
        known = list(holder.model_fields) if holder else []
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"known here are {', '.join(known)}"
        return f"{path}: is not a key that is known; {hint}"
    expected, example = _expectation(info)
    if kind == "missing":
        return f"{path}: is missing; expected {expected}{example}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        types_known = f"{', '.join(_STORES[:-1])} or {_STORES[-1]}"
        return f"{path}.type: is not one of {types_known}; write for example type: filesystem"
    reason = message.removeprefix("Value error, ") if kind == "value_error" else "is not right"
    shown = "the value" if _is_secret(info) else _shown(detail["input"])
    return f"{path}: {shown} {reason}; expected {expected}{example}"


def _path(location: tuple[int | str, ...]) -> str:
    words = [part for part in location if part not in _STORES]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in words)
    cleaned = "".join(c if c.isprintable() else "?" for c in text.removeprefix("."))
    return cleaned[:120]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    cleaned = "".join(c if c.isprintable() else "?" for c in text)
    return cleaned if len(cleaned) <= 80 else cleaned[:77] + "…"


def _is_secret(info: FieldInfo | None) -> bool:
    # A password typed where its reference belongs must not come back in a message.
    return info is not None and "a reference to" in (info.description or "")


def _expectation(info: FieldInfo | None) -> tuple[str, str]:
    if info is None:
        return "another value", ""
    example = ""
    if info.examples:
        first = info.examples[0]
        text = first if isinstance(first, str) else json.dumps(first, ensure_ascii=False)
        example = f", for example {text}"
    return info.description or "another value", example


def _field(location: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """Return the model that holds a location, and the field there."""
    holder: type[BaseModel] | None = Cluster
    info: FieldInfo | None = None
    candidates: list[type[BaseModel]] = [Cluster]
    for part in location:
        if isinstance(part, int):
            continue
        tagged = [one for one in candidates if _tag(one) == part]
        if tagged:
            candidates = tagged
            holder = tagged[0]
            continue
        holder = next((one for one in candidates if part in one.model_fields), None) or (
            candidates[0] if candidates else None
        )
        info = holder.model_fields.get(part) if holder else None
        candidates = _models(info.annotation) if info else []
    return holder, info


def _tag(model: type[BaseModel]) -> str | None:
    kind = model.model_fields.get("type")
    arguments = typing.get_args(kind.annotation) if kind else ()
    return arguments[0] if arguments else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in _models(part)]
