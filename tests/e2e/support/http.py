"""HTTP over TCP or a unix socket, one request a connection."""
import http.client
import json
import socket


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """`where` is "host:port" or the path of a unix socket."""

    def __init__(self, where, timeout=15):
        self.where, self.timeout = str(where), timeout

    def call(self, method, path, body=None, headers=None):
        """body: bytes, or something to be sent as JSON. Raises OSError when there is no answer."""
        if self.where.startswith("/"):
            connection = _UnixConnection(self.where, self.timeout)
        else:
            connection = http.client.HTTPConnection(self.where, timeout=self.timeout)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        except http.client.HTTPException as error:
            raise OSError(repr(error)) from error
        finally:
            connection.close()
