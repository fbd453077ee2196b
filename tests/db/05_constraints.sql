-- What the tables themselves refuse, whoever writes: not even the owner in psql can store nonsense.
BEGIN;
\ir given.psql
SELECT plan(67);

SELECT given.node('n1');
SELECT given.project('web');

-- Shapes that hold for every table of what people asked for.
CREATE FUNCTION given.refused(p_state text, p_sql text, p_what text) RETURNS text LANGUAGE sql
    AS $$ SELECT is(left(given.error_of(p_sql), 5), p_state, p_what) $$;

SELECT given.refused('23514', format('INSERT INTO cara.node (name) VALUES (%L)', n.name), 'a node cannot be named ' || cara.quote(n.name, 20))
  FROM (VALUES (''), ('A'), ('-a'), ('a-'), ('.a'), ('a b'), ('a_b'), (E'a\n'), ('ä'), (repeat('a', 254))) n(name);
SELECT lives_ok(format('INSERT INTO cara.node (name) VALUES (%L)', n.name), 'a node can be named ' || cara.quote(n.name, 20))
  FROM (VALUES ('a'), ('0'), ('a..b'), ('node.example.com'), (repeat('a', 253))) n(name);
SELECT given.refused('23514', $$ INSERT INTO cara.project (name, spec) VALUES ('Web', '{}') $$, 'project names follow the same rule');
SELECT given.refused('23505', $$ INSERT INTO cara.node (name) VALUES ('n1') $$, 'a node''s name is its own');
SELECT given.refused('23505', $$ INSERT INTO cara.project (name, spec) VALUES ('web', '{}') $$, 'so is a project''s');
SELECT given.refused('23514', format('UPDATE cara.%s SET %s = %L', t, c, '[]'), format('%s.%s is an object', t, c))
  FROM (VALUES ('node', 'labels'), ('node', 'annotations'), ('node', 'spec'), ('project', 'labels'), ('project', 'annotations'), ('project', 'spec'),
               ('node_status', 'network'), ('node_status', 'info')) v(t, c);
SELECT isnt(given.error_of(format('UPDATE cara.node_status SET %I = %L', c, '[]')), 'none', format('node_status.%s is an object', c)) FROM unnest('{capacity,allocatable}'::text[]) c;
SELECT given.refused('23514', 'UPDATE cara.node SET generation = 0', 'generations start at 1');
SELECT given.refused('428C9', 'UPDATE cara.node SET unschedulable = true', 'unschedulable follows from the spec');
SELECT given.refused('22P02', $$ UPDATE cara.node SET spec = '{"unschedulable":"perhaps"}' $$, 'and the spec must say it as a boolean');

-- Words come from their tables.
SELECT given.refused('SR409', $$ UPDATE cara.node_status SET state = 'Asleep' $$, 'an unknown state is refused');
SELECT given.refused('23503', $$ UPDATE cara.node_status SET reported_state = 'Asleep' $$, 'also as an agent''s word');
SELECT given.refused('SR409', $$ UPDATE cara.project_status SET phase = 'Asleep' $$, 'an unknown phase is refused');
SELECT given.refused('23514', $$ INSERT INTO cara.project_service (project, name, epoch, state) VALUES ('web', 'web', 1, 'asleep') $$, 'container states are Docker''s');
SELECT given.refused('23514', $$ INSERT INTO cara.project_service (project, name, epoch, state, restarts) VALUES ('web', 'web', 1, 'running', -1) $$, 'restarts are counted up');
SELECT given.refused('23514', $$ INSERT INTO cara.event (kind, name, type, reason, message, actor) VALUES ('Node', 'n1', 'Odd', 'r', 'm', 'a') $$, 'events are Normal or Warning');
SELECT given.refused('23514', $$ INSERT INTO cara.event (kind, name, type, reason, message, actor) VALUES ('Pod', 'n1', 'Normal', 'r', 'm', 'a') $$, 'of a Node, a Project or the Cluster');
SELECT given.refused('23514', $$ UPDATE cara.event SET count = 0 $$, 'and happened at least once');
SELECT given.refused('23514', $$ UPDATE cara.revision SET verb = 'change' $$, 'revisions create, update or delete');
SELECT given.refused('23514', $$ UPDATE cara.revision SET kind = 'Cluster' $$, 'nodes or projects');
SELECT given.refused('23514', $$ UPDATE cara.change SET kind = 'Lease' $$, 'leases never enter the change log');
SELECT given.refused('23514', $$ UPDATE cara.change SET op = 'TRUNCATE' $$, 'the change log knows three operations');
SELECT given.refused('23514', $$ INSERT INTO cara.field (type, name, position, kind) VALUES ('Odd', 'x', 1, 'object') $$, 'a field that is an object says of which type');
SELECT given.refused('23514', $$ INSERT INTO cara.field (type, name, position, kind) VALUES ('Odd', 'x', 1, 'float') $$, 'fields are of known kinds');
SELECT given.refused('23505', $$ INSERT INTO cara.clock DEFAULT VALUES $$, 'there is one clock');
SELECT given.refused('23514', $$ INSERT INTO cara.clock (only_row) VALUES (false) $$, 'and no other');

