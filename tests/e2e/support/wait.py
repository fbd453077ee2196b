"""Waiting for conditions."""
import time

LIMIT = 30.0


def wait_for(condition, what, limit=LIMIT, every=0.02):
    """Calls condition() until it returns something true, and returns that.

    After `limit` seconds fails with `what` and the last answer. An AssertionError, KeyError or OSError raised by the
    condition counts as "not yet".
    """
    deadline = time.monotonic() + limit
    answer = None
    while True:
        try:
            answer = condition()
            if answer:
                return answer
        except (AssertionError, KeyError, OSError) as error:
            answer = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:g} s: {what}; last seen: {answer!r}")
        time.sleep(every)


def holds_for(condition, what, seconds):
    """Fails when condition() is false at any moment of the next `seconds`: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer holds: {what}"
        time.sleep(0.05)
