#!/bin/sh
# Answers one request.
. /standin/http.sh
users=/app/backend/data/users
lower() { printf '%s' "$1" | tr A-Z a-z; }
auth=$(lower "${WEBUI_AUTH:-True}")
[ "$auth" = true ] || auth=false

# Only the text `true` makes the cookie secure.
attributes() {
    local same=${WEBUI_AUTH_COOKIE_SAME_SITE:-${WEBUI_SESSION_COOKIE_SAME_SITE:-lax}}
    local secure=${WEBUI_AUTH_COOKIE_SECURE:-${WEBUI_SESSION_COOKIE_SECURE:-false}}
    echo "Path=/; HttpOnly; SameSite=$same$([ "$(lower "$secure")" != true ] || echo '; Secure')"
}

# The login is in the token itself: who, until when, signed.
signed_in() {
    local ends='' life='' token
    if [ -n "$LIFE" ]; then
        ends=$(($(date +%s) + LIFE))
        life="; Max-Age=$LIFE; Expires=$(http_date "$ends")"
    fi
    token=$1.$ends.$(hash "$1" "$ends" "$WEBUI_SECRET_KEY")
    json '200 OK' "{\"token\":\"$token\",\"email\":\"$1\"}" "Set-Cookie: token=$token$life; $(attributes)"
}

signin() {
    local email
    email=$(field email)
    if [ "$auth" = false ]; then
        email=admin@localhost
        if grep -qv "^$email " "$users"; then
            json '400 Bad Request' '{"detail":"You can not turn off authentication because there are existing users."}'
            return
        fi
        grep -q . "$users" || echo "$email built-in" >> "$users"
    elif ! grep -qx "$email $(hash "$(field password)")" "$users"; then
        json '400 Bad Request' '{"detail":"The email or password provided is incorrect."}'
        return
    fi
    signed_in "$email"
}

signup() {
    if [ "$auth" = false ] || [ "$(lower "${ENABLE_SIGNUP:-true}")" != true ]; then
        json '403 Forbidden' '{"detail":"You do not have permission to access this resource."}'
        return
    fi
    echo "$(field email) $(hash "$(field password)")" >> "$users"
    signed_in "$(field email)"
}

# EMAIL.END.SIGNATURE; the address may hold dots.
session() {
    local token sum rest ends email
    token=$(cookie token)
    sum=${token##*.} rest=${token%.*}
    ends=${rest##*.} email=${rest%.*}
    if [ -n "$token" ] && [ "$sum" = "$(hash "$email" "$ends" "$WEBUI_SECRET_KEY")" ] && [ "${ends:-9999999999}" -gt "$(date +%s)" ]; then
        json '200 OK' "{\"email\":\"$email\",\"role\":\"admin\"}"
    else
        json '401 Unauthorized' '{"detail":"Not authenticated"}'
    fi
}

case "$METHOD $TARGET" in
    'GET /health') json '200 OK' '{"status":true}' ;;
    'GET /api/config') json '200 OK' "{\"status\":true,\"name\":\"Open WebUI\",\"features\":{\"auth\":$auth}}" ;;
    'POST /api/v1/auths/signin') signin ;;
    'POST /api/v1/auths/signup') signup ;;
    'GET /api/v1/auths/') session ;;
    *) reply '200 OK' text/html '<!doctype html><title>Open WebUI</title>' ;;
esac
