"""What a host is asked to write down before a step changes it, and how that is put back.

All of it is below `/var/lib/harbor-wizard/kept`, readable by root only, in a folder per thing (a
file, a unit, …) that is made once: what was there before the first change is what counts. What is
put back is forgotten, so that every script here can be run again after any end, and does nothing
where nothing was kept. A line that begins with “left: ” is told to the operator.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

ROOT = "/var/lib/harbor-wizard"
_KEPT = f"{ROOT}/kept"
_CHANGED = f"{ROOT}/changed"

# Prints the folders that `mkdir -p "$d"` would make, the deepest first.
_MISSING = """while [ ! -d "$d" ]; do
    printf '%s\\n' "$d" >> "$k.new/folders"
    d=$(dirname "$d")
  done"""

_FOLDERS = """if [ -f "$k/folders" ]; then
    while IFS= read -r d; do rmdir "$d" 2>/dev/null || true; done < "$k/folders"
  fi"""


def _key(what: str) -> str:
    return what.strip("/").replace("%", "%25").replace("/", "%")


def once(what: str, body: str) -> str:
    """Return the script that does `body` in `$k.new`, which becomes `$k`, once."""
    return f"""
k={shlex.quote(f"{_KEPT}/{_key(what)}")}
mkdir -p -m 700 {_KEPT}
if [ ! -d "$k" ]; then
  rm -rf "$k.new"
  mkdir -m 700 "$k.new"
  {body.strip()}
  mv -T "$k.new" "$k"
fi
"""


def back(what: str, body: str) -> str:
    """Return the script that does `body` where `$k` is, and forgets it."""
    return f"""
k={shlex.quote(f"{_KEPT}/{_key(what)}")}
if [ -d "$k" ]; then
  {body.strip()}
  rm -rf "$k"
fi
"""


def _words(*values: str) -> str:
    return " ".join(shlex.quote(value) for value in values)


# Files and folders.


def remember_file(path: str, *, ours: bool = True) -> str:
    """Keep a file as it is before it is written; with `ours`, what will be written is the input."""
    where, folder = shlex.quote(path), shlex.quote(path.rpartition("/")[0] or "/")
    body = f"""
  if [ -e {where} ] || [ -L {where} ]; then
    cp -a {where} "$k.new/before"
    [ -L "$k.new/before" ] || sync "$k.new/before"
  fi
  d={folder}
  {_MISSING}
"""
    said = "sha256sum | cut -d' ' -f1 > \"$k/ours\"\n" if ours else ""
    return once(path, body) + said


def restore_file(path: str) -> str:
    """Put a file back, or remove it. A version that somebody else made since is kept aside."""
    where, aside = shlex.quote(path), shlex.quote(f"{_CHANGED}/{_key(path)}")
    new = shlex.quote(f"{path}.harbor-wizard-undo")
    said = shlex.quote(f"left: {path} was changed since by somebody; that version is now in "
                       f"{_CHANGED}/{_key(path)}")  # fmt: skip
    return back(path, f"""
  if [ -f {where} ] && [ -s "$k/ours" ] && ! cmp -s {where} "$k/before" &&
    [ "$(sha256sum < {where} | cut -d' ' -f1)" != "$(cat "$k/ours")" ]; then
    mkdir -p -m 700 {_CHANGED}
    cp -a {where} {aside}
    echo {said}
  fi
  if [ -e "$k/before" ] || [ -L "$k/before" ]; then
    mkdir -p {shlex.quote(path.rpartition("/")[0] or "/")}
    cp -a "$k/before" {new}
    mv -fT {new} {where}
  else
    rm -f {where}
  fi
  {_FOLDERS}
""")  # fmt: skip


def remember_folder(path: str) -> str:
    """Keep which folders are not there yet of a path that will be made, and whether it is empty."""
    where = shlex.quote(path)
    return once(f"folder:{path}", f"""
  if [ -d {where} ] && [ -n "$(ls -A {where})" ]; then touch "$k.new/had"; fi
  d={where}
  {_MISSING}
""")  # fmt: skip


def restore_folder(path: str) -> str:
    """Remove the folders that were made, where they are empty."""
    return back(f"folder:{path}", f"  {_FOLDERS}")


def remember_owner(path: str) -> str:
    """Keep whose a folder is."""
    where = shlex.quote(path)
    return once(f"owner:{path}", f"""stat -c '%u:%g' {where} > "$k.new/owner\"""")


def restore_owner(path: str) -> str:
    """Give a folder back to whose it was."""
    where = shlex.quote(path)
    return back(f"owner:{path}", f'if [ -e {where} ]; then chown "$(cat "$k/owner")" {where}; fi')


