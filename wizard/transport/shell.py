"""One shell kept open on a host: many short scripts through one channel.

A channel per command costs a round trip and sshd's fork each; a shell that stays costs its start
once. Scripts are fed to it framed by random markers, each with standard input of its own and in a
process group of its own; nothing of a script is ever an argument of a process.
"""

from __future__ import annotations

import base64
import codecs
import secrets
import select
import time
from collections import deque
from collections.abc import Callable

import paramiko

from harbor_wizard.errors import AuthenticationError, ConnectionLost, StepFailed
from harbor_wizard.transport.base import Call, OnLine, Phase, Result

_CHUNK = 64 * 1024
# What is kept of a script's output; all of it goes to the log as it comes.
_KEEP_LINES = 2000
_LONGEST_LINE = 16 * 1024


class _Lines:
    """Turns bytes as they come into lines; one without an end is cut after 16 KiB."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._on_line = on_line

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + self._decode(data)).split("\n")
        for line in lines:
            self._on_line(line)
        while len(self._rest) > _LONGEST_LINE:
            self._on_line(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]


class _Stream:
    """One of a script's two outputs, until its end marker."""

    def __init__(self, marker: str, on_line: OnLine) -> None:
        self.marker = marker
        self.ended: str | None = None
        self.kept: deque[str] = deque(maxlen=_KEEP_LINES)
        self._on_line = on_line
        self._lines = _Lines(self._line)
        self.feed = self._lines.feed

    def _line(self, line: str) -> None:
        found = line.find(self.marker)
        if found < 0:
            self.kept.append(line)
            self._on_line(line)
            return
        if found:  # output whose last line had no end
            self.kept.append(line[:found])
            self._on_line(line[:found])
        self.ended = line[found + len(self.marker) :].strip()

    @property
    def text(self) -> str:
        return "\n".join(self.kept)


def _nothing(_: str) -> None:
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
                f"{self._host}: the login is not root's (uid {answer.out.strip()[:20]}); set "
                '"sudo: true" in its access, or log in as root'
            )

    def _session(self, command: str) -> paramiko.Channel:
        try:
            channel = self._transport.open_session(timeout=20)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise ConnectionLost(
                f"{self._host}: no shell could be started ({error}); try again"
            ) from None
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
                f"{self._host}: sudo wants a password ({said[:120]}); name it in the access as "
                '"sudo_password: secret:sudo_password" and give that secret'
            )
        prompt = f"hw-{secrets.token_hex(8)}:"
        ready = f"hw-{secrets.token_hex(8)}"
        channel = self._session(f"LC_ALL=C exec sudo -k -S -p {prompt} /bin/sh")
        _until(channel, prompt, self._host)
        channel.sendall(password().encode() + b"\n")
        channel.sendall(f"printf '%s\\n' {ready} >&2\n".encode())
        # A second prompt means a wrong password. One try only: more could lock the account.
        answer = _until(channel, ready, self._host, refused=prompt)
        if answer is None:
            channel.close()
            raise AuthenticationError(
                f"{self._host}: sudo refused the password (it was tried once); give the right one "
                "as the secret of its sudo_password"
            )
        self._channel = channel

    def run(self, call: Call, on_line: OnLine) -> Result:
        """Run a script to its end. See `Transport.run`."""
        channel = self._channel
        if channel is None or channel.closed:
            raise ConnectionLost(f"{self._host}: the connection is closed; resume to go on")
        token = secrets.token_hex(12)
        pid = f"hw-pid-{token}:"
        group: list[str] = []

        def line(text: str) -> None:
            if text.startswith(pid):
                group.append(text[len(pid) :].strip())
            else:
                on_line(text)

        out = _Stream(f"hw-out-{token}:", line)
        err = _Stream(f"hw-err-{token}:", on_line)
        deadline = time.monotonic() + call.timeout
        try:
            channel.settimeout(call.timeout)
            channel.sendall(frame(call, token))
            while out.ended is None or err.ended is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._kill(group)
                    raise StepFailed(
                        f"{self._host}: no end after {call.timeout:.0f} s, so it was stopped; "
                        "look at the host, then resume"
                    )
                self._receive(channel, out, err, left)
        except TimeoutError:
            raise ConnectionLost(f"{self._host}: the host does not take input any more") from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise ConnectionLost(f"{self._host}: the connection broke ({error})") from None
        kept = "\n".join(one for one in out.kept if not one.startswith(pid))
        return Result(int(out.ended or 255), kept, err.text)

    def _receive(
        self, channel: paramiko.Channel, out: _Stream, err: _Stream, left: float
    ) -> None:
        select.select([channel], [], [], min(left, 1.0))
        while channel.recv_ready():
            out.feed(channel.recv(_CHUNK))
        while channel.recv_stderr_ready():
            err.feed(channel.recv_stderr(_CHUNK))
        over = channel.closed or channel.eof_received or not self._transport.is_active()
        drained = not (channel.recv_ready() or channel.recv_stderr_ready())
        if over and drained and (out.ended is None or err.ended is None):
            raise ConnectionLost(f"{self._host}: the connection broke while a step ran")

    def _kill(self, group: list[str]) -> None:
        # The shell itself waits for the script: a second channel reaches its process group.
        # Under sudo this login may not signal root's processes; then the closed shell ends it.
        if group and group[0].isdigit():
            self._session(f"kill -TERM -- -{group[0]} || sudo -n kill -TERM -- -{group[0]}")
        if self._channel is not None:
            self._channel.close()

    def close(self) -> None:
        """End the shell."""
        if self._channel is not None:
            self._channel.close()


def frame(call: Call, token: str) -> bytes:
    """Return what is written to the shell for a script.

    The script comes through a here-document on descriptor 3, its input (any bytes) through
    another one in base64; the end is told on both outputs, the exit code on the first.
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
        f"hw_exit=$?; printf '%s%s\\n' hw-out-{token}: $hw_exit; "
        f"printf '%s\\n' hw-err-{token}: >&2\n"
    )
    return (body + end).encode("utf-8", "surrogateescape")


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
    raise AuthenticationError(f"{host}: sudo did not answer within 30 s ({seen.strip()[:120]})")
