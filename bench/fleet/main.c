/* fleet SERVER_URL DATABASE_URL [SERVER_PID POSTGRES_PID]: simulated agents, and what is measured
 * with them. Takes commands on standard input, one a line; answers each with lines for people,
 * lines `result NAME VALUE`, and at last `done` or `failed WHY`:
 *
 *   add PREFIX COUNT KIND RATE   so many more agents, RATE of them starting each second; KIND is
 *                                postgres, stream, poll, or - for what the server picks
 *   projects COUNT               so many projects, on whatever nodes; until all of them run
 *   wake PREFIX CHANGES RATE     commits changes by SQL, one after the other, each of one to three
 *                                projects on random nodes; until each was fetched where it runs
 *   put PREFIX CHANGES RATE      the same by REST, each of one project
 *   everyone                     one transaction that changes the projects of all
 *   listen on|off                agents of kind postgres hear (UNLISTEN: do not hear) their channel
 *   drop                         all streams end at once; until all agents are back
 *   steady SECONDS               nothing but beats and slow polls; what server and Postgres use,
 * and each minute how much memory quit
 */
#include "fleet.h"
#include "usage.h"

#include <curl/curl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATIENCE_S    240
#define MEMORY_EACH_S 60
#define APPLY_AT_ONCE 500
#define AT_ONCE_MAX   3 /* projects in one change */

typedef struct Bench {
    Fleet *fleet;
    const char *server_url;
    PGconn *conn;
    CURL *curl;
    int server_pid;
    int postgres_pid;
    int expected; /* agents that shall have a channel */
    int serial;   /* of changes */
    struct {
        char prefix[16];
        int first;
    } groups[8];
    int group_count;
} Bench;

typedef struct Place {
    char *project;
    int agent;
} Place;

static void pause_s(double seconds)
{
    if (seconds > 0)
        usleep((useconds_t)(seconds * 1e6));
}

/* ---- SQL ---- */

static PGresult *query(Bench *bench, const char *sql)
{
    PGresult *result = PQexec(bench->conn, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return result;
    printf("failed %s: %s\n", sql, PQerrorMessage(bench->conn));
    exit(1);
}

static void run(Bench *bench, const char *sql)
{
    PQclear(query(bench, sql));
}

static long number(Bench *bench, const char *sql)
{
    PGresult *result = query(bench, sql);
    long value = strtol(PQgetvalue(result, 0, 0), NULL, 10);

    PQclear(result);
    return value;
}

static int agent_of(const Bench *bench, const char *node)
{
    size_t len = strcspn(node, "0123456789");

    for (int i = 0; i < bench->group_count; i++)
        if (strlen(bench->groups[i].prefix) == len &&
            strncmp(bench->groups[i].prefix, node, len) == 0)
            return bench->groups[i].first + (int)strtol(node + len, NULL, 10);
    return -1;
}

/* Who runs what, of the agents whose names begin with prefix. */
static Place *places(Bench *bench, const char *prefix, int *ret_count)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "SELECT project, node FROM cara.assignment WHERE released_at IS NULL AND node ~ "
             "'^%s[0-9]' ORDER BY random()",
             prefix);
    PGresult *result = query(bench, sql);
    int count = PQntuples(result);
    Place *list = calloc((size_t)count + 1, sizeof(*list));
    for (int i = 0; i < count && list != NULL; i++)
        list[i] =
            (Place){ strdup(PQgetvalue(result, i, 0)), agent_of(bench, PQgetvalue(result, i, 1)) };
    PQclear(result);
    *ret_count = count;
    return list;
}

static void places_free(Place *list, int count)
{
    for (int i = 0; i < count; i++)
        free(list[i].project);
    free(list);
}

/* ---- what comes out ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Waits until all that was expected was fetched; false when it takes too long. */
static bool await_fetches(Bench *bench, double patience)
{
    double until = clock_now() + patience;

    while (fleet_missing(bench->fleet) > 0 && clock_now() < until)
        pause_s(0.001);
    return fleet_missing(bench->fleet) == 0;
}

static void tell_times(Bench *bench, const char *what)
{
    int missing = fleet_missing(bench->fleet);
    size_t count;
    double *took = fleet_take(bench->fleet, &count);

    if (count > 0) {
        static const int percents[] = { 10, 50, 90, 99 };
        qsort(took, count, sizeof(double), compare);
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
            printf("result %s.p%d %.3f\n", what, percents[i],
                   took[(count - 1) * (size_t)percents[i] / 100] * 1e3);
        printf("result %s.max %.3f\n", what, took[count - 1] * 1e3);
    }
    printf("result %s.count %zu\nresult %s.missing %d\n", what, count, what, missing);
    free(took);
}

