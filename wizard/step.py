"""Steps: one change on one host, with how it is seen to be so."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, field
from enum import StrEnum

from harbor_wizard import kept
from harbor_wizard.language import tr
from harbor_wizard.text import Text


class Kind(StrEnum):
    """What a step does, with the symbol that the preview gives it."""

    COMMAND = "$"
    FILE = "+"
    UPLOAD = "↑"
    CHECK = "?"


@dataclass(frozen=True)
class Command:
    """A shell script for a host, run by `/bin/sh` as root, with what it reads on standard input.

    A detached command may take long: it runs as a unit of its own on the host and outlives the
    connection. `timeout` is in seconds, for commands that are not detached.
    """

    script: Text
    input: Text | None = None
    detached: bool = False
    timeout: float = 60.0

    def masked(self) -> str:
        """Return what is shown of it: the script, then its input as a here-document."""
        shown = self.script.masked().rstrip("\n")
        if self.input is None:
            return shown + "\n"
        return f"{shown}  <<'INPUT'\n{self.input.masked()}INPUT\n"


@dataclass(frozen=True)
class Upload:
    """A large file of the operator's machine that has to be on the host.

    It is sent to a part file, resumed where it stopped, verified by `sha256` (computed from the
    local file where the cluster file does not say it) and put in place by rename.
    """

    source: str
    path: str
    sha256: str | None = None

    def masked(self) -> str:
        """Return what is shown of it."""
        return f"upload {self.source} to {self.path}\n"


@dataclass(frozen=True)
class FileView:
    """What the preview and `render` show of a step that writes a file."""

    path: str
    content: Text
    mode: int
    owner: str


@dataclass(frozen=True)
class Step:
    """One change on one host.

    `check` exits 0 when it is so already; `apply` makes it so; `verify` (the check, where none
    is given) shows that it is so now. A step without `apply` only looks. `needs` are the ids
    of the steps that have to be done before.

    `remember` is done before `apply`: it writes down on the host what `undo` will put back.
    `undo_data` takes back what may hold somebody's data. `undone` says in words how the step is
    taken back, or why it is not. None of these is part of the fingerprint.
    """

    id: str
    host: str
    title: str
    why: str
    check: Command
    apply: Command | Upload | None
    verify: Command | None = None
    file: FileView | None = None
    remember: Command | None = None
    undo: Command | None = None
    undo_data: Command | None = None
    undone: str = ""
    wait: float = 0.0
    needs: frozenset[str] = field(default=frozenset())

    @property
    def kind(self) -> Kind:
        """What the step does."""
        if self.file is not None:
            return Kind.FILE
        if self.apply is None:
            return Kind.CHECK
        return Kind.UPLOAD if isinstance(self.apply, Upload) else Kind.COMMAND

    @property
    def component(self) -> str:
        """The component that the step belongs to."""
        return self.id.split("/")[1]

    @property
    def fingerprint(self) -> str:
        """A digest of what is shown of the step: it changes when its inputs change.

        It is made of the masked text, so that it gives nothing of a secret away.
        """
        shown = [self.check.masked(), self.apply.masked() if self.apply else ""]
        shown.append(self.verify.masked() if self.verify else "")
        return hashlib.sha256("\0".join(shown).encode()).hexdigest()[:16]


def quote(value: str) -> str:
    """Return `value` as one word of a shell."""
    return shlex.quote(value)


def script(text: str) -> Text:
    """Return a script that stops at the first failure."""
    return Text.of("set -eu\n" + text.strip("\n") + "\n")


def command(host: str, name: str, title: str, why: str, *, check: str, apply: str,
            verify: str | None = None, detached: bool = False, timeout: float = 60.0,
            wait: float = 0.0, sent: Text | None = None, undone: str = "",
            remember: str | None = None, undo: str | None = None,
            undo_data: str | None = None) -> Step:  # fmt: skip
    """Return a step that runs a command.

    `name` is `component/step`; `wait` is for how many seconds the verification may take; `sent`
    is what all its scripts but `undo` read on standard input, the only way for a secret.
    """
    return Step(
        id=f"{host}/{name}",
        host=host,
        title=title,
        why=why,
        check=Command(script(check), input=sent),
        apply=Command(script(apply), detached=detached, timeout=timeout, input=sent),
        verify=Command(script(verify), input=sent) if verify is not None else None,
        remember=Command(script(remember), input=sent) if remember is not None else None,
        undo=Command(script(undo), detached=detached, timeout=max(timeout, 300))
        if undo is not None else None,
        # What is detached gets no input.
        undo_data=Command(script(undo_data), input=sent, detached=sent is None, timeout=300)
        if undo_data is not None else None,
        undone=undone,
        wait=wait,
    )


def look(host: str, name: str, title: str, why: str, *, check: str, wait: float = 0.0) -> Step:
    """Return a step that changes nothing: it only makes sure that something is so.

    It is given `wait` seconds to become so.
    """
    return Step(
        id=f"{host}/{name}", host=host, title=title, why=why,
        check=Command(script(check)), apply=None, wait=wait,
    )  # fmt: skip


def file(host: str, name: str, path: str, content: Text, why: str, *, mode: int = 0o644,
         owner: str = "root:root", keep: bool = False, data: bool = False) -> Step:  # fmt: skip
    """Return a step that writes a file, whole, by rename, with its owner and mode.

    `owner` is `user:group`, by name or number. With `keep`, a file that is there with other
    contents stops the step: it holds what must not be overwritten. With `data`, the file belongs to
    somebody's data, and is taken back with them only.
    """
    where, meta = quote(path), f"{owner} {mode:o}"
    same = f"""
[ -f {where} ] && [ ! -L {where} ] || exit 1
numeric=$(stat -c '%u:%g %a' {where}) named=$(stat -c '%U:%G %a' {where})
[ "$numeric" = '{meta}' ] || [ "$named" = '{meta}' ] || exit 1
cmp -s - {where}
"""
    guard = f"""
if [ -e {where} ] && ! cmp -s "$new" {where}; then
  rm -f "$new"
  echo {quote(path)}' is there with other contents and is not overwritten' >&2
  exit 1
fi
"""
    write = f"""
umask 022
mkdir -p {quote(path.rpartition("/")[0] or "/")}
umask 077
new=$(mktemp {quote(path + ".XXXXXX")})
cat > "$new"
chown {owner} "$new"
chmod {mode:o} "$new"
{guard.strip() if keep else ""}
sync "$new"
mv -fT "$new" {where}
"""
    reload = "systemctl daemon-reload\n" if path.startswith("/etc/systemd/system/") else ""
    back = Command(script(kept.restore_file(path) + reload))
    return Step(
        id=f"{host}/{name}",
        host=host,
        title=path,
        why=why,
        check=Command(script(same), input=content),
        apply=Command(script(write), input=content),
        remember=Command(script(kept.remember_file(path)), input=content),
        undo=None if data else back,
        undo_data=back if data else None,
        undone=tr("what was there before is put back, or the file is removed"),
        file=FileView(path, content, mode, owner),
    )
