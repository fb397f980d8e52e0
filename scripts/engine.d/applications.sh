# shellcheck shell=bash disable=SC2154 # scripts/engine sets home, scripts
# Real applications for the long tests, in the versions that these name: refit-test/NAME:VERSION.
#
# A recipe is a folder scripts/applications/NAME with what that of a test image has (images.sh), and
#   fetch       fetch VERSION ROOT FOLDER puts the application into FOLDER, for the programs and libraries that
#               ROOT has; it ends with 3 where nobody gives it, as without a network
#
# What is made stays in the engine; a changed recipe makes a new one.

command_application() {
    local from=$scripts/applications/$1 image=refit-test/$1:$2 sum label=refit.test.recipe code=0
    [[ -x $from/fetch ]] || die "there is no application $1; scripts/applications/ has: $(cd "$scripts/applications" && echo *)"
    reach_engine
    sum=$(recipe_sum "$from")
    mkdir -p "$home/applications"
    exec 7>"$home/applications/$1.lock"
    flock -w 3600 7 || die "another scripts/engine makes $1 for an hour now"
    if [[ $(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$image" 2>/dev/null) != "$sum" ]]; then
        build_image "$from" "$image" --label "$label=$sum" --build-arg "VERSION=$2" || code=$?
    fi
    exec 7>&-
    ((code == 0)) || say "the image $image cannot be made"
    return "$code"
}
