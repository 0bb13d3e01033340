"""Services: the release, certificates, the database, Redis, the storage, and their secrets."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from harbor_wizard import questions
from harbor_wizard.language import mark
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.widgets import Form


class ServicesScreen(WizardScreen):
    """What Harbor is installed from, and what it leans on."""

    STEP = "Services"
    HELP = mark(
        "The installer is Harbor's offline installer: a file on this machine, or a URL that the "
        "nodes can reach, with its SHA-256. Files are looked for from the folder that the session "
        "was made in.\n"
        "What is asked goes by the solution and the release. Where the nodes share their state, "
        "the database, Redis and the image store exist already; the wizard uses them, it does not "
        "install them (a host with the role services brings the first two, for a proof of "
        "concept). Where each Harbor has its own, none is asked for.\n"
        "The certificate is yours (operator), or made here by a private CA that clients have to "
        "trust (wizard).\n"
        "Passwords are held in memory, and kept in the session only encrypted under the session's "
        "passphrase. What is left empty is asked for before the run; the admin's password is "
        "drawn. A password is never copied to the clipboard."
    )

    def body(self) -> ComposeResult:
        """Lay it out."""
        asked = tuple(q for q in questions.QUESTIONS if q.section == "services")
        with VerticalScroll(can_focus=False):
            yield Form(self.work, asked)
