"""Programs as handles: started with a log of their own, ended by pid."""
import os
import pathlib
import signal
import subprocess

from .wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
SANDBOX = pathlib.Path(os.environ.get("CARA_SANDBOX", "/nonexistent"))
BIN = pathlib.Path(os.environ.get("CARA_BIN", ROOT / "build" / "release" / "bin"))


class Process:
    """One program. `netns` is the namespace it runs in, None for the tests' own."""

    everything = []  # in the order of start, for the logs of a failed test

    def __init__(self, name, argv, netns=None, env=None):
        self.name = name
        self.argv = [str(arg) for arg in argv]
        if netns:
            self.argv = ["nsenter", f"--net=/run/netns/{netns}", *self.argv]
        self.env = {**os.environ, **{name: str(value) for name, value in (env or {}).items()}}
        self.log = SANDBOX / "logs" / f"{name}.log"
        self.log.parent.mkdir(exist_ok=True)
        self.child = None
        Process.everything.append(self)

    @property
    def pid(self):
        return self.child.pid

    def start(self):
        assert not self.alive(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                          cwd=SANDBOX, start_new_session=True)
        return self

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self, sign=signal.SIGKILL):
        """Sends the signal and waits for the end; returns the exit status (negative: the signal that ended it)."""
        if self.alive():
            self.child.send_signal(sign)
        return self.child.wait(20)

    def terminate(self):
        return self.kill(signal.SIGTERM)

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_size(self):
        return self.log.stat().st_size if self.log.exists() else 0

    def wait_for_log(self, text, since=0, limit=15):
        wait_for(lambda: text in self.log.read_bytes()[since:].decode(errors="replace"),
                 f"{self.name} logs {text!r}", limit)


def library(function, *args):
    """argv for a function of scripts/lib; the `_exec` ones become the program itself, so that its pid is ours."""
    return ["bash", "-c", '. "$0/scripts/lib/all.sh"; "$@"', ROOT, function, *args]


def run(*argv, check=True, text=None, env=None, cwd=None, limit=60):
    """Runs to the end; returns CompletedProcess with text output."""
    done = subprocess.run([str(arg) for arg in argv], input=text, capture_output=True, text=True, timeout=limit,
                          env={**os.environ, **(env or {})}, cwd=cwd, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done