static void tell_counts(const Counts *before, const Counts *after)
{
    for (int i = 0; i < REQUEST_COUNT; i++)
        printf("result %s.answered %ld\nresult %s.refused %ld\nresult %s.lost %ld\n",
               request_words[i], after->answered[i] - before->answered[i], request_words[i],
               after->refused[i] - before->refused[i], request_words[i],
               after->lost[i] - before->lost[i]);
    printf("result fetch.unchanged %ld\nresult wakes %ld\nresult channel.losses %ld\n",
           after->unchanged - before->unchanged, after->wakes - before->wakes,
           after->losses - before->losses);
}

/* ---- the commands ---- */

static bool await_settled(Bench *bench, double patience)
{
    double until = clock_now() + patience;

    while (fleet_settled(bench->fleet) < bench->expected && clock_now() < until)
        pause_s(0.02);
    return fleet_settled(bench->fleet) >= bench->expected;
}

static bool add(Bench *bench, char *arguments)
{
    char prefix[16];
    char kind[16];
    int count;
    double rate;
    double began = clock_now();

    if (bench->group_count == 8 ||
        sscanf(arguments, "%15s %d %15s %lf", prefix, &count, kind, &rate) != 4)
        return false;
    snprintf(bench->groups[bench->group_count].prefix, sizeof(bench->groups[0].prefix), "%s",
             prefix);
    bench->groups[bench->group_count++].first =
        fleet_add(bench->fleet, prefix, count, *kind == '-' ? NULL : strdup(kind), rate);
    bench->expected += strcmp(kind, "poll") == 0 ? 0 : count;
    bool all = await_settled(bench, count / rate + PATIENCE_S);
    printf("%d of %d agents have a channel after %.1f s\n", fleet_settled(bench->fleet),
           bench->expected, clock_now() - began);
    return all;
}

static bool projects(Bench *bench, char *arguments)
{
    long count = strtol(arguments, NULL, 10);
    double began = clock_now();
    char sql[512];

    for (long i = 0; i < count; i += APPLY_AT_ONCE) {
        snprintf(sql, sizeof(sql),
                 "SELECT api.apply(jsonb_build_object('kind', 'List', 'items', jsonb_agg("
                 "jsonb_build_object('apiVersion', 'caravanserai/v1', 'kind', 'Project', "
                 "'metadata', jsonb_build_object('name', 'p' || i), 'spec', "
                 "'{\"services\":[{\"name\":\"main\",\"image\":\"demo:1\"}]}'::jsonb))), 'bench') "
                 "FROM generate_series(%ld, %ld) i",
                 i, (i + APPLY_AT_ONCE < count ? i + APPLY_AT_ONCE : count) - 1);
        run(bench, sql);
    }
    double until = clock_now() + PATIENCE_S + (double)count / 50;
    while (number(bench, "SELECT count(*) FROM cara.project_status WHERE phase = 'Running'") <
               count &&
           clock_now() < until)
        pause_s(0.2);
    printf("%ld projects Running after %.1f s\n",
           number(bench, "SELECT count(*) FROM cara.project_status WHERE phase = 'Running'"),
           clock_now() - began);
    return clock_now() < until;
}

static void change_by_sql(Bench *bench, const Place *list, int count)
{
    int many = 1 + (int)(random() % AT_ONCE_MAX);
    const Place *chosen[AT_ONCE_MAX];
    char mark[48];
    char sql[768];

    run(bench, "BEGIN");
    for (int i = 0; i < many; i++) {
        chosen[i] = &list[random() % count];
        snprintf(sql, sizeof(sql),
                 "SELECT api.project_update('%s', jsonb_set(api.project_get('%s')::jsonb #- "
                 "'{status}', '{metadata,labels}', '{\"round\":\"%d\"}'), 'bench')",
                 chosen[i]->project, chosen[i]->project, bench->serial);
        run(bench, sql);
    }
    run(bench, "SET LOCAL synchronous_commit = off"); /* when the COMMIT is sent it is done */
    snprintf(mark, sizeof(mark), "\"round\":\"%d\"", bench->serial++);
    for (int i = 0; i < many; i++)
        fleet_expect(bench->fleet, chosen[i]->agent, mark);
    run(bench, "COMMIT");
}

