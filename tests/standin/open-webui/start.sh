#!/bin/sh
# The start of the application: its keys, what the database keeps of them, and the server.
data=/app/backend/data
touch "$data/users"

# A key that signs logins is made where none is given, in the container and not in the volume.
if [ -z "$WEBUI_SECRET_KEY" ]; then
    [ -s .webui_secret_key ] || head -c 16 /dev/urandom | xxd -p > .webui_secret_key
    WEBUI_SECRET_KEY=$(cat .webui_secret_key)
fi
export WEBUI_SECRET_KEY

# Settings that are kept: the stored one wins over the environment.
lower() { printf '%s' "$1" | tr A-Z a-z; }
jwt=${JWT_EXPIRES_IN:-4w}
if [ "$(lower "${ENABLE_PERSISTENT_CONFIG:-true}")" = true ]; then
    [ -s "$data/jwt_expiry" ] || printf '%s' "$jwt" > "$data/jwt_expiry"
    jwt=$(cat "$data/jwt_expiry")
    [ -s "$data/enable_signup" ] || lower "${ENABLE_SIGNUP:-true}" > "$data/enable_signup"
    ENABLE_SIGNUP=$(cat "$data/enable_signup")
    export ENABLE_SIGNUP
fi

# 1h30m, 7d, -1; in seconds, and nothing for ever.
seconds() {
    local rest=$1 total=0 number unit
    case $rest in -1 | 0) return ;; esac
    while [ -n "$rest" ]; do
        number=${rest%%[!0-9]*}
        rest=${rest#"$number"}
        unit=${rest%%[0-9]*}
        rest=${rest#"$unit"}
        [ -n "$number" ] || return 1
        case $unit in
            ms) number=$((number / 1000)) ;;
            s) ;;
            m) number=$((number * 60)) ;;
            h) number=$((number * 3600)) ;;
            d) number=$((number * 86400)) ;;
            w) number=$((number * 604800)) ;;
            *) return 1 ;;
        esac
        total=$((total + number))
    done
    echo "$total"
}
LIFE=$(seconds "$jwt") || { echo "ValueError: Invalid duration string: $jwt" >&2; exit 1; }
export LIFE

echo 'listens on 8080'
exec nc -ll -p 8080 -e /standin/answer.sh
