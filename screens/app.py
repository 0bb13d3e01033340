"""The full-screen wizard: which screen comes when, and the run that belongs to no screen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import constants
from textual import work as in_worker
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.timer import Timer

from harbor_wizard import session as sessions
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import mark, tr
from harbor_wizard.screens import themes
from harbor_wizard.screens.harmless import Harmless
from harbor_wizard.screens.sessions import SessionsScreen

if TYPE_CHECKING:
    from harbor_wizard.engine.runner import Outcome
    from harbor_wizard.plan import Plan
    from harbor_wizard.screens.running import RunControl
    from harbor_wizard.screens.state import Work
    from harbor_wizard.secrets import SecretValues
    from harbor_wizard.transport.hostkeys import UnknownHost

_SAVE_AFTER = 0.2
_DRAW_EVERY = 0.1
_GRACE = 4.0

_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


class WizardApp(App[int]):
    """The wizard. `name` is the session to open, `start` the screen to begin at."""

    TITLE = "harbor-wizard"
    CSS_PATH = "wizard.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", mark("Leave"), show=False),
        Binding("ctrl+z", "suspend_process", show=False),
        Binding("f2", "colours", mark("Colours"), show=False),
    ]

    def __init__(
        self, name: str | None = None, start: str | None = None, rehearsal_speed: float = 1.0
    ) -> None:
        # Where no colour is wanted, none is sent; else Textual would send shades of grey.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.animation_level = "none"  # a slow line would draw each frame
        for theme in themes.OWN:
            self.register_theme(theme)
        self.theme = themes.chosen()
        self._open_first = name
        self._start = start
        self._speed = rehearsal_speed
        self._harmless = Harmless()
        self._saving: Timer | None = None
        self._back_to: str | None = None
        self._leaving = False
        self._beginning = False
        self._told_end: RunControl | None = None
        self.work: Work | None = None
        self.control: RunControl | None = None
        self.outcome: Outcome | None = None
        self.go_to: str | None = None
        self.last_words = ""
        self.signalled = 0

    def on_mount(self) -> None:
        """Show the sessions, or the one that was asked for."""
        self.set_interval(_DRAW_EVERY, self._follow)
        self._listen_to_signals()
        self.push_screen(SessionsScreen())
        self.call_after_refresh(self._get_parts)
        if self._open_first is not None:
            self.open_session(self._open_first, self._start)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what each line that is drawn goes through."""
        return [*super().get_line_filters(), self._harmless]

    @property
    def _parts(self) -> ModuleType:
        """The screens of the walk, imported after the first screen was painted."""
        from harbor_wizard.screens import parts  # noqa: PLC0415

        return parts

    def _get_parts(self) -> None:
        """Import the rest in the background, so that the next key finds it there."""

        def get() -> None:
            assert self._parts  # noqa: S101 - imports them
            with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
                self.call_from_thread(self._got_parts)

        threading.Thread(target=get, daemon=True, name="imports").start()

    @property
    def _shown(self) -> Screen[Any] | None:
        """The screen on top; none any more while the app ends, when a timer may still come."""
        return self.screen_stack[-1] if self.screen_stack else None

    def _got_parts(self) -> None:
        screen = self._shown
        if isinstance(screen, SessionsScreen):
            screen.fill()

    def _fatal_error(self) -> None:
        """End after a bug. Its traceback may hold a secret: it goes, masked, into a report."""
        from harbor_wizard import crash  # noqa: PLC0415 - seldom needed

        self.bell()
        error = sys.exc_info()[1]
        if error is not None:
            self._exit_renderables.append(Text(f"harbor-wizard: {crash.report(error)}"))
        if self.work is not None:
            said = tr("The answers are saved. Go on with: harbor-wizard resume {name}",
                      name=self.work.session.name)  # fmt: skip
            self._exit_renderables.append(Text(f"\n{said}"))
        self._close_messages_no_wait()

    # Colours, commands and signals.

    def action_colours(self) -> None:
        """Go to the next colours, and keep them."""
        self.theme = themes.after(self.theme)
        self.notify(tr(themes.THEMES[self.theme]), markup=False, timeout=3)

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        if self.is_running:
            themes.keep(theme_name)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield all that can be done on a screen, for the palette."""
        for key, active in screen.active_bindings.items():
            binding = active.binding
            if not binding.description or not active.enabled:
                continue
            yield SystemCommand(
                binding.description, tr("the key {key}", key=self.get_key_display(binding) or key),
                partial(self.run_action, binding.action, active.node),
            )  # fmt: skip
        for name, title in themes.THEMES.items():
            yield SystemCommand(
                tr("Colours: {name}", name=tr(title)), tr("kept for the next time"),
                partial(setattr, self, "theme", name),
            )  # fmt: skip
        yield SystemCommand(
            tr("Screenshot"), tr("a picture of this screen, secrets masked, into this folder"),
            self.action_picture,
        )  # fmt: skip

    def action_command_palette(self) -> None:
        """Show all commands."""
        from textual.command import CommandPalette  # noqa: PLC0415 - slow to import

        if not any(isinstance(one, CommandPalette) for one in self.screen_stack):
            self.push_screen(CommandPalette(
                placeholder=tr("Look for a command…"), id="--command-palette"
            ))  # fmt: skip

    def action_picture(self) -> None:
        """Write a picture of the screen, once the palette is gone from it."""
        def write() -> None:
            try:
                path = self.save_screenshot(path=str(Path.cwd()))
            except OSError as error:
                self.notify(tr("no picture was written: {why}", why=error.strerror),
                            severity="error", markup=False)  # fmt: skip
            else:
                self.notify(tr("written to {path}", path=path), markup=False, timeout=10)

        self.set_timer(0.2, write)

    def _listen_to_signals(self) -> None:
        """Have a lost line (SIGHUP) and SIGTERM end the program in order: saved, run stopped."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._told_to_end, number)

    def action_suspend_process(self) -> None:
        """Go into the background, from where the shell's `fg` brings it back."""
        control = self.control
        if control is not None and control.active and not control.rehearsal:
            self.notify(tr("the run would stand still, too: leave with Ctrl+Q, or run it in tmux"),
                        severity="warning", markup=False)  # fmt: skip
        elif os.getpgrp() == os.getsid(0):
            # Nobody would bring it back: there is no shell with jobs above this program.
            self.notify(tr("no shell is here that could bring it back"), markup=False)
        else:
            super().action_suspend_process()

    def _told_to_end(self, number: int) -> None:
        if self.signalled:
            return
        self.signalled = number
        if self.work is not None:
            self.work.save()
        if self.control is not None:
            self.control.stop()
            self.control.wait(_GRACE)
        if self.work is not None:
            self.last_words = tr("stopped; go on with: harbor-wizard {command} {name}",
                                 command="resume", name=self.work.session.name)  # fmt: skip
        if number == signal.SIGHUP:
            # The terminal is gone: putting it back in order would only fail, or hang.
            os._exit(128 + number)
        self.exit(128 + number)

    # Sessions and answers.

    def open_session(self, name: str, start: str | None = None) -> None:
        """Open a session, at the first screen that needs an answer."""
        if self.control is not None and not self.control.over:
            if self.work is not None and self.work.session.name == name:
                self._show("Run")
                return
            self.notify(tr("a run is under way; wait for it, or abort it first"), markup=False)
            return
        try:
            self.work = self._parts.Work.open(sessions.find(name))
        except HarborWizardError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
            return
        if not self.work.session.cluster_file.exists():
            self.work.unsaved = True
            self.work.save()
        self.control = None
        self.outcome = None
        self._back_to = None
        self._show(start.capitalize() if start else self._parts.walk.first_open(self.work))

    def show_status(self, name: str) -> None:
        """Show how a session's cluster stands, and go on looking until that is left."""
        try:
            work = self._parts.Work.open(sessions.find(name))
            plan = work.plan()
        except HarborWizardError as error:
            said = tr("there is nothing to look at yet: {why}", why=str(error).splitlines()[0])
            self.notify(said, severity="error", timeout=12, markup=False)
            return
        self.push_screen(self._parts.StatusScreen(work, plan))

    def back_to_run(self) -> bool:
        """Show the run that is under way; say whether there is one."""
        if self.control is None or self.control.over:
            return False
        self._show("Run")
        return True

    def save_soon(self) -> None:
        """Save the answers in a moment, once for a burst of keys."""
        if self._saving is not None:
            self._saving.stop()
        self._saving = self.set_timer(_SAVE_AFTER, self.save_now)

    def save_now(self) -> None:
        """Save the answers."""
        if self.work is not None and self.work.unsaved:
            self.work.save()
            shown = self._shown
            if isinstance(shown, self._parts.WizardScreen):
                shown.refresh_frame()

    def standing(self) -> str:
        """Say what has been changed so far: the header's words."""
        if self.control is not None and not self.control.over:
            return self.control.mark
        assert self.work is not None  # noqa: S101 - asked by screens of an open session only
        if self.control is not None and self.control.rehearsal:
            return tr("REHEARSAL ended, {state}", state=self.work.standing())
        return self.work.standing()

    # The walk.

    def _show(self, step: str) -> None:
        self.save_now()
        made = self._parts.SCREENS[step]()
        if isinstance(self.screen, SessionsScreen):
            self.push_screen(made)
        else:
            self.switch_screen(made)

    def go(self, step: str, path: str, back_to: str) -> None:
        """Go to where an answer is given, and come back from there."""
        self.go_to = path
        self._back_to = back_to
        self._show(step)

    def leave_forwards(self, step: str) -> None:
        """Show the screen after this one."""
        if self._back_to is not None:
            to, self._back_to = self._back_to, None
            self._show(to)
            return
        at = self._parts.walk.STEPS.index(step) + 1
        if at < len(self._parts.walk.STEPS):
            self._show(self._parts.walk.STEPS[at])
        else:
            self._to_sessions()

    def leave_backwards(self, step: str) -> None:
        """Show the screen before this one."""
        if self._back_to is not None:
            to, self._back_to = self._back_to, None
            self._show(to)
        elif step == "Report":
            self._show("Preview")
        elif self._parts.walk.STEPS.index(step) == 0:
            self._to_sessions()
        else:
            self._show(self._parts.walk.STEPS[self._parts.walk.STEPS.index(step) - 1])

    def _to_sessions(self) -> None:
        self.save_now()
        self.pop_screen()

    # Questions from threads.

    def accept_host_key(self, unknown: UnknownHost) -> bool:
        """Ask about an unknown host. Called by threads; waits for the answer."""
        return bool(self._parts.asking.accept_host_key(self, unknown))

    async def values_for_looking(self, plan: Plan) -> SecretValues | None:
        """Return the secrets that are here, for looks at hosts; None where the operator left."""
        assert self.work is not None  # noqa: S101 - asked by screens of an open session only
        values: SecretValues | None = await self._parts.asking.values_for_looking(
            self, self.work, plan
        )
        return values

    # The run.

    def begin(self, *, rehearsal: bool) -> None:
        """Begin a run or a rehearsal, after what has to be asked before; one at a time."""
        if self._beginning:
            self.notify(tr("one moment, a run is being begun"), markup=False)
            return
        self._beginning = True
        self._begin(rehearsal=rehearsal)

    @in_worker(group="begin")
    async def _begin(self, *, rehearsal: bool) -> None:
        try:
            await self._begin_after_questions(rehearsal=rehearsal)
        finally:
            self._beginning = False

    async def _begin_after_questions(self, *, rehearsal: bool) -> None:
        work = self.work
        if work is None or (self.control is not None and not self.control.over):
            self.notify(tr("a run is under way already"), markup=False)
            return
        try:
            plan = work.plan()
        except HarborWizardError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
            return
        if not rehearsal and not await self._parts.asking.sure(self, plan):
            return
        values = await self._parts.asking.values(self, work, plan, rehearsal=rehearsal)
        if values is None:
            return
        runs = self._parts.runs
        connect = (
            runs.rehearsal_connector(work.session, self._speed)
            if rehearsal
            else runs.ssh_connector(work.session, plan.cluster, values, self.accept_host_key)
        )
        self.outcome = None
        self.control = self._parts.RunControl(
            work.session, plan, values, connect, rehearsal=rehearsal,
            durations=work.durations(rehearsal=rehearsal),
        )  # fmt: skip
        self.control.start()
        work.pass_by("Preview")
        if isinstance(self.screen, self._parts.WizardScreen):
            self._show("Run")

    def _follow(self) -> None:
        """Take in what the run told, and draw it."""
        control = self.control
        if control is None or control is self._told_end:
            return
        over = control.over
        control.drain()
        screen = self._shown
        if isinstance(screen, self._parts.RunScreen):
            screen.draw()
        if over and not control.events:
            self._told_end = control
            self._ended(control)

    def _ended(self, control: RunControl) -> None:
        self.outcome = control.outcome
        if self.work is not None:
            self.work.look_back()
        reason = self._parts.report.write(control)
        if reason:
            self.notify(reason, severity="error", timeout=12, markup=False)
        screen = self.screen
        if isinstance(screen, self._parts.ConfirmDialog) and any(
            isinstance(one, self._parts.RunScreen) for one in self.screen_stack
        ):
            screen.dismiss(None)
            self.call_later(self._to_report)
        elif isinstance(screen, self._parts.RunScreen):
            self._to_report()
        elif isinstance(screen, self._parts.WizardScreen):
            screen.refresh_frame()
            self.notify(tr("the run has ended; the report is behind Run"), markup=False)

    def _to_report(self) -> None:
        if isinstance(self.screen, self._parts.RunScreen):
            if self.work is not None:
                self.work.pass_by("Run")
            self._show("Report")

    async def action_quit(self) -> None:
        """Leave; a run is stopped in order, after a question."""
        control = self.control
        if control is None or control.over or self._leaving:
            self._leave()
            return
        self._ask_to_leave(control)

    @in_worker(group="leave", exclusive=True)
    async def _ask_to_leave(self, control: RunControl) -> None:
        name = control.session.name
        again = "rehearse" if control.rehearsal else "resume"
        if control.rehearsal:
            asked = tr("A rehearsal is under way; no host is touched by it. Leave? Take it up "
                       "again with:\n  harbor-wizard {command} {name}",
                       command=again, name=name)  # fmt: skip
        else:
            asked = tr("A run is under way. Leave? Short steps are finished; long ones go on on "
                       "the hosts by themselves. Take it up again with:\n"
                       "  harbor-wizard {command} {name}", command=again, name=name)  # fmt: skip
        if not await self.push_screen_wait(
            self._parts.ConfirmDialog(
                asked,
                tr("Leave"), tr("Stay"),
            )
        ):  # fmt: skip
            return
        self._leaving = True
        control.stop()
        self.notify(tr("stopping; Ctrl+Q again leaves at once"), markup=False, timeout=_GRACE)
        for _ in range(int(_GRACE * 10)):
            if not control.active:
                break
            await asyncio.sleep(0.1)
        self.last_words = tr("stopped; go on with: harbor-wizard {command} {name}", command=again,
                             name=name)  # fmt: skip
        self._leave()

    def _leave(self) -> None:
        if self.work is not None:
            self.work.save()
        if self.control is not None and self.control.active:
            self.control.stop()
            name = self.control.session.name
            self.last_words = tr("stopped; go on with: harbor-wizard {command} {name}",
                                 command="resume", name=name)  # fmt: skip
        elif self.work is not None and not self.last_words:
            self.last_words = tr("all answers are saved; go on with: harbor-wizard resume {name}",
                                 name=self.work.session.name)  # fmt: skip
        outcome = self.control.outcome if self.control is not None else None
        rehearsal = self.control is not None and self.control.rehearsal
        self.exit(outcome.exit_code if outcome is not None and not rehearsal else 0)


def run(name: str | None = None, start: str | None = None) -> int:
    """Show the wizard, and return the exit code. `name` is a session's."""
    constants.LOG_FILE = None  # type: ignore[misc] # it would keep what is typed, secrets too
    app = WizardApp(name, start)
    code = app.run()
    if app.last_words:
        sys.stdout.write(f"{app.last_words}\n")
    if app.control is not None:
        app.control.wait(1.0)
    return code if code is not None else (app.return_code or 0)
