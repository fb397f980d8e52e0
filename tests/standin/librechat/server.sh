#!/bin/sh
. /standin/environment.sh
die() { echo "$*" >&2; exit 1; }

case $DOMAIN_CLIENT in '' | *://*) ;; *) die "TypeError: Invalid URL: $DOMAIN_CLIENT" ;; esac

# redis://[USER]:PASSWORD@HOST:PORT
greet_redis() {
    local rest=${REDIS_URI#*://} password=$REDIS_PASSWORD
    case $rest in *@*) password=${rest%@*} password=${password#*:} rest=${rest##*@} ;; esac
    printf 'AUTH %s\r\nSET standin::started 1\r\nPING\r\nQUIT\r\n' "$password" |
        nc -w 3 "${rest%%:*}" "${rest##*:}" 2>&1 | grep -q PONG
}
if enabled "$USE_REDIS"; then
    [ -n "$REDIS_URI" ] || die "USE_REDIS is enabled but REDIS_URI is not set."
    greet_redis || die "no Redis answers at REDIS_URI"
fi

case $PORT in '' | *[!0-9]*) PORT=3080 ;; esac
echo "listens on $PORT"
exec nc -ll -p "$PORT" -e /standin/answer.sh
