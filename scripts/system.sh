# shellcheck shell=bash
# For up, test and faults: messages, the system's packages, and the web bundle. Sourced with the checkout as working directory.

# Debian keeps nginx where an ordinary user's PATH does not look; rustup's directory is often only in an interactive PATH.
PATH=$PATH:/usr/sbin:/sbin:${HOME:-/root}/.cargo/bin

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

have() {
    type -P "$1" >/dev/null
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

can_install() {
    have apt-get && { ((EUID == 0)) || have sudo; }
}

missing=()

# need COMMAND PACKAGE…: notes the packages when there is no such command.
need() {
    have "$1" || missing+=("${@:2}")
}

# What the fault tests run the server with.
need_fault_tools() {
    need strace strace
    need sqlite3 sqlite3
    need rsync rsync
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
}

# The object store that most tests run on, in the version that tests/store pins, and in that directory only.
install_seaweedfs() {
    [[ -x tests/store/.venv/bin/python ]] || python3 -m venv tests/store/.venv
    tests/store/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement tests/store/requirements.txt
}

# Installs what `need` noted, says so, and leaves none of its services running or enabled.
install_missing() {
    ((${#missing[@]})) || return 0
    can_install || fail "please install ${missing[*]}: that takes apt-get, as root or with sudo"
    say "Installing with apt-get: ${missing[*]}"
    apt_install "${missing[@]}" || fail "apt-get could not install ${missing[*]}"
    local package
    for package in "${missing[@]}"; do
        case $package in
            nginx | postgresql | prometheus | clamav-daemon) keep_idle "$package" ;;
        esac
    done
    missing=()
}

# In a subshell, so that the policy goes away again however this ends.
apt_install() (
    # Debian starts a service when its package is installed, unless this file exits with 101. One that exists is left alone.
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
        as_root chmod 755 /usr/sbin/policy-rc.d
    fi
    update_package_lists
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null
)

# Not fatal: the packages may come from other sources than the one that cannot be reached.
update_package_lists() {
    as_root apt-get update -qq || true
}

keep_idle() {
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl disable --quiet "$1"
    fi
    say "  Its own service, $1, is neither started nor enabled."
}

require_rust() {
    have cargo && return
    [[ -z ${SUDO_USER:-} ]] || fail "root has no Rust toolchain: run this as $SUDO_USER, and it asks sudo for what it needs"
    fail "no Rust toolchain: install Rust $(rust_version) or later, for instance with rustup"
}

rust_version() {
    sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml
}

# Notes the packages of Node.js and npm when they are missing. Returns 1, and says why, when what is installed, or what
# apt-get would bring, is too old to build web/.
need_node() {
    local wanted found='' major
    wanted=$(sed -n 's/.*"node": *">=\([0-9]*\).*/\1/p' web/package.json)
    if have node; then
        found=$(node --version)
    elif can_install; then
        update_package_lists
        found=$(apt-cache policy nodejs | sed -n 's/^ *Candidate: //p')
    fi
    major=${found#v}
    major=${major%%.*}
    if [[ ! $major =~ ^[0-9]+$ ]] || ((major < wanted)); then
        say "The pages take Node.js $wanted or later; here it is ${found:-missing}."
        return 1
    fi
    need node nodejs
    need npm npm
}

web_is_built() {
    local bundle=web/dist/app/index.html.gz     # the last file that the build writes, or nearly so
    [[ -e $bundle && -e web/dist/graphiql/index.html ]] || return 1
    # The page's documents are typed from the schema.
    [[ -z $(find web/app web/graphiql web/licenses.mjs web/package.json web/package-lock.json schema.graphql \
        -type f -not -name schema.d.ts -newer "$bundle" -print -quit) ]]
}

# The page for people and GraphiQL, which the binary embeds: so before cargo builds.
build_web() {
    web_is_built || (cd web && npm ci --no-progress && npm run --silent build)
}
