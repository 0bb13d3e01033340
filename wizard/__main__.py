"""`python -m harbor_wizard`."""

from harbor_wizard.cli import main

main()
