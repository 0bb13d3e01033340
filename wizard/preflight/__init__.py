"""Looks at all hosts before anything is done, all at once.

One script is run on each host and prints what is so there (`facts`); what that means for the
cluster is decided here, by functions that each look at one thing (`checks`). Services are spoken to
from the hosts that will use them, through their SSH connections (`dialling`). All that is read-only
but for one thing: each node writes a small file into a shared image store, looks for those of the
others, and removes its own (`store`).
"""

from __future__ import annotations

from harbor_wizard.preflight.checks import SERVICE_CHECKS, TITLES
from harbor_wizard.preflight.finding import Finding, Level
from harbor_wizard.preflight.looking import Preflight, look
from harbor_wizard.preflight.record import load, save

__all__ = ["SERVICE_CHECKS", "TITLES", "Finding", "Level", "Preflight", "load", "look", "save"]
