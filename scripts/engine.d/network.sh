# shellcheck shell=bash disable=SC2154 # scripts/engine sets home, dir, version, busybox
# The private engine's place in the machine's network: one bridge, one /16 for all its networks, three packet rules.
# Everything carries a name or an address of this engine alone, so that another engine on the machine is not touched.

checksum() { printf '%s' "$1" | cksum | cut -d ' ' -f 1; }

bridge_name() { printf 'refit-%08x' "$(checksum "$dir")"; }

# True when a route or a name server of this machine lies in the /16 that begins with the octets A and B.
range_taken() {
    local wanted=$(($1 | $2 << 8)) interface target mask
    # /proc/net/route has the octets in reverse order: the low 16 bits are the first two.
    while read -r interface target _ _ _ _ _ mask _; do
        [[ $interface != Iface ]] || continue
        ((16#$mask == 0 || ((16#$target ^ wanted) & 16#$mask & 0xffff) != 0)) || return 0
    done </proc/net/route
    grep -qsE "^nameserver[[:space:]]+$1\.$2\." /etc/resolv.conf
}

# The first two octets of this engine's range; chosen once, from its folder's name, clear of the machine's routes.
address_range() {
    [[ -s $dir/range ]] || free_range >"$dir/range" || { rm -f "$dir/range"; die "no free address range for the engine's networks"; }
    cat "$dir/range"
}

free_range() {
    local start second step
    # The versions of one folder take even and odd numbers: they never meet.
    start=$((2 * ($(checksum "$home") % 56)))
    [[ $version == newest ]] || start=$((start + 1))
    for ((step = 0; step < 112; step += 2)); do
        second=$((128 + (start + step) % 112))
        range_taken 10 "$second" || { echo "10.$second"; return 0; }
    done
    # Where all of 10/8 has a route, as with some VPNs.
    for ((step = 0; step < 16; step += 2)); do
        second=$((16 + (start + step) % 16))
        range_taken 172 "$second" || { echo "172.$second"; return 0; }
    done
    return 1
}

# The rules of this engine, one per line, without the command in front.
packet_rules() {
    local all
    all=$(address_range).0.0/16
    echo "nat POSTROUTING -s $all ! -d $all -j MASQUERADE"
    echo "filter FORWARD -s $all -j ACCEPT"
    echo "filter FORWARD -d $all -j ACCEPT"
}

network_up() {
    local bridge range table rule
    bridge=$(bridge_name)
    range=$(address_range)
    if [[ ! -e /sys/class/net/$bridge ]]; then
        "$busybox" ip link add name "$bridge" type bridge
        "$busybox" ip addr add "$range.0.1/24" dev "$bridge"
        "$busybox" ip link set dev "$bridge" up
    fi
    while read -r table rule; do
        # shellcheck disable=SC2086 # the rule is words
        iptables -w -t "$table" -C $rule 2>/dev/null || iptables -w -t "$table" -I $rule 2>/dev/null ||
            say "iptables refuses a rule; containers may not reach the outside"
    done < <(packet_rules)
}

# Takes away the rules, the bridge and the bridges of this engine's networks; dockerd makes the latter again.
network_down() {
    local table rule bridge known=$dir/data/network/files/local-kv.db
    [[ -s $dir/range && -x $busybox ]] || return 0
    while read -r table rule; do
        # shellcheck disable=SC2086 # the rule is words
        while iptables -w -t "$table" -D $rule 2>/dev/null; do :; done
    done < <(packet_rules)
    for bridge in /sys/class/net/br-*; do
        bridge=${bridge##*/}
        # docker names a bridge after its network's id, and keeps its networks in this file.
        if [[ -e /sys/class/net/$bridge && -r $known ]] && grep -qaF -- "${bridge#br-}" "$known"; then
            "$busybox" ip link del dev "$bridge" || true
        fi
    done
    bridge=$(bridge_name)
    [[ ! -e /sys/class/net/$bridge ]] || "$busybox" ip link del dev "$bridge" || true
}
