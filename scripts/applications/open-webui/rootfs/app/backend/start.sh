#!/bin/sh
# As the start of the application's own image: a key that signs logins is made where none is given, in the container.
if [ -z "$WEBUI_SECRET_KEY$WEBUI_JWT_SECRET_KEY" ]; then
    [ -s .webui_secret_key ] || head -c 12 /dev/urandom | base64 >.webui_secret_key
    WEBUI_SECRET_KEY=$(cat .webui_secret_key)
    export WEBUI_SECRET_KEY
fi
exec python3 -m uvicorn open_webui.main:app --host 0.0.0.0 --port 8080 --forwarded-allow-ips '*' --workers 1
