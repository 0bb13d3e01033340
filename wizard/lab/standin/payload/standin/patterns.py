"""Patterns of names and tags: `*` stays within one part of a path, `**` does not."""

import re
from functools import lru_cache


@lru_cache(maxsize=500)
def compiled(pattern):
    """Return the regular expression of a pattern. Raises `ValueError`."""
    written, at, braces = "", 0, 0
    while at < len(pattern):
        sign = pattern[at]
        if pattern.startswith("/**", at) and at + 3 == len(pattern):
            written, at = written + "(?:/.*)?", at + 3  # `library/**` is `library` too
            continue
        if pattern.startswith("**/", at):
            written, at = written + "(?:.*/)?", at + 3
            continue
        if pattern.startswith("**", at):
            written, at = written + ".*", at + 2
            continue
        if sign == "[":
            end = pattern.find("]", at + 2)
            if end < 0:
                raise ValueError(f"the pattern {pattern} has a bracket that is not closed")
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            written += "[" + ("^" + inside[1:] if inside[0] in "!^" else inside) + "]"
            at = end + 1
            continue
        if sign == "{":
            written, braces = written + "(?:", braces + 1
        elif sign == "}" and braces:
            written, braces = written + ")", braces - 1
        elif sign == "," and braces:
            written += "|"
        elif sign == "*":
            written += "[^/]*"
        elif sign == "?":
            written += "[^/]"
        else:
            written += re.escape(sign)
        at += 1
    if braces:
        raise ValueError(f"the pattern {pattern} has a brace that is not closed")
    return re.compile(written, re.DOTALL)


def matches(pattern, text):
    return pattern in ("", "**") or compiled(pattern).fullmatch(text) is not None
