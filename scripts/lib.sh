# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts here share. To be sourced.
set -euo pipefail

project_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

log() { printf '== %s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The packages of packages.txt that are not installed, one per line.
missing_packages() {
    local package
    while read -r package; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done < <(grep -v '^#' "$project_dir/scripts/packages.txt")
}

install_packages() {
    if ! have dpkg-query || ! have apt-get; then
        log "not a Debian system: please see to the packages of scripts/packages.txt yourself"
        return
    fi
    local missing as_root=()
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]})) || return 0

    local wanted="apt-get install ${missing[*]}"
    if ((EUID != 0)); then
        have sudo || die "packages are missing and there is no sudo here; run as root: $wanted"
        as_root=(sudo)
        # Nobody can type a password into a pipeline.
        [[ -t 2 && ${CI:-} != true ]] || as_root+=(-n)
    fi
    log "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q </dev/null || die "cannot update the package lists; run as root: $wanted"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null ||
        die "cannot install what is missing; run as root: $wanted"
}

# unpack_packages ROOT ARCHITECTURE PACKAGES...: downloads packages and unpacks them below ROOT, once. Nothing is installed,
# what they depend on is not fetched, and the system's own apt is left alone. False if they cannot be had; ROOT.log tells.
unpack_packages() {
    local root=$1 architecture=$2 work=$1/download package link
    shift 2
    [[ ! -e $root/complete ]] || return 0
    have apt-get && have dpkg || return 1
    log "downloading $*"
    rm -rf "$root"
    mkdir -p "$work"/{lists,cache/archives}/partial
    touch "$work/status"
    local options=(-q -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Dir::State::status="$work/status")
    (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" download "$@") >"$root.log" 2>&1 </dev/null ||
        return 1
    for package in "$work"/*.deb; do dpkg -x "$package" "$root" || return 1; done
    rm -rf "$work"
    while read -r link; do
        ln -sfn "$root$(readlink "$link")" "$link"
    done < <(find "$root" -type l -lname '/*')
    touch "$root/complete"
}

# build_preset PRESET [NINJA ARGUMENTS...]: configures and builds into build/PRESET.
build_preset() {
    local preset=$1 launcher=() quiet=()
    shift
    if have ccache; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    [[ -t 1 ]] || quiet=(--quiet)
    log "building preset $preset"
    mkdir -p "$project_dir/build"
    local configure_log=$project_dir/build/configure-$preset.log
    if ! (cd "$project_dir" && cmake --preset "$preset" "${launcher[@]}") >"$configure_log" 2>&1 </dev/null; then
        cat "$configure_log" >&2
        die "cmake could not configure preset $preset (above)"
    fi
    cmake --build "$project_dir/build/$preset" -- "${quiet[@]}" "$@" </dev/null || die "preset $preset does not build"
}
