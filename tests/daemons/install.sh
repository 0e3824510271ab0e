#!/usr/bin/env bash
# Installs what the real-daemon tests need on a Debian 12 machine. Run as root.
#
#   install.sh            dockerd, a static busybox, curl, python3 with venv, node and npm
#   install.sh podman     podman, crun and conmon as well
#   install.sh chromium   a browser as well
#
# Does nothing when all is there, so every other script may call it first.
set -euo pipefail

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

has_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Debian starts a service as soon as its package is unpacked. Our daemons are private ones and the
# machine's owner did not ask for another, so a policy-rc.d forbids it while apt runs. One that
# stands there already is put back afterwards.
policy=/usr/sbin/policy-rc.d
saved=$policy.before-plimsoll

forbid_services() {
    if [ -e "$policy" ]; then
        mv "$policy" "$saved"
    fi
    printf '#!/bin/sh\n# plimsoll install.sh: apt is running\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

allow_services() {
    # Only our own guard is removed: a second run must never delete somebody else's policy.
    if [ -e "$policy" ] && grep -q 'plimsoll install.sh' "$policy"; then
        rm -f "$policy"
    fi
    if [ -e "$saved" ]; then
        mv "$saved" "$policy"
    fi
}

install_packages() {
    local missing=("$@")
    [ "$(id -u)" = 0 ] || fail "must be root to install: ${missing[*]}"
    command -v apt-get >/dev/null || fail "no apt-get here; install by hand: ${missing[*]}"
    # A signal must end in an exit, or the exit trap would not run.
    trap allow_services EXIT
    trap 'exit 130' INT TERM HUP
    forbid_services
    export DEBIAN_FRONTEND=noninteractive
    # The time-outs bound a hanging mirror; the lock time-out bounds another apt on the machine.
    timeout 300 apt-get -o DPkg::Lock::Timeout=120 -qq update
    timeout 900 apt-get -o DPkg::Lock::Timeout=120 -qq -y --no-install-recommends install \
        "${missing[@]}"
    allow_services
    trap - EXIT INT TERM HUP
}

# dockerd needs a cgroup hierarchy. Under systemd one is mounted; on a bare machine nothing is, and
# then the v1 controllers are mounted one by one, as the package cgroupfs-mount does.
mount_cgroups() {
    local root=/sys/fs/cgroup name enabled
    if mountpoint -q "$root"; then
        return
    fi
    [ "$(id -u)" = 0 ] || fail "must be root to mount $root"
    mount -t tmpfs -o mode=755 cgroup "$root"
    while read -r name _ _ enabled; do
        [ "$enabled" = 1 ] || continue
        mkdir -p "$root/$name"
        # A controller may be bound to another hierarchy: dockerd does without most of them.
        mount -t cgroup -o "$name" cgroup "$root/$name" 2>/dev/null || rmdir "$root/$name"
    done < <(grep -v '^#' /proc/cgroups)
    mountpoint -q "$root/devices" || fail "no devices controller could be mounted under $root"
}

main() {
    local missing=()
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v docker >/dev/null || missing+=(docker.io)
    command -v curl >/dev/null || missing+=(curl)
    command -v python3 >/dev/null || missing+=(python3)
    # Debian's python3 has the module venv, but without this package nothing to put pip into one.
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    # The plain busybox package is linked dynamically and would not run in an empty image.
    has_package busybox-static || missing+=(busybox-static)
    case ${1-} in
    '') ;;
    podman)
        command -v podman >/dev/null || missing+=(podman)
        command -v crun >/dev/null || missing+=(crun)
        command -v conmon >/dev/null || missing+=(conmon)
        command -v runc >/dev/null || missing+=(runc)
        ;;
    chromium) command -v chromium >/dev/null || missing+=(chromium) ;;
    *) fail "unknown argument '$1' (only: podman, chromium)" ;;
    esac
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
    mount_cgroups
}

main "$@"
