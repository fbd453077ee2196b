-- The views people read in psql: the columns and words of caractrl get, and a little more.
BEGIN;
\ir given.psql
SELECT plan(26);

SELECT columns_are('cara', 'nodes', ARRAY['name', 'state', 'ip', 'age', 'projects', 'unschedulable', 'last_heartbeat', 'message', 'cpu', 'memory'], 'cara.nodes');
SELECT columns_are('cara', 'projects', ARRAY['name', 'phase', 'node', 'conditions', 'age', 'generation', 'observed_generation', 'epoch', 'message'], 'cara.projects');
SELECT columns_are('cara', 'services', ARRAY['project', 'service', 'state', 'node', 'exit_code', 'oom_killed', 'restarts', 'health', 'image', 'ip', 'up', 'message'], 'cara.services');
SELECT columns_are('cara', 'events', ARRAY['age', 'type', 'reason', 'object', 'message', 'count', 'actor'], 'cara.events');
SELECT is((SELECT string_agg(column_name::text, ' ' ORDER BY ordinal_position) FROM (SELECT * FROM information_schema.columns WHERE table_schema = 'cara' AND table_name = 'nodes' AND ordinal_position <= 4) c), 'name state ip age', 'nodes begin with the columns of caractrl get nodes');
SELECT is((SELECT string_agg(column_name::text, ' ' ORDER BY ordinal_position) FROM (SELECT * FROM information_schema.columns WHERE table_schema = 'cara' AND table_name = 'projects' AND ordinal_position <= 5) c), 'name phase node conditions age', 'projects with those of caractrl get projects');

-- Nodes.
SELECT is_empty('SELECT * FROM cara.nodes', 'no nodes, no rows');
SELECT api.node_create('{"metadata":{"name":"n2"},"spec":{"unschedulable":true}}'), given.node('n1');
UPDATE cara.node SET created_at = clock_timestamp() - interval '59s' WHERE name = 'n2';
UPDATE cara.node SET created_at = clock_timestamp() - interval '3d' WHERE name = 'n1';
SELECT results_eq('SELECT name COLLATE "default", state, ip, age, projects, unschedulable, last_heartbeat FROM cara.nodes',
    $$ VALUES ('n1', 'Ready', '10.0.0.5', '3d', 0::bigint, false, given.t()), ('n2', 'NotReady', '<none>', '59s', 0, true, NULL) $$, 'nodes by name');

-- Projects: CONDITIONS is the reason of the last condition, as the wire has them.
CREATE FUNCTION given.conditions(p_project text) RETURNS text LANGUAGE sql
    AS $$ SELECT CASE WHEN c IS NULL THEN '-' ELSE coalesce(c->-1->>'reason', '') END FROM (SELECT api.project_get(p_project)#>'{status,conditions}') x(c) $$;
CREATE FUNCTION given.seen() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(concat_ws(' ', name, phase, node, conditions), ', ' ORDER BY name) FROM cara.projects $$;
SELECT given.project('web'), given.project('b');
SELECT is(given.seen(), 'b Pending <none> -, web Pending <none> -', 'projects that are new');
SELECT is((SELECT age FROM cara.projects WHERE name = 'b'), '0s', 'have no age to speak of');
SELECT api.schedule(given.t()), given.running('web');
SELECT is(given.seen(), 'b Scheduled n1 -, web Running n1 ContainersRunning', 'projects that have a node');
SELECT is((SELECT projects FROM cara.nodes WHERE name = 'n1'), 2::bigint, 'which counts them');
SELECT api.project_report('b', '{"phase":"Failed","message":"only a message"}');
SELECT is((SELECT conditions FROM cara.projects WHERE name = 'b'), '', 'a condition without a reason is blank');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('1s'));
SELECT is(given.seen(), 'b Failed n1 NodeNotReady, web Running n1 NodeNotReady', 'a lost node comes before what was said');
SELECT is_empty($$ SELECT name, conditions, given.conditions(name) FROM cara.projects WHERE conditions IS DISTINCT FROM given.conditions(name) $$, 'the wire says the same');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('2s'));
SELECT is_empty($$ SELECT name, conditions, given.conditions(name) FROM cara.projects WHERE conditions IS DISTINCT FROM given.conditions(name) $$, 'also when it is back');
SELECT results_eq($$ SELECT generation, observed_generation, epoch FROM cara.projects WHERE name = 'web' $$, $$ VALUES (1::bigint, 1::bigint, given.epoch_of('web')) $$, 'generations and epoch are there to compare');

