#include "migrate.h"

#include "database.h"
#include "db.h"

#include "cara/mem.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define LOCK   "SELECT pg_advisory_lock(hashtext('cara-migrate'))"
#define UNLOCK "SELECT pg_advisory_unlock(hashtext('cara-migrate'))"

static const char migrations_dir[] = "migrations/";

/* "migrations/0001_base.sql" is 1; 0 for what is re-applied. */
static int script_version(const DbScript *script)
{
    int version = 0;

    if (strncmp(script->name, migrations_dir, sizeof(migrations_dir) - 1) != 0)
        return 0;
    for (const char *p = script->name + sizeof(migrations_dir) - 1; *p >= '0' && *p <= '9'; p++)
        version = version * 10 + (*p - '0');
    return version;
}

static int carried_version(void)
{
    int highest = 0;

    for (size_t i = 0; i < db_script_count; i++)
        if (script_version(&db_scripts[i]) > highest)
            highest = script_version(&db_scripts[i]);
    return highest;
}

/* Of everything that is re-applied, so that a restart with nothing new takes no locks. */
static int checksum(char out[2 * EVP_MAX_MD_SIZE + 1], Err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

    for (size_t i = 0; ok && i < db_script_count; i++)
        if (script_version(&db_scripts[i]) == 0)
            ok = EVP_DigestUpdate(ctx, db_scripts[i].text, strlen(db_scripts[i].text) + 1);
    ok = ok && EVP_DigestFinal_ex(ctx, digest, &len);
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_set(err, ERR_SYSTEM, "SHA-256 is not available");
    for (unsigned int i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int read_int(PGconn *conn, const char *sql, int *ret, Err *err)
{
    _cleanup_(mem_freep) char *value = NULL;

    if (database_query(conn, sql, &value, err) < 0)
        return -1;
    *ret = value != NULL ? (int)strtol(value, NULL, 10) : 0;
    return 0;
}

/* *ret_version is 0 for a database that has never been migrated. */
static int read_state(PGconn *conn, const char *sum, int *ret_version, bool *ret_current, Err *err)
{
    int known = 0;
    int same = 0;
    _cleanup_(mem_freep) char *compare =
        mem_printf("SELECT count(*) FROM cara.installed WHERE checksum = '%s'", sum);

    *ret_version = 0;
    *ret_current = false;
    if (read_int(conn,
                 "SELECT (to_regclass('cara.migration') IS NOT NULL"
                 " AND to_regclass('cara.installed') IS NOT NULL)::int",
                 &known, err) < 0)
        return -1;
    if (known == 0)
        return 0;
    if (read_int(conn, "SELECT max(version) FROM cara.migration", ret_version, err) < 0 ||
        read_int(conn, compare, &same, err) < 0)
        return -1;
    *ret_current = same > 0;
    return 0;
}

static int run_script(PGconn *conn, const DbScript *script, Err *err)
{
    if (database_query(conn, script->text, NULL, err) < 0)
        return err_prefix(err, "%s", script->name);
    return 0;
}

static int is_applied(PGconn *conn, int version, bool *ret, Err *err)
{
    int n = 0;
    _cleanup_(mem_freep) char *sql =
        mem_printf("SELECT count(*) FROM cara.migration WHERE version = %d", version);

    if (read_int(conn, sql, &n, err) < 0)
        return -1;
    *ret = n > 0;
    return 0;
}

static int apply_all(PGconn *conn, const char *sum, MigrateReport *report, Err *err)
{
    _cleanup_(mem_freep) char *remember =
        mem_printf("INSERT INTO cara.installed (checksum) VALUES ('%s') ON CONFLICT (only_row)"
                   " DO UPDATE SET checksum = EXCLUDED.checksum, applied_at = now()",
                   sum);

    for (size_t i = 0; i < db_script_count; i++) {
        int version = script_version(&db_scripts[i]);
        bool applied = false;
        if (version > 0 && is_applied(conn, version, &applied, err) < 0)
            return -1;
        if (applied)
            continue;
        if (run_script(conn, &db_scripts[i], err) < 0)
            return -1;
        report->applied += version > 0;
    }
    report->replaced = 1;
    return database_query(conn, remember, NULL, err);
}

static int migrate_locked(PGconn *conn, const char *sum, MigrateReport *report, Err *err)
{
    int carried = carried_version();
    bool current;

    if (read_state(conn, sum, &report->version, &current, err) < 0)
        return -1;
    if (report->version > carried)
        return err_set(err, ERR_CONFLICT,
                       "the database was migrated by a newer version (%d > %d): upgrade this "
                       "cara-server",
                       report->version, carried);
    if (current && report->version == carried)
        return 0;
    if (apply_all(conn, sum, report, err) < 0)
        return -1;
    report->version = carried;
    return 0;
}

/* Says what to do about missing rights, the one failure that is an operator's to mend. */
static int explain(const PGconn *conn, Err *err)
{
    if (strstr(err->message, "(42501)") == NULL)
        return err_prefix(err, "migrate");
    return err_prefix(
        err,
        "user \"%s\" lacks the rights to install the schema in database \"%s\" (GRANT "
        "CREATE ON DATABASE, or connect as the owner of schema cara)",
        PQuser(conn), PQdb(conn));
}

int migrate_run(PGconn *conn, MigrateReport *ret, Err *err)
{
    char sum[2 * EVP_MAX_MD_SIZE + 1];
    MigrateReport report = { 0 };

    if (checksum(sum, err) < 0)
        return -1;
    if (database_query(conn, LOCK, NULL, err) < 0 || database_query(conn, "BEGIN", NULL, err) < 0)
        return explain(conn, err);
    if (migrate_locked(conn, sum, &report, err) < 0) {
        int kind = (int)err->kind;
        database_query(conn, "ROLLBACK", NULL, NULL);
        database_query(conn, UNLOCK, NULL, NULL);
        return kind == ERR_CONFLICT ? -1 : explain(conn, err);
    }
    if (database_query(conn, "COMMIT", NULL, err) < 0 ||
        database_query(conn, UNLOCK, NULL, err) < 0)
        return explain(conn, err);
    *ret = report;
    return 0;
}
