"""Everything that can go wrong and is meant to be read by an operator.

One root, so that the command line turns each into a clear sentence and an exit code:

==== =============================================
code meaning
==== =============================================
0    done
1    a step failed
2    the input is wrong
3    a preflight check failed
4    another run holds the lock
130  interrupted by the operator
==== =============================================
"""

from __future__ import annotations

from enum import Enum, auto


class HarborWizardError(Exception):
    """The root of all errors that are told to the operator as a sentence.

    Its text is one sentence: what, where, why, what now. It never holds a secret.
    """

    exit_code = 1


class InputError(HarborWizardError):
    """What the operator gave (a file, an option, an answer) is wrong; nothing was changed."""

    exit_code = 2


class MistakeKind(Enum):
    """What a mistake in a cluster file is, for those that read more of it than its sentence."""

    MISSING = auto()
    EMPTY = auto()  # a list without items
    NEITHER = auto()  # none of several keys, one of which is needed
    WRONG = auto()  # the value as a whole is not what belongs there
    OTHER = auto()


class Mistake(str):
    """A mistake in a cluster file: where it is, and why, together the sentence `path: reason`.

    Where something is `MISSING`, `example` is what could stand there.
    """

    path: str
    reason: str
    kind: MistakeKind
    example: str

    def __new__(
        cls, path: str, reason: str, kind: MistakeKind = MistakeKind.OTHER, example: str = ""
    ) -> Mistake:
        """Return the mistake, which as a text is its sentence."""
        # What it quotes of the file may be anything; a sentence has no line's end in it.
        reason = "".join(c if c.isprintable() else "?" for c in reason)
        made = super().__new__(cls, f"{path}: {reason}")
        made.path, made.reason, made.kind, made.example = path, reason, kind, example
        return made


class ClusterError(InputError):
    """A cluster file has mistakes; all of them, a sentence each."""

    def __init__(self, source: str, problems: list[Mistake]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


class SecretsError(InputError):
    """A secret is missing, cannot be read, or is kept where others can read it."""


class SessionError(InputError):
    """A session is not there, is damaged, or belongs to another version."""


class StepFailed(HarborWizardError):
    """A step on a host did not do what it should."""


class PreflightFailed(HarborWizardError):
    """A check before the installation says that it cannot work here."""

    exit_code = 3


class LockedError(HarborWizardError):
    """Another run holds the lock, on this machine or on a host."""

    exit_code = 4


class TransportError(HarborWizardError):
    """A host cannot be reached or used."""


class HostKeyError(TransportError):
    """A host is not, or not yet, known to be who it says it is."""


class AuthenticationError(TransportError):
    """A host refused the login, or sudo refused the password."""


class ConnectionLost(TransportError):
    """The connection broke; what ran on the host may have ended or may still be running."""


class NotForwarded(TransportError):
    """A host's sshd opens no connections for others, so nothing is seen from there."""


class NotAnswering(TransportError):
    """What was dialled from a host does not answer it."""


class Interrupted(HarborWizardError):
    """The operator stopped the run."""

    exit_code = 130