def unused(path: str) -> str:
    """Stop where a container still uses something below a folder."""
    where = shlex.quote(path)
    return f"""
if docker version >/dev/null 2>&1; then
  users=$(docker ps -q | xargs -r docker inspect -f '{{{{.Name}}}}{{{{range .Mounts}}}} {{{{.Source}}}}{{{{end}}}}' |
    awk -v p={where} '{{ for (i = 2; i <= NF; i++) if ($i == p || index($i, p "/") == 1) {{ print $1; break }} }}')
  if [ -n "$users" ]; then
    echo "containers still use {path}: "$users"; stop them, then undo again" >&2
    exit 1
  fi
fi
"""  # noqa: E501 - a template of Docker's


def empty_folder(path: str, archive: str, made: str, *, but: str = "", stamps: str = "") -> str:
    """Remove what was unpacked and made in a folder which was not there, or empty, before.

    That are the first names in `archive`, below its own folder, and those that fit `made` (a
    shell's pattern); what else is there stays. `but` is the name of an entry that is not looked at;
    `stamps` are files that go in any case.
    """
    where = shlex.quote(path)
    keep = f" ! -name {shlex.quote(but)}" if but else ""
    return unused(path) + back(f"folder:{path}", f"""
  rm -f {stamps}
  if [ -e "$k/had" ]; then
    echo {shlex.quote(f"left: {path} had files before, so it stays as it is")}
  elif [ -d {where} ]; then
    if awk -v p={where} 'index($2, p "/") == 1 {{ f = 1 }} END {{ exit !f }}' /proc/self/mounts
    then
      echo {shlex.quote(f"something is mounted below {path}; unmount it, then undo again")} >&2
      exit 1
    fi
    : > "$k/names"
    if [ -f {shlex.quote(archive)} ]; then
      tar -tzf {shlex.quote(archive)} | cut -d/ -f2 | sort -u > "$k/names"
    fi
    find {where} -mindepth 1 -maxdepth 1{keep} > "$k/now"
    others=
    while IFS= read -r e; do
      case ${{e##*/}} in
      {made}) ;;
      *) if ! grep -qxF -e "${{e##*/}}" "$k/names"; then others="$others $e"; continue; fi ;;
      esac
      rm -rf --one-file-system -- "$e"
    done < "$k/now"
    if [ -n "$others" ]; then echo "left: somebody put there:$others"; fi
  fi
  {_FOLDERS}
""")  # fmt: skip


# Data.


def remember_data(path: str) -> str:
    """Keep what is in a folder of data before the first step that lets something be put there."""
    where = shlex.quote(path)
    return once(f"data:{path}", f"""
  : > "$k.new/before"
  if [ -d {where} ]; then find {where} -mindepth 1 -maxdepth 1 > "$k.new/before"; fi
  d={where}
  {_MISSING}
""")  # fmt: skip


def remove_data(path: str, names: str = "*") -> str:
    """Remove what came into a folder of data since, and fits `names` (a shell's pattern).

    What is mounted in it is never entered.
    """
    where = shlex.quote(path)
    return unused(path) + back(f"data:{path}", f"""
  if [ -d {where} ]; then find {where} -mindepth 1 -maxdepth 1 > "$k/now"; else : > "$k/now"; fi
  stays= others=
  while IFS= read -r e; do
    if grep -qxF -e "$e" "$k/before"; then continue; fi
    case ${{e##*/}} in
    {names}) ;;
    *) others="$others $e"; continue ;;
    esac
    if awk -v p="$e" '$2 == p || index($2, p "/") == 1 {{ f = 1 }} END {{ exit !f }}' \\
      /proc/self/mounts
    then
      stays="$stays $e"
    else
      rm -rf --one-file-system -- "$e"
    fi
  done < "$k/now"
  if [ -n "$others" ]; then echo "left: somebody put there:$others"; fi
  if [ -n "$stays" ]; then
    echo "something is mounted in:$stays; unmount it, then undo again" >&2
    exit 1
  fi
  {_FOLDERS}
""")  # fmt: skip


# Units and the kernel's settings.


def remember_unit(unit: str) -> str:
    """Keep whether a unit runs, and whether it is started at a boot."""
    name = shlex.quote(unit)
    return once(f"unit:{unit}", f"""
  systemctl is-enabled {name} > "$k.new/enabled" 2>/dev/null || true
  systemctl is-active {name} > "$k.new/active" 2>/dev/null || true
""")  # fmt: skip


