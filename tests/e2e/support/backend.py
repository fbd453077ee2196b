"""Something to put behind the ingress: a web server in a shell, one process a connection, one request each."""
from .cluster import project, service

_SCRIPT = r"""#!/bin/sh
cr=$(printf '\r')
read -r method path version
length=0 head=''
while IFS= read -r line; do
    line=${line%"$cr"}
    [ -n "$line" ] || break
    head="$head$line
"
    case $line in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
done
answer() {
    printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %s\r\nConnection: close\r\n' "${#1}"
    printf 'Cara-Hop: unknown-host\r\n\r\n%s' "$1"
}
case $path in
    /request*) answer "$method $path
$head" ;;
    /upload*) sum=$(head -c "$length" | sha256sum); answer "${sum%% *}" ;;
    /count*) answer "$(head -c "$length" | wc -c)" ;;
    /events*) printf 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'
        for i in 1 2 3; do printf 'data: %s\n\n' "$i"; sleep 0.5; done ;;
    /echo*) printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'; exec cat ;;
    /never*) sleep 1d ;;
    /hangup*) exit ;;
    /nonsense*) printf 'I am no web server\r\n\r\n' ;;
    /two-lengths*) printf 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab' ;;
    /short*) printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort' ;;
    /early*) printf 'HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch' ;;
    /zeros*) printf 'HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n'; dd if=/dev/zero bs=65536 count=512 2>/dev/null ;;
    *) answer "$NAME" ;;
esac
"""

_RUN = "cat >/tmp/serve <<'END'\n" + _SCRIPT + "END\nchmod 755 /tmp/serve; nc -ll -p 80 -e /tmp/serve & wait"


def backend(name="web", says=None, **more):
    """A service that answers on port 80, with `says` where nothing else is asked for."""
    return service(name, _RUN, env=[{"name": "NAME", "value": says or name}], stopGracePeriod="1s", **more)


def entry(host, service="web", path=None, port=80):
    """One entry of spec.ingress."""
    made = {"name": f"{service}-{host}{path or ''}".replace("*", "any"), "host": host,
            "target": {"service": service, "port": port}, "access": {"scope": "Internal"}}
    return {**made, "path": path} if path else made


def site(name, *entries, services=None, **spec):
    """A project with a backend called web, and where it is found."""
    return project(name, *(services or [backend(says=name)]), ingress=list(entries), **spec)
