"""The README says what the code can, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from harbor_wizard import support

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_table_of_what_is_supported_is_made_of_the_code() -> None:
    said = README.partition(support.BEGIN)[2].partition(support.END)[0].strip()
    assert said == support.table(), "put what “python -m harbor_wizard.support” prints into the README"


def test_every_file_that_the_readme_leads_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target


def test_what_is_called_proven_is_what_the_labs_examples_are() -> None:
    from harbor_wizard.model import load

    examples = Path(__file__).parent.parent / "examples"
    tests = "".join(p.read_text() for p in (Path(__file__).parent / "lab").glob("*.py"))
    run = [load.read(path) for path in examples.glob("*.yaml") if f'"{path.name}"' in tests or path.name in tests]
    made = [load.parse(data, "") for data in run]
    assert {one.solution for one in made} == set(support.PROVEN_SOLUTIONS)
    assert {one.release for one in made} == set(support.PROVEN_RELEASES)
    assert {host.platform for one in made for host in one.hosts} == set(support.PROVEN_PLATFORMS)
    assert {one.storage.type for one in made} == set(support.PROVEN_STORES)
    assert {one.balancer.type for one in made} == set(support.PROVEN_BALANCERS)