def restore_unit(unit: str, files: Iterable[str] = ()) -> str:
    """Stop and disable a unit that did not run and was not enabled; else load `files` as before."""
    name = shlex.quote(unit)
    # Of a unit that ran before, its files are put back first: it is loaded with them.
    before = "".join(f"(\n{restore_file(path).strip()}\n)\n" for path in files)
    return back(f"unit:{unit}", f"""
  if [ "$(cat "$k/active")" = active ]; then
{before.strip()}
    systemctl daemon-reload
    systemctl reload-or-restart {name} ||
      echo {shlex.quote(f"left: {unit} does not start with what was there before")}
  elif systemctl cat {name} >/dev/null 2>&1; then
    systemctl stop {name}
    systemctl reset-failed {name} 2>/dev/null || true
  fi
  case $(cat "$k/enabled") in
  '' | disabled | not-found) systemctl disable {name} 2>/dev/null || true ;;
  esac
""")  # fmt: skip


def _setting(name: str) -> str:
    return f"/proc/sys/{name.replace('.', '/')}"


def remember_settings(what: str, names: Iterable[str]) -> str:
    """Keep the kernel's settings as they are."""
    lines = [f'if [ -f {_setting(n)} ]; then cat {_setting(n)} > "$k.new/{n}"; fi' for n in names]
    return once(f"settings:{what}", "\n  ".join(lines))


def restore_settings(what: str, names: Iterable[str]) -> str:
    """Put the kernel's settings back."""
    lines = [f'if [ -f "$k/{n}" ]; then cat "$k/{n}" > {_setting(n)}; fi' for n in names]
    return back(f"settings:{what}", "\n  ".join(lines))


# Packages.


def _installed(manager: str) -> str:
    """Return the command that prints what is installed, sorted."""
    if manager == "apt":
        return ("dpkg-query -W -f='${db:Status-Abbrev} ${binary:Package}\\n' | "
                "sed -n 's/^.i. *//p' | LC_ALL=C sort")  # fmt: skip
    # Keys that were trusted for packages stand among them, all under one name.
    return ("{ rpm -qa --qf '%{NAME}.%{ARCH}\\n' | grep -v '^gpg-pubkey'; "
            "rpm -q gpg-pubkey | grep '^gpg-pubkey' || true; } | LC_ALL=C sort -u")  # fmt: skip


_DOCKERS = ("/var/lib/docker", "/var/lib/containerd")
_FORWARD = "net.ipv4.ip_forward"


def remember_packages(manager: str, what: str, files: Iterable[str] = ()) -> str:
    """Keep what is installed, and which files there are in /etc; `files` will be written."""
    docker = ""
    if what == "docker":
        lines = [
            f'[ -n "$(ls -A {one} 2>/dev/null)" ] || echo {one} >> "$k.new/empty"\n'
            f'  [ -d {one} ] || echo {one} >> "$k.new/absent"' for one in _DOCKERS
        ]  # fmt: skip
        docker = "\n  ".join(lines) + f'\n  cat {_setting(_FORWARD)} > "$k.new/forward" || true'
        docker += '\n  [ ! -e /sys/class/net/docker0 ] || touch "$k.new/docker0"'
    first = once(f"packages:{what}", f"""
  find /etc -xdev | LC_ALL=C sort > "$k.new/etc"
  {docker}
""")  # fmt: skip
    now = f"""
if [ ! -e "$k/before" ]; then
  {_installed(manager)} > "$k/before.new"
  mv "$k/before.new" "$k/before"
fi
"""
    return first + now + "".join(remember_file(path, ours=False) for path in files)


def brought_packages(manager: str, what: str) -> str:
    """Write down what an installation brought, at its end."""
    place = shlex.quote(f"{_KEPT}/{_key(f'packages:{what}')}")
    return f"""
# For undo: what came just now.
if [ -f {place}/before ]; then
  {_installed(manager)} | LC_ALL=C comm -13 {place}/before - >> {place}/brought
  rm {place}/before
fi
"""


_DOCKER_GUARD = """
  if command -v docker >/dev/null && ! docker version >/dev/null 2>&1; then
    systemctl start docker
  fi
  if command -v docker >/dev/null; then
    for kind in 'ps -aq' 'volume ls -q' 'image ls -q'; do
      if [ -n "$(docker $kind)" ]; then
        echo "Docker has containers, volumes or images that are not this session's" \\
          "(docker $kind); take them away, or leave Docker here" >&2
        exit 1
      fi
    done
  fi
"""

_DOCKER_GONE = """
  systemctl stop docker.socket docker containerd 2>/dev/null || true
"""

_DOCKER_REST = f"""
  for one in {" ".join(_DOCKERS)}; do
    if grep -qx "$one" "$k/empty" 2>/dev/null && [ -d "$one" ]; then
      find "$one" -xdev -mindepth 1 -delete || echo "left: $one could not be emptied"
      if grep -qx "$one" "$k/absent" 2>/dev/null; then rmdir "$one" 2>/dev/null || true; fi
    fi
  done
  if [ ! -e "$k/docker0" ]; then ip link delete docker0 2>/dev/null || true; fi
  if [ -s "$k/forward" ]; then cat "$k/forward" > {_setting(_FORWARD)}; fi
  echo 'left: rules of the firewall that Docker made are gone after the next boot'
"""

