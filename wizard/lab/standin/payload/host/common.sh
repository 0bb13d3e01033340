#!/bin/bash
# Stand-in for Harbor, for tests and practice runs only.
say() { printf '[stand-in] %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

check_docker() {
  local version
  version=$(docker --version 2>/dev/null) || fail "Need to install docker(17.06.0+) first and run this script again."
  [[ $version =~ ([0-9]+)\.([0-9]+) ]] || fail "Failed to parse docker version."
  (( BASH_REMATCH[1] > 17 || (BASH_REMATCH[1] == 17 && 10#${BASH_REMATCH[2]} >= 6) )) ||
    fail "Need to upgrade docker package to 17.06.0+."
  say "docker ${BASH_REMATCH[0]}"
}

find_compose() {
  if docker compose version >/dev/null 2>&1; then
    COMPOSE=(docker compose)
  elif [[ $(docker-compose --version 2>/dev/null) =~ ([0-9]+)\.([0-9]+) ]]; then
    (( BASH_REMATCH[1] > 1 || BASH_REMATCH[2] >= 18 )) || fail "Need to upgrade docker-compose to 1.18.0+."
    COMPOSE=(docker-compose)
  else
    fail "Failed to parse docker-compose version."
  fi
  say "compose: ${COMPOSE[*]}"
}