-- Decisions.
SELECT given.refused('23503', $$ INSERT INTO cara.assignment (project, node, why) VALUES ('web', 'nowhere', 'test') $$, 'a node that there is runs it');
INSERT INTO cara.assignment (project, node, why) VALUES ('web', 'n1', 'test');
SELECT given.refused('23505', $$ INSERT INTO cara.assignment (project, node, why) VALUES ('web', 'n1', 'test') $$, 'a project has one current assignment');
SELECT given.refused('23514', $$ UPDATE cara.assignment SET released_at = now() $$, 'a release says why');
SELECT given.refused('23514', $$ UPDATE cara.assignment SET gone_at = now() $$, 'nothing is gone before it was released');
SELECT lives_ok($$ UPDATE cara.assignment SET released_at = now(), released_because = 'test' $$, 'a release that says why is one');
SELECT lives_ok($$ INSERT INTO cara.assignment (project, node, why) VALUES ('web', 'n1', 'test') $$, 'and makes way for the next');
SELECT cmp_ok((SELECT max(epoch) FROM cara.assignment), '>', (SELECT min(epoch) FROM cara.assignment), 'whose epoch is higher');

SELECT given.refused('23503', $$ INSERT INTO cara.assignment (project, node, why) VALUES ('nobody', 'n1', 'test') $$, 'only a project there is has one');
UPDATE cara.project SET name = 'shop' WHERE name = 'web';
SELECT is((SELECT string_agg(DISTINCT project, ',') FROM cara.assignment), 'shop', 'assignments are renamed with their project');
UPDATE cara.project SET name = 'web' WHERE name = 'shop';

-- Names that only one may use; channels.
SELECT given.refused('23505', $$ INSERT INTO cara.claim VALUES ('container', 'web-web', 'web') $$, 'a name is claimed once');
SELECT given.refused('23514', $$ INSERT INTO cara.claim VALUES ('port', '80', 'web') $$, 'containers, volumes and hosts are claimed');
SELECT given.refused('23503', $$ INSERT INTO cara.claim VALUES ('host', 'x', 'nobody') $$, 'by a project there is');
SELECT given.refused('23503', $$ UPDATE cara.claim SET project = 'nobody' $$, 'and given to no other');
SELECT given.refused('23514', $$ INSERT INTO cara.channel (node, kind) VALUES ('n1', 'postgres') $$, 'a channel of kind postgres has a role and a name');
SELECT given.refused('23514', $$ INSERT INTO cara.channel (node, kind) VALUES ('n1', 'pigeon') $$, 'channels are of known kinds');

-- What belongs to an object goes with it.
UPDATE cara.project SET name = 'web2' WHERE name = 'web';
SELECT is((SELECT array_agg(c.project ORDER BY c.kind) FROM cara.claim c) || (SELECT array_agg(d.project) FROM cara.demand d), '{web2,web2}', 'claims and demand are renamed with their project');
UPDATE cara.project SET name = 'web' WHERE name = 'web2';
DELETE FROM cara.project WHERE name = 'web';
SELECT is((SELECT count(*) FROM cara.claim) + (SELECT count(*) FROM cara.demand) + (SELECT count(*) FROM cara.project_status) + (SELECT count(*) FROM cara.assignment), 0::bigint,
    'claims, demand, status and assignments go with their project');
DELETE FROM cara.node;
SELECT is((SELECT count(*) FROM cara.node_status) + (SELECT count(*) FROM cara.lease), 0::bigint, 'status and lease go with their node');
SELECT given.node('n1');
SELECT given.project('web');
INSERT INTO cara.assignment (project, node, why) VALUES ('web', 'n1', 'test');
TRUNCATE cara.project CASCADE;
SELECT is((SELECT count(*) FROM cara.claim) + (SELECT count(*) FROM cara.demand) + (SELECT count(*) FROM cara.project_status) + (SELECT count(*) FROM cara.assignment)
    + (SELECT projects FROM cara.node_room), 0::bigint, 'all goes with all projects, and nodes have their room back');
SELECT lives_ok('TRUNCATE cara.project, cara.assignment, cara.project_status CASCADE', 'they can be named in one command');

SELECT * FROM finish();
ROLLBACK;
