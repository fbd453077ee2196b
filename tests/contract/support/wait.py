"""Waiting for a condition instead of sleeping."""
import time


def wait_for(condition, what, seconds=15.0, step=0.02):
    """What `condition` returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(step)
