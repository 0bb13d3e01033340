"""What can go wrong in the lab."""

from __future__ import annotations

from harbor_wizard.errors import HarborWizardError


class LabError(HarborWizardError):
    """The lab cannot be made, or a host in it does not do what it should."""
