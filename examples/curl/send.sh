#!/bin/sh
# Send one message and look until its state is final: send.sh <number> <text>
# Needs curl, and BUDSTIKKE_API and BUDSTIKKE_KEY in the environment.
set -eu

number=$1
text=$2
# Ours to choose. However often the request is repeated with the same key, it is one message.
key=${IDEMPOTENCY_KEY:-curl-$(date +%s)-$$}

# One member of a JSON object, as far as it is a plain word.
member() {
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# In JSON a quotation mark and a backslash are written with a backslash before them.
escaped=$(printf '%s' "$text" | sed 's/[\\"]/\\&/g')
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
trap 'exit 130' HUP INT TERM
# Not --fail-with-body: before 7.84 curl tries nothing again with it.
status=$(curl --silent --show-error --output "$answer" --write-out '%{http_code}' \
    --retry 5 --retry-connrefused --max-time 20 \
    "$BUDSTIKKE_API/v1/messages" \
    -H "Authorization: Bearer $BUDSTIKKE_KEY" \
    -H "Content-Type: application/json" \
    -H "Idempotency-Key: $key" \
    -d "{\"to\": \"$number\", \"text\": \"$escaped\", \"category\": \"otp\"}")
if [ "$status" != 202 ]; then
    cat "$answer" >&2 # a problem document says what is wrong
    exit 1
fi
id=$(member id <"$answer")
echo "accepted $id"

tries=0
while [ "$tries" -lt 120 ]; do
    message=$(curl --silent --show-error --max-time 20 "$BUDSTIKKE_API/v1/messages/$id" \
        -H "Authorization: Bearer $BUDSTIKKE_KEY")
    if [ "$(printf '%s' "$message" | sed 's/,"history".*//' | member final)" = true ]; then
        printf '%s' "$message" | sed 's/,"history".*//' | member state
        exit 0
    fi
    tries=$((tries + 1))
    sleep 0.5
done
echo "no final state in time" >&2
exit 1
