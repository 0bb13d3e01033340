"""Run where the hosts are reached: shows the status screen for a while, and prints its table."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from textual.widgets import DataTable

from harbor_wizard import secrets
from harbor_wizard.screens import asking
from harbor_wizard.screens import status as status_screen
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.status import StatusScreen
from harbor_wizard.secrets import PASSPHRASE


async def main() -> None:
    name, file, seconds = sys.argv[1:]
    status_screen.EVERY = 0.5
    given = secrets.from_file(Path(file))
    ask = asking.values_for_looking

    async def answered(app: WizardApp, work: status_screen.Work, plan: status_screen.Plan) -> object:
        work.secrets[PASSPHRASE] = given[PASSPHRASE]
        return await ask(app, work, plan)

    asking.values_for_looking = answered  # type: ignore[assignment]
    app = WizardApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.show_status(name)
        await pilot.pause(float(seconds))
        screen = app.screen
        assert isinstance(screen, StatusScreen)
        table = screen.query_one(DataTable)
        rows = [" ".join(str(one) for one in table.get_row_at(at)) for at in range(table.row_count)]
        looks = screen._looks
        await pilot.press("escape")
    print(f"{looks} looks", *rows, sep="\n")


asyncio.run(main())
