"""Looks at what a run is fed with: the installer, the packages, the certificates.

What is on the operator's machine is looked at there, once for all hosts. The package sources of
each host are tried by its own package manager, without updating an index (`fetching` tries what is
fetched by its URL).
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from pathlib import Path

from harbor_wizard import bundle, certificates
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.files import at as local
from harbor_wizard.language import tr, trn
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Role, TlsMode
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.dialling import Answers
from harbor_wizard.preflight.finding import Level
from harbor_wizard.preflight.unlooked import unlooked
from harbor_wizard.releases import find

# Each source is tried in the background, for some seconds; what says so is one short line.
_TOOLS = r"""
say() { printf '%s\t%s\n' "$1" "$2"; }
opens() {
  rest=${1#*://}
  place=${rest%%/*}
  port=${place##*:}
  [ "$port" != "$place" ] || case $1 in https:*) port=443 ;; *) port=80 ;; esac
  timeout 5 bash -c '</dev/tcp/"$1"/"$2"' bash "${place%:*}" "$port" 2>/dev/null
}
"""

_APT = r"""
fetch() {
  timeout 8 /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=5 \
    -o Acquire::https::Timeout=5 -o APT::Sandbox::User=root download-file "$1" "$2" 2>&1
}
source_of() {
  case $1 in
    file:*|copy:*)
      path=${1#*:}
      [ -d "${path%/*}" ] && say package_source "yes ${1%/*}" \
        || say package_source "no ${1%/*} it is not there" ;;
    http:*|https:*)
      [ -x /usr/lib/apt/apt-helper ] || {
        opens "$1" && say package_source "yes ${1%/*}" || say package_source "no ${1%/*}"
        return
      }
      place=$(mktemp -d)
      said=$(fetch "$1" "$place/in") || said=$(fetch "${1%InRelease}Release" "$place/re")
      [ -s "$place/in" ] || [ -s "$place/re" ] && say package_source "yes ${1%/*}" \
        || say package_source "no ${1%/*} $(printf '%s' "$said" | grep -v '^Err' | tail -n 1)"
      rm -rf "$place" ;;
  esac
}
for one in $(apt-get --print-uris update 2>/dev/null | cut -d"'" -f2 | grep '/InRelease$' |
    sort -u | head -n 12); do
  source_of "$one" &
done
"""

_RPM = r"""
for one in $(awk -F '[ \t]*=[ \t]*' '
    /^\[/ { if (on && url != "") print url; on = 1; url = ""; best = 0 }
    $1 == "enabled" && $2 == 0 { on = 0 }
    $1 == "baseurl" && best < 2 { url = $2; best = 2 }
    ($1 == "mirrorlist" || $1 == "metalink") && best < 1 { url = $2; best = 1 }
    END { if (on && url != "") print url }' /etc/yum.repos.d/*.repo 2>/dev/null |
    grep -oE '^[a-z]+://[^/$]+|^file:[^ $]+' | sort -u | head -n 12); do
  case $one in
    file:*) path=/${one#file:}; [ -d "$path" ] && say package_source "yes $one" \
      || say package_source "no $one it is not there" ;;
    *)
      {
        proxy=$(sed -n 's/^proxy[ =]*//p' /etc/dnf/dnf.conf /etc/yum.conf 2>/dev/null | head -n 1)
        said=$(curl -sSI --max-time 6 ${proxy:+-x "$proxy"} -o /dev/null "$one/" 2>&1) \
          && say package_source "yes $one" || say package_source "no $one $said"
      } & ;;
  esac
done
"""


def script(cluster: Cluster, host: Host, wanted: Collection[str]) -> str:
    """Return the script that tries what a host will fetch itself; nothing where that is nothing."""
    platform, parts = PLATFORMS[host.platform], []
    if "packages" in wanted and cluster.packages.source != "bundle":
        parts.append("say package_sources tried\n")
        parts.append(_APT if platform.manager == "apt" else _RPM)
    return _TOOLS + "".join(parts) + "wait\nexit 0\n" if parts else ""


def here(cluster: Cluster, folder: Path | None, wanted: Collection[str]) -> str:
    """Return what is so on the operator's machine: lines for `Facts`.

    `folder` is where relative paths of the cluster file start from.
    """
    answers = Answers()
    if {"installer", "signature"} & set(wanted) and cluster.installer.file is not None:
        _installer(cluster, local(cluster.installer.file, folder), answers, wanted)
    if "packages" in wanted and cluster.packages.bundle and cluster.packages.source == "bundle":
        _bundle(local(cluster.packages.bundle, folder), answers)
    if "certificate" in wanted and cluster.tls.mode is not TlsMode.NONE:
        _certificate(cluster, folder, answers)
    return answers.text


def _installer(
    cluster: Cluster, path: Path, answers: Answers, wanted: Collection[str]
) -> None:
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        size = path.stat().st_size
        found = bundle.checksum(path) if cluster.installer.sha256 else ""
    except OSError as error:
        answers.say("installer_error", error.strerror)
        return
    except HarborWizardError as error:
        answers.say("installer_error", error)
        return
    answers.say("installer_file", size, "gzip" if packed else "other", found)
    if "signature" not in wanted:
        return
    try:
        checked, known = bundle.known_of(find(cluster.release), path)
    except HarborWizardError as error:
        answers.say("installer_signature", "bad", error)
    else:
        answers.say("installer_signature", checked, known)


def _bundle(folder: Path, answers: Answers) -> None:
    try:
        manifest = bundle.read(folder)
        for sentence in bundle.problems(folder):
            answers.say("bundle_problem", sentence)
    except HarborWizardError as error:
        answers.say("bundle_problem", error)
        return
    platforms = manifest.get("platforms")
    answers.say("bundle_platforms", *(platforms if isinstance(platforms, dict) else ()))


def _certificate(cluster: Cluster, folder: Path | None, answers: Answers) -> None:
    if cluster.tls.issuer == "wizard":
        answers.say("certificate_ours", "yes")
        return
    for one in certificates.problems(cluster, folder or Path()):
        answers.say(f"certificate_{one.severity.value}", one.sentence)
    until = certificates.ends(cluster, folder or Path())
    if until is not None:
        answers.say("certificate_until", f"{until:%Y-%m-%d}",
                    (until - datetime.datetime.now(datetime.UTC)).days)  # fmt: skip


def installer(at: Seen) -> Verdict | None:
    """The installer is there, and is the one that is meant."""
    given = at.cluster.installer
    if Role.HARBOR not in at.host.roles:
        return None
    if given.url is not None:
        return _from_url(at, given.url)
    name = Path(str(given.file)).name
    wanted = tr("{name} with the SHA-256 of the cluster file", name=name)
    if given.sha256 is None:
        wanted = tr("a .tgz that can be read here")
    error = at.facts.one("installer_error")
    if error:
        return Verdict(Level.FAILED, tr("{path} cannot be read: {reason}", path=given.file,
                       reason=error), tr("not read"), wanted,
                       tr("correct installer.file"))  # fmt: skip
    size, kind, *found = [*at.facts.one("installer_file").split(" "), ""][:3]
    if not size.isdigit():
        return None
    shown = f"{int(size) // 1_000_000} MB"
    if kind != "gzip":
        return Verdict(Level.FAILED, tr("{name} is no .tgz", name=name), tr("no .tgz"), wanted,
                       tr("fetch it again: something else came instead of it"))  # fmt: skip
    if given.sha256 is None:
        return well(f"{name}, {shown}", shown, wanted)
    if found != [given.sha256]:
        return Verdict(
            Level.FAILED, tr("it has the SHA-256 {found}…, the cluster file says {wanted}…",
                             found=found[0][:16], wanted=given.sha256[:16]),
            tr("another"), wanted, tr("the file is damaged or another one: fetch it again, or "
                                      "correct installer.sha256"),
        )  # fmt: skip
    return well(tr("{name}, {size}, its SHA-256 is right", name=name, size=shown), shown, wanted)


def _from_url(at: Seen, url: str) -> Verdict | None:
    said, why = at.facts.one("installer_url"), at.facts.one("installer_url_unlooked")
    wanted = tr("{url} can be fetched from here", url=url)
    if why:
        return unlooked(why, wanted)
    if not said:
        return None
    if said.startswith("yes "):
        return well(tr("it can be fetched from here"), tr("answers"), wanted)
    why = said.removeprefix("no ").partition(" ")[2]
    why = tr("no answer") if why in ("", "-") else why
    return Verdict(
        Level.FAILED, tr("it cannot be fetched from here: {why}", why=why), tr("no answer"),
        wanted, tr("correct installer.url, let this host out to it, or give a file"),
    )  # fmt: skip


def signature(at: Seen) -> Verdict | None:
    """Harbor's release workflow signed the installer, where there is a signature."""
    said = at.facts.one("installer_signature")
    if Role.HARBOR not in at.host.roles or not said:
        return None
    word, _, known = said.partition(" ")
    wanted = tr("the signature of Harbor's release workflow, where there is one")
    if word == "bad":
        return Verdict(Level.FAILED, known, tr("refused"), wanted,
                       tr("fetch the installer and its .sigstore.json again from Harbor's "
                          "releases"))  # fmt: skip
    if word == "unchecked":
        return Verdict(Level.WARNING, known, tr("not checked"), wanted,
                       tr("install cosign on this machine and look again"))  # fmt: skip
    return well(known, tr("good") if word == "good" else tr("none"), wanted)


def packages(at: Seen) -> Verdict | None:
    """The packages can be had: from the host's sources, Docker's repository, or the bundle."""
    if at.cluster.packages.source == "bundle":
        return _of_bundle(at)
    wanted = tr("the host's package sources answer it")
    if at.facts.one("docker_source_unlooked"):
        return unlooked(at.facts.one("docker_source_unlooked"), wanted)
    tried = [one.partition(" ") for name in ("package_source", "docker_source")
             for one in at.facts.all(name)]  # fmt: skip
    if not tried:
        if not at.facts.all("package_sources"):
            return None
        return Verdict(Level.FAILED, tr("it has no package source"), tr("none"), wanted,
                       tr("give it one (/etc/apt/sources.list.d, /etc/yum.repos.d), or use a "
                          "bundle: packages.source"))  # fmt: skip
    good = [rest for word, _, rest in tried if word == "yes"]
    bad = [rest for word, _, rest in tried if word != "yes"]
    figure = f"{len(good)}/{len(tried)}"
    if not bad:
        return well(", ".join(good), figure, wanted)
    # What is installed already needs no source; and apt goes on where one of many is missing.
    docker = any(not one.startswith("yes ") for one in at.facts.all("docker_source"))
    fails = (docker or not good) and at.facts.one("known") != "yes"
    return Verdict(
        Level.FAILED if fails else Level.WARNING,
        tr("it cannot be fetched from: {sources}", sources="; ".join(bad)), figure, wanted,
        tr("mend the source or the way to it, or use a mirror or a bundle (packages)"),
    )  # fmt: skip


def _of_bundle(at: Seen) -> Verdict | None:
    problems, platforms = at.facts.all("bundle_problem"), at.facts.one("bundle_platforms").split()
    wanted = tr("a whole bundle with packages for {platform}", platform=at.host.platform)
    if problems:
        return Verdict(Level.FAILED, "; ".join(problems), tr("damaged"), wanted,
                       tr("copy the bundle again, or make it again"))  # fmt: skip
    if not platforms:
        return None
    if at.host.platform not in platforms:
        return Verdict(Level.FAILED, tr("it is for {platforms}", platforms=", ".join(platforms)),
                       tr("lacking"), wanted, tr("make it again with --platform {platform}",
                                                 platform=at.host.platform))  # fmt: skip
    return well(tr("the bundle is whole"), tr("bundle"), wanted)


def certificate(at: Seen) -> Verdict | None:
    """The certificate, its chain and its key are such that clients take them."""
    if not _serves(at.cluster, at.host):
        return None
    days = trn("{number} day", "{number} days", certificates.LEAST_DAYS)
    wanted = tr("for {names}, with chain and key, good for {days} more",
                names=", ".join(at.cluster.names()), days=days)  # fmt: skip
    errors, warnings = at.facts.all("certificate_error"), at.facts.all("certificate_warning")
    until, _, left = at.facts.one("certificate_until").partition(" ")
    figure = tr("{number} days", number=left) if left else "-"
    if errors or warnings:
        return Verdict(
            Level.FAILED if errors else Level.WARNING, " ".join([*errors, *warnings]),
            figure, wanted, tr("give another certificate or key in Services"),
        )  # fmt: skip
    if at.facts.one("certificate_ours"):
        return well(tr("the wizard's own CA signs it in the run"), tr("will be made"), wanted)
    return well(tr("until {day}", day=until), figure, wanted) if until else None


def _serves(cluster: Cluster, host: Host) -> bool:
    """Say whether a host is given the certificate, or its like where a balancer of others is."""
    if cluster.tls.mode is TlsMode.NONE:
        return False
    own = cluster.balancer.type not in (BalancerType.LVS, BalancerType.EXISTING)
    ends_here = Role.BALANCER in host.roles and own and cluster.tls.mode is TlsMode.TERMINATE
    if ends_here or (Role.HARBOR in host.roles and cluster.node_tls):
        return True
    return Role.HARBOR in host.roles and not (cluster.node_tls or (cluster.balancers and own))
