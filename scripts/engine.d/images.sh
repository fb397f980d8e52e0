# shellcheck shell=bash disable=SC2154 # scripts/engine sets home, dir, scripts, busybox, foreign
# The images of the tests, from the recipes in scripts/images/NAME-TAG/: refit-test/NAME:TAG.
#
# A recipe is a folder with
#   pull        the public image that is taken where a registry answers
#   packages    otherwise: the Debian packages it is made of; libraries that they depend on come along.
#               A|B: the one that there is; -PATTERN: a library that is left out
#   Dockerfile  what is built from rootfs.tar, the unpacked packages with busybox as its shell
#   rootfs/     files of ours that are put over them
#
# What was pulled or built once is kept as a file, so that every engine gets the same content.

make_images() {
    local recipe names=("$@")
    ((${#names[@]} > 0)) || mapfile -t names < <(cd "$scripts/images" && printf '%s\n' *)
    stamps=${foreign:+$home}
    stamps=${stamps:-$dir}/stamps
    mkdir -p "$stamps" "$home/images"
    exec 7>"$home/images/lock"
    flock -w 1800 7 || die "another scripts/engine makes images for half an hour now"
    for recipe in "${names[@]}"; do
        [[ -d $scripts/images/$recipe ]] || die "there is no image $recipe; scripts/images/ has: $(cd "$scripts/images" && echo *)"
        make_image "$recipe" || die "the image $recipe cannot be made"
    done
    exec 7>&-
}

# A number for the recipe's content: a changed recipe makes a new image.
recipe_sum() { (cd "$1" && find . -type f | sort | xargs cksum | cksum | cut -d ' ' -f 1); }

image_id() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null; }

make_image() {
    local recipe=$1 sum image file id
    image=refit-test/${recipe%-*}:${recipe##*-}
    sum=$(recipe_sum "$scripts/images/$recipe")
    file=$home/images/$recipe.$sum.tar
    id=$(image_id "$image") || id=
    [[ -z $id || ! -r $stamps/$recipe || $(<"$stamps/$recipe") != "$sum $id" ]] || return 0
    if [[ ! -s $file ]]; then
        pull_image "$recipe" "$image" || build_image "$scripts/images/$recipe" "$image" || return 1
        docker save -o "$file.part" "$image" || return 1
        mv -f "$file.part" "$file"
    else
        say "loading $image"
        docker load -q -i "$file" >/dev/null || return 1
    fi
    id=$(image_id "$image") || return 1
    echo "$sum $id" >"$stamps/$recipe"
}

# Without a network a pull fails at once, behind some firewalls never: one time out is enough for all.
pull_image() {
    local from code=0
    from=$(cat "$scripts/images/$1/pull" 2>/dev/null) || return 1
    [[ -z ${no_registry:-} ]] || return 1
    timeout 120 docker pull -q "$from" >/dev/null 2>&1 </dev/null || code=$?
    if ((code != 0)); then
        no_registry=yes
        return 1
    fi
    say "pulled $2"
    docker tag "$from" "$2"
}

# The packages of a recipe, with their libraries: of A|B the one that this distribution has, without those of -PATTERN.
chosen_packages() {
    local entry name names=() unwanted=()
    update_lists "$base_suite" || return 1
    for entry in "$@"; do
        case $entry in
            -*) unwanted+=("${entry#-}") ;;
            *) for name in ${entry//|/ }; do
                private_apt "$base_suite" apt-cache show "$name" >/dev/null 2>&1 || continue
                names+=("$name")
                break
            done ;;
        esac
    done
    with_libraries "$base_suite" "${names[@]}" | while read -r name; do
        # shellcheck disable=SC2053 # a pattern
        for entry in "${unwanted[@]}"; do [[ $name != $entry ]] || continue 2; done
        echo "$name"
    done
}

# build_image RECIPE IMAGE [OPTION...]: with these options of docker build.
build_image() {
    local recipe=$1 image=$2 at=$home/images/${2//[\/:]/-}.build packages applet code=0
    say "building $image from Debian packages"
    need_busybox && read_distribution || return 1
    rm -rf "$at"
    mkdir -p "$at"
    mapfile -t packages < <(grep -v '^#' "$recipe/packages" 2>/dev/null)
    if ((${#packages[@]} > 0)); then
        mapfile -t packages < <(chosen_packages "${packages[@]}")
        ((${#packages[@]} > 0)) || return 1
        unpack_packages "$base_suite" "$at/root" "${packages[@]}" || return 1
        rm -rf "$at"/root/usr/share/{doc,man,lintian,locale}
    else
        mkdir -p "$at/root/usr/bin"
        ln -s usr/bin "$at/root/bin"
    fi
    mkdir -p "$at"/root/{dev,etc,proc,root,run,sys,tmp,var}
    chmod 1777 "$at/root/tmp"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$at/root/etc/passwd"
    echo 'root:x:0:' >"$at/root/etc/group"
    cp "$busybox" "$at/root/usr/bin/busybox"
    while read -r applet; do
        [[ -e $at/root/usr/bin/$applet || -e $at/root/usr/sbin/$applet ]] || ln -s busybox "$at/root/usr/bin/$applet"
    done < <("$busybox" --list)
    [[ ! -d $recipe/rootfs ]] || cp -R "$recipe/rootfs/." "$at/root/"
    if [[ -x $recipe/fetch ]]; then
        FETCH_CACHE=$home/packages "$recipe/fetch" "${image##*:}" "$at/root" "$at/application" || code=$?
        ((code == 0)) || { rm -rf "$at"; return "$code"; }
    fi
    tar -C "$at/root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$at/rootfs.tar" .
    rm -rf "$at/root"
    cp "$recipe/Dockerfile" "$at/"
    docker build -q -t "$image" "${@:3}" "$at" >"$at/log" 2>&1 || { tail -n 10 "$at/log" >&2; return 1; }
    rm -rf "$at"
}
