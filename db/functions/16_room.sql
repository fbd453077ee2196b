-- The bodies of the triggers that keep in step what follows from projects and nodes: demand, node_room, and the rows that go
-- with their project.

-- AFTER STATEMENT INSERT, AFTER ROW UPDATE on project: what it asks for now. cara.settle_changed() sees to what follows from that
-- for one that has a node.
CREATE OR REPLACE FUNCTION cara.keep_demand()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_new demand;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO demand SELECT (x.d).* FROM (SELECT demand_of(n.name, n.spec) AS d FROM new_rows n OFFSET 0) x; -- once for each, and no set for each
        RETURN NULL;
    END IF;
    v_new := demand_of(NEW.name, NEW.spec);
    UPDATE demand SET cpu = v_new.cpu, memory = v_new.memory, host_ports = v_new.host_ports, priority = v_new.priority, preempts = v_new.preempts,
           on_node_lost = v_new.on_node_lost, keeps_data = v_new.keeps_data, placement = v_new.placement, class = v_new.class,
           changed = changed OR class <> v_new.class -- also while it waits: somebody may be deciding by what it asked for until now
     WHERE project = NEW.name;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.keep_demand IS 'Trigger: works out what a project asks for from its spec.';

-- On project: its status, its assignments and what it asks for go with it and are renamed with it. Not by foreign keys: those
-- are checked, by a query and a lock, for each new project and again for each row that a batch of decisions writes.
CREATE OR REPLACE FUNCTION cara.follow_project()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM assignment a USING old_rows o WHERE a.project = o.name;
        DELETE FROM project_status s USING old_rows o WHERE s.project = o.name;
        DELETE FROM demand d USING old_rows o WHERE d.project = o.name;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE assignment SET project = NEW.name WHERE project = OLD.name;
        UPDATE project_status SET project = NEW.name WHERE project = OLD.name;
        UPDATE demand SET project = NEW.name WHERE project = OLD.name;
    ELSE
        DELETE FROM assignment; -- by rows: nodes get their room back, and who truncates these tables in the same command may
        DELETE FROM project_status;
        DELETE FROM demand;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.follow_project IS 'Trigger: a project''s status, assignments and demand go with it.';

-- AFTER STATEMENT on assignment: who came, who left, who takes more or less.
CREATE OR REPLACE FUNCTION cara.keep_room()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_there bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- who deletes a project locks its status first: it is there until we are done, or gone before we begin. Decisions have
        -- locked them before.
        IF coalesce(current_setting('cara.locked', true), '') <> 'on' THEN
            PERFORM FROM (SELECT n.project FROM new_rows n OFFSET 0) n JOIN project_status s ON s.project = n.project FOR KEY SHARE OF s;
            GET DIAGNOSTICS v_there = ROW_COUNT;
            IF v_there < (SELECT count(*) FROM new_rows n) THEN
                RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'only a project that there is can be assigned';
            END IF;
        END IF;
        WITH came AS MATERIALIZED (
            SELECT n.node, sum(n.cpu) AS cpu, sum(n.memory) AS memory, count(*) FROM new_rows n WHERE n.released_at IS NULL GROUP BY n.node
        ), taken AS (
            UPDATE node_room r SET cpu_taken = cpu_taken + c.cpu, memory_taken = memory_taken + c.memory, projects = projects + c.count
              FROM came c WHERE r.node = c.node -- waits for whoever deletes the node just now
            RETURNING r.node
        )
        SELECT (SELECT count(*) FROM taken) - (SELECT count(*) FROM came) INTO v_there;
        IF v_there < 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'only to a node that there is can a project be assigned';
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE node_room r SET cpu_taken = cpu_taken + c.cpu, memory_taken = memory_taken + c.memory, projects = projects + c.count
          FROM (SELECT x.node, sum(x.sign * x.cpu) AS cpu, sum(x.sign * x.memory) AS memory, sum(x.sign) AS count
                  FROM (SELECT o.node, o.cpu, o.memory, -1 AS sign FROM old_rows o WHERE o.released_at IS NULL
                        UNION ALL SELECT n.node, n.cpu, n.memory, 1 FROM new_rows n WHERE n.released_at IS NULL) x
                 GROUP BY x.node) c
         WHERE r.node = c.node AND (c.cpu, c.memory, c.count) <> (0, 0, 0);
    ELSE
        UPDATE node_room r SET cpu_taken = cpu_taken - c.cpu, memory_taken = memory_taken - c.memory, projects = projects - c.count
          FROM (SELECT o.node, sum(o.cpu) AS cpu, sum(o.memory) AS memory, count(*) FROM old_rows o WHERE o.released_at IS NULL GROUP BY o.node) c
         WHERE r.node = c.node;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.keep_room IS 'Trigger: counts what projects take of their nodes; refuses what is no project or no node.';

-- AFTER ROW on node and node_status: what the machine has, less what its owner keeps back; the row is there while its
-- node is. Not by a foreign key: that is checked again for each version of a row that a batch of decisions writes.
CREATE OR REPLACE FUNCTION cara.keep_offer()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node text;
BEGIN
    IF TG_TABLE_NAME = 'node_status' THEN
        v_node := NEW.node;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO node_room (node) VALUES (NEW.name)
        ON CONFLICT (node) DO UPDATE SET cpu = DEFAULT, memory = DEFAULT, cpu_taken = DEFAULT, memory_taken = DEFAULT, projects = DEFAULT; -- what a TRUNCATE left
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM node_room WHERE node = OLD.name;
        RETURN NULL;
    ELSE
        v_node := NEW.name;
        UPDATE node_room SET node = NEW.name WHERE node = OLD.name AND OLD.name <> NEW.name;
    END IF;
    UPDATE node_room r SET cpu = o.cpu, memory = o.memory
      FROM (SELECT quantity(coalesce(s.allocatable->>'cpu', s.capacity->>'cpu'), 1000) - coalesce(quantity(n.spec#>>'{reserved,cpu}', 1000), 0) AS cpu,
                   quantity(coalesce(s.allocatable->>'memory', s.capacity->>'memory'), 1) - coalesce(quantity(n.spec#>>'{reserved,memory}', 1), 0) AS memory
              FROM node n JOIN node_status s ON s.node = n.name WHERE n.name = v_node) o
     WHERE r.node = v_node AND (r.cpu, r.memory) IS DISTINCT FROM (o.cpu, o.memory); -- else who cordons a node would hold up decisions
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.keep_offer IS 'Trigger: what a node has to give.';
