#!/bin/sh
# The service behind: says who it is and what time it is.
printf 'Content-Type: text/plain\r\n\r\n'
echo "back ($(hostname)): it is $(date -u +%H:%M:%S) UTC"
