"""What is said of a service that could not be looked at.

It is a warning, no more: the service may be well, a run looks again, and an operator who knows
can accept it, as the wizard's first look comes before the passwords do.
"""

from __future__ import annotations

from harbor_wizard.language import tr
from harbor_wizard.preflight.check import Verdict
from harbor_wizard.preflight.finding import Level


def unlooked(why: str, wanted: str) -> Verdict:
    """Return the verdict; `why` is the fact that says it: a word, and what goes with it."""
    kind, _, rest = why.partition(" ")
    if kind == "secret":
        return Verdict(
            Level.WARNING, tr("not looked at: the secret {name} is not here yet", name=rest),
            tr("no password"), wanted,
            tr("type it in Services, or give it with --secrets FILE, and look again"),
        )  # fmt: skip
    if kind == "forwarding":
        return Verdict(
            Level.WARNING,
            tr("not looked at: this host's sshd opens no connections for others, and nothing is "
               "installed there to look with"), tr("not seen"), wanted,
            tr("allow it (AllowTcpForwarding local) while you look, or try it there by hand"),
        )  # fmt: skip
    return Verdict(
        Level.WARNING, tr("not looked at: {why}", why=rest or tr("nothing answered through SSH")),
        tr("not seen"), wanted, tr("look again; if it stays so, try it there by hand"),
    )  # fmt: skip
