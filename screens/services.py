"""Services: the release, certificates, the database, Redis, the storage, and their secrets."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import ClassVar

from textual import work as in_worker
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from harbor_wizard import preflight, questions, run
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import mark, tr
from harbor_wizard.preflight import Finding, Level, Preflight
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.widgets import Form, say


class ServicesScreen(WizardScreen):
    """What Harbor is installed from, and what it leans on."""

    STEP = "Services"
    HELP = mark(
        "The installer is Harbor's offline installer: a file on this machine, or a URL that the "
        "nodes can reach, with its SHA-256. Files are looked for from the folder that the session "
        "was made in; in a field for a file, Ctrl+O chooses one.\n"
        "Ctrl+T tries the database, Redis, the shared folders and the public name, each from the "
        "Harbor nodes, which will use them, with the passwords that are here; nothing is changed "
        "there, but for one file that each node writes to a shared folder and removes again.\n"
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
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+t", "try", mark("Try them"))]

    class Tried(Message):
        """The services were tried from the nodes."""

        def __init__(self, found: Preflight | None, error: str = "") -> None:
            super().__init__()
            self.found = found
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._trying = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        asked = tuple(q for q in questions.QUESTIONS if q.section == "services")
        with VerticalScroll(can_focus=False):
            yield Form(self.work, asked)
        with VerticalScroll(id="tries"):
            yield Static("", markup=False, id="tried-services")

    def action_try(self) -> None:
        """Try the services from the nodes that will use them."""
        if not self._trying:
            self._try()

    def _tell(self, text: str) -> None:
        say(self.query_one("#tried-services", Static), text)
        self.query_one("#tries").display = bool(text)

    @in_worker(group="try")
    async def _try(self) -> None:
        try:
            plan = self.work.plan()
        except HarborWizardError:
            self._tell("! " + tr("they can be tried when all of this is answered: {why}",
                                 why=self.closed() or tr("see Review")))  # fmt: skip
            return
        values = await self.wizard.values_for_looking(plan)
        if values is None:
            return
        cluster = plan.cluster
        connect = run.ssh_connector(self.work.session, cluster, values, self.wizard.accept_host_key)
        self._trying = True
        nodes = ", ".join(host.name for host in cluster.nodes)
        self._tell(tr("▶ trying from {hosts}…", hosts=nodes))

        def look() -> None:
            try:
                found = preflight.look(cluster, connect, hosts=cluster.nodes,
                                       only=preflight.SERVICE_CHECKS, values=values,
                                       folder=self.work.session.folder)  # fmt: skip
            except Exception as error:  # said on the screen: nobody sees a thread's traceback
                self.post_message(self.Tried(None, type(error).__name__))
            else:
                self.post_message(self.Tried(found))

        threading.Thread(target=look, daemon=True, name="services").start()

    def on_services_screen_tried(self, event: Tried) -> None:
        """Show what the nodes see of the services."""
        self._trying = False
        if event.found is None:
            self._tell(f"✗ {event.error}")
            return
        # What is not well comes first, and what is the same on several hosts once.
        same: dict[Finding, list[str]] = {}
        for one in event.found.findings:
            if one.check != "login" or one.level is not Level.OK:
                same.setdefault(replace(one, host=""), []).append(one.host)
        lines = []
        worst = (Level.FAILED, Level.UNKNOWN, Level.WARNING, Level.OK)
        for one, hosts in sorted(same.items(), key=lambda item: worst.index(item[0].level)):
            title = tr(preflight.TITLES[one.check])
            lines.append(f"{one.level.symbol} {', '.join(hosts)}, {title}: {one.seen}")
            if one.level is not Level.OK and one.cure:
                lines.append("    " + tr("what to do: {cure}", cure=one.cure))
        self._tell("\n".join(lines))
