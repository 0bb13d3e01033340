"""What is said of a cluster is said in the operator's language, and means the same in each."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import language, questions, report, session
from harbor_wizard.causes import likely
from harbor_wizard.engine.events import HostChanged, State, StepChanged
from harbor_wizard.engine.runner import Outcome
from harbor_wizard.errors import ClusterError, SecretsError
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.notes import notes
from harbor_wizard.output import LinePrinter, fitting
from harbor_wizard.secrets import missing
from harbor_wizard.solutions import make_plan

from .test_cluster_file import TEN_MISTAKES


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.choose("en")
    yield
    language.choose("en")


def is_chinese(text: str) -> bool:
    return re.search("[\u4e00-\u9fff]", text) is not None


def mistakes(data: dict[str, Any], folder: Path | None = None) -> list[str]:
    with pytest.raises(ClusterError) as caught:
        load.parse(data, "c.yaml", folder)
    return list(caught.value.problems)


def paths(found: list[str]) -> list[str]:
    return [one.partition(": ")[0] for one in found]


def test_mistakes_are_said_in_chinese_at_the_same_paths(answers: dict[str, Any]) -> None:
    answers.update(copy.deepcopy(TEN_MISTAKES))
    english = mistakes(answers)
    language.choose("zh")
    chinese = mistakes(answers)
    assert paths(chinese) == paths(english)
    assert all(is_chinese(one) for one in chinese), chinese
    assert "hunter2" not in "".join(chinese)
    # What is to be written is written as it was.
    assert "harbor" in "".join(chinese)
    assert any(one.startswith("hosts[0].address: ") and "10.0.0.11" in one for one in chinese)


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for key in keys:
            data.pop(key, None)

    return change


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: questions.put(data, path, value)


def unknown_system(data: dict[str, Any]) -> None:
    del data["hosts"][0]["platform"]


def both_ways_to_redis(data: dict[str, Any]) -> None:
    data["redis"]["sentinel"] = {"master": "mymaster", "nodes": [{"host": "10.0.0.31"}]}


def nothing(data: dict[str, Any]) -> None:
    data.clear()


# How a cluster is broken, and what its first problem is in the words of the questions.
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "no solution": (drop("solution"), "Choose a solution:", "请选择方案："),
    "no hosts": (put("hosts", []), "Hosts: there are none yet;", "主机：尚未添加；"),
    "no installer": (drop("installer"), "Installer: is missing;", "安装包：缺失；"),
    "no redis": (put("redis", {}), "Redis host: is missing; give", "Redis 主机：缺失；请"),
    "two ways to redis": (both_ways_to_redis, "redis.sentinel.nodes[0].port: is missing, e.g.",
                          "redis.sentinel.nodes[0].port：缺失，例如"),
    "no name": (drop("public_name"), "Public name: is missing, e.g. registry", "公开名称：缺失，例如 registry"),
    "a wrong list": (put("tls.clients", ["nobody"]), 'Trusted by: "nobody" is', '信任方："nobody" 不是'),
    "an old release": (put("release", "1.2.3"), 'Harbor: "1.2.3" is of no', 'Harbor："1.2.3" 不属于'),
    "a system unknown": (unknown_system, "lb-1 platform: is not known yet;", "lb-1 platform：尚未得知；"),
    "nothing": (nothing, "name: is missing, e.g. prod-eu", "name：缺失，例如 prod-eu"),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_a_problem_belongs_to_the_same_section_in_each_language(
    answers: dict[str, Any], how: str
) -> None:
    change, first, translated = BROKEN[how]
    change(answers)
    before = questions.problems(answers)
    language.choose("zh")
    after = questions.problems(answers)
    assert [(one.path, one.section, one.kind) for one in after] == [
        (one.path, one.section, one.kind) for one in before
    ]
    chinese = [one.sentence(answers) for one in after]
    assert any(one.startswith(translated) for one in chinese), chinese
    language.choose("en")
    english = [one.sentence(answers) for one in before]
    assert any(one.startswith(first) for one in english), english


def test_a_field_of_a_host_is_told_why_without_its_name(answers: dict[str, Any]) -> None:
    first, second = answers["hosts"][:2]
    language.choose("zh")
    host = {**second, "address": first["address"], "interface": "no interface"}
    reasons = questions.host_reasons(host, 1, answers)
    assert reasons["address"].startswith(f'"{first["address"]}" 与 {first["name"]} 重复；')
    assert reasons["interface"].startswith('"no interface" 不正确；应为：')


def test_notes_and_the_report_are_in_chinese(
    answers: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    made = session.create("words", tmp_path)
    plan = make_plan(cluster)
    language.choose("zh")
    said = report.closing(made, plan, Outcome(changed=[plan.steps[0].id], seconds=61))
    assert said.startswith("完成，用时 1:01：1 个步骤作了更改")
    assert f"Harbor 位于 {cluster.external_url}（虚拟地址 {cluster.vip}），用户 admin" in said
    assert f"  docker login {cluster.public_name}" in said.splitlines()
    would = report.first_use(made, cluster, rehearsal=True)[0]
    assert would == said.splitlines()[1].replace("位于", "将位于")
    report.write_report(made, plan, Outcome(left=["x"]))
    assert "harbor-wizard resume words" in made.report_file.read_text()
    assert "## 下一步" in made.report_file.read_text()
    answers["solution"] = "master-slave"
    for key in ("database", "redis", "storage"):
        answers.pop(key, None)
    assert all(is_chinese(one) for one in notes(load.parse(answers, "", tmp_path)))
    assert likely("cp: No space left on device").startswith("磁盘已满")


def test_a_secret_that_is_missing_is_named_in_chinese() -> None:
    english = (missing(["passphrase"]), missing(["a_b", "c_d"]))
    assert english[0].startswith("the secret is missing: passphrase; give it with --secrets FILE")
    assert english[1].startswith("the secrets are missing: a_b, c_d; give them with")
    language.choose("zh")
    said = str(SecretsError(missing(["a_b", "c_d"])))
    assert is_chinese(said)
    assert "a_b, c_d" in said
    assert "HARBOR_WIZARD_SECRET_A_B" in said


def test_lines_of_a_run_are_in_chinese_and_its_status_fits_the_terminal() -> None:
    language.choose("zh")
    stream = io.StringIO()
    printer = LinePrinter(stream)
    printer(
        StepChanged(0.0, "lb-1/a/b", "lb-1", "/etc/hosts", State.FAILED, "why", cause="because")
    )
    printer(HostChanged(0.0, "lb-1", "lost", "timed out"))
    lines = [one[9:] for one in stream.getvalue().splitlines()]
    assert lines == [
        "lb-1       ✗ /etc/hosts：失败 [1/0]",
        "lb-1         why",
        "lb-1         可能的原因：because",
        "lb-1       ! 连接：已断开（timed out）",
    ]
    assert fitting("节点 ok", 4) == "节点"
    assert fitting("节点 ok", 3) == "节"
    assert fitting("node", 80) == "node"
