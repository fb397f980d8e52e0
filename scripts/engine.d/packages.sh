# shellcheck shell=bash disable=SC2154 # scripts/engine sets home, dir, version, busybox, minimum_compose
# Debian packages without installing them: fetched through the machine's own package source, unpacked into a folder.
# The machine's lists and package state are not touched; only install_iptables changes the system.

distribution='' own_suite='' base_suite=''
# The package lists belong to one call, so that calls at the same time do not meet in them.
lists=$home/lists.$$

# The distribution of this machine and the suites that the packages come from.
read_distribution() {
    local id codename
    local no_engine="no Docker engine answers, and a private one needs Debian or Ubuntu; install Docker with Compose $minimum_compose or newer"
    [[ -z $distribution ]] || return 0
    [[ -r /etc/os-release ]] || die "$no_engine"
    id=$(. /etc/os-release; echo "${ID:-} ${ID_LIKE:-}")
    codename=$(. /etc/os-release; echo "${VERSION_CODENAME:-sid}")
    command -v apt-get >/dev/null || die "$no_engine"
    own_suite=$codename
    case " $id " in
        *" ubuntu "*) distribution=ubuntu base_suite=$codename ;;
        # Programs and images come from one suite wherever they are made, so that their content is the same.
        *" debian "*) distribution=debian base_suite=bookworm ;;
        *) die "$no_engine" ;;
    esac
}

# The suite that holds the packages of one engine version.
suite_of() {
    case $distribution/$1 in
        debian/newest) echo sid ;;
        debian/floor) echo trixie ;;
        *) echo "$own_suite" ;;
    esac
}

# The addresses from which this machine takes its own suite, the likeliest archive first, one per line.
package_sources() {
    local file
    {
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [[ ! -r $file ]] || awk -v suite="$own_suite" '
                $1 == "deb" {
                    sub(/\[[^]]*\]/, "")
                    if ($3 == suite || $3 ~ /^(oldstable|stable|testing|unstable|sid)$/)
                        for (i = 4; i <= NF; i++) if ($i == "main") print $2
                }' "$file"
        done
        for file in /etc/apt/sources.list.d/*.sources; do
            [[ ! -r $file ]] || awk -v suite="$own_suite" '
                function stanza(    i, n, m, s, u) {
                    n = split(suites, s, " "); m = split(uris, u, " ")
                    if (types ~ /(^| )deb( |$)/ && components ~ /(^| )main( |$)/ && !off)
                        for (i = 1; i <= n; i++)
                            if (s[i] == suite || s[i] ~ /^(oldstable|stable|testing|unstable|sid)$/) { for (i = 1; i <= m; i++) print u[i]; break }
                    types = suites = uris = components = ""; off = 0
                }
                /^#/ { next }
                /^[ \t]*$/ { stanza(); next }
                /^[A-Za-z-]+:/ { key = tolower($1); sub(/^[^:]*:[ \t]*/, "") }
                key == "types:" { types = types " " $0 }
                key == "suites:" { suites = suites " " $0 }
                key == "uris:" { uris = uris " " $0 }
                key == "components:" { components = components " " $0 }
                key == "enabled:" && tolower($0) ~ /no|false/ { off = 1 }
                END { stanza() }' "$file"
        done
    } | awk '!seen[$0]++ { if ($0 ~ /\/(debian|ubuntu)\/?$/) print; else rest = rest $0 "\n" } END { printf "%s", rest }'
}

# apt with a private state for one suite: private_apt SUITE PROGRAM ARGUMENT... It takes nothing for installed: what the
# machine has of another source would be chosen, and could not be fetched from this one.
private_apt() {
    local at=$lists/$1 program=$2
    "$program" -qq \
        -o Dir::State="$at/state" -o Dir::Cache="$at/cache" -o Dir::State::status="$at/status" \
        -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin \
        -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::GzipIndexes=false \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=2 "${@:3}"
}

# Fetches the package lists of SUITE, unless this call has done so.
update_lists() {
    local suite=$1 at=$lists/$1 source key options='' log
    read_distribution
    [[ ! -e $at/updated ]] || return 0
    mkdir -p "$at/state/lists/partial" "$at/cache/archives/partial"
    : >"$at/status"
    key=/usr/share/keyrings/$distribution-archive-keyring.gpg
    [[ ! -r $key ]] || options="[signed-by=$key] "
    log=$at/update.log
    while read -r source; do
        {
            echo "deb $options$source $suite main$([[ $distribution != ubuntu ]] || echo ' universe')"
            [[ $distribution != ubuntu ]] || echo "deb $options$source $suite-updates main universe"
        } >"$at/sources.list"
        if private_apt "$suite" apt-get update -o APT::Update::Error-Mode=any >"$log" 2>&1; then
            : >"$at/updated"
            return 0
        fi
    done < <(package_sources)
    say "the package lists of $suite cannot be fetched from this machine's package source:"
    tail -n 5 "$log" >&2 2>/dev/null || true
    return 1
}

