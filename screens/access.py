"""Access: how the hosts are reached, and a try at all of them at once."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Static

from harbor_wizard import platforms, questions, run
from harbor_wizard.errors import ClusterError, HarborWizardError, SecretsError
from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.widgets import Form, cell
from harbor_wizard.secrets import SecretValues
from harbor_wizard.text import printable
from harbor_wizard.transport.base import Call, Phase

_LOOK = '. /etc/os-release; echo "$ID $VERSION_ID"; id -un; echo "${SUDO_USER:-}"\n'


class AccessScreen(WizardScreen):
    """How the hosts are reached."""

    STEP = "Access"
    HELP = mark(
        "What is left empty comes from ~/.ssh/config, the agent and the usual keys, as with ssh.\n"
        "Ctrl+T (or t in the table) logs in to all hosts at once, changes nothing there, and shows "
        "each host's system and whether it can become root. An unknown host's fingerprint is "
        "shown: compare it with “ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub” on the host."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+t,t", "try", mark("Try all hosts"))]

    class Tried(Message):
        """A host was tried. `about` is its system, `login` who one is there."""

        def __init__(self, host: str, about: str, login: str, error: str) -> None:
            super().__init__()
            self.host = host
            self.about = about
            self.login = login
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._errors: dict[str, str] = {}
        self._trying = 0

    def body(self) -> ComposeResult:
        """Lay it out."""
        asked = tuple(q for q in questions.QUESTIONS if q.section == "access")
        with VerticalScroll(can_focus=False, id="access-form"):
            yield Form(self.work, asked)
        yield Static(tr("Hosts: Ctrl+T tries them all at once"), markup=False, classes="title")
        yield DataTable(cursor_type="row", id="tried")
        yield Static("", markup=False, id="tried-error")

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(DataTable)
        for title, key in ((tr("host"), "host"), (tr("login"), "state"), (tr("system"), "os"),
                           (tr("as"), "user")):  # fmt: skip
            table.add_column(cell(title), key=key)
        for host in self.work.data.get("hosts") or []:
            name = str(host.get("name", "?"))
            if name not in table.rows:
                table.add_row(
                    cell(name), cell(tr("· not tried")), cell(str(host.get("platform", "?"))),
                    cell(""), key=name,
                )  # fmt: skip

    def action_try(self) -> None:
        """Try all hosts at once, in threads of their own."""
        if self._trying > 0:
            return
        work = self.work
        try:
            cluster = questions.for_access(work.data)
        except ClusterError as error:
            said = questions.Problem.of(error.problems[0]).sentence(work.data)
            self.query_one("#tried-error", Static).update(Content(f"✗ {said}"))
            return
        self._errors.clear()
        self.query_one("#tried-error", Static).update("")
        values = SecretValues(work.secrets, {})
        connect = run.ssh_connector(work.session, cluster, values, self.wizard.accept_host_key)
        table = self.query_one(DataTable)
        self._trying = len(cluster.hosts)
        for host in cluster.hosts:
            table.update_cell(host.name, "state", cell(tr("▶ trying")), update_width=True)
            threading.Thread(
                target=self._try, args=(host, cluster, connect), daemon=True,
                name=f"try-{host.name}",
            ).start()  # fmt: skip

    def _try(self, host: Host, cluster: Cluster, connect: Any) -> None:
        """Try one host. Called in a thread; what is found comes back as a message."""
        about = login = error = ""
        transport = None
        try:
            transport = connect(host)
            transport.connect()
            answer = transport.run(Call("access", Phase.LOOK, _LOOK, timeout=20), lambda _: None)
            system, user, before = [*map(printable, answer.out.splitlines()), "", "", ""][:3]
            about, login = system, user
            sudo = bool(cluster.reached_by(host).sudo)
            if user == "root":
                login = tr("✓ root by sudo") if sudo or before else tr("✓ root")
            else:
                error = tr("{host}: the login is {user}, not root; turn sudo on", host=host.name,
                           user=user or "?")  # fmt: skip
                login = f"✗ {user}"
        except SecretsError:
            error = tr("{host}: its password is not typed yet; fill it in above, and try again",
                       host=host.name)  # fmt: skip
        except HarborWizardError as problem:
            error = str(problem)
        except Exception as problem:  # the table has to say something, whatever went wrong
            error = tr("{host}: {error} while it was tried", host=host.name,
                       error=type(problem).__name__)  # fmt: skip
        finally:
            if transport is not None:
                transport.close()
        self.post_message(self.Tried(host.name, about, login, error))

    def on_access_screen_tried(self, event: Tried) -> None:
        """Show what was found, and take over the system."""
        self._trying -= 1
        table = self.query_one(DataTable)
        if event.host not in table.rows:
            return
        state = tr("✗ failed") if event.error else tr("✓ well")
        table.update_cell(event.host, "state", cell(state), update_width=True)
        if event.error:
            self._errors[event.host] = event.error
            self._show_error()
        if event.about:
            os_id, _, version = event.about.partition(" ")
            found = platforms.detect(os_id, version)
            shown = found.name if found else tr("✗ {system}: not supported", system=event.about)
            table.update_cell(event.host, "os", cell(shown), update_width=True)
            for host in self.work.data.get("hosts") or []:
                here = host.get("name") == event.host
                if found and here and host.get("platform") != found.name:
                    host["platform"] = found.name
                    self.work.changed()
                    self.answers_changed()
        if event.login:
            table.update_cell(event.host, "user", cell(event.login), update_width=True)

    def on_data_table_row_highlighted(self) -> None:
        """Show why the host under the cursor failed."""
        self._show_error()

    def _show_error(self) -> None:
        if not self._errors:
            return
        names = [str(key.value) for key in self.query_one(DataTable).rows]
        at = self.query_one(DataTable).cursor_row
        name = names[at] if 0 <= at < len(names) and names[at] in self._errors else ""
        name = name or next(iter(self._errors))
        self.query_one("#tried-error", Static).update(Content(f"✗ {self._errors[name]}"))

    def enter(self, path: str) -> None:
        """Put the cursor into a field or into the table."""
        if path.startswith("hosts"):
            self.query_one(DataTable).focus()
        else:
            super().enter(path)