static size_t discard(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

/* Returns the status, 0 when there was no answer. */
static long request(Bench *bench, const char *method, const char *path, const char *body)
{
    char url[256];
    long status = 0;

    if (bench->curl == NULL)
        bench->curl = curl_easy_init();
    snprintf(url, sizeof(url), "%s%s", bench->server_url, path);
    curl_easy_setopt(bench->curl, CURLOPT_URL, url);
    curl_easy_setopt(bench->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(bench->curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(bench->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(bench->curl, CURLOPT_WRITEFUNCTION, discard);
    if (body != NULL)
        curl_easy_setopt(bench->curl, CURLOPT_POSTFIELDS, body);
    else
        curl_easy_setopt(bench->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(bench->curl, CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(bench->curl) == CURLE_OK)
        curl_easy_getinfo(bench->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static long put_project(Bench *bench, const char *project, int round)
{
    char path[128];
    char body[256];

    snprintf(path, sizeof(path), "/api/v1/projects/%s", project);
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"round\":\"%d\"}},"
             "\"spec\":{\"services\":[{\"name\":\"main\",\"image\":\"demo:1\"}]}}",
             project, round);
    return request(bench, "PUT", path, body);
}

static bool change_by_rest(Bench *bench, const Place *list, int count)
{
    const Place *place = &list[random() % count];
    char mark[48];

    snprintf(mark, sizeof(mark), "\"round\":\"%d\"", bench->serial);
    fleet_expect(bench->fleet, place->agent, mark);
    return put_project(bench, place->project, bench->serial++) == 200;
}

static bool wake(Bench *bench, char *arguments, bool by_rest)
{
    char prefix[16];
    int changes;
    double rate;
    int count;
    bool well = true;

    if (sscanf(arguments, "%15s %d %lf", prefix, &changes, &rate) != 3)
        return false;
    Place *list = places(bench, prefix, &count);
    for (int i = 0; i < changes && count > 0 && well; i++) {
        /* not in step with anything else */
        pause_s((0.5 + (double)(random() % 1000) / 1000) / rate);
        if (by_rest)
            well = change_by_rest(bench, list, count);
        else
            change_by_sql(bench, list, count);
        well &= await_fetches(bench, PATIENCE_S);
    }
    tell_times(bench, by_rest ? "put" : "wake");
    places_free(list, count);
    return well && count > 0;
}

static bool everyone(Bench *bench)
{
    char sql[256];
    char mark[48];
    int count;
    Place *list = places(bench, "[a-z]+", &count);

    run(bench, "BEGIN");
    snprintf(sql, sizeof(sql), "UPDATE cara.project SET labels = '{\"round\":\"%d\"}'",
             bench->serial);
    run(bench, sql);
    run(bench, "SET LOCAL synchronous_commit = off");
    snprintf(mark, sizeof(mark), "\"round\":\"%d\"", bench->serial++);
    for (int i = 0; i < count; i++)
        fleet_expect(bench->fleet, list[i].agent, mark);
    run(bench, "COMMIT");
    bool well = await_fetches(bench, PATIENCE_S);
    tell_times(bench, "everyone");
    places_free(list, count);
    return well;
}

/* Other people's requests meanwhile: each must be answered well. */
static bool drop(Bench *bench)
{
    Counts before = fleet_counts(bench->fleet);
    double began = clock_now();
    double slowest = 0;
    long probes = 0;
    long failed = 0;
    int lost = 0;

    fleet_drop(bench->fleet);
    do {
        double asked = clock_now();
        int left = bench->expected - fleet_settled(bench->fleet);
        lost = left > lost ? left : lost;
        failed += request(bench, "GET", "/api/v1/projects/p0", NULL) != 200;
        failed += put_project(bench, "p0", bench->serial++) != 200;
        probes += 2;
        slowest = clock_now() - asked > slowest ? clock_now() - asked : slowest;
        pause_s(0.05);
    } while (fleet_settled(bench->fleet) < bench->expected && clock_now() < began + PATIENCE_S);
    Counts after = fleet_counts(bench->fleet);
    printf("result drop.lost %d\nresult drop.seconds %.1f\nresult drop.probes %ld\n"
           "result drop.failed %ld\nresult drop.slowest %.0f\n",
           lost, clock_now() - began, probes, failed, slowest * 1e3);
    tell_counts(&before, &after);
    return fleet_settled(bench->fleet) >= bench->expected;
}

typedef struct Memory {
    double server;   /* MiB */
    double postgres; /* what its processes do not share */
    double database; /* on disk */
} Memory;

static Memory take_memory(Bench *bench)
{
    return (Memory){
        .server = usage_rss_mib(bench->server_pid),
        .postgres = usage_own_mib_of_family(bench->postgres_pid),
        .database = (double)number(bench, "SELECT pg_database_size(current_database())") / 1048576
    };
}

static Memory tell_memory(Bench *bench, double after)
{
    Memory memory = take_memory(bench);

    printf("%4.0f s: server %.1f MiB, Postgres' own memory %.1f MiB, database %.1f MiB\n", after,
           memory.server, memory.postgres, memory.database);
    return memory;
}

static bool steady(Bench *bench, char *arguments)
{
    double seconds = strtod(arguments, NULL);
    Counts before = fleet_counts(bench->fleet);
    double server = usage_cpu(bench->server_pid);
    double postgres = usage_cpu_of_family(bench->postgres_pid);
    double self = usage_cpu((int)getpid());
    Memory first = tell_memory(bench, 0);
    Memory last = first;
    double began = clock_now();

    for (double left = seconds; left > 0; left = began + seconds - clock_now()) {
        pause_s(left < MEMORY_EACH_S ? left : MEMORY_EACH_S);
        last = tell_memory(bench, clock_now() - began);
    }
    double took = clock_now() - began;
    Counts after = fleet_counts(bench->fleet);
    printf("result cpu.server %.3f\nresult cpu.postgres %.3f\nresult cpu.fleet %.3f\n",
           (usage_cpu(bench->server_pid) - server) / took,
           (usage_cpu_of_family(bench->postgres_pid) - postgres) / took,
           (usage_cpu((int)getpid()) - self) / took);
    printf("result rss.before %.1f\nresult rss.after %.1f\n", first.server, last.server);
    printf("result postgres.before %.1f\nresult postgres.after %.1f\n", first.postgres,
           last.postgres);
    printf("result beats %.1f\n",
           (double)(after.answered[HEARTBEAT] - before.answered[HEARTBEAT]) / took);
    tell_counts(&before, &after);
    return true;
}

static bool listen_or_not(Bench *bench, const char *arguments)
{
    fleet_listen(bench->fleet, strncmp(arguments, "on", 2) == 0);
    return true;
}

static bool obey(Bench *bench, const char *word, char *arguments)
{
    if (strcmp(word, "add") == 0)
        return add(bench, arguments);
    if (strcmp(word, "projects") == 0)
        return projects(bench, arguments);
    if (strcmp(word, "wake") == 0 || strcmp(word, "put") == 0)
        return wake(bench, arguments, *word == 'p');
    if (strcmp(word, "everyone") == 0)
        return everyone(bench);
    if (strcmp(word, "listen") == 0)
        return listen_or_not(bench, arguments);
    if (strcmp(word, "drop") == 0)
        return drop(bench);
    if (strcmp(word, "steady") == 0)
        return steady(bench, arguments);
    return false;
}

int main(int argc, char **argv)
{
    Bench bench = { 0 };
    struct rlimit files;
    char line[256];

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: fleet SERVER_URL DATABASE_URL [SERVER_PID POSTGRES_PID]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    srandom((unsigned)getpid());
    bench.server_url = argv[1];
    bench.server_pid = argc == 5 ? (int)strtol(argv[3], NULL, 10) : 0;
    bench.postgres_pid = argc == 5 ? (int)strtol(argv[4], NULL, 10) : 0;
    bench.conn = PQconnectdb(argv[2]);
    /* with as many streams: what this process and the server may open, and some to spare */
    bench.fleet = fleet_new(argv[1], files.rlim_cur < 40000 ? (int)files.rlim_cur * 9 / 20 : 20000);
    if (bench.fleet == NULL || PQstatus(bench.conn) != CONNECTION_OK) {
        fprintf(stderr, "fleet: cannot begin: %s\n", PQerrorMessage(bench.conn));
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *arguments = line;
        char *word = strsep(&arguments, " \n");
        if (strcmp(word, "quit") == 0)
            break;
        puts(obey(&bench, word, arguments != NULL ? arguments : line) ? "done" : "failed");
    }
    fflush(stdout);
    _exit(0); /* the agents live on until then */
}
