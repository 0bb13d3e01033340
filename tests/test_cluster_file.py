"""What a cluster file may say, and what is said of one that is wrong."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harbor_wizard.errors import ClusterError, InputError
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "harbor_wizard", *arguments],
                          capture_output=True, text=True, timeout=60)  # fmt: skip


def problems(data: dict[str, Any]) -> list[str]:
    with pytest.raises(ClusterError) as caught:
        load.parse(data, "c.yaml")
    return caught.value.problems


TEN_MISTAKES = {
    "public_name": "not a name!",
    "virtual_address": {"address": "10.0.0.10", "router_id": 300},
    "release": "1.0",
    "tls": {"mode": "sometimes"},
    "database": {"password": "hunter2hunter2"},
    "redis": {"port": 99999, "host": "r"},
    "colour": "blue",
    "hosts": [{"name": "lb-1", "roles": ["king"], "address": "10.0.0.300", "platform": "beos"}],
}


def test_ten_mistakes_are_ten_sentences_and_exit_code_2(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    answers.update(copy.deepcopy(TEN_MISTAKES))
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(answers))
    done = cli("plan", str(path))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    sentences = done.stderr.splitlines()
    for field in ("public_name", "virtual_address.address", "virtual_address.router_id",
                  "release", "tls.mode", "database.password", "database.host", "redis.port",
                  "colour", "hosts[0].roles[0]", "hosts[0].address", "hosts[0].platform"):  # fmt: skip
        assert sum(f" {field}: " in sentence for sentence in sentences) == 1, field
    assert all("for example" in one or "did you mean" in one or "known here" in one
               or "add a host" in one for one in sentences)  # fmt: skip


def test_a_password_in_place_of_its_reference_is_not_shown(answers: dict[str, Any]) -> None:
    answers["database"]["password"] = "hunter2hunter2"
    (only,) = problems(answers)
    assert "hunter2" not in only
    assert "secret:database_password" in only


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"\x00\x01\x02", "binary"),
        (b"name: " + b"x" * 1_000_000, "larger than"),
        (b"name: \xff\xfe", "not UTF-8"),
        (b"a: &a [x]\nb: [*a, *a]\n", "alias"),
        (b"name: x\nname: y\n", "twice"),
        (b"[" * 5000, "deeply"),
        (b"name: [unclosed", "line 1"),
        (b"- a\n- b\n", "no mapping"),
        (b"", "no mapping"),
    ],
    ids=["binary", "long", "utf8", "alias", "twice", "deep", "open", "list", "empty"],
)
def test_what_is_no_cluster_file_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, wanted: str
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load.load(path)
    (line,) = str(caught.value).splitlines()
    assert str(path) in line
    assert wanted in line


@pytest.mark.parametrize("path", ["/nowhere/c.yaml", "/tmp"])
def test_a_missing_file_and_a_folder_are_told_in_one_sentence(path: str) -> None:
    with pytest.raises(InputError) as caught:
        load.load(Path(path))
    assert len(str(caught.value).splitlines()) == 1


def test_a_sentence_is_all_that_the_command_prints(tmp_path: Path) -> None:
    done = cli("plan", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_release_is_a_word_not_a_number(tmp_path: Path) -> None:
    assert load.decode(b"release: 2.10\n", "c")["release"] == "2.10"


def test_a_cluster_survives_being_written_and_read(cluster: Cluster) -> None:
    again = load.parse(yaml.safe_load(load.dump(cluster)), "again")
    assert again == cluster


def test_the_schema_knows_every_key_of_the_example(answers: dict[str, Any]) -> None:
    schema = json.loads(load.schema())
    assert set(answers) <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_a_host_with_both_roles_and_a_shared_address_are_found(answers: dict[str, Any]) -> None:
    answers["hosts"][0]["roles"] = ["balancer", "harbor"]
    answers["hosts"][1]["address"] = "10.77.0.10"
    answers["hosts"][3]["address"] = "10.77.0.11"
    found = "\n".join(problems(answers))
    assert "hosts[0].roles" in found
    assert "hosts[1].address" in found
    assert "hosts[3].address" in found


@given(st.binary(max_size=300))
def test_any_bytes_give_data_or_one_sentence(content: bytes) -> None:
    try:
        load.decode(content, "c.yaml")
    except InputError as error:
        assert "\n" not in str(error)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(
    st.sampled_from([*Cluster.model_fields, "odd\n"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                 lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.sampled_from(["name", "roles", "type", "address"]), inner),
                 max_leaves=6), max_size=6))  # fmt: skip
def test_any_data_gives_a_cluster_or_sentences(data: dict[str, Any]) -> None:
    try:
        load.parse(data, "c.yaml")
    except ClusterError as error:
        assert error.problems
        assert all("\n" not in problem for problem in error.problems)
