#!/bin/sh
# What the public image does with its first start, as far as a store needs it: a cluster with the user, the database
# and the password that the environment names, and no connection before that.
set -e
[ "${1:-}" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec start-stop-daemon -S -c postgres:postgres -x "$0" -- "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    : "${POSTGRES_PASSWORD:?is not set}"
    (
        umask 077
        printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    )
    initdb --username="$user" --pwfile=/tmp/password --encoding=UTF8 --locale=C --auth-local=trust --auth-host=scram-sha-256
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options='-c listen_addresses=' start
    [ "${POSTGRES_DB:-$user}" = postgres ] || createdb --username="$user" "${POSTGRES_DB:-$user}"
    pg_ctl --wait --mode=fast stop
fi
exec "$@" -c listen_addresses='*'