-- How full nodes are, in psql and on the wire alike.
CREATE FUNCTION given.full() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(concat_ws(' ', name, projects, cpu, memory), ', ' ORDER BY name) FROM cara.nodes $$;
CREATE FUNCTION given.room(p_node text) RETURNS jsonb LANGUAGE sql AS $$ SELECT api.node_room(p_node)::jsonb - '{apiVersion,kind,node}'::text[] $$;
SELECT is(given.full(), 'n1 2 0 0, n2 0 0 0', 'a node that never said what it has: what is requested of it');
SELECT is(given.room('n1'), '{"projects":2,"cpu":{"requested":"0"},"memory":{"requested":"0"}}', 'on the wire, too');
SELECT api.node_heartbeat('n1', '{"allocatable":{"cpu":"4","memory":"2Gi"}}', given.t('2s'));
SELECT api.node_update('n1', '{"spec":{"reserved":{"cpu":"500m"}}}');
SELECT given.project('c', '{"services":[{"name":"web","image":"nginx:1","resources":{"requests":{"cpu":"1500m","memory":"512Mi"}}}]}'), api.node_cordon('n2');
SELECT api.schedule(given.t('2s'));
SELECT is(given.full(), 'n1 3 1500m of 3500m (43%) 512Mi of 2Gi (25%), n2 0 0 0', 'what is reserved is not there to be taken');
SELECT is(given.room('n1'), '{"projects":3,"cpu":{"requested":"1500m","of":"3500m","percent":43},"memory":{"requested":"512Mi","of":"2Gi","percent":25}}', 'nor on the wire');
SELECT api.node_heartbeat('n1', '{"allocatable":{"cpu":"1","memory":"0"}}', given.t('2s'));
SELECT is(given.full(), 'n1 3 1500m of 500m (300%) 512Mi of 0, n2 0 0 0', 'a node that shrank is more than full');
DELETE FROM cara.project WHERE name = 'c';
SELECT is(given.full(), 'n1 2 0 of 500m (0%) 0 of 0, n2 0 0 0', 'and is not when it is gone');
SELECT throws_ok($$ SELECT api.node_room('n9') $$, 'SR404', 'node not found: n9: resource not found', 'there is no n9');

-- Services.
SELECT given.report('n1', jsonb_build_object('project', 'web', 'epoch', given.epoch_of('web'), 'services', '[{"name":"web","state":"exited","exitCode":137,"oomKilled":true,"restarts":3,"image":"nginx:1"}]'::jsonb));
SELECT results_eq('SELECT project COLLATE "default", service COLLATE "default", state, node COLLATE "default", exit_code, oom_killed, restarts, image, up FROM cara.services',
    $$ VALUES ('web', 'web', 'exited', 'n1', 137, true, 3, 'nginx:1', '<unknown>') $$, 'why a service died is one query away');

-- Events, newest last.
DELETE FROM cara.event;
SELECT cara.event_record('Node', 'n1', 'Normal', 'B', 'm', 'ann', clock_timestamp() - interval '1min'), cara.event_record('Project', 'web', 'Warning', 'A', 'm', 'bob', clock_timestamp() - interval '2h');
SELECT results_eq('SELECT age, type, reason, object COLLATE "default", count, actor FROM cara.events', $$ VALUES ('2h', 'Warning', 'A', 'project/web', 1, 'bob'), ('1m', 'Normal', 'B', 'node/n1', 1, 'ann') $$, 'events, newest last');

SELECT * FROM finish();
ROLLBACK;