# Deletes the package lists of this call, and those of calls that were killed.
forget_lists() {
    local old
    for old in "$home"/lists.*; do
        [[ $old != "$lists" && -d /proc/${old##*.} ]] || rm -rf "$old"
    done
}

# unpack_packages SUITE FOLDER PACKAGE...: FOLDER is there afterwards with all of them unpacked, or not at all.
unpack_packages() {
    local suite=$1 folder=$2 part=$2.part.$$ deb
    update_lists "$suite" || return 1
    rm -rf "$part"
    mkdir -p "$part/debs" "$part/root"
    if ! (cd "$part/debs" && private_apt "$suite" apt-get download "${@:3}" >"$part/log" 2>&1); then
        say "packages of $suite cannot be fetched: ${*:3}"
        tail -n 5 "$part/log" >&2
        return 1
    fi
    # As on a system where /bin, /sbin and /lib are links: the packages of older suites still have both.
    mkdir -p "$part/root/usr"/{bin,sbin,lib,lib64}
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$part/root/"
    for deb in "$part/debs"/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -C "$part/root" --keep-directory-symlink --no-same-owner -xf - || return 1
    done
    # Another call may have been quicker; its folder is as good.
    mv -T "$part/root" "$folder" 2>/dev/null || [[ -d $folder ]] || return 1
    rm -rf "$part"
}

# The packages named and the libraries that they need, all of SUITE: with_libraries SUITE PACKAGE...
with_libraries() {
    local suite=$1
    shift
    update_lists "$suite" || return 1
    local -A known=()
    local queue=("$@") name
    while ((${#queue[@]} > 0)); do
        for name in "${queue[@]}"; do known[$name]=1; done
        mapfile -t queue < <(private_apt "$suite" apt-cache depends --important "${queue[@]}" |
            sed -n 's/^[ |]*\(Pre\)\{0,1\}Depends: \(lib[^ <>]*\)$/\2/p' | sort -u |
            while read -r name; do [[ -n ${known[$name]:-} ]] || echo "$name"; done)
    done
    printf '%s\n' "${!known[@]}" | sort
}

need_busybox() {
    [[ ! -x $busybox ]] || return 0
    say "fetching busybox"
    read_distribution
    unpack_packages "$base_suite" "$home/busybox" busybox-static
}

install_iptables() {
    ! command -v iptables >/dev/null || return 0
    say "installing iptables"
    read_distribution
    update_lists "$own_suite" || return 1
    DEBIAN_FRONTEND=noninteractive private_apt "$own_suite" apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dir::State::status=/var/lib/dpkg/status \
        iptables >"$home/iptables.log" 2>&1 || { tail -n 5 "$home/iptables.log" >&2; return 1; }
}

c_library() { getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown; }

# True when this version's packages were tried on this C library, and could not run.
known_unusable() { [[ -r $dir/unusable && $(<"$dir/unusable") == "$(c_library)" ]]; }

# Links PROGRAM of one of the FOLDERs, the first where it can run, to FOLDER/bin: link_program PROGRAM FOLDER...
link_program() {
    local program=$1 folder at
    shift
    for folder in "$@"; do
        for at in "$folder"/usr/{bin,sbin,libexec/docker/cli-plugins}/"$program"; do
            [[ -x $at ]] || continue
            # Only what has a version to tell can be tried; docker-compose has a word for it, the others a flag.
            case $program in
                dockerd | docker | containerd | runc) "$at" --version >/dev/null 2>&1 || continue ;;
                docker-compose | docker-buildx) "$at" version >/dev/null 2>&1 || continue ;;
            esac
            ln -sf "$at" "$dir/bin/$program"
            return 0
        done
    done
    say "no $program that can run here"
    return 1
}

# Fetches and unpacks the engine of $version into $dir; nothing to do when it is there.
# Exit code 2: the packages are there, and cannot run on this machine.
install_engine() {
    local packages suite program
    [[ ! -s $dir/installed ]] || return 0
    read_distribution
    suite=$(suite_of "$version")
    say "fetching the $version engine ($suite)"
    rm -rf "${dir:?}"/{packages,bin,config}
    mkdir -p "$dir/bin" "$dir/config/cli-plugins"
    case $distribution in
        debian) packages=(docker.io docker-cli docker-compose docker-buildx containerd) ;;
        ubuntu) packages=(docker.io docker-compose-v2 docker-buildx containerd) ;;
    esac
    unpack_packages "$suite" "$dir/packages" "${packages[@]}" || return 1
    # These two of a newer suite do not run on an older C library (runc), or lack the static program (tini).
    [[ -d $home/runc ]] || unpack_packages "$base_suite" "$home/runc" runc tini || return 1
    for program in dockerd docker containerd containerd-shim-runc-v2 docker-proxy; do
        link_program "$program" "$dir/packages" || return 2
    done
    link_program runc "$home/runc" || return 2
    link_program tini-static "$home/runc" || return 2
    mv -f "$dir/bin/tini-static" "$dir/bin/docker-init"
    for program in docker-compose docker-buildx; do
        link_program "$program" "$dir/packages" || return 2
        mv -f "$dir/bin/$program" "$dir/config/cli-plugins/$program"
    done
    [[ $distribution == debian ]] || say "Ubuntu: both versions are the one of this release"
    printf '%s, Compose %s\n' "$("$dir/bin/dockerd" --version | sed 's/^[^0-9]*\([0-9.]*\).*/\1/')" \
        "$("$dir/config/cli-plugins/docker-compose" version --short)" >"$dir/installed"
}
