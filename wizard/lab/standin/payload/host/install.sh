#!/bin/bash
# Stand-in for Harbor's installer, for tests and practice runs only.
set -e
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./common.sh
flags=()
for word in "$@"; do
  case $word in
    --with-trivy) flags+=("$word") ;;
    --help) say "usage: install.sh [--with-trivy]"; exit 0 ;;
    *) say "usage: install.sh [--with-trivy]"; exit 1 ;;
  esac
done
check_docker
find_compose
if [ -f harbor*.tar.gz ]; then
  say "loading images"
  docker load -i ./harbor*.tar.gz
fi
[ -f harbor.yml ] || fail "harbor.yml is missing: copy harbor.yml.tmpl and fill it in"
if [ -n "$host" ]; then sed -i "s/^hostname: .*/hostname: $host/" harbor.yml; fi
./prepare "${flags[@]}"
[ -z "$("${COMPOSE[@]}" ps -q)" ] || "${COMPOSE[@]}" down -v
"${COMPOSE[@]}" up -d
echo "----Harbor has been installed and started successfully.----"
