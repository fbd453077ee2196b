"""Real parts for tests: PostgreSQL, Docker engines, cara-server and cara-agent, each killable by pid.

Everything runs in a sandbox (scripts/lib/sandbox.sh), so nothing here has to be careful to clean up.
"""
