"""`python -m harbor_wizard`."""

from harbor_wizard.start import main

main()
