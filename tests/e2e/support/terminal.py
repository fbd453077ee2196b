"""A program on a terminal of its own, as a person has it."""
import fcntl
import os
import pty
import struct
import subprocess
import termios

from .wait import wait_for


class Terminal:
    def __init__(self, *argv, columns=80, rows=24, env=None):
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        os.set_blocking(self.master, False)
        self.child = subprocess.Popen([str(arg) for arg in argv], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                      env={**os.environ, "TERM": "xterm", **(env or {})}, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, columns, rows):
        """The kernel tells the program by SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def _read(self):
        try:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return self.text

    def wait_for(self, text):
        wait_for(lambda: text in self._read(), f"the terminal shows {text!r}, not only {self.text!r}")

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def status(self):
        """Waits for the end."""
        wait_for(lambda: self._read() is not None and self.child.poll() is not None, "the program ends")
        return self.child.returncode

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
