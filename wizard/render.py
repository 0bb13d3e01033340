"""Renders templates into `Text`: the holes that a template is given survive it."""

from __future__ import annotations

import functools
import json
from typing import Any

import jinja2

from harbor_wizard.step import quote
from harbor_wizard.text import Hole, Text, compose_quoted, yaml_quoted


def render(template: str, **values: Any) -> Text:
    """Return the rendered template, for example `haproxy/haproxy.cfg`.

    Holes are written by their filters: `{{ password | yaml }}`. A name that is missing is an
    error, never an empty place.
    """
    return Text.of(_environment().get_template(f"{template}.j2").render(**values))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - configuration files, not HTML
        loader=jinja2.PackageLoader("harbor_wizard.templates", ""),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["yaml"] = _yaml
    environment.filters["compose"] = _compose
    environment.filters["shell"] = _shell
    return environment


def _yaml(value: Hole | str | float | jinja2.Undefined | None) -> str:
    if isinstance(value, Hole):
        return str(value.encoded("yaml"))
    if isinstance(value, str):
        return yaml_quoted(value)
    # A number, true, false or null; a missing name says so when it is written.
    return str(value) if isinstance(value, jinja2.Undefined) else json.dumps(value)


def _compose(value: Hole | str) -> str:
    return str(value.encoded("compose")) if isinstance(value, Hole) else compose_quoted(value)


def _shell(value: Hole | str) -> str:
    return str(value.encoded("shell")) if isinstance(value, Hole) else quote(value)
