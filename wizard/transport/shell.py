"""One shell kept open on a host: many short scripts through one channel.

A channel per command costs a round trip and sshd's fork each; a shell that stays costs its start
once. Scripts are fed to it framed by random markers, each with standard input of its own and in a
process group of its own; nothing of a script is ever an argument of a process.
"""

from __future__ import annotations

import base64
import secrets
import select
import time
from collections.abc import Callable, Sequence

import paramiko

from harbor_wizard.errors import AuthenticationError, ConnectionLost, StepFailed
from harbor_wizard.language import tr
from harbor_wizard.transport.base import Call, OnLines, Phase, Result
from harbor_wizard.transport.lines import Kept, Lines

_CHUNK = 64 * 1024
_AT_ONCE = 16
_KEEP_LINES = 2000


class _Stream:
    """One of a script's two outputs, until its end marker."""

    def __init__(self, marker: str, on_lines: OnLines) -> None:
        self.marker = marker
        self.ended: str | None = None
        self._kept = Kept(_KEEP_LINES)
        self._on_lines = on_lines
        self._lines = Lines()

    def feed(self, data: bytes) -> None:
        """Take in what came; what stands before the marker is output."""
        lines = self._lines.feed(data)
        at = next((at for at, line in enumerate(lines) if self.marker in line), None)
        if at is not None:
            before, _, told = lines[at].partition(self.marker)
            self.ended = told.strip()
            # Output whose last line had no end stands before the marker.
            lines[at : at + 1] = [before] if before else []
        self._tell(lines)

    def _tell(self, lines: Sequence[str]) -> None:
        if lines:
            self._kept.add(lines)
            self._on_lines(lines)

    @property
    def text(self) -> str:
        return self._kept.text


class _Output(_Stream):
    """The first output: the line that its process tells its number in is none of the script's."""

    def __init__(self, token: str, on_lines: OnLines) -> None:
        super().__init__(f"hw-out-{token}:", on_lines)
        self._pid = f"hw-pid-{token}:"
        self.group = ""

    def _tell(self, lines: Sequence[str]) -> None:
        if not self.group:
            for at, line in enumerate(lines):
                if line.startswith(self._pid):
                    self.group = line.removeprefix(self._pid).strip()
                    lines = [*lines[:at], *lines[at + 1 :]]
                    break
        super()._tell(lines)


def _nothing(_: Sequence[str]) -> None:
    pass


