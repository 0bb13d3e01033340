"""What the wizard does under load, in figures: `python -m tests.benchmarks` prints them."""
