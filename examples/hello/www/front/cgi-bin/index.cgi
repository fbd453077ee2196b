#!/bin/sh
# The service in front: asks the one behind by its name and passes the answer on.
if answer=$(timeout 3 wget -q -O - "${BACK:-http://back:8080/}"); then
    printf 'Content-Type: text/plain\r\n\r\n'
    echo "front ($(hostname)) asked back, which said: $answer"
else
    printf 'Status: 502 Bad Gateway\r\nContent-Type: text/plain\r\n\r\n'
    echo "front ($(hostname)): no answer from ${BACK:-http://back:8080/}"
fi
