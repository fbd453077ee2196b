-- What a person reads in psql: the columns and words of caractrl get.

CREATE OR REPLACE VIEW cara.nodes AS
SELECT n.name,
       s.state,
       coalesce(nullif(s.network->>'ip', ''), '<none>') AS ip,
       cara.age(n.created_at) AS age,
       (SELECT count(*) FROM cara.assignment a WHERE a.node = n.name AND a.released_at IS NULL) AS projects,
       n.unschedulable,
       l.renewed_at AS last_heartbeat,
       s.message,
       concat(cara.show_cpu(r.cpu_taken), ' of ' || cara.show_cpu(r.cpu), ' (' || cara.percent(r.cpu_taken, r.cpu) || '%)') AS cpu,
       concat(cara.show_memory(r.memory_taken), ' of ' || cara.show_memory(r.memory), ' (' || cara.percent(r.memory_taken, r.memory) || '%)') AS memory
  FROM cara.node n
  JOIN cara.node_status s ON s.node = n.name
  JOIN cara.node_room r ON r.node = n.name
  LEFT JOIN cara.lease l ON l.node = n.name
 ORDER BY n.name;
COMMENT ON VIEW cara.nodes IS 'Nodes as caractrl get nodes shows them, and a little more: what their projects request of what there is.';

CREATE OR REPLACE VIEW cara.projects AS
SELECT p.name,
       s.phase,
       coalesce(a.node, '<none>') AS node,
       CASE WHEN t.not_ready_since IS NOT NULL THEN 'NodeNotReady'
            WHEN s.reason = '' AND s.message = '' THEN '-' ELSE s.reason END AS conditions,
       cara.age(p.created_at) AS age,
       p.generation,
       s.observed_generation,
       a.epoch,
       s.message
  FROM cara.project p
  JOIN cara.project_status s ON s.project = p.name
  LEFT JOIN cara.assignment a ON a.project = p.name AND a.released_at IS NULL
  LEFT JOIN cara.node_status t ON t.node = a.node
 ORDER BY p.name;
COMMENT ON VIEW cara.projects IS 'Projects as caractrl get projects shows them, and a little more.';

CREATE OR REPLACE VIEW cara.services AS
SELECT v.project,
       v.name AS service,
       v.state,
       coalesce(a.node, '<none>') AS node,
       v.exit_code,
       v.oom_killed,
       v.restarts,
       v.health,
       v.image,
       v.ip,
       cara.age(v.started_at) AS up,
       v.message
  FROM cara.project_service v
  LEFT JOIN cara.assignment a ON a.project = v.project AND a.epoch = v.epoch
 ORDER BY v.project, v.name;
COMMENT ON VIEW cara.services IS 'The container behind each service, as its agent last saw it.';

CREATE OR REPLACE VIEW cara.events AS
SELECT cara.age(e.last_at) AS age,
       e.type,
       e.reason,
       lower(e.kind) || '/' || e.name AS object,
       e.message,
       e.count,
       e.actor
  FROM cara.event e
 ORDER BY e.last_at, e.id;
COMMENT ON VIEW cara.events IS 'What happened, newest last.';

CREATE OR REPLACE VIEW cara.deaths AS
SELECT d.project,
       d.service,
       d.node,
       d.exit_code,
       d.signal,
       d.oom_killed,
       d.stopped,
       cara.age(d.finished_at) AS age,
       d.container_id,
       d.log
  FROM cara.death d
 ORDER BY d.project, d.service, d.finished_at DESC;
COMMENT ON VIEW cara.deaths IS 'How containers ended, newest first for each service, with the last lines they wrote.';
