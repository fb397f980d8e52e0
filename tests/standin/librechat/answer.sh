#!/bin/sh
# Answers one request.
. /standin/environment.sh
. /standin/http.sh

# A login comes from the application's own pages alone.
same_origin() {
    case $ORIGIN in '' | "$DOMAIN_CLIENT" | "$DOMAIN_SERVER" | "http://$HOST_HEADER") ;; *) return 1 ;; esac
}

secure() {
    local host=${DOMAIN_SERVER#*://}
    host=${host%%[:/]*}
    case $(printf '%s' "$SESSION_COOKIE_SECURE" | tr -d ' ' | tr A-Z a-z) in
        true) echo '; Secure' ;;
        false) ;;
        *) case $host in localhost | 127.0.0.1 | *.localhost) ;; *) echo '; Secure' ;; esac ;;
    esac
}

# signed_in EMAIL TOKEN SECONDS: the cookie of a session that ends then.
signed_in() {
    json '200 OK' "{\"token\":\"access-$(random)\",\"user\":{\"email\":\"$1\"}}" \
        "Set-Cookie: refreshToken=$2; Path=/; Expires=$(http_date "$3"); HttpOnly; SameSite=Strict$(secure)"
}

login() {
    local email id token ends
    email=$(field email)
    enabled "${ALLOW_EMAIL_LOGIN-true}" || { json '403 Forbidden' '{"message":"Email login is not allowed."}'; return; }
    same_origin || { json '403 Forbidden' '{"message":"Cross-site request rejected"}'; return; }
    grep -qx "$email $(hash "$(field password)")" "$DATA/users" || { json '404 Not Found' '{"message":"Incorrect password."}'; return; }
    id=$(random)
    token=$id.$(hash "$id" "$JWT_REFRESH_SECRET")
    ends=$(($(date +%s) + $(math "$REFRESH_TOKEN_EXPIRY" 604800000) / 1000))
    echo "$(hash "$token") $email $ends" >> "$DATA/sessions"
    signed_in "$email" "$token" "$ends"
}

# The session's end stays what it was at the login.
refresh() {
    local token sum email ends
    token=$(cookie refreshToken)
    [ -n "$token" ] || { reply '200 OK' text/plain 'Refresh token not provided'; return; }
    if [ "${token#*.}" = "$(hash "${token%%.*}" "$JWT_REFRESH_SECRET")" ]; then
        read -r sum email ends <<END
$(grep "^$(hash "$token") " "$DATA/sessions")
END
        if [ -n "$sum" ] && [ "$ends" -gt "$(date +%s)" ]; then
            signed_in "$email" "$token" "$ends"
            return
        fi
    fi
    reply '401 Unauthorized' text/plain 'Refresh token expired or not found for this user'
}

register() {
    if ! enabled "$ALLOW_REGISTRATION"; then
        json '403 Forbidden' '{"message":"Registration is not allowed."}'
        return
    fi
    echo "$(field email) $(hash "$(field password)")" >> "$DATA/users"
    json '200 OK' '{"message":"Please check your email to verify your email address."}'
}

yes_or_no() { if "$@"; then echo true; else echo false; fi; }

# OpenID needs all of its keys.
has_openid() { [ -n "$OPENID_CLIENT_ID" ] && [ -n "$OPENID_CLIENT_SECRET" ] && [ -n "$OPENID_ISSUER" ] && [ -n "$OPENID_SESSION_SECRET" ]; }

config() {
    json '200 OK' "{\"emailLoginEnabled\":$(yes_or_no enabled "${ALLOW_EMAIL_LOGIN-true}"),\
\"registrationEnabled\":$(yes_or_no enabled "$ALLOW_REGISTRATION"),\
\"socialLoginEnabled\":$(yes_or_no enabled "$ALLOW_SOCIAL_LOGIN"),\
\"openidLoginEnabled\":$(yes_or_no has_openid),\
\"openidAutoRedirect\":$(yes_or_no enabled "$OPENID_AUTO_REDIRECT")}"
}

case "$METHOD $TARGET" in
    'GET /health')
        # For the tests: it runs, and is not well.
        case $STANDIN_UNWELL in true) reply '503 Service Unavailable' text/plain NO ;; *) reply '200 OK' text/plain OK ;; esac ;;
    'GET /readyz')
        # Of a newer release, while it migrates; an older one has no such page.
        case $STANDIN_READY in
            true) reply '200 OK' text/plain OK ;;
            false) reply '503 Service Unavailable' text/plain NOT_READY ;;
            *) reply '200 OK' text/html '<!doctype html><title>LibreChat OK</title>' ;;
        esac ;;
    'GET /api/config') config ;;
    'POST /api/auth/login') login ;;
    'POST /api/auth/refresh') refresh ;;
    'POST /api/auth/register') register ;;
    'GET /api/'*) json '404 Not Found' '{"message":"Endpoint not found"}' ;;
    *) reply '200 OK' text/html '<!doctype html><title>LibreChat</title>' ;;
esac
