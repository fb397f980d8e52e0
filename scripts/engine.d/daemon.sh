# shellcheck shell=bash disable=SC2154 # scripts/engine sets home, dir, socket, version, busybox
# The private engine's processes: started, waited for, ended. Only processes of $dir are ever signalled.

# Serializes what changes the engine of $dir; held until the process ends. Descriptor 9.
lock() {
    mkdir -p "$dir"
    exec 9>"$dir/lock"
    flock -w 600 9 || die "another scripts/engine holds $dir/lock for ten minutes now"
}

unlock() { exec 9>&-; }

# The processes whose command line has the word ARGUMENT: processes_with ARGUMENT [NAME of the program]
processes_with() {
    local file pid name
    while read -r file; do
        pid=${file#/proc/} pid=${pid%/cmdline}
        name=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue
        [[ ${name##*/} != "$2" ]] || echo "$pid"
    done < <(grep -lszxF -- "$1" /proc/[0-9]*/cmdline)
}

dockerd_pid() { processes_with "--data-root=$dir/data" dockerd | head -n 1; }
containerd_pids() { processes_with "$dir/exec/containerd/containerd.toml" containerd; }
shim_pids() { processes_with "$dir/exec/containerd/containerd.sock" containerd-shim-runc-v2; }

answers() {
    [[ -S $socket ]] || return 1
    if command -v curl >/dev/null; then
        [[ $(curl -s --max-time 5 --unix-socket "$socket" http://localhost/_ping 2>/dev/null) == OK ]]
    else
        DOCKER_CONFIG=$dir/config timeout 5 "$dir/bin/docker" -H "unix://$socket" version >/dev/null 2>&1
    fi
}

# Waits until the engine answers, its process has ended, or the time is over: wait_for_answer PID SECONDS
wait_for_answer() {
    local end=$((SECONDS + $2))
    while ! answers; do
        [[ -d /proc/$1 ]] && ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

# Waits until no process of the list is left: wait_for_end SECONDS PID...
wait_for_end() {
    local end=$((SECONDS + $1)) pid
    for pid in "${@:2}"; do
        while [[ -d /proc/$pid ]]; do
            ((SECONDS < end)) || return 1
            sleep 0.05
        done
    done
}

start_dockerd() {
    local bridge range
    bridge=$(bridge_name)
    range=$(address_range)
    [[ ! -f $dir/dockerd.log ]] || mv -f "$dir/dockerd.log" "$dir/dockerd.log.1"
    (
        # Nothing of the caller stays open: a pipe that a CI job reads, the locks, a make's job pipe.
        exec </dev/null >"$dir/dockerd.log" 2>&1
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            ((fd < 3)) || eval "exec $fd>&-"
        done
        unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID DOCKER_HOST DOCKER_CONTEXT
        cd /
        PATH=$dir/bin:$PATH exec setsid "$dir/bin/dockerd" \
            --config-file="$dir/daemon.json" --data-root="$dir/data" --exec-root="$dir/exec" \
            --pidfile="$dir/dockerd.pid" --host="unix://$socket" --group=root --shutdown-timeout=5 \
            --bridge="$bridge" --default-address-pool="base=$range.0.0/16,size=24" \
            --iptables=false --ip6tables=false
    ) &
    started=$!
}

# What an engine that was killed, or a machine that was switched off, left behind.
clear_stale() {
    local boot
    boot=$(cat /proc/sys/kernel/random/boot_id)
    if [[ ! -r $dir/boot || $(<"$dir/boot") != "$boot" ]]; then
        unmount_below "$dir/exec"
        rm -rf "$dir/exec"
        echo "$boot" >"$dir/boot"
    fi
    # A number in a stale pid file may by now belong to anyone; dockerd would believe it.
    rm -f "$dir/dockerd.pid" "$socket"
    [[ -n $(containerd_pids) ]] || rm -f "$dir/exec/containerd/containerd.pid"
}

# Brings the engine of $version up, or of the floor where that cannot run. With "keep" it outlives every `run`.
up() {
    local code=0
    ((EUID == 0)) || die "no Docker engine answers, and a private one needs root; start Docker, or use sudo"
    # An engine that answers may be about to be ended by the last `run`: look only with the lock held.
    lock
    install_engine || code=$?
    if ((code == 2)) && [[ $version == newest ]]; then
        c_library >"$dir/unusable"
        unlock
        say "the newest packages cannot run on this machine's C library; using the floor version"
        choose_version floor
        [[ -z $joined ]] || join
        up "$@"
        return
    fi
    ((code == 0)) || die "the $version engine cannot be installed"
    start
    [[ ${1:-} != keep ]] || : >"$dir/keep"
    unlock
}

# Starts the engine, with the lock held.
start() {
    local pid
    ! answers || return 0
    pid=$(dockerd_pid)
    if [[ -n $pid ]]; then
        ! wait_for_answer "$pid" 30 || return 0
        say "the engine does not answer; starting it again"
        stop
    fi
    need_busybox || die "the engine's network needs busybox"
    install_iptables || die "iptables cannot be installed"
    clear_stale
    echo '{}' >"$dir/daemon.json"
    network_up
    rm -f "$dir/keep"
    start_dockerd
    if ! wait_for_answer "$started" 60; then
        say "the engine does not start; the last lines of $dir/dockerd.log:"
        tail -n 15 "$dir/dockerd.log" >&2 || true
        stop
        exit 1
    fi
}

# Ends dockerd and what it left: its containerd, and the containers of an engine that was killed.
stop() {
    local pid
    pid=$(dockerd_pid)
    if [[ -n $pid ]]; then
        kill -TERM "$pid" 2>/dev/null || true
        wait_for_end 30 "$pid" || { say "dockerd does not end; killing it"; kill -KILL "$pid" 2>/dev/null || true; wait_for_end 5 "$pid" || true; }
    fi
    end_containers
    for pid in $(containerd_pids); do
        kill -TERM "$pid" 2>/dev/null || true
        wait_for_end 10 "$pid" || kill -KILL "$pid" 2>/dev/null || true
    done
    unmount_below "$dir/exec"
    rm -f "$dir/dockerd.pid" "$socket" "$dir/keep"
    network_down
}

# Containers outlive a killed dockerd under their shims; a container's first process takes the others with it.
end_containers() {
    local shim status pid
    for shim in $(shim_pids); do
        for status in /proc/[0-9]*/status; do
            grep -qsx "PPid:[[:space:]]$shim" "$status" || continue
            pid=${status#/proc/}
            kill -KILL "${pid%/status}" 2>/dev/null || true
        done
        kill -KILL "$shim" 2>/dev/null || true
    done
}

# Unmounts everything below FOLDER, the innermost first, and FOLDER itself: a dockerd that was killed leaves its
# data folder mounted on itself.
unmount_below() {
    local point
    while read -r point; do
        printf -v point '%b' "$point"
        umount "$point" 2>/dev/null || umount -l "$point" 2>/dev/null || true
    done < <(awk -v folder="$1" '$5 == folder || index($5, folder "/") == 1 { print $5 }' /proc/self/mountinfo | sort -r)
}

down() {
    [[ -d $dir ]] || { say "$version is not running"; return; }
    lock
    if [[ -z $(dockerd_pid)$(containerd_pids)$(shim_pids) ]]; then
        stop
        say "$version is not running"
    else
        stop
        say "$version is down"
    fi
    unlock
}

reset() {
    [[ -d $dir ]] || return 0
    lock
    stop
    # A volume can be a mount of a folder elsewhere, which must not be emptied with ours.
    unmount_below "$dir/data"
    rm -rf --one-file-system "$dir/data" "$dir/exec" "$dir/stamps" "$dir/range"
    say "$version is down, its containers, images, networks and volumes are deleted"
    unlock
}

# A `run` is counted by a shared lock (descriptor 8), the last one ends an engine that nobody wanted kept.
joined=''
join() {
    mkdir -p "$dir"
    exec 8>"$dir/users"
    flock -s 8
    joined=yes
}

leave() {
    [[ -n $joined ]] || return 0
    trap '' INT TERM HUP
    lock
    [[ -e $dir/keep ]] || ! flock -xn 8 || stop
    unlock
}
