"""A WebSocket client that may also misbehave: frames as they are, nothing is done by itself."""
import base64
import hashlib
import os
import socket
import struct

BINARY, TEXT, CONTINUATION, CLOSE, PING, PONG = 2, 1, 0, 8, 9, 10


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body!r}")
        self.status, self.body = status, body


class WebSocket:
    def __init__(self, address, path, protocol=None, early=b"", timeout=20):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {address}", "Connection: keep-alive, Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + early)
        head = self._until(b"\r\n\r\n").decode()
        status = int(head.split(" ", 2)[1])
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        if status != 101:
            raise Refused(status, self._exactly(int(fields.get("content-length", 0))))
        accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert f"sec-websocket-accept: {base64.b64encode(accept).decode()}".lower() in head.lower(), head
        self.protocol = fields.get("sec-websocket-protocol")

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    @staticmethod
    def frame(payload=b"", opcode=BINARY, fin=True, masked=True, rsv=0):
        head = bytes([(fin << 7) | (rsv << 4) | opcode])
        size = len(payload)
        bit = 128 if masked else 0
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", size)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", size)
        if not masked:
            return head + payload
        mask = os.urandom(4)
        stretched = (mask * (size // 4 + 1))[:size]
        xored = int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")
        return head + mask + xored.to_bytes(size, "big")

    def send(self, payload=b"", **how):
        self.socket.sendall(self.frame(payload, **how))

    def receive(self):
        """(opcode, payload) of the next frame. EOFError when the connection has ended."""
        first, second = self._exactly(2)
        assert not second & 128, "a server masks nothing"
        size = second & 127
        if size == 126:
            size, = struct.unpack(">H", self._exactly(2))
        elif size == 127:
            size, = struct.unpack(">Q", self._exactly(8))
        assert first & 128, "messages come whole"
        return first & 15, self._exactly(size)

    def receive_bytes(self, count):
        """That many bytes of binary messages."""
        data = b""
        while len(data) < count:
            opcode, payload = self.receive()
            assert opcode == BINARY, (opcode, payload)
            data += payload
        return data

    def receive_close(self):
        """The status of the close frame, after whatever comes before it."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0] if payload else None

    def close(self):
        self.socket.close()
