# Reads one request from standard input, for the stand-ins' answer.sh: METHOD, TARGET, BODY, COOKIE,
# ORIGIN and HOST_HEADER. It speaks as much HTTP as the tests need.
cr=$(printf '\r')
read -r METHOD TARGET _
BODY='' COOKIE='' ORIGIN='' HOST_HEADER='' length=0
while IFS= read -r line; do
    line=${line%"$cr"}
    value=${line#*: }
    case $line in
        '') break ;;
        [Cc]ontent-[Ll]ength:*) length=$value ;;
        [Cc]ookie:*) COOKIE=$value ;;
        [Oo]rigin:*) ORIGIN=$value ;;
        [Hh]ost:*) HOST_HEADER=$value ;;
    esac
done
[ "$length" -eq 0 ] || BODY=$(head -c "$length")

# reply STATUS TYPE BODY [HEADER...]
reply() {
    local status=$1 type=$2 body=$3
    shift 3
    printf 'HTTP/1.1 %s\r\nContent-Type: %s\r\n' "$status" "$type"
    printf 'Date: %s\r\nContent-Length: %s\r\nConnection: close\r\n' "$(http_date "$(date +%s)")" "${#body}"
    for header in "$@"; do [ -z "$header" ] || printf '%s\r\n' "$header"; done
    printf '\r\n%s' "$body"
}

json() { reply "$1" application/json "$2" "$3"; }

http_date() { date -u -d "@$1" '+%a, %d %b %Y %H:%M:%S GMT'; }

# The text of a field of the JSON in BODY.
field() { printf '%s' "$BODY" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

# The value of a cookie.
cookie() { printf '%s' "$COOKIE" | tr ';' '\n' | sed -n "s/^ *$1=//p"; }

hash() { printf '%s' "$*" | sha256sum | cut -d ' ' -f 1; }

random() { head -c 16 /dev/urandom | xxd -p; }
