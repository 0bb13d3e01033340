"""Takes out of foreign text what looks like a secret: for what leaves this machine.

`text.Masker` is certain, for it knows the values. This here is the net below it: programs of a host
keep secrets that nobody gave us, and a name in front of a value says that it is one.
"""

from __future__ import annotations

import re

from harbor_wizard.text import MASK

_KEY_BLOCK = re.compile(
    r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL
)
_URL = re.compile(r"(\w://[^\s/:@]*:)[^\s/@]+@")
_HEADER = re.compile(
    r"((?:authorization|cookie|x-harbor-csrf-token)\s*:\s*)[^\r\n\"']+", re.IGNORECASE
)
# A word with one of these in it, and a value after `=`, `:` or, for the programs that write it so,
# a blank. What follows them in a name is part of it: `…_SECRET_KEY`, `secretkey`, `passwordHash`.
_NAMED = re.compile(
    r"""((?<![\w.-])["']?[\w.-]*(?:passw|passphrase|secret|token|credential|_key\b|auth_pass|csrf|xsrf)
        [\w.-]*["']?\s*(?:=|:(?!//))\s*)(?:"[^"\n]*"|'[^'\n]*'|[^\s,;}\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_BLANK = re.compile(r"\b((?:requirepass|masterauth|auth_pass|auth-pass)[ \t]+)\S+", re.IGNORECASE)


def redact(text: str) -> str:
    """Return a text without private keys, and without the values of what is named as a secret."""
    text = _KEY_BLOCK.sub(rf"-----BEGIN \1-----{MASK}", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _URL.sub(rf"\1{MASK}@", text)
    text = _BLANK.sub(rf"\1{MASK}", text)
    return _NAMED.sub(rf"\1{MASK}", text)
