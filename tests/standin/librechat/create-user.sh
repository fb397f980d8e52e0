#!/bin/sh
# EMAIL NAME USERNAME [--email-verified=true]; the password is asked for.
. /standin/environment.sh
# For the tests: everything that was to be seen of the processes of this container.
cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' ' ' > "$DATA/argv"
email=$1
case $email in *@*) ;; *) echo 'Error: Invalid email address!'; exit 1 ;; esac
echo 'Password: (leave blank, to generate one)'
read -r password
if grep -q "^$email " "$DATA/users"; then
    echo 'Error: A user with that email or username already exists!'
    exit 1
fi
if [ "${#password}" -lt "${MIN_PASSWORD_LENGTH:-8}" ]; then
    echo 'Error: Password must be at least 8 characters'
    exit 1
fi
echo "$email $(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)" >> "$DATA/users"
echo 'User created successfully!'
