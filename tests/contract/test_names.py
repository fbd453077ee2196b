"""C's words against SQL's: what travels between agent, server and database is spelled in one place each, alike."""
import re

import pytest
from support.server import ROOT, run_server

NAMES = (ROOT / "include" / "cara" / "names.h").read_text()
PROBLEM = (ROOT / "server" / "problem.c").read_text()
ROUTES = (ROOT / "server" / "routes.c").read_text()


@pytest.fixture(scope="module")
def database():
    from support.database import Database
    made = Database()
    assert run_server(made.url, "migrate").returncode == 0
    yield made
    made.drop()


def defined(prefix):
    return set(re.findall(rf'^#define {prefix}\w+ +"([^"]+)"', NAMES, re.M))


def column(database, sql):
    return {row[0] for row in database.sql(sql)}


def test_phases(database):
    assert defined("PHASE_") == column(database, "SELECT name FROM cara.phase")


def test_report_reasons(database):
    assert defined("REASON_") == column(database, "SELECT name FROM cara.report_reason")


def test_every_raised_code_has_a_status(database):
    """cara.fail(404, ...) raises SR404; whatever else is raised by name must be known too."""
    known = set(re.findall(r'\{ "(SR\d{3})", (\d{3}), PROBLEM_(?:MESSAGE|INTERNAL) \}', PROBLEM))
    assert known and all(code == f"SR{status}" for code, status in known)
    sources = "\n".join(row[0] for row in database.sql(
        "SELECT prosrc FROM pg_proc WHERE pronamespace IN ('cara'::regnamespace, 'api'::regnamespace) AND prosrc IS NOT NULL"))
    raised = {f"SR{code}" for code in re.findall(r"\bfail\(\s*(\d{3})", sources)} | set(re.findall(r"'(SR[1-9]\d{2})'", sources))
    assert raised
    assert raised <= {code for code, _ in known}


def test_the_database_gives_the_codes_the_server_maps(database):
    import psycopg2
    with pytest.raises(psycopg2.Error) as caught:
        database.sql("SELECT api.node_get('none')")
    assert caught.value.pgcode == "SR404"


def test_every_route_calls_a_function_that_is_there_and_may_be_called(database):
    functions = set(re.findall(r'"(api\.\w+)"', ROUTES))
    assert functions
    for function in functions:
        rows = database.sql("SELECT oid::regprocedure::text, prosecdef, has_function_privilege('cara_server', oid, 'EXECUTE')"
                            " FROM pg_proc WHERE oid::regproc::text = %s", function)
        assert rows, function
        assert all(definer and allowed for _, definer, allowed in rows), rows


def test_the_servers_role_may_do_nothing_else(database):
    """EXECUTE on api.* and USAGE of its schema: no table, no function of cara."""
    assert not database.value("SELECT has_schema_privilege('cara_server', 'cara', 'USAGE')")
    assert database.sql("SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('cara'::regnamespace, 'api'::regnamespace)"
                        " AND c.relkind IN ('r', 'v', 'S') AND (c.relacl::text LIKE '%%cara_server=%%')") == []
    assert database.sql("SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'cara'::regnamespace"
                        " AND has_function_privilege('cara_server', p.oid, 'EXECUTE')") == []