class Shell:
    """A `/bin/sh` on the host, as root."""

    def __init__(self, transport: paramiko.Transport, host: str) -> None:
        self._transport = transport
        self._host = host
        self._channel: paramiko.Channel | None = None

    def open(self, sudo: bool, sudo_password: Callable[[], str] | None) -> None:
        """Start the shell. Raises `AuthenticationError` where sudo does not let us; one try."""
        if sudo:
            self._open_by_sudo(sudo_password)
        else:
            self._channel = self._session("exec /bin/sh")
        answer = self.run(Call("", Phase.HOUSEKEEPING, "id -u\n", timeout=30), _nothing)
        if answer.out.strip() != "0":
            raise AuthenticationError(
                tr(
                    "{host}: the login is not root's (uid {uid}); set "
                    '"sudo: true" in its access, or log in as root',
                    host=self._host, uid=answer.out.strip()[:20],
                )
            )  # fmt: skip

    def _session(self, command: str) -> paramiko.Channel:
        try:
            channel = self._transport.open_session(timeout=20)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise ConnectionLost(
                tr("{host}: no shell could be started ({reason}); try again",
                   host=self._host, reason=error)
            ) from None  # fmt: skip
        return channel

    def _open_by_sudo(self, password: Callable[[], str] | None) -> None:
        # Under NOPASSWD a piped password would be read by the command: so it is asked first.
        probe = self._session("LC_ALL=C sudo -n true")
        free = probe.recv_exit_status() == 0
        said = probe.recv_stderr(4096).decode("utf-8", "replace").strip()
        probe.close()
        if free:
            self._channel = self._session("LC_ALL=C exec sudo -n /bin/sh")
            return
        if password is None:
            raise AuthenticationError(
                tr(
                    "{host}: sudo wants a password ({reason}); name it in the access as "
                    '"sudo_password: secret:sudo_password" and give that secret',
                    host=self._host, reason=said[:120],
                )
            )  # fmt: skip
        prompt = f"hw-{secrets.token_hex(8)}:"
        ready = f"hw-{secrets.token_hex(8)}"
        # Nothing but the password is sent before the shell says that it is there: after a wrong
        # one sudo would read whatever came next as another try.
        shell = f"/bin/sh -c 'echo {ready} >&2; exec /bin/sh'"
        channel = self._session(f"LC_ALL=C exec sudo -k -S -p {prompt} {shell}")
        _until(channel, prompt, self._host)
        channel.sendall(password().encode() + b"\n")
        # A second prompt means a wrong password. One try only: more could lock the account.
        answer = _until(channel, ready, self._host, refused=prompt)
        if answer is None:
            channel.close()
            raise AuthenticationError(
                tr(
                    "{host}: sudo refused the password (it was tried once); give the right one "
                    "as the secret of its sudo_password", host=self._host,
                )
            )  # fmt: skip
        self._channel = channel

    def run(self, call: Call, on_lines: OnLines) -> Result:
        """Run a script to its end. See `Transport.run`."""
        channel = self._channel
        if channel is None or channel.closed:
            raise ConnectionLost(
                tr("{host}: the connection is closed; resume to go on", host=self._host)
            )
        token = secrets.token_hex(12)
        out = _Output(token, on_lines)
        err = _Stream(f"hw-err-{token}:", on_lines)
        deadline = time.monotonic() + call.timeout
        try:
            channel.settimeout(call.timeout)
            channel.sendall(frame(call, token))
            while out.ended is None or err.ended is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._kill(out.group)
                    raise StepFailed(
                        tr(
                            "{host}: no end after {seconds} s, so it was stopped; look at the "
                            "host, then resume", host=self._host, seconds=f"{call.timeout:.0f}",
                        )
                    )  # fmt: skip
                self._receive(channel, out, err, left)
        except TimeoutError:
            raise ConnectionLost(
                tr("{host}: the host does not take input any more", host=self._host)
            ) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise ConnectionLost(
                tr("{host}: the connection broke ({reason})", host=self._host, reason=error)
            ) from None
        return Result(int(out.ended or 255), out.text, err.text)

    def _receive(
        self, channel: paramiko.Channel, out: _Stream, err: _Stream, left: float
    ) -> None:
        select.select([channel], [], [], min(left, 1.0))
        # A few times only: a host that never stops printing is looked at for its timeout, too.
        for _ in range(_AT_ONCE):
            if channel.recv_ready():
                out.feed(channel.recv(_CHUNK))
            if channel.recv_stderr_ready():
                err.feed(channel.recv_stderr(_CHUNK))
        over = channel.closed or channel.eof_received or not self._transport.is_active()
        drained = not (channel.recv_ready() or channel.recv_stderr_ready())
        if over and drained and (out.ended is None or err.ended is None):
            raise ConnectionLost(
                tr("{host}: the connection broke while a step ran", host=self._host)
            )

    def _kill(self, group: str) -> None:
        # The shell itself waits for the script: a second channel reaches its process group.
        # Under sudo this login may not signal root's processes; then the closed shell ends it.
        if group.isdigit():
            self._session(f"kill -TERM -- -{group} || sudo -n kill -TERM -- -{group}")
        if self._channel is not None:
            self._channel.close()

    def close(self) -> None:
        """End the shell."""
        if self._channel is not None:
            self._channel.close()


def frame(call: Call, token: str) -> bytes:
    """Return what is written to the shell for a script.

    The script comes through a here-document on descriptor 3, its input (any bytes) through
    another one in base64; the end is told on both outputs, the exit code on the first. A shell
    takes the end of what it reads for the end of a here-document: by the braces it begins nothing
    of which the rest was lost with the connection.
    """
    inner = (
        f"setsid -w /bin/sh -c 'printf \"%s%s\\n\" hw-pid-{token}: $$; exec /bin/sh /dev/fd/3' "
        f"3<<'HW-SCRIPT-{token}'"
    )
    script = f"{call.script}{'' if call.script.endswith(chr(10)) else chr(10)}HW-SCRIPT-{token}\n"
    if call.input is None:
        body = f"{inner} </dev/null\n{script}"
    else:
        encoded = base64.encodebytes(call.input).decode()
        body = (
            f"base64 -d <<'HW-INPUT-{token}' | {inner}\n{encoded}HW-INPUT-{token}\n{script}"
        )
    end = (
        f"}}\nhw_exit=$?; printf '%s%s\\n' hw-out-{token}: $hw_exit; "
        f"printf '%s\\n' hw-err-{token}: >&2\n"
    )
    return ("{\n" + body + end).encode("utf-8", "surrogateescape")


def _until(
    channel: paramiko.Channel, wanted: str, host: str, refused: str | None = None
) -> str | None:
    """Read what sudo says until `wanted`; None where `refused` or the end came first."""
    seen = ""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        select.select([channel], [], [], 1.0)
        while channel.recv_stderr_ready():
            seen += channel.recv_stderr(4096).decode("utf-8", "replace")
        if wanted in seen:
            return seen
        if (refused and refused in seen) or channel.exit_status_ready() or channel.closed:
            return None
    raise AuthenticationError(
        tr("{host}: sudo did not answer within 30 s ({reason})",
           host=host, reason=seen.strip()[:120])
    )  # fmt: skip
