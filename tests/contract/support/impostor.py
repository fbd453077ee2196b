"""A server that is not the Postgres one hopes for: it speaks just enough of the protocol to be turned away."""
import contextlib
import socket
import struct
import threading


def message(kind, payload):
    return kind + struct.pack("!I", len(payload) + 4) + payload


def refusal(sqlstate, text):
    fields = b"SFATAL\0VFATAL\0C" + sqlstate.encode() + b"\0M" + text.encode() + b"\0\0"
    return message(b"E", fields)


def welcome(version):
    parameters = b"".join(message(b"S", f"{name}\0{value}\0".encode()) for name, value in
                          (("server_version", version), ("client_encoding", "UTF8"), ("server_encoding", "UTF8")))
    return message(b"R", struct.pack("!I", 0)) + parameters + message(b"K", struct.pack("!II", 1, 1)) + message(b"Z", b"I")


class Impostor:
    """`answer` is sent after the startup message; None speaks HTTP instead."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client:
                    self._turn_away(client)

    def _turn_away(self, client):
        client.settimeout(5)
        first = client.recv(1024)
        if self.answer is None:
            client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        while struct.unpack("!I", first[4:8])[0] in (80877103, 80877104):  # wishes for TLS or GSSAPI
            client.sendall(b"N")
            first = client.recv(1024)
        client.sendall(self.answer)
        client.recv(1024)
