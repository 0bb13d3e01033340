"""The screens of the walk, and what they are made of.

All of it takes longer to import than to paint the first screen, so the app paints first.
"""

from __future__ import annotations

from harbor_wizard import run as runs
from harbor_wizard.screens import asking, report, walk
from harbor_wizard.screens.access import AccessScreen
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import ConfirmDialog
from harbor_wizard.screens.preflight import PreflightScreen
from harbor_wizard.screens.preview import PreviewScreen
from harbor_wizard.screens.report import ReportScreen
from harbor_wizard.screens.review import ReviewScreen
from harbor_wizard.screens.run import RunScreen
from harbor_wizard.screens.running import RunControl
from harbor_wizard.screens.services import ServicesScreen
from harbor_wizard.screens.solution import SolutionScreen
from harbor_wizard.screens.state import Work
from harbor_wizard.screens.status import StatusScreen
from harbor_wizard.screens.topology import TopologyScreen

SCREENS: dict[str, type[WizardScreen]] = {
    "Solution": SolutionScreen, "Topology": TopologyScreen, "Access": AccessScreen,
    "Services": ServicesScreen, "Preflight": PreflightScreen, "Review": ReviewScreen,
    "Preview": PreviewScreen, "Run": RunScreen, "Report": ReportScreen,
}  # fmt: skip

__all__ = ["SCREENS", "ConfirmDialog", "RunControl", "RunScreen", "StatusScreen", "WizardScreen",
           "Work", "asking", "report", "runs", "walk"]  # fmt: skip
