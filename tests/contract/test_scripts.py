"""What scripts/ run and print holds no password: everyone sees the arguments of a program."""
import os
import subprocess

import pytest
from support.server import ROOT


def shell(script, tmp_path, **env):
    """Runs with scripts/lib, and a psql that only tells what it was given."""
    fake = tmp_path / "psql"
    fake.write_text("#!/bin/sh\nprintf '%s|%s\\n' \"$PGPASSWORD\" \"$*\"\n")
    fake.chmod(0o755)
    done = subprocess.run(["bash", "-c", f". {ROOT}/scripts/lib/all.sh; . {ROOT}/scripts/lib/stack.sh; {script}"],
                          capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CARA_STATE": str(tmp_path), **env})
    return done.stdout


@pytest.mark.parametrize("url, password, shown", [
    ("postgresql://postgres:s3cret@127.0.0.1:5432/cara", "s3cret", "postgresql://postgres@127.0.0.1:5432/cara"),
    ("postgres://u:a%40%2Fb%5Cn@h/d?x=y:z@w", "a@/b\\n", "postgres://u@h/d?x=y:z@w"),
    ("postgresql://postgres@/cara?host=/tmp&port=5432", "", "postgresql://postgres@/cara?host=/tmp&port=5432"),
])
def test_psql_gets_passwords_by_the_environment(tmp_path, url, password, shown):
    said = shell(f"postgres_psql -At -d '{url}' -c 'SELECT 1'", tmp_path)
    assert said == f"{password}|-X -q -v ON_ERROR_STOP=1 -At -d {shown} -c SELECT 1\n"


def test_people_are_told_how_to_reach_the_database_without_a_password(tmp_path):
    (tmp_path / "choices").write_text("postgres_port=5433\npassword=s3cret\ndatabase=own\n")
    assert shell("stack_psql_variables", tmp_path) == \
        f"PGHOST={tmp_path}/postgres PGPORT=5433 PGUSER=postgres PGDATABASE=caravanserai\n"
    (tmp_path / "choices").write_text("postgres_port=5433\npassword=s3cret\ndatabase=compose\n")
    (tmp_path / "run").mkdir()
    said = shell("_write_passfile; stack_psql_variables", tmp_path, SUDO_USER="nobody")
    file = tmp_path / "run" / "pgpass"
    assert said == f"PGHOST=127.0.0.1 PGPORT=5433 PGUSER=postgres PGDATABASE=caravanserai PGPASSFILE={file}\n"
    assert file.read_text() == "127.0.0.1:5433:caravanserai:postgres:s3cret\n"
    assert (file.stat().st_mode & 0o777, file.owner()) == (0o600, "nobody")
