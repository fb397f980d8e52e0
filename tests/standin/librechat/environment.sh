# The environment as LibreChat sees it: that of the process, and below it /app/.env as dotenv reads it,
# which overrides nothing, expands no $ and ends a bare value at the first #.
export NODE_ENV=production
read_dotenv() {
    local line key value known
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in [A-Za-z_]*=*) ;; *) continue ;; esac
        key=${line%%=*} value=${line#*=}
        case $key in *[!A-Za-z0-9_]*) continue ;; esac
        case $value in
            \"*) value=${value#\"} value=${value%%\"*} ;;
            \'*) value=${value#\'} value=${value%%\'*} ;;
            *)
                value=${value%%#*}
                value=${value%"${value##*[! ]}"}
                ;;
        esac
        eval "known=\${$key+set}"
        [ -n "$known" ] || export "$key=$value"
    done
}
[ ! -f /app/.env ] || read_dotenv < /app/.env
DATA=/app/uploads/database
mkdir -p "$DATA"
touch "$DATA/users" "$DATA/sessions"

# Only the text `true` switches something on.
enabled() { [ "$(printf '%s' "$1" | tr -d ' ' | tr A-Z a-z)" = true ]; }

# A calculation with numbers; anything else gives the default, without a word.
math() {
    case $1 in '' | *[!0-9+*/%\(\)\ -]*) echo "$2" ;; *) echo "$(($1))" ;; esac
}