# What programs write into /etc by themselves, as they run; the packages do not know of it.
_TRACES = {
    "docker": ("/etc/docker/key.json", "/etc/docker", "/etc/cni/net.d", "/etc/cni"),
    "keepalived": ("/etc/iproute2/rt_addrprotos.d/keepalived.conf",
                   "/etc/iproute2/rt_addrprotos.d", "/etc/iproute2"),
}  # fmt: skip

_APT = "apt-get -o DPkg::Lock::Timeout=300"


def restore_packages(manager: str, what: str, files: Iterable[str] = ()) -> str:
    """Remove exactly the packages that came, where nothing else needs them."""
    is_docker = what == "docker"
    if manager == "apt":
        # A purge takes files of /etc along that were there before; and that of Debian's Docker
        # takes all of /var/lib/docker.
        also = f"""
    {_APT} -s purge $names > "$k/simulated"
    others=$(sed -n 's/^Purg \\([^ :]*\\).*/\\1/p' "$k/simulated" | LC_ALL=C sort -u |
      LC_ALL=C comm -23 - "$k/plain" | tr '\\n' ' ')
"""
        take = f"""
    export DEBIAN_FRONTEND=noninteractive
    {_APT} remove -y $names
    rm -f /var/lib/docker/nuke-graph-directory.sh
    {_APT} purge -y $names
"""
    else:
        also = "    others=$(rpm -e --test $names 2>&1 | tr '\\n' ' ')\n"
        take = "    rpm -e $names\n"
    return back(f"packages:{what}", f"""
  if [ -f "$k/before" ]; then
    {_installed(manager)} | LC_ALL=C comm -13 "$k/before" - >> "$k/brought"
    rm "$k/before"
  fi
  touch "$k/brought"
  {_installed(manager)} > "$k/now"
  names=$(LC_ALL=C sort -u "$k/brought" | LC_ALL=C comm -12 - "$k/now")
  printf '%s\\n' $names | sed 's/:.*//' | LC_ALL=C sort -u > "$k/plain"
  if [ -n "$names" ]; then
{_DOCKER_GUARD if is_docker else ""}
{also}
    if [ -n "$others" ]; then
      echo "others need the packages that came with {what}: $others; they stay" >&2
      exit 1
    fi
{_DOCKER_GONE if is_docker else ""}
    find /etc -xdev ! -type d | LC_ALL=C sort | LC_ALL=C comm -12 - "$k/etc" |
      grep -v '^/etc/rc.\\.d/' > "$k/files"
    tar -C / -cf "$k/etc.tar" --no-recursion -T "$k/files" 2>/dev/null || [ -s "$k/etc.tar" ]
{take}
    while IFS= read -r f; do
      if [ ! -e "$f" ] && [ ! -L "$f" ]; then tar -C / -xpf "$k/etc.tar" "${{f#/}}"; fi
      if [ -e "$f.rpmsave" ] && ! grep -qxF -e "$f.rpmsave" "$k/etc"; then rm -f "$f.rpmsave"; fi
    done < "$k/files"
    for f in {" ".join(_TRACES.get(what, ()))}; do
      if grep -qxF -e "$f" "$k/etc"; then continue; fi
      if [ -d "$f" ]; then rmdir "$f" 2>/dev/null || true; else rm -f "$f"; fi
    done
{_DOCKER_REST if is_docker else ""}
  fi
""") + "".join(restore_file(path) for path in files)  # fmt: skip


# Docker's images.


def remember_images() -> str:
    """Keep which images there are."""
    return once("images", """
  docker image ls --format '{{.Repository}}:{{.Tag}}' > "$k.new/before"
""")  # fmt: skip


def remove_images(archive: str) -> str:
    """Remove the images that an archive brought, without force."""
    where = shlex.quote(archive)
    return back("images", f"""
  if [ -f {where} ]; then
    tar -xzOf {where} manifest.json | grep -o '"RepoTags": *\\[[^]]*\\]' |
      sed 's/^"RepoTags": *//' | tr -d '[]" ' | tr ',' '\\n' > "$k/tags"
    used=
    while IFS= read -r tag; do
      if [ -z "$tag" ] || grep -qxF -e "$tag" "$k/before"; then continue; fi
      if ! docker image inspect "$tag" >/dev/null 2>&1; then continue; fi
      docker image rm "$tag" || used="$used $tag"
    done < "$k/tags"
    if [ -n "$used" ]; then
      echo "containers still use the images$used; remove those, then undo again" >&2
      exit 1
    fi
  else
    echo {shlex.quote(f"left: images, for {archive} is gone, which tells which they are")}
  fi
""")  # fmt: skip
