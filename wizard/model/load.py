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

from harbor_wizard.errors import ClusterError, InputError, Mistake, MistakeKind
from harbor_wizard.language import tr
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
            raise InputError(
                tr("{path} is a folder; give the path of a cluster file in it", path=path)
            )
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(
            tr("{path} is not there; give the path of a cluster file, or the name of a session",
               path=path)
        ) from None  # fmt: skip
    except OSError as error:
        raise InputError(
            tr("{path} cannot be read ({reason}); check its path",
               path=path, reason=error.strerror)
        ) from None  # fmt: skip
    return content


def decode(content: bytes, source: str) -> dict[str, Any]:
    """Return the plain data of a cluster file's bytes. Raises `InputError` in one sentence."""
    if len(content) > MAX_BYTES:
        raise InputError(
            tr("{source} is larger than {size} KiB, which no cluster file is; check that it is "
               "the right file", source=source, size=MAX_BYTES // 1024)
        )  # fmt: skip
    if b"\0" in content:
        raise InputError(
            tr("{source} is a binary file; a cluster file is YAML text", source=source)
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            tr("{source} line {line} is not UTF-8 text; save the file as UTF-8",
               source=source, line=line)
        ) from None  # fmt: skip
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        raise InputError(_broken(source, error)) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = str(error).splitlines()[0] if str(error) else tr("nested too deeply")
        raise InputError(
            tr("{source} is not YAML that can be read ({reason})", source=source, reason=what[:200])
        ) from None
    if not isinstance(data, dict):
        raise InputError(
            tr("{source} holds no mapping at its top; a cluster file begins with lines such as "
               '"name: prod-eu"', source=source)
        )  # fmt: skip
    return data


def _broken(source: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return tr("{source}: {reason}; mend the YAML there and try again",
                  source=source, reason=error.problem)  # fmt: skip
    return tr(
        "{source} line {line}, column {column}: {reason}; mend the YAML there and try again",
        source=source, line=mark.line + 1, column=mark.column + 1, reason=error.problem,
    )  # fmt: skip


def parse(data: dict[str, Any], source: str, folder: Path | None = None) -> Cluster:
    """Return the cluster that `data` describes; raises `ClusterError` with all its mistakes."""
    found: list[Mistake] = []
    cluster = None
    try:
        cluster = Cluster.model_validate(data)
    except ValidationError as error:
        details: list[dict[str, Any]] = [dict(detail) for detail in error.errors(include_url=False)]
        # A list whose items are wrong is also "too short": the items' own sentences say it all.
        inner = {one["loc"][:length] for one in details for length in range(len(one["loc"]))}
        found += [_mistake(one) for one in details if one["loc"] not in inner]
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
                None, None, tr("an alias (*) is not allowed in a cluster file"), event.start_mark
            )
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, tr("nested too deeply for a cluster file"), mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, tr("a merge key (<<) is not allowed in a cluster file"),
                    key.start_mark,
                )  # fmt: skip
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, tr("a key has to be a word"), key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, tr('the key "{key}" stands here twice', key=key.value[:60]),
                    key.start_mark,
                )  # fmt: skip
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


def _mistake(detail: dict[str, Any]) -> Mistake:
    """Return what one of pydantic's errors says: path, value, expected, example."""
    location, kind, message = detail["loc"], detail["type"], detail["msg"]
    holder, info = _field(location)
    path = _path(location)
    if kind == "extra_forbidden":
        known = list(holder.model_fields) if holder else []
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        if near:
            return Mistake(
                path, tr('is not a key that is known; did you mean "{key}"?', key=near[0])
            )
        return Mistake(
            path, tr("is not a key that is known; known here are {keys}", keys=", ".join(known))
        )
    expected, example = _expectation(info)
    if kind == "missing":
        reason = _with_example(tr("is missing; expected {expected}", expected=expected), example)
        return Mistake(path, reason, MistakeKind.MISSING, example)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        reason = tr(
            "is not one of {types} or {last}; write for example type: filesystem",
            types=", ".join(_STORES[:-1]), last=_STORES[-1],
        )  # fmt: skip
        return Mistake(f"{path}.type", reason)
    said = message.removeprefix("Value error, ") if kind == "value_error" else tr("is not right")
    shown = tr("the value") if _is_secret(info) else _shown(detail["input"])
    reason = tr(
        "{value} {reason}; expected {expected}", value=shown, reason=said, expected=expected
    )
    return Mistake(path, _with_example(reason, example), _kind_of(detail))


def _with_example(sentence: str, example: str) -> str:
    if not example:
        return sentence
    return tr("{sentence}, for example {example}", sentence=sentence, example=example)


def _kind_of(detail: dict[str, Any]) -> MistakeKind:
    if detail["type"] == "value_error":
        return MistakeKind.OTHER
    return MistakeKind.EMPTY if detail["input"] == [] else MistakeKind.WRONG


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
    """Return what is expected of a field, and an example of it; without one, an empty text."""
    if info is None:
        return tr("another value"), ""
    example = ""
    if info.examples:
        first = info.examples[0]
        example = first if isinstance(first, str) else json.dumps(first, ensure_ascii=False)
    return tr(info.description or "another value"), example


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
