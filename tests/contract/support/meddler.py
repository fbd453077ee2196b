"""A TCP proxy that swallows what it should pass on, without a word to either side."""
import contextlib
import socket
import struct
import threading


class Meddler:
    """`target` may be changed at any time; new connections go there. The filters take what a server sends on one connection
    and give what is passed on; `heard` is all that clients sent, `answered` what they were sent."""

    def __init__(self, port, make_filter=None):
        self.target = ("127.0.0.1", port)
        self.make_filter = make_filter or (lambda: lambda data: data)
        self.connections = []
        self.heard, self.answered = bytearray(), bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self):
        """Whatever servers send from now on over the connections there are is lost. They stay open."""
        for connection in self.connections:
            connection["deaf"] = True

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            self._end(connection)

    @staticmethod
    def _end(connection):
        for sock in connection["sockets"]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(self.target, 5)
            except OSError:
                client.close()
                continue
            upstream.settimeout(None)
            connection = {"deaf": False, "sockets": (client, upstream)}
            self.connections.append(connection)
            keep = self.make_filter()
            threading.Thread(target=self._pump, args=(connection, client, upstream, self._hear), daemon=True).start()
            threading.Thread(target=self._pump, args=(connection, upstream, client, lambda data, c=connection, k=keep:
                                                      self._answer(b"" if c["deaf"] else k(data))), daemon=True).start()

    def _hear(self, data):
        self.heard += data
        return data

    def _answer(self, data):
        self.answered += data
        return data

    def _pump(self, connection, source, sink, keep):
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(keep(chunk))
        self._end(connection)


class Messages:
    """What Postgres sends on one connection, a message at a time: those that `passes` says of by their type."""

    def __init__(self):
        self.rest = b""
        self.greeted = False

    def passes(self, kind):
        raise NotImplementedError

    def __call__(self, data):
        self.rest += data
        out = b""
        while not self.greeted and self.rest[:1] == b"N":  # the answer to a wish for TLS
            out, self.rest = out + b"N", self.rest[1:]
        while len(self.rest) >= 5:
            self.greeted = True
            size = 1 + struct.unpack("!I", self.rest[1:5])[0]
            if len(self.rest) < size:
                break
            if self.passes(self.rest[:1]):
                out += self.rest[:size]
            self.rest = self.rest[size:]
        return out


class NoNotifications(Messages):
    """All but NotificationResponse, of which it counts how many there were."""

    def __init__(self):
        super().__init__()
        self.swallowed = 0

    def passes(self, kind):
        self.swallowed += kind == b"A"
        return kind != b"A"


class NoAnswers(Messages):
    """The greeting, up to the first ReadyForQuery; then nothing, whatever is asked."""

    def __init__(self):
        super().__init__()
        self.ready = False

    def passes(self, kind):
        before, self.ready = self.ready, self.ready or kind == b"Z"
        return not before
