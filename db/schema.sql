-- Snapshot of the installed schema, written by db/dump.sql. For reading and for diffs; install.sql installs.

-- sequences
SEQUENCE cara.change_id
SEQUENCE cara.channel_serial
SEQUENCE cara.death_id_seq
SEQUENCE cara.epoch
SEQUENCE cara.event_id_seq
SEQUENCE cara.revision_id_seq

-- tables and views
TABLE cara.assignment
    project text COLLATE "C" NOT NULL
    epoch bigint NOT NULL DEFAULT nextval('cara.epoch'::regclass)
    node text COLLATE "C" NOT NULL
    decided_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    why text NOT NULL
    runner_up text COLLATE "C"
    excluded jsonb NOT NULL DEFAULT '{}'::jsonb
    released_at timestamp with time zone
    released_because text
    gone_at timestamp with time zone
    cpu bigint NOT NULL DEFAULT 0
    memory bigint NOT NULL DEFAULT 0
    score double precision
    runner_up_score double precision
    CONSTRAINT assignment_excluded_check CHECK ((jsonb_typeof(excluded) = 'object'::text))
    CONSTRAINT assignment_gone_after_release CHECK (((gone_at IS NULL) OR (released_at IS NOT NULL)))
    CONSTRAINT assignment_pkey PRIMARY KEY (project, epoch)
    CONSTRAINT assignment_release_is_whole CHECK (((released_at IS NULL) = (released_because IS NULL)))
    CREATE UNIQUE INDEX assignment_current ON cara.assignment USING btree (project) INCLUDE (node) WHERE (released_at IS NULL)
    CREATE INDEX assignment_left ON cara.assignment USING btree (project) WHERE ((released_at IS NOT NULL) AND (gone_at IS NULL))
    CREATE INDEX assignment_on_node ON cara.assignment USING btree (node, project) WHERE (gone_at IS NULL)
    CREATE UNIQUE INDEX assignment_pkey ON cara.assignment USING btree (project, epoch)
    CREATE INDEX assignment_released ON cara.assignment USING btree (released_at) WHERE (released_at IS NOT NULL)
    CREATE TRIGGER a_log_open BEFORE INSERT OR DELETE OR UPDATE ON cara.assignment FOR EACH STATEMENT EXECUTE FUNCTION cara.log_open()
    CREATE TRIGGER keep_room_delete AFTER DELETE ON cara.assignment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_room()
    CREATE TRIGGER keep_room_insert AFTER INSERT ON cara.assignment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_room()
    CREATE TRIGGER keep_room_update AFTER UPDATE ON cara.assignment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_room()
    CREATE TRIGGER log_delete AFTER DELETE ON cara.assignment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_assignment()
    CREATE TRIGGER log_insert AFTER INSERT ON cara.assignment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_assignment()
    CREATE TRIGGER log_update AFTER UPDATE ON cara.assignment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_assignment()
    -- Every decision about where a project runs: who won, who came second, how many nodes each rule excluded. At most one a project is current.
TABLE cara.change
    id bigint NOT NULL
    kind text NOT NULL
    name text NOT NULL
    op text NOT NULL
    node text
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    phase text
    was_phase text
    CONSTRAINT change_kind_check CHECK ((kind = ANY (ARRAY['Node'::text, 'Project'::text, 'Assignment'::text, 'Channel'::text])))
    CONSTRAINT change_op_check CHECK ((op = ANY (ARRAY['INSERT'::text, 'UPDATE'::text, 'DELETE'::text])))
    CONSTRAINT change_pkey PRIMARY KEY (id)
    CREATE UNIQUE INDEX change_pkey ON cara.change USING btree (id)
    -- One row a changed object, written by triggers. Whoever draws ids has told before, by an advisory lock, above which id they will be; so a reader that meets a gap knows whether to wait for it.
TABLE cara.change_was
    id bigint NOT NULL
    kind text NOT NULL
    name text COLLATE "C" NOT NULL
    uid uuid NOT NULL
    labels jsonb NOT NULL
    now_labels jsonb
    phase text
    node text COLLATE "C"
    CONSTRAINT change_was_kind_check CHECK ((kind = ANY (ARRAY['Node'::text, 'Project'::text])))
    CONSTRAINT change_was_pkey PRIMARY KEY (id)
    CREATE INDEX change_was_object ON cara.change_was USING btree (kind, name, id)
    CREATE UNIQUE INDEX change_was_pkey ON cara.change_was USING btree (id)
    -- What an object was before a change of its labels, or before it was deleted; id is that of the change. Trimmed with the log.
TABLE cara.channel
    node text COLLATE "C" NOT NULL
    kind text NOT NULL
    role_name text
    channel text
    issued_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    serial bigint NOT NULL DEFAULT nextval('cara.channel_serial'::regclass)
    token_hash bytea
    wanted boolean NOT NULL DEFAULT false
    CONSTRAINT channel_kind_check CHECK ((kind = ANY (ARRAY['postgres'::text, 'stream'::text, 'poll'::text])))
    CONSTRAINT channel_node_fkey FOREIGN KEY (node) REFERENCES cara.node(name) ON UPDATE CASCADE ON DELETE CASCADE
    CONSTRAINT channel_pkey PRIMARY KEY (node)
    CONSTRAINT channel_postgres_is_whole CHECK (((kind <> 'postgres'::text) OR ((role_name IS NOT NULL) AND (channel IS NOT NULL))))
    CONSTRAINT channel_stream_is_whole CHECK (((kind <> 'stream'::text) OR (token_hash IS NOT NULL)))
    CREATE INDEX channel_given ON cara.channel USING btree (serial) WHERE ((kind = 'postgres'::text) AND (NOT wanted))
    CREATE UNIQUE INDEX channel_pkey ON cara.channel USING btree (node)
    CREATE INDEX channel_postgres ON cara.channel USING btree (node) WHERE (kind = 'postgres'::text)
    CREATE UNIQUE INDEX channel_role ON cara.channel USING btree (role_name)
    CREATE TRIGGER a_log_open BEFORE DELETE OR UPDATE ON cara.channel FOR EACH STATEMENT EXECUTE FUNCTION cara.log_open()
    CREATE TRIGGER drop_role AFTER DELETE ON cara.channel FOR EACH ROW EXECUTE FUNCTION cara.drop_channel_role()
    CREATE TRIGGER log_delete AFTER DELETE ON cara.channel REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_channel()
    CREATE TRIGGER log_update AFTER UPDATE ON cara.channel REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_channel()
    -- How each node is woken. Written by api.channel_issue; the password of a role is nowhere but in the role.
TABLE cara.claim
    kind text NOT NULL
    name text COLLATE "C" NOT NULL
    project text COLLATE "C" NOT NULL
    CONSTRAINT claim_kind_check CHECK ((kind = ANY (ARRAY['container'::text, 'volume'::text, 'host'::text])))
    CONSTRAINT claim_pkey PRIMARY KEY (kind, name)
    CREATE UNIQUE INDEX claim_pkey ON cara.claim USING btree (kind, name)
    CREATE INDEX claim_project ON cara.claim USING btree (project)
    CREATE TRIGGER check_insert AFTER INSERT ON cara.claim REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.check_claims()
    CREATE TRIGGER check_update AFTER UPDATE OF project ON cara.claim FOR EACH ROW WHEN ((old.project <> new.project)) EXECUTE FUNCTION cara.check_claims()
    -- Names that only one project of the cluster may use: containers, volumes, ingress hosts.
TABLE cara.clock
    only_row boolean NOT NULL DEFAULT true
    last_tick_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
    judge_after timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
    leases_due_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
    trim_due_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
    log_trimmed_to bigint NOT NULL DEFAULT 0
    heartbeat_ms bigint
    lease_ms bigint
    channels_due_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
    decisions_trimmed_to timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
    undecided jsonb
    CONSTRAINT clock_only_row_check CHECK (only_row)
    CONSTRAINT clock_pkey PRIMARY KEY (only_row)
    CREATE UNIQUE INDEX clock_pkey ON cara.clock USING btree (only_row)
    -- What api.tick() remembers between calls.
TABLE cara.data_home
    project text COLLATE "C" NOT NULL
    node text COLLATE "C" NOT NULL
    since timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    CONSTRAINT data_home_pkey PRIMARY KEY (project)
    CONSTRAINT data_home_project_fkey FOREIGN KEY (project) REFERENCES cara.project(name) ON UPDATE CASCADE ON DELETE CASCADE
    CREATE UNIQUE INDEX data_home_pkey ON cara.data_home USING btree (project)
    -- Where the data of projects with lasting volumes is: they run there and nowhere else until someone says otherwise.
TABLE cara.death
    id bigint NOT NULL IDENTITY
    project text COLLATE "C" NOT NULL
    service text COLLATE "C" NOT NULL
    node text COLLATE "C" NOT NULL
    epoch bigint NOT NULL
    container_id text NOT NULL
    image text NOT NULL DEFAULT ''::text
    exit_code integer NOT NULL
    signal integer GENERATED AS 
CASE
    WHEN ((exit_code >= 129) AND (exit_code <= 192)) THEN (exit_code - 128)
    ELSE NULL::integer
END
    oom_killed boolean NOT NULL DEFAULT false
    stopped boolean NOT NULL DEFAULT false
    started_at timestamp with time zone
    finished_at timestamp with time zone NOT NULL
    log text NOT NULL DEFAULT ''::text
    log_cut boolean NOT NULL DEFAULT false
    CONSTRAINT death_once UNIQUE (project, service, container_id, finished_at)
    CONSTRAINT death_pkey PRIMARY KEY (id)
    CONSTRAINT death_project_fkey FOREIGN KEY (project) REFERENCES cara.project(name) ON UPDATE CASCADE ON DELETE CASCADE
    CREATE INDEX death_newest ON cara.death USING btree (project, service, finished_at DESC, id DESC)
    CREATE UNIQUE INDEX death_once ON cara.death USING btree (project, service, container_id, finished_at)
    CREATE UNIQUE INDEX death_pkey ON cara.death USING btree (id)
    -- Each end of a container with the last lines it wrote: they outlive the container and its node. Written by api.node_report.
TABLE cara.demand
    project text COLLATE "C" NOT NULL
    cpu bigint NOT NULL DEFAULT 0
    memory bigint NOT NULL DEFAULT 0
    host_ports text[] NOT NULL DEFAULT '{}'::text[]
    priority integer NOT NULL DEFAULT 0
    preempts boolean NOT NULL DEFAULT true
    on_node_lost text NOT NULL DEFAULT 'Reschedule'::text
    keeps_data boolean NOT NULL DEFAULT false
    placement jsonb NOT NULL DEFAULT '{}'::jsonb
    class uuid NOT NULL
    changed boolean NOT NULL DEFAULT false
    CONSTRAINT demand_cpu_check CHECK ((cpu >= 0))
    CONSTRAINT demand_memory_check CHECK ((memory >= 0))
    CONSTRAINT demand_on_node_lost_check CHECK ((on_node_lost = ANY (ARRAY['Reschedule'::text, 'Wait'::text])))
    CONSTRAINT demand_pkey PRIMARY KEY (project)
    CREATE INDEX demand_changed ON cara.demand USING btree (project) WHERE changed
    CREATE INDEX demand_host_ports ON cara.demand USING btree (project) WHERE (host_ports <> '{}'::text[])
    CREATE UNIQUE INDEX demand_pkey ON cara.demand USING btree (project)
    CREATE INDEX demand_priority ON cara.demand USING btree (priority)
    CREATE INDEX demand_repels ON cara.demand USING btree (class, project) WHERE (placement ? 'antiAffinity'::text)
    -- What each project asks of a node, worked out from its spec by a trigger.
TABLE cara.event
    id bigint NOT NULL IDENTITY
    kind text NOT NULL
    name text COLLATE "C" NOT NULL
    type text NOT NULL
    reason text NOT NULL
    message text NOT NULL
    actor text NOT NULL
    count integer NOT NULL DEFAULT 1
    first_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    last_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    CONSTRAINT event_count_check CHECK ((count > 0))
    CONSTRAINT event_kind_check CHECK ((kind = ANY (ARRAY['Node'::text, 'Project'::text, 'Cluster'::text])))
    CONSTRAINT event_pkey PRIMARY KEY (id)
    CONSTRAINT event_type_check CHECK ((type = ANY (ARRAY['Normal'::text, 'Warning'::text])))
    CREATE INDEX event_last_at ON cara.event USING brin (last_at) WITH (autosummarize='on', pages_per_range='32')
    CREATE INDEX event_object ON cara.event USING btree (kind, name, id)
    CREATE UNIQUE INDEX event_pkey ON cara.event USING btree (id)
    -- What happened and who did it. The same thing again raises the count of its row.
TABLE cara.field
    type text NOT NULL
    name text NOT NULL
    "position" integer NOT NULL
    kind text NOT NULL
    item text
    keep boolean NOT NULL DEFAULT false
    CONSTRAINT field_item_is_given CHECK (((kind = ANY (ARRAY['object'::text, 'list'::text])) = (item IS NOT NULL)))
    CONSTRAINT field_kind_check CHECK ((kind = ANY (ARRAY['string'::text, 'integer'::text, 'number'::text, 'boolean'::text, 'time'::text, 'duration'::text, 'quantity'::text, 'map'::text, 'object'::text, 'list'::text])))
    CONSTRAINT field_pkey PRIMARY KEY (type, name)
    CREATE UNIQUE INDEX field_pkey ON cara.field USING btree (type, name)
    CREATE TRIGGER shapes AFTER INSERT OR DELETE OR UPDATE ON cara.field FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_shapes()
    -- The members of every object of a manifest; filled by functions/05_fields.sql.
TABLE cara.installed
    only_row boolean NOT NULL DEFAULT true
    checksum text NOT NULL
    applied_at timestamp with time zone NOT NULL DEFAULT now()
    CONSTRAINT installed_only_row_check CHECK (only_row)
    CONSTRAINT installed_pkey PRIMARY KEY (only_row)
    CREATE UNIQUE INDEX installed_pkey ON cara.installed USING btree (only_row)
    -- Checksum of the functions, views, triggers and roles last applied; empty after psql applied them.
TABLE cara.lease WITH (fillfactor=50)
    node text COLLATE "C" NOT NULL
    renewed_at timestamp with time zone
    told_ms bigint
    CONSTRAINT lease_node_fkey FOREIGN KEY (node) REFERENCES cara.node(name) ON UPDATE CASCADE ON DELETE CASCADE
    CONSTRAINT lease_pkey PRIMARY KEY (node)
    CREATE UNIQUE INDEX lease_pkey ON cara.lease USING btree (node)
    -- One narrow row a node, changed in place by each heartbeat; never logged, never notified.
TABLE cara.leftover
    node text COLLATE "C" NOT NULL
    project text COLLATE "C" NOT NULL
    uid uuid NOT NULL
    epoch bigint NOT NULL
    generation bigint NOT NULL
    labels jsonb NOT NULL
    spec_wire text NOT NULL
    since timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    CONSTRAINT leftover_node_fkey FOREIGN KEY (node) REFERENCES cara.node(name) ON UPDATE CASCADE ON DELETE CASCADE
    CONSTRAINT leftover_pkey PRIMARY KEY (node, project)
    CREATE UNIQUE INDEX leftover_pkey ON cara.leftover USING btree (node, project)
    -- What nodes still have of projects whose row is gone, data included: each is told to clear it away, and says when it has.
TABLE cara.migration
    version integer NOT NULL
    name text NOT NULL
    applied_at timestamp with time zone NOT NULL DEFAULT now()
    CONSTRAINT migration_pkey PRIMARY KEY (version)
    CREATE UNIQUE INDEX migration_pkey ON cara.migration USING btree (version)
    -- Which migrations this database has; each file inserts its own row first.
TABLE cara.node
    name text COLLATE "C" NOT NULL
    uid uuid NOT NULL DEFAULT gen_random_uuid()
    labels jsonb NOT NULL DEFAULT '{}'::jsonb
    annotations jsonb NOT NULL DEFAULT '{}'::jsonb
    spec jsonb NOT NULL DEFAULT '{}'::jsonb
    spec_wire text NOT NULL DEFAULT '{}'::text
    unschedulable boolean NOT NULL GENERATED AS COALESCE(((spec ->> 'unschedulable'::text))::boolean, false)
    generation bigint NOT NULL DEFAULT 1
    resource_version bigint NOT NULL
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    draining_since timestamp with time zone
    CONSTRAINT node_annotations_check CHECK ((jsonb_typeof(annotations) = 'object'::text))
    CONSTRAINT node_generation_check CHECK ((generation > 0))
    CONSTRAINT node_labels_check CHECK ((jsonb_typeof(labels) = 'object'::text))
    CONSTRAINT node_name_is_valid CHECK (((octet_length(name) <= 253) AND (name ~ '\A[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z'::text)))
    CONSTRAINT node_pkey PRIMARY KEY (name)
    CONSTRAINT node_spec_check CHECK ((jsonb_typeof(spec) = 'object'::text))
    CONSTRAINT node_uid_key UNIQUE (uid)
    CREATE INDEX node_draining ON cara.node USING btree (name) WHERE (draining_since IS NOT NULL)
    CREATE INDEX node_no_execute ON cara.node USING btree (name) WHERE (spec @> '{"taints": [{"effect": "NoExecute"}]}'::jsonb)
    CREATE UNIQUE INDEX node_pkey ON cara.node USING btree (name)
    CREATE INDEX node_tainted ON cara.node USING btree (name) WHERE (spec ? 'taints'::text)
    CREATE UNIQUE INDEX node_uid_key ON cara.node USING btree (uid)
    CREATE TRIGGER a_log_open BEFORE INSERT OR DELETE OR UPDATE ON cara.node FOR EACH STATEMENT EXECUTE FUNCTION cara.log_open()
    CREATE TRIGGER keep_offer AFTER INSERT OR DELETE OR UPDATE OF name, spec ON cara.node FOR EACH ROW EXECUTE FUNCTION cara.keep_offer()
    CREATE TRIGGER lock_status BEFORE UPDATE OF labels ON cara.node FOR EACH ROW WHEN ((old.labels <> new.labels)) EXECUTE FUNCTION cara.lock_status()
    CREATE TRIGGER log_delete AFTER DELETE ON cara.node REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_node()
    CREATE TRIGGER log_deleted BEFORE DELETE ON cara.node FOR EACH ROW EXECUTE FUNCTION cara.log_deleted()
    CREATE TRIGGER log_insert AFTER INSERT ON cara.node REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_node()
    CREATE TRIGGER log_labels AFTER UPDATE OF labels ON cara.node FOR EACH ROW WHEN ((old.labels <> new.labels)) EXECUTE FUNCTION cara.log_labels()
    CREATE TRIGGER log_update AFTER UPDATE ON cara.node REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_node()
    CREATE TRIGGER release_deleted AFTER DELETE ON cara.node REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.release_deleted_node()
    CREATE TRIGGER stamp BEFORE UPDATE ON cara.node FOR EACH ROW EXECUTE FUNCTION cara.stamp()
    CREATE TRIGGER stamp_new BEFORE INSERT ON cara.node FOR EACH ROW EXECUTE FUNCTION cara.stamp_new('NodeSpec')
    CREATE TRIGGER stamp_spec BEFORE UPDATE OF spec ON cara.node FOR EACH ROW EXECUTE FUNCTION cara.stamp_spec('NodeSpec')
    -- Machines as their owners described them. Written by api.node_* and api.apply.
TABLE cara.node_proxy
    node text COLLATE "C" NOT NULL
    port integer NOT NULL
    key text NOT NULL DEFAULT ''::text
    CONSTRAINT node_proxy_key_check CHECK ((length(key) <= 64))
    CONSTRAINT node_proxy_node_fkey FOREIGN KEY (node) REFERENCES cara.node(name) ON UPDATE CASCADE ON DELETE CASCADE
    CONSTRAINT node_proxy_pkey PRIMARY KEY (node)
    CONSTRAINT node_proxy_port_check CHECK (((port >= 1) AND (port <= 65535)))
    CREATE UNIQUE INDEX node_proxy_pkey ON cara.node_proxy USING btree (node)
    -- Where the ingress proxy of each node listens, while it does. Written by api.node_heartbeat.
TABLE cara.node_room WITH (fillfactor=20)
    node text COLLATE "C" NOT NULL
    cpu bigint
    memory bigint
    cpu_taken bigint NOT NULL DEFAULT 0
    memory_taken bigint NOT NULL DEFAULT 0
    projects integer NOT NULL DEFAULT 0
    CONSTRAINT node_room_pkey PRIMARY KEY (node)
    CREATE UNIQUE INDEX node_room_pkey ON cara.node_room USING btree (node)
    -- What each node has to give (allocatable less reservations) and what its projects take of it. Kept by triggers.
TABLE cara.node_state
    name text NOT NULL
    "position" integer NOT NULL
    comment text NOT NULL
    CONSTRAINT node_state_pkey PRIMARY KEY (name)
    CONSTRAINT node_state_position_key UNIQUE ("position")
    CREATE UNIQUE INDEX node_state_pkey ON cara.node_state USING btree (name)
    CREATE UNIQUE INDEX node_state_position_key ON cara.node_state USING btree ("position")
    -- The states of a node.
TABLE cara.node_state_transition
    from_state text NOT NULL
    to_state text NOT NULL
    comment text NOT NULL
    CONSTRAINT node_state_transition_from_state_fkey FOREIGN KEY (from_state) REFERENCES cara.node_state(name)
    CONSTRAINT node_state_transition_pkey PRIMARY KEY (from_state, to_state)
    CONSTRAINT node_state_transition_to_state_fkey FOREIGN KEY (to_state) REFERENCES cara.node_state(name)
    CREATE UNIQUE INDEX node_state_transition_pkey ON cara.node_state_transition USING btree (from_state, to_state)
    -- The legal moves of node_status.state; a trigger refuses all others.
TABLE cara.node_status
    node text COLLATE "C" NOT NULL
    state text NOT NULL DEFAULT 'NotReady'::text
    reported_state text
    ready boolean
    ready_since timestamp with time zone
    reason text NOT NULL DEFAULT ''::text
    message text NOT NULL DEFAULT ''::text
    not_ready_since timestamp with time zone
    network jsonb NOT NULL DEFAULT '{}'::jsonb
    capacity jsonb NOT NULL DEFAULT '{}'::jsonb
    allocatable jsonb NOT NULL DEFAULT '{}'::jsonb
    info jsonb NOT NULL DEFAULT '{}'::jsonb
    said_wire text NOT NULL DEFAULT ''::text
    resource_version bigint NOT NULL DEFAULT 0
    updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    pressure text NOT NULL DEFAULT ''::text
    was_state text
    CONSTRAINT node_status_allocatable_check CHECK ((jsonb_typeof(allocatable) = 'object'::text))
    CONSTRAINT node_status_capacity_check CHECK ((jsonb_typeof(capacity) = 'object'::text))
    CONSTRAINT node_status_info_check CHECK ((jsonb_typeof(info) = 'object'::text))
    CONSTRAINT node_status_network_check CHECK ((jsonb_typeof(network) = 'object'::text))
    CONSTRAINT node_status_node_fkey FOREIGN KEY (node) REFERENCES cara.node(name) ON UPDATE CASCADE ON DELETE CASCADE
    CONSTRAINT node_status_pkey PRIMARY KEY (node)
    CONSTRAINT node_status_reported_state_fkey FOREIGN KEY (reported_state) REFERENCES cara.node_state(name)
    CONSTRAINT node_status_state_fkey FOREIGN KEY (state) REFERENCES cara.node_state(name)
    CREATE INDEX node_status_not_ready ON cara.node_status USING btree (not_ready_since) WHERE (state = 'NotReady'::text)
    CREATE UNIQUE INDEX node_status_pkey ON cara.node_status USING btree (node)
    CREATE TRIGGER a_log_open BEFORE DELETE OR UPDATE ON cara.node_status FOR EACH STATEMENT EXECUTE FUNCTION cara.log_open()
    CREATE TRIGGER check_move BEFORE UPDATE OF state ON cara.node_status FOR EACH ROW WHEN ((old.state <> new.state)) EXECUTE FUNCTION cara.check_state_move()
    CREATE TRIGGER keep_offer AFTER UPDATE OF capacity, allocatable ON cara.node_status FOR EACH ROW EXECUTE FUNCTION cara.keep_offer()
    CREATE TRIGGER log_update AFTER UPDATE ON cara.node_status REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_node()
    CREATE TRIGGER stamp BEFORE UPDATE ON cara.node_status FOR EACH ROW EXECUTE FUNCTION cara.stamp_state()
    CREATE TRIGGER stamp_said BEFORE INSERT OR UPDATE OF network, capacity, allocatable, info ON cara.node_status FOR EACH ROW EXECUTE FUNCTION cara.stamp_said()
    -- What agents say of their machine and what follows from their lease. Written by api.node_heartbeat and api.tick.
TABLE cara.phase
    name text NOT NULL
    "position" integer NOT NULL
    comment text NOT NULL
    CONSTRAINT phase_pkey PRIMARY KEY (name)
    CONSTRAINT phase_position_key UNIQUE ("position")
    CREATE UNIQUE INDEX phase_pkey ON cara.phase USING btree (name)
    CREATE UNIQUE INDEX phase_position_key ON cara.phase USING btree ("position")
    -- The phases of a project.
TABLE cara.phase_transition
    from_phase text NOT NULL
    to_phase text NOT NULL
    comment text NOT NULL
    CONSTRAINT phase_transition_from_phase_fkey FOREIGN KEY (from_phase) REFERENCES cara.phase(name)
    CONSTRAINT phase_transition_pkey PRIMARY KEY (from_phase, to_phase)
    CONSTRAINT phase_transition_to_phase_fkey FOREIGN KEY (to_phase) REFERENCES cara.phase(name)
    CREATE UNIQUE INDEX phase_transition_pkey ON cara.phase_transition USING btree (from_phase, to_phase)
    CREATE TRIGGER legal_moves AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON cara.phase_transition FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_legal_moves()
    -- The legal moves of project_status.phase; a trigger refuses all others. An operator's forced report is the one exception.
TABLE cara.project
    name text COLLATE "C" NOT NULL
    uid uuid NOT NULL DEFAULT gen_random_uuid()
    labels jsonb NOT NULL DEFAULT '{}'::jsonb
    annotations jsonb NOT NULL DEFAULT '{}'::jsonb
    spec jsonb NOT NULL
    spec_wire text NOT NULL DEFAULT '{}'::text
    expire_at timestamp with time zone
    generation bigint NOT NULL DEFAULT 1
    resource_version bigint NOT NULL
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    deleted_at timestamp with time zone
    CONSTRAINT project_annotations_check CHECK ((jsonb_typeof(annotations) = 'object'::text))
    CONSTRAINT project_generation_check CHECK ((generation > 0))
    CONSTRAINT project_labels_check CHECK ((jsonb_typeof(labels) = 'object'::text))
    CONSTRAINT project_name_is_valid CHECK (((name <> ''::text) AND (octet_length(name) <= 253) AND (translate(name, 'abcdefghijklmnopqrstuvwxyz0123456789.-'::text, ''::text) = ''::text) AND (btrim(name, '.-'::text) = name)))
    CONSTRAINT project_pkey PRIMARY KEY (name)
    CONSTRAINT project_spec_check CHECK ((jsonb_typeof(spec) = 'object'::text))
    CREATE INDEX project_expire_at ON cara.project USING btree (expire_at) WHERE ((expire_at IS NOT NULL) AND (deleted_at IS NULL))
    CREATE INDEX project_labels ON cara.project USING gin (labels jsonb_path_ops)
    CREATE UNIQUE INDEX project_pkey ON cara.project USING btree (name)
    CREATE TRIGGER a_log_open BEFORE INSERT OR DELETE OR UPDATE ON cara.project FOR EACH STATEMENT EXECUTE FUNCTION cara.log_open()
    CREATE TRIGGER follow_claims_delete AFTER DELETE ON cara.project REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_claims()
    CREATE TRIGGER follow_claims_rename AFTER UPDATE OF name ON cara.project FOR EACH ROW WHEN ((old.name <> new.name)) EXECUTE FUNCTION cara.follow_claims()
    CREATE TRIGGER follow_claims_truncate AFTER TRUNCATE ON cara.project FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_claims()
    CREATE TRIGGER follow_delete AFTER DELETE ON cara.project REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_project()
    CREATE TRIGGER follow_rename AFTER UPDATE OF name ON cara.project FOR EACH ROW WHEN ((old.name <> new.name)) EXECUTE FUNCTION cara.follow_project()
    CREATE TRIGGER follow_truncate AFTER TRUNCATE ON cara.project FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_project()
    CREATE TRIGGER keep_demand AFTER UPDATE OF spec ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.keep_demand()
    CREATE TRIGGER keep_demand_insert AFTER INSERT ON cara.project REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_demand()
    CREATE TRIGGER keep_leftover BEFORE DELETE ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.keep_leftover()
    CREATE TRIGGER lock_status BEFORE UPDATE OF labels ON cara.project FOR EACH ROW WHEN ((old.labels <> new.labels)) EXECUTE FUNCTION cara.lock_status()
    CREATE TRIGGER log_delete AFTER DELETE ON cara.project REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_project()
    CREATE TRIGGER log_deleted BEFORE DELETE ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.log_deleted()
    CREATE TRIGGER log_insert AFTER INSERT ON cara.project REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_project()
    CREATE TRIGGER log_labels AFTER UPDATE OF labels ON cara.project FOR EACH ROW WHEN ((old.labels <> new.labels)) EXECUTE FUNCTION cara.log_labels()
    CREATE TRIGGER log_update AFTER UPDATE ON cara.project REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_project()
    CREATE TRIGGER stamp BEFORE UPDATE ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.stamp()
    CREATE TRIGGER stamp_new BEFORE INSERT ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.stamp_new('ProjectSpec')
    CREATE TRIGGER stamp_spec BEFORE UPDATE OF spec ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.stamp_spec('ProjectSpec')
    -- Projects as their owners described them. Written by api.project_* and api.apply.
TABLE cara.project_service
    project text COLLATE "C" NOT NULL
    name text COLLATE "C" NOT NULL
    epoch bigint NOT NULL
    state text NOT NULL
    container_id text NOT NULL DEFAULT ''::text
    image text NOT NULL DEFAULT ''::text
    image_digest text NOT NULL DEFAULT ''::text
    ip text NOT NULL DEFAULT ''::text
    exit_code integer
    oom_killed boolean NOT NULL DEFAULT false
    restarts integer NOT NULL DEFAULT 0
    health text NOT NULL DEFAULT ''::text
    started_at timestamp with time zone
    finished_at timestamp with time zone
    message text NOT NULL DEFAULT ''::text
    CONSTRAINT project_service_pkey PRIMARY KEY (project, name)
    CONSTRAINT project_service_project_fkey FOREIGN KEY (project) REFERENCES cara.project(name) ON UPDATE CASCADE ON DELETE CASCADE
    CONSTRAINT project_service_restarts_check CHECK ((restarts >= 0))
    CONSTRAINT project_service_state_check CHECK ((state = ANY (ARRAY['missing'::text, 'pulling'::text, 'created'::text, 'running'::text, 'paused'::text, 'restarting'::text, 'removing'::text, 'exited'::text, 'dead'::text])))
    CREATE UNIQUE INDEX project_service_pkey ON cara.project_service USING btree (project, name)
    CREATE TRIGGER touch_delete AFTER DELETE ON cara.project_service REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.touch_project()
    CREATE TRIGGER touch_insert AFTER INSERT ON cara.project_service REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.touch_project()
    CREATE TRIGGER touch_update AFTER UPDATE ON cara.project_service REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.touch_project()
    -- The container behind each service, as its agent last saw it. Written by reports.
TABLE cara.project_status
    project text COLLATE "C" NOT NULL
    phase text NOT NULL DEFAULT 'Pending'::text
    reason text NOT NULL DEFAULT ''::text
    message text NOT NULL DEFAULT ''::text
    phase_since timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    observed_generation bigint NOT NULL DEFAULT 0
    resource_version bigint NOT NULL DEFAULT 0
    updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    was_phase text
    CONSTRAINT project_status_pkey PRIMARY KEY (project)
    CREATE INDEX project_status_going ON cara.project_status USING btree (phase) WHERE (phase = ANY (ARRAY['Terminating'::text, 'Terminated'::text]))
    CREATE INDEX project_status_pending ON cara.project_status USING btree (phase_since, project) WHERE (phase = 'Pending'::text)
    CREATE UNIQUE INDEX project_status_pkey ON cara.project_status USING btree (project)
    CREATE TRIGGER a_log_open BEFORE DELETE OR UPDATE ON cara.project_status FOR EACH STATEMENT EXECUTE FUNCTION cara.log_open()
    CREATE TRIGGER check_first BEFORE INSERT ON cara.project_status FOR EACH ROW WHEN ((new.phase <> 'Pending'::text)) EXECUTE FUNCTION cara.check_phase_move()
    CREATE TRIGGER check_move BEFORE UPDATE OF phase ON cara.project_status FOR EACH ROW WHEN (((old.phase <> new.phase) AND (((old.phase || ' '::text) || new.phase) <> ALL (cara.legal_moves())))) EXECUTE FUNCTION cara.check_phase_move()
    CREATE TRIGGER log_update AFTER UPDATE ON cara.project_status REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.log_project()
    CREATE TRIGGER stamp BEFORE UPDATE ON cara.project_status FOR EACH ROW WHEN (((new.resource_version = old.resource_version) OR (new.resource_version <> currval('cara.change_id'::regclass)) OR (new.was_phase IS DISTINCT FROM NULLIF(old.phase, new.phase)))) EXECUTE FUNCTION cara.stamp_phase()
    -- Where each project stands. Written by api.project_report, api.node_report, api.schedule and api.tick.
TABLE cara.report_reason
    name text NOT NULL
    phase text NOT NULL
    comment text NOT NULL
    CONSTRAINT report_reason_phase_fkey FOREIGN KEY (phase) REFERENCES cara.phase(name)
    CONSTRAINT report_reason_pkey PRIMARY KEY (name)
    CREATE UNIQUE INDEX report_reason_pkey ON cara.report_reason USING btree (name)
    -- The reasons agents give, with the phase they come with.
TABLE cara.revision
    id bigint NOT NULL IDENTITY
    kind text NOT NULL
    name text COLLATE "C" NOT NULL
    uid uuid NOT NULL
    generation bigint NOT NULL
    verb text NOT NULL
    actor text NOT NULL
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
    labels jsonb NOT NULL
    annotations jsonb NOT NULL
    spec jsonb NOT NULL
    CONSTRAINT revision_kind_check CHECK ((kind = ANY (ARRAY['Node'::text, 'Project'::text])))
    CONSTRAINT revision_pkey PRIMARY KEY (kind, name, id)
    CONSTRAINT revision_verb_check CHECK ((verb = ANY (ARRAY['create'::text, 'update'::text, 'delete'::text])))
    CREATE UNIQUE INDEX revision_pkey ON cara.revision USING btree (kind, name, id)
    -- Every version of every manifest, with who and when.
TABLE cara.setting
    name text NOT NULL
    kind text NOT NULL
    value text NOT NULL
    comment text NOT NULL
    CONSTRAINT setting_kind_check CHECK ((kind = ANY (ARRAY['interval'::text, 'integer'::text, 'number'::text])))
    CONSTRAINT setting_pkey PRIMARY KEY (name)
    CONSTRAINT setting_value_is_of_its_kind CHECK (
CASE kind
    WHEN 'interval'::text THEN (((value)::interval >= '00:00:00'::interval) AND ((value)::interval <= '100 years'::interval))
    WHEN 'integer'::text THEN (((value)::bigint >= 0) AND ((value)::bigint <= '999999999999999'::bigint))
    ELSE (((value)::numeric >= (0)::numeric) AND ((value)::numeric <= (1000000000)::numeric))
END)
    CREATE UNIQUE INDEX setting_pkey ON cara.setting USING btree (name)
    CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON cara.setting FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_settings()
    CREATE TRIGGER setting_changed AFTER UPDATE ON cara.setting FOR EACH STATEMENT EXECUTE FUNCTION cara.setting_changed()
    -- What operators may tune: UPDATE cara.setting SET value = '30s' WHERE name = 'heartbeat_timeout'.
VIEW cara.deaths
    project text COLLATE "C"
    service text COLLATE "C"
    node text COLLATE "C"
    exit_code integer
    signal integer
    oom_killed boolean
    stopped boolean
    age text
    container_id text
    log text
 SELECT project,
    service,
    node,
    exit_code,
    signal,
    oom_killed,
    stopped,
    cara.age(finished_at) AS age,
    container_id,
    log
   FROM cara.death d
  ORDER BY project, service, finished_at DESC;
    -- How containers ended, newest first for each service, with the last lines they wrote.
VIEW cara.events
    age text
    type text
    reason text
    object text COLLATE "C"
    message text
    count integer
    actor text
 SELECT cara.age(last_at) AS age,
    type,
    reason,
    ((lower(kind) || '/'::text) || name) AS object,
    message,
    count,
    actor
   FROM cara.event e
  ORDER BY last_at, id;
    -- What happened, newest last.
VIEW cara.nodes
    name text COLLATE "C"
    state text
    ip text
    age text
    projects bigint
    unschedulable boolean
    last_heartbeat timestamp with time zone
    message text
    cpu text
    memory text
 SELECT n.name,
    s.state,
    COALESCE(NULLIF((s.network ->> 'ip'::text), ''::text), '<none>'::text) AS ip,
    cara.age(n.created_at) AS age,
    ( SELECT count(*) AS count
           FROM cara.assignment a
          WHERE ((a.node = n.name) AND (a.released_at IS NULL))) AS projects,
    n.unschedulable,
    l.renewed_at AS last_heartbeat,
    s.message,
    concat(cara.show_cpu(r.cpu_taken), (' of '::text || cara.show_cpu(r.cpu)), ((' ('::text || cara.percent(r.cpu_taken, r.cpu)) || '%)'::text)) AS cpu,
    concat(cara.show_memory(r.memory_taken), (' of '::text || cara.show_memory(r.memory)), ((' ('::text || cara.percent(r.memory_taken, r.memory)) || '%)'::text)) AS memory
   FROM (((cara.node n
     JOIN cara.node_status s ON ((s.node = n.name)))
     JOIN cara.node_room r ON ((r.node = n.name)))
     LEFT JOIN cara.lease l ON ((l.node = n.name)))
  ORDER BY n.name;
    -- Nodes as caractrl get nodes shows them, and a little more: what their projects request of what there is.
VIEW cara.projects
    name text COLLATE "C"
    phase text
    node text COLLATE "C"
    conditions text
    age text
    generation bigint
    observed_generation bigint
    epoch bigint
    message text
 SELECT p.name,
    s.phase,
    COALESCE(a.node, '<none>'::text) AS node,
        CASE
            WHEN (t.not_ready_since IS NOT NULL) THEN 'NodeNotReady'::text
            WHEN ((s.reason = ''::text) AND (s.message = ''::text)) THEN '-'::text
            ELSE s.reason
        END AS conditions,
    cara.age(p.created_at) AS age,
    p.generation,
    s.observed_generation,
    a.epoch,
    s.message
   FROM (((cara.project p
     JOIN cara.project_status s ON ((s.project = p.name)))
     LEFT JOIN cara.assignment a ON (((a.project = p.name) AND (a.released_at IS NULL))))
     LEFT JOIN cara.node_status t ON ((t.node = a.node)))
  ORDER BY p.name;
    -- Projects as caractrl get projects shows them, and a little more.
VIEW cara.services
    project text COLLATE "C"
    service text COLLATE "C"
    state text
    node text COLLATE "C"
    exit_code integer
    oom_killed boolean
    restarts integer
    health text
    image text
    ip text
    up text
    message text
 SELECT v.project,
    v.name AS service,
    v.state,
    COALESCE(a.node, '<none>'::text) AS node,
    v.exit_code,
    v.oom_killed,
    v.restarts,
    v.health,
    v.image,
    v.ip,
    cara.age(v.started_at) AS up,
    v.message
   FROM (cara.project_service v
     LEFT JOIN cara.assignment a ON (((a.project = v.project) AND (a.epoch = v.epoch))))
  ORDER BY v.project, v.name;
    -- The container behind each service, as its agent last saw it.

-- functions (body by checksum)
FUNCTION api.apply(p_body jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan BODY 796f72782cc613ac1e4d2d2389e76336
    -- Creates or changes every manifest of p_body.items in one transaction and says of each: created, configured or unchanged. SR400, SR409, SR413 name the item.
FUNCTION api.apply_each(p_bodies text[], p_actor text) RETURNS SETOF json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan BODY 8c9593f1c04d755892b186a9e4891b58
    -- api.apply() for several bodies in one transaction, a row for each; NULL for one that has to be asked alone. SR409: all of them have to be.
FUNCTION api.bus_notify(p_after bigint) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET jit=off SET plan_cache_mode=force_generic_plan SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY 2f1c457c5764f5c980c0e705589d9c89
    -- Notifies cara_bus, and the channels of nodes that have to look again since p_after (NULL: all of kind postgres); gives the position reached and whether there is more.
FUNCTION api.bus_read(p_after bigint, p_limit integer) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET jit=off SET plan_cache_mode=force_generic_plan SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY 4c4bbf907ff3a6d6074c996879384d62
    -- What servers pass on: position, nodes to wake, channels revoked, changed, trimmed, behind. p_after NULL: only the position.
FUNCTION api.can_issue_channels() RETURNS boolean STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY f9069c5b060a3b5fae5cabb8975d176b
    -- Whether channels of kind postgres can be had here; it takes CREATEROLE.
FUNCTION api.channel_check(p_streams jsonb) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 5dc21a6bce4c14ab367538c7a79e3e38
    -- Of streams given as {node: serial}, the nodes whose stream was revoked.
FUNCTION api.channel_issue(p_name text, p_body jsonb, p_endpoint jsonb) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY f9770082f657c5983beda065336edaf2
    -- Issues a node's channel and revokes the one before: postgres with conninfo and channel name, stream with a URL, or poll; with the paces its agent keeps. SR400, SR404.
FUNCTION api.channel_open(p_name text, p_token text) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 1784b541fa54052e37bfb3450e0066b7
    -- Checks the token of a stream and gives its serial: bus_read() says when that is not valid any more. SR401, SR404, SR410.
FUNCTION api.decide(p_now timestamp with time zone) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 1b992d89eacce70b39efff0eae67c836
    -- Takes projects off nodes they have to leave and places those that wait; says in how many milliseconds api.tick_due() wants to be called again, and what failed.
FUNCTION api.event_list(p_query jsonb) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 8e2799d5439ba5aad9ad80d38c667137
    -- The newest events, newest last; p_query: for = node/x or project/x, type, since = a time or how long ago, limit = 1..10000, continue = what a page's metadata has while there are older ones. SR400 for other values.
FUNCTION api.ingress_lookup(p_query jsonb) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY bb8022708184e34f278edf36e1e154da
    -- The project that has a host, its node, and where that node's proxy is; members that are not known are left out. SR400, SR404.
FUNCTION api.node_assignments(p_name text, p_if_none_match text) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY f714e44373705326b59ff904758b1a9e
    -- What a node has to run (desired Running) or to clear away (Removed); NULL when p_if_none_match has the version of it. SR404.
FUNCTION api.node_cordon(p_name text, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 1b75d1ce1e72daf541cf49727c393d01
    -- A node takes no new projects; those it has stay. SR404.
FUNCTION api.node_create(p_body jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY bd477d749144795687ae5e758125a0ea
    -- A new node from a manifest; its status is not taken from the body. SR400, SR409.
FUNCTION api.node_delete(p_name text, p_actor text, p_if_match text, p_query jsonb) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY aa9ad14899f6be0e3829bf4018671d30
    -- Removes a node that no project is assigned to; gives NULL. p_query force=true: its projects go back to the scheduler, whatever it still runs. SR404, SR409, also when it is not of the version in p_if_match.
FUNCTION api.node_drain(p_name text, p_query jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 597556779ff79dd06f8165f2d0c5ca23
    -- Cordons a node and has what can move taken off it; api.node_uncordon cancels. p_query dryRun=true only tells. SR404.
FUNCTION api.node_drain_status(p_name text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 41aa842f029d9e6c8b732fd3257b95e0
    -- How far a drain has come, or would go: what is leaving, what cannot and why. SR404.
FUNCTION api.node_get(p_name text) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 7469633e9a9bf67da0385e5c5ef2e78f
    -- One node. SR404 when there is none of that name.
FUNCTION api.node_heartbeat(p_name text, p_body text, p_now timestamp with time zone) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 3ac3067db5911aa9ca4a3b847b178c55
    -- Renews a node's lease and takes in what its agent says; gives NULL, or the pace when its agent was told another one. SR404 before the body is looked at, then SR400, and SR409 for another machine than the one that is alive.
FUNCTION api.node_list(p_query jsonb) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 8f70515febe94d83f78ea0d8e54f3b2c
    -- Nodes by name; p_query filters by state (any of), labelSelector and fieldSelector, limit and continue make pages. SR400.
FUNCTION api.node_report(p_name text, p_body jsonb, p_now timestamp with time zone) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY f8df3ccba59aecf1f6f9a4c5b03e8219
    -- Takes in an agent's reports and deaths and says of each whether it was accepted (204, or 400, 404, 409 with detail), and how much of a dead container's log is wanted. SR400, SR404.
FUNCTION api.node_room(p_name text) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 595f9faac08eb2d69e05ac85cc73d06e
    -- How full a node is: what its projects request of what it offers, which is what is allocatable less what is reserved. SR404.
FUNCTION api.node_uncordon(p_name text, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 6a190e4acc56cb015f87669a29a44231
    -- A node takes projects again; a drain under way ends where it is. SR404.
FUNCTION api.node_update(p_name text, p_body jsonb, p_actor text, p_if_match text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY e0bcad581976c2291f46ce876f2517f2
    -- Replaces spec, labels and annotations of a node; its status stays. SR400, SR404, SR409 when it is not of the version in the body or in p_if_match.
FUNCTION api.plan(p_body jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 89a21ab56b86a4363f9d51cced4c39ea
    -- What applying, deleting, draining or losing would change, place, move or leave waiting: the real functions, rolled back; no row, event or NOTIFY escapes. SR400, SR404, SR409 as they.
FUNCTION api.project_create(p_body jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan BODY 898f7967ad4fb6123f5b0883984115c2
    -- A new project from a manifest; it starts Pending whatever the body's status says. SR400, SR409.
FUNCTION api.project_create_each(p_bodies text[], p_actor text) RETURNS SETOF json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan BODY 4f4098be176650de160ebc99d7b0696f
    -- api.project_create() for several bodies in one transaction, a row for each; NULL for one that has to be asked alone. SR409: all of them have to be.
FUNCTION api.project_delete(p_name text, p_query jsonb, p_actor text, p_if_match text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 7445bd4264e65b4cf869cfa7d86b3b32
    -- NULL when the row is gone, the project while its node still has to clear up. p_query force=true removes the row at once. SR404, SR409 when it is not of the version in p_if_match.
FUNCTION api.project_get(p_name text) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 5fa09163704a5cbe7166f50e0859a7c2
    -- One project. SR404 when there is none of that name.
FUNCTION api.project_list(p_query jsonb) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 55eaaf0d2228e251de88a4db8b4fe0e5
    -- Projects by name; p_query filters by phase (any of), nodeRef, labelSelector and fieldSelector, limit and continue make pages. SR400.
FUNCTION api.project_logs(p_name text, p_query jsonb) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY eba8944277db805f9ae2a4c797db3f70
    -- The newest deaths of a project's services, newest first for each: how they ended and their last lines. limit is per service, tail in lines, log=false leaves the lines out. SR400, SR404.
FUNCTION api.project_report(p_name text, p_body jsonb, p_actor text, p_now timestamp with time zone) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 2aceb8d6068029d81bda363549ba8012
    -- Sets a project's phase; gives NULL. With an epoch only the current assignment may (SR409); without one any phase may be forced, except back from a deletion (SR409). SR400, SR404.
FUNCTION api.project_unpin(p_name text, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY a3e962a06ba38ca0c1c6a4983841bd8b
    -- Forgets where a project's data is, so that it may run elsewhere without it. SR404.
FUNCTION api.project_update(p_name text, p_body jsonb, p_actor text, p_if_match text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan BODY b31abada659fac3c678380746019baf8
    -- Replaces spec, labels and annotations. A running project is updated in place by its agent; a failed one starts anew. SR400, SR404, SR409, also when it is not of the version in the body or in p_if_match.
FUNCTION api.ready() RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 1b0c49cb2503925e8410c44a97d6dbcb
    -- The newest migration this database has; that it answers is what readyz wants to know.
FUNCTION api.rebalance(p_query jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY c7c0621184625dde542ea17a281c4186
    -- Moves projects from crowded nodes to emptier ones and says which; p_query dryRun=true only says.
FUNCTION api.schedule(p_now timestamp with time zone) RETURNS integer VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET jit=off SET plan_cache_mode=force_generic_plan SET enable_seqscan=off BODY fed8859bb0e6bc4630f39ed5ceb17b93
    -- Places every pending project it can and returns how many; the rest is told why it waits.
FUNCTION api.server_role() RETURNS text STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 5d55280c6eca66af74c40dcdbb7d8047
    -- The role that pooled connections take on (EXECUTE on api.* and nothing else); NULL where it could not be made.
FUNCTION api.setting_get(p_name text) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY d2a126d7d30d78d8d376d3d74886a74e
    -- One setting. SR404.
FUNCTION api.setting_list() RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 1b6070c7e9ccc16d815eeebdb1447560
    -- All settings by name.
FUNCTION api.setting_set(p_name text, p_body jsonb, p_actor text) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY ab3e24b92a0bc6e7eca23de3f3e34461
    -- Changes a setting; it holds from the next tick on. SR400, SR404.
FUNCTION api.tick(p_fresh boolean, p_now timestamp with time zone) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 71a8edc97be2f89a88238839e713673c
    -- Does whatever is due (leases, grace, deletions, retention, decisions) and says in how many milliseconds it wants to be called again.
FUNCTION api.tick_due(p_fresh boolean, p_now timestamp with time zone) RETURNS json VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 2ea824ffca4417635b3f0644dd645f04
    -- Does what is due by the clock (leases, grace, deletions, retention); api.decide() comes next, in a transaction of its own where it can.
FUNCTION api.tick_lock_key() RETURNS bigint STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 1ef557f833d00051ab8c0ac9b44e5c1e
    -- The session-level advisory lock that the ticking server holds.
FUNCTION api.watch_read(p_kind text, p_query jsonb, p_after bigint, p_limit integer) RETURNS TABLE(id bigint, line text) VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp SET jit=off SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY 79136f7cf69ec9be9873d6c2c0fc85a5
    -- Events of nodes or projects after a position: (id, line), and one last row with line NULL and the position reached. p_query filters as in lists. SR400, SR410.
FUNCTION api.watch_start(p_kind text, p_query jsonb, p_name text, p_limit integer) RETURNS TABLE(id bigint, name text, line text) VOLATILE SECURITY DEFINER SET search_path=cara, pg_temp BODY 19ff887e6348900f12677e2c18caad20
    -- What there is as ADDED events (id = version, name, line), and one last row: line NULL, the position to watch from, the name for the next page or NULL. SR400.
FUNCTION api.why(p_name text, p_query jsonb, p_now timestamp with time zone) RETURNS json STABLE SECURITY DEFINER SET search_path=cara, pg_temp BODY 8db3a8a65192583f7389a4268b0bb3a5
    -- Why a project is where it is, or waits: the verdict of the scheduler now, what is waited for, the decision, all earlier ones. p_query nodes=true: each node. SR404.
FUNCTION cara.age(p_then timestamp with time zone, p_now timestamp with time zone) RETURNS text STABLE SET search_path=cara, pg_temp BODY b25ef25122f19a76733e7f1681ea2afc
    -- How long ago, in the one unit people read: 59s, 59m, 23h, 7d.
FUNCTION cara.applied_wire(p_kind text, p_name text, p_result text, p_object text) RETURNS text STABLE BODY 3fef71d19378203120a7f34ab7f40876
    -- What api.apply() says of one item, as JSON text.
FUNCTION cara.apply_wire(p_items text) RETURNS text STABLE BODY f733f7ec1a03f0342a0d5256fa1fb559
    -- What api.apply() says, as JSON text.
FUNCTION cara.canonical_affinityterm(p jsonb) RETURNS boolean STABLE BODY 38f1de8a14ae418bdece8309b9c827de
    -- Whether it is a AffinityTerm, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_affinityterm_list(p jsonb) RETURNS boolean STABLE BODY 5e1730dda5b32c1a6a56d9c45308a9b5
    -- Whether it is a list of AffinityTerm, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_env(p jsonb) RETURNS boolean STABLE BODY 43bd50c5aaceec400e82670cf13f782f
    -- Whether it is a Env, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_env_list(p jsonb) RETURNS boolean STABLE BODY 9a55bc00cf7ad0388e7be2113de69b21
    -- Whether it is a list of Env, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_expression(p jsonb) RETURNS boolean STABLE BODY 8bf527b5f39dbc9fcfbeb6c2807a6052
    -- Whether it is a Expression, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_expression_list(p jsonb) RETURNS boolean STABLE BODY 1468abca04f8b74c4d4ad7def5e6a5e4
    -- Whether it is a list of Expression, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_healthcheck(p jsonb) RETURNS boolean STABLE BODY c988913669c3bb32d8083734058de660
    -- Whether it is a Healthcheck, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_info(p jsonb) RETURNS boolean STABLE BODY dd56d0e44b991572e518f28e732f30a0
    -- Whether it is a Info, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_ingress(p jsonb) RETURNS boolean STABLE BODY fc752b21d66e09ee5a43b102e2b5e09f
    -- Whether it is a Ingress, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_ingress_list(p jsonb) RETURNS boolean STABLE BODY 5f7d211209fa8836227c0ea001c269da
    -- Whether it is a list of Ingress, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_ingressaccess(p jsonb) RETURNS boolean STABLE BODY 0263f4c3399508bc5a83417fa2136d2c
    -- Whether it is a IngressAccess, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_ingresstarget(p jsonb) RETURNS boolean STABLE BODY fcd769f2d3ad05099270d15e77120f53
    -- Whether it is a IngressTarget, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_metadata(p jsonb) RETURNS boolean STABLE BODY a006140ad74ad89735f84bca3ead5e16
    -- Whether it is a Metadata, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_network(p jsonb) RETURNS boolean STABLE BODY 534cb140d3d0111cb019ee0180f0747b
    -- Whether it is a Network, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_nodespec(p jsonb) RETURNS boolean STABLE BODY 7a55240c6375835cdd901808007da6ba
    -- Whether it is a NodeSpec, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_placement(p jsonb) RETURNS boolean STABLE BODY f81d86a607cc2f284e49fe01b9c1e3a0
    -- Whether it is a Placement, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_port(p jsonb) RETURNS boolean STABLE BODY c1e6c61cd7507b2615c025eaa53c534a
    -- Whether it is a Port, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_port_list(p jsonb) RETURNS boolean STABLE BODY cea39424cba550bb2983a0eff5c4d83d
    -- Whether it is a list of Port, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_projectspec(p jsonb) RETURNS boolean STABLE BODY 9b49c4830c8e8afb36a8b785409cd1e1
    -- Whether it is a ProjectSpec, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_resourcelist(p jsonb) RETURNS boolean STABLE BODY 8e5631563ec77cdb74e65a801d992282
    -- Whether it is a ResourceList, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_resources(p jsonb) RETURNS boolean STABLE BODY 605ab448b7e6bb6ce291b88de3788c0f
    -- Whether it is a Resources, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_service(p jsonb) RETURNS boolean STABLE BODY c8cdbcd61ed507c1f1bcb96df2ba28b7
    -- Whether it is a Service, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_service_list(p jsonb) RETURNS boolean STABLE BODY 9be1f3d7adfe38f2583144991bb740f5
    -- Whether it is a list of Service, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_taint(p jsonb) RETURNS boolean STABLE BODY becae334a213314bdcd27647509735c0
    -- Whether it is a Taint, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_taint_list(p jsonb) RETURNS boolean STABLE BODY 6315372d769e2021e33dd1e561b57e70
    -- Whether it is a list of Taint, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_throughput(p jsonb) RETURNS boolean STABLE BODY 8e313ab37e8f16219f1ee265371c2e60
    -- Whether it is a Throughput, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_toleration(p jsonb) RETURNS boolean STABLE BODY b880e3ffc6699398b9d7dc71998feea8
    -- Whether it is a Toleration, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_toleration_list(p jsonb) RETURNS boolean STABLE BODY cf6d9e82f17b4952615b06d34d71d666
    -- Whether it is a list of Toleration, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_volume(p jsonb) RETURNS boolean STABLE BODY ce331341d42f87b08c4944595670be2e
    -- Whether it is a Volume, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_volume_list(p jsonb) RETURNS boolean STABLE BODY de458e510e39eb5f20f9d675f96f6807
    -- Whether it is a list of Volume, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_volumemount(p jsonb) RETURNS boolean STABLE BODY 3d681a0c7d87dfc280086ce638b1922e
    -- Whether it is a VolumeMount, canonical as it stands. Written from cara.field.
FUNCTION cara.canonical_volumemount_list(p jsonb) RETURNS boolean STABLE BODY 0b2afcb555a19cb0cd7631c303f2f55d
    -- Whether it is a list of VolumeMount, canonical as it stands. Written from cara.field.
FUNCTION cara.channel_default(p_has_postgres boolean) RETURNS text STABLE SET search_path=cara, pg_temp BODY 13df94fd1519af077de4bcb735b9d05f
    -- The kind of channel for an agent that asks for none, by whether it has one of kind postgres and how many nodes there are.
FUNCTION cara.channel_role_put(p_role text, p_password text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY aa5a9f574fdb5fced4636544e1d2323c
    -- Creates or re-keys a channel's role. SR500 without a trace of the password.
FUNCTION cara.check_choice(p_value text, p_choices text[], p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 84da7872ad13154e1ac96bcf238a8b1e
    -- Raises SR400 naming the choices.
FUNCTION cara.check_claims() RETURNS trigger VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off BODY ec74ed4080f62ec8fdea572d16ecd322
    -- Trigger: refuses claims of what is no project.
FUNCTION cara.check_expressions(p_expressions jsonb, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 7b86280272f2c1dbecbae31da822dfc1
    -- Raises SR400 for the first match expression that is not one.
FUNCTION cara.check_ingress(p_ingress jsonb, p_spec jsonb, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 84b56cea1206864c2b71f8d87f6195b0
    -- Raises SR400 for the first rule that an ingress entry breaks.
FUNCTION cara.check_length(p_list jsonb, p_setting text, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 17431dea46c5c6a0b5c570e29fef9cc1
    -- Raises SR400 for a list that is longer than a setting allows.
FUNCTION cara.check_machine(p_name text, p_known text, p_address text, p_heard timestamp with time zone, p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 7772623170210b6cea2a64128d11bb1b
    -- Raises SR409 when a node is alive at another address.
FUNCTION cara.check_name(p_name text) RETURNS void VOLATILE BODY 281f846aca91c30963ee819370b8c9ae
    -- Raises SR400 unless the name may be that of a node or project.
FUNCTION cara.check_node_spec(p_spec jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 9b1d562d49c000906f77a13a21961059
    -- Raises SR400 for the first rule that a node's spec breaks.
FUNCTION cara.check_paces(p_name text, p_value text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY f1cf4fe412568ef67b31cef7f08eeb7e
    -- Raises SR400 when a setting that was just changed has every node lost, or agents busy with nothing.
FUNCTION cara.check_path_name(p_path_name text, p_manifest jsonb) RETURNS jsonb VOLATILE SET search_path=cara, pg_temp BODY 8ac11fe7aaee1f582f82d409656ea513
    -- The manifest with the path's name; SR400 when the body names another.
FUNCTION cara.check_phase(p_phase text, p_optional boolean) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 83bb4db270835456906708ef0b7e1247
    -- Raises SR400 unless the phase is one there is.
FUNCTION cara.check_phase_move() RETURNS trigger VOLATILE BODY b4d76a4edf3a6357f37fa6b76cd82045
    -- Trigger: refuses a phase that there is not (SR400), and a move that cara.phase_transition does not have (SR409).
FUNCTION cara.check_placement(p_placement jsonb, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 4b762c4a3fed5127d6ba8b24ad47386a
    -- Raises SR400 for the first rule that a project's placement breaks.
FUNCTION cara.check_port(p_port jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY d2d5e111aa321f4b2f9f933769e69dbe
    -- Raises SR400 unless NULL or a TCP port.
FUNCTION cara.check_ports(p_ports jsonb, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 76e5f563e9ca8e2ce819cd5f250c8f0f
    -- Raises SR400 for the first port that is not one.
FUNCTION cara.check_project(p_manifest jsonb, p_max_bytes numeric, p_new boolean) RETURNS void VOLATILE BODY 13d8fbd2b3b0b6e582a30a96d28ef8f3
    -- Raises SR400 or SR413 for the first rule that a project's manifest breaks.
FUNCTION cara.check_project_spec(p_spec jsonb) RETURNS void VOLATILE BODY 2aa9668ca3aee1bedd6ff25bf06d0646
    -- Raises SR400 for the first rule that a project's spec breaks.
FUNCTION cara.check_quantity(p_value text, p_scale integer, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY b85babbef5ae5fbe2690250fece7972b
    -- Raises SR400 unless NULL or a quantity that is not negative.
FUNCTION cara.check_range(p_value text, p_least integer, p_most integer, p_path text, p_more text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 7826cefeb8a3c584a9a97ee08216d9ca
    -- Raises SR400 unless NULL or a number of that range. p_more is said behind it.
FUNCTION cara.check_resources(p_resources jsonb, p_path text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 863af9b1e9b3b23d4414bcaffd432959
    -- Raises SR400 for a request or limit that is no quantity, or a request above its limit.
FUNCTION cara.check_service(p_service jsonb, p_spec jsonb, p_path text) RETURNS void VOLATILE BODY f9fb2db3e0a28f9728042fbcb9951a89
    -- Raises SR400 for the first rule that a service of a project breaks.
FUNCTION cara.check_size(p_manifest jsonb, p_max_bytes numeric) RETURNS void VOLATILE BODY ae382eb2d54f862314f6d01c460aa9b8
    -- Raises SR413 for a manifest larger than that: cara.setting max_manifest_bytes.
FUNCTION cara.check_state_move() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 80aaba6281af85a86c770306716adbec
    -- Trigger: refuses (SR409) a move of a state that cara.node_state_transition does not have.
FUNCTION cara.check_version(p_kind text, p_name text, p_version text, p_if_match text) RETURNS void VOLATILE BODY 3d525731bc6a8af3016bfca8f7f3e4c3
    -- SR409 unless the object, when there is one, still has the version a writer started from; an empty one or * is any.
FUNCTION cara.claim_names(p_project text, p_spec jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 150472b2efe12a9ccabdf95725d9f4d3
    -- Claims container, volume and host names for a project; SR409 naming the project that has one already.
FUNCTION cara.condition_wire(p_type text, p_since timestamp with time zone, p_reason text, p_message text) RETURNS text STABLE BODY ca5c88bf853b243824a1b4b2dd75dd5d
    -- One condition as JSON text.
FUNCTION cara.conninfo_part(p_name text, p_value text) RETURNS text IMMUTABLE SET search_path=cara, pg_temp BODY 0a475a90e147ea9a00001ec59b2a69ce
    -- name='value' with a blank behind it, or NULL.
FUNCTION cara.create_together(p_bodies text[], p_listed boolean, p_actor text) RETURNS text[] VOLATILE SET search_path=cara, pg_temp BODY ea174a385e80aeb53af979c284e6844c
    -- What each of several bodies gets as its answer, NULL for those to be asked alone. SR409 for all of them alone.
FUNCTION cara.death_log_bytes() RETURNS integer STABLE BODY 9d9578eead1e593ce3ce52ebc617d154
    -- How many bytes of a dead container's log are kept.
FUNCTION cara.death_record(p_node text, p_death jsonb, p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 5dc2b2aaf23bf0a3b2cbab1adc0514ae
    -- Records one death with its last lines. SR400, SR404, SR409 when the node never had that epoch of the project.
FUNCTION cara.death_wire(d cara.death, p_with_log boolean, p_lines integer) RETURNS text STABLE SET search_path=cara, pg_temp BODY 1f5544d883fd919eeddcbf9ec11f57c1
    -- One death as JSON text, with its last lines (all of them when p_lines is NULL) or without.
FUNCTION cara.deaths_put(p_node text, p_deaths jsonb, p_now timestamp with time zone) RETURNS text VOLATILE SET search_path=cara, pg_temp BODY 210d0457d5ec50225f01aac7c076c795
    -- Records the deaths that an agent tells and says of each whether it was accepted. SR400.
FUNCTION cara.decision_failed(p_what text, p_error text, p_sqlstate text, p_now timestamp with time zone) RETURNS text VOLATILE SET search_path=cara, pg_temp BODY f6150dcd1f96130fff2d93069b8f3d50
    -- Tells in an event that decisions fail, and gives its message.
FUNCTION cara.delete_expired(p_now timestamp with time zone) RETURNS bigint VOLATILE SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan BODY f577068775f45094d5002a1d857851b9
    -- Asks for the deletion of projects whose spec.expireAt has passed.
FUNCTION cara.deletion_due() RETURNS TABLE(project text, given_up_at timestamp with time zone) STABLE SET search_path=cara, pg_temp BODY ef062a1757a6aeb6c0e4dc5134fc4a52
    -- For each project being deleted that is still on some node: when to stop waiting for it.
FUNCTION cara.demand_of(p_project text, p_spec jsonb) RETURNS cara.demand IMMUTABLE BODY 539659225be6bb5df117f89c65d3ad02
    -- What a project's spec asks of a node.
FUNCTION cara.distance(p_text text, p_name text) RETURNS integer IMMUTABLE SET search_path=cara, pg_temp BODY bd8358ec139543f5c45e771bc2550a38
    -- How far what someone wrote is from a name; NULL where it is too far to have meant it.
FUNCTION cara.domain_of(p_node text, p_labels jsonb, p_key text) RETURNS text IMMUTABLE BODY da037792dffa7aa38c6323fa00c3a1bb
    -- The domain a node belongs to under a topology key; NULL when it has no such label.
FUNCTION cara.drain_groups() RETURNS TABLE(projects text[], hopeful boolean) STABLE SET search_path=cara, pg_temp BODY 13a9f6dac2d441c8546e5bab6af15fa5
    -- The projects on nodes that are being emptied, those that ask for the same together, and whether there is any use in trying.
FUNCTION cara.drain_outlook(p_name text, OUT leaving text[], OUT staying text) RETURNS record VOLATILE SET search_path=cara, pg_temp BODY 801ee9c45394a1aa02de9a0c6f53ee6e
    -- Of what is on a node, what leaves when it is drained and what cannot, with why. SR404.
FUNCTION cara.drain_wire(p_name text, p_leaving text[], p_staying text) RETURNS json STABLE SET search_path=cara, pg_temp BODY 7a0cc12496daea9ea630158bde3c7733
    -- How far a drain has come, as it is sent.
FUNCTION cara.drop_channel_role() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 35b241f5ee0a21757ac0c6fcbbd51844
    -- Trigger: ends the sessions of a channel's role and drops it.
FUNCTION cara.event_record(p_kind text, p_name text, p_type text, p_reason text, p_message text, p_actor text, p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY a69855d68fe97132766c198cc85f42fb
    -- Records an event, or counts it when it is the object's latest one again.
FUNCTION cara.evict_unwanted(p_now timestamp with time zone, p_limit bigint) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY 3cbb59211b1672ef07c6aef564fc97dd
    -- Empties draining nodes of what has a place elsewhere and tainted ones of what must go, at most p_limit (NULL: what the rate allows); returns how many left.
FUNCTION cara.eviction_braked(p_now timestamp with time zone) RETURNS boolean VOLATILE SET search_path=cara, pg_temp BODY 68726a74798b94eaf388cf5d0dc57279
    -- Whether so many nodes are lost that nothing should be moved; says so in an event.
FUNCTION cara.evictions_left(p_now timestamp with time zone) RETURNS bigint STABLE SET search_path=cara, pg_temp BODY 4365c459cdc2b5231ec033422d71391d
    -- How many evictions the rate still allows in this minute.
FUNCTION cara.expire_leases(p_now timestamp with time zone) RETURNS timestamp with time zone VOLATILE SET search_path=cara, pg_temp BODY f044228bec08046f2b6b1ba972bb0b98
    -- Makes nodes NotReady whose lease ran out; returns when the next one would.
FUNCTION cara.expression_matches(p_labels jsonb, p_expression jsonb) RETURNS boolean IMMUTABLE BODY 0ea094e3fa529302733d9863e7f5ad72
    -- Whether labels satisfy one match expression.
FUNCTION cara.expressions_match(p_labels jsonb, p_expressions jsonb) RETURNS boolean IMMUTABLE SET search_path=cara, pg_temp BODY 7e366999fd4ebb3d9d862a3812d04a5d
    -- Whether labels satisfy all match expressions of a list.
FUNCTION cara.fail(p_status integer, p_message text, p_field text, p_hint text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY e0041a18512a1918dc130dfd7ae6b3c3
    -- Raises SQLSTATE SRnnn with the problem's detail, the field's path and a way out.
FUNCTION cara.fail_no_node(p_name text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 86c4ed6a4b2d33f121045d870a948f9c
    -- Raises SR404.
FUNCTION cara.fail_no_project(p_name text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 318b97447e98a44cddb4bec6a74f250b
    -- Raises SR404.
FUNCTION cara.fail_no_setting(p_name text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 45d9fcc4c6e32d0673cb5e9a104780ae
    -- Raises SR404 naming the nearest setting there is.
FUNCTION cara.fail_type(p_path text, p_wanted text, p_value jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 6a77bdd36bbe18f6edacc622a757dbb6
    -- Raises SR400: a member has the wrong JSON type.
FUNCTION cara.fail_unknown(p_path text, p_name text, p_type text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 18e59128a22661bfed99f68437cecc00
    -- Raises SR400: no such member here; names the nearest one that exists.
FUNCTION cara.finish_deletions(p_now timestamp with time zone) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY 790d087768a0d60b0b472901dbef016d
    -- Ends the deletions that can end; returns how many rows went.
FUNCTION cara.follow_claims() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY d97f5fad674246896b6797f0289e1f64
    -- Trigger: the names a project claims are given up with it.
FUNCTION cara.follow_project() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 62d0d369359ad4a3f6cfd1176e65e8f4
    -- Trigger: a project's status, assignments and demand go with it.
FUNCTION cara.gone_wire(p_kind text, p_name text, p_id bigint, p_uid uuid, p_labels jsonb, p_phase text, p_node text) RETURNS text STABLE BODY 701cb75d63444f0f042a9b8a407ab207
    -- What a DELETED event carries when the object itself cannot be shown any more.
FUNCTION cara.guard_bus(p_now timestamp with time zone, p_all boolean) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY aaf9401b3a5ee136ab25f314e3bbaa80
    -- Ends the sessions that keep the notification queue from being emptied, or should not be there, with an event; gives how many.
FUNCTION cara.in_turn(p_projects text[]) RETURNS text[] STABLE SET search_path=cara, pg_temp BODY d82197767a82aa72ddce68669b29ae65
    -- Projects in the order in which they are taken off their nodes.
FUNCTION cara.ingress_host(p_project text, p_host text) RETURNS text IMMUTABLE BODY c7552dc6c211dd7c23996c0740e229c8
    -- A host with a dot as it is, any other as HOST.PROJECT.local.
FUNCTION cara.ingress_wire(p_project text, p_ingress jsonb) RETURNS text STABLE SET search_path=cara, pg_temp BODY 685d61b36a54d3a1037f7eaddacab112
    -- A project's ingress entries, hosts and paths resolved, as JSON text; NULL when there are none.
FUNCTION cara.is_canonical(p_body jsonb, p_kind text) RETURNS boolean STABLE BODY 69ca293d82ba1562c5588c5bfb8616d6
    -- Whether a manifest of a kind is canonical as it stands.
FUNCTION cara.json_kind(p_value jsonb) RETURNS text IMMUTABLE BODY bf19df92bdd12748ebeade9321a35a55
    -- The kind of a JSON value in words.
FUNCTION cara.judge(p_demand cara.demand, p_labels jsonb, p_home text, p_self text, p_there boolean) RETURNS TABLE(node text, reason text, room integer, cpu_free bigint, memory_free bigint, taint text, pressure text, load integer, used double precision, liking integer, domain text) STABLE BODY ea8f7ee51b39aa7a59386f70bdd1c74c
    -- For each node: why it cannot take this demand (NULL when it can), for how many it has room, what is left, how it ranks.
FUNCTION cara.keep_demand() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 1b2292ed42663e259122d8f29a5ae146
    -- Trigger: works out what a project asks for from its spec.
FUNCTION cara.keep_leftover() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 616fdd6fa35d1279c022ecea4d3b8e97
    -- Trigger: remembers where something of a deleted project is left.
FUNCTION cara.keep_legal_moves() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 05e4cbe8568d8099c2ee9b7b7a68bd0e
    -- Trigger: keeps cara.legal_moves() in step with cara.phase_transition.
FUNCTION cara.keep_offer() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY c99f07d786af967528d30f47e98d2f3f
    -- Trigger: what a node has to give.
FUNCTION cara.keep_room() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 8e2ea5950b35253399a117782bf27f63
    -- Trigger: counts what projects take of their nodes; refuses what is no project or no node.
FUNCTION cara.keep_settings() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 1821966479943f6edcff39a4bc63ad83
    -- Trigger: a setting stays.
FUNCTION cara.keep_shapes() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 7ef82e2cbd19fa78938944c649a3ee02
    -- Trigger: keeps what is written from cara.field in step with it.
FUNCTION cara.labels_then(p_kind text, p_name text, p_id bigint, p_now jsonb) RETURNS jsonb STABLE SET search_path=cara, pg_temp BODY f9eb4f311c6395bc0e60968d7ae621fb
    -- The labels an object had right after a change; NULL when that cannot be known any more.
FUNCTION cara.lease_timeout() RETURNS interval STABLE SET search_path=cara, pg_temp BODY 5b22f71b0a87af10b96897a62e1ef29d
    -- How long a lease holds at the present pace.
FUNCTION cara.legal_moves() RETURNS text[] STABLE BODY deb6eb710a375c5ca2fd87d22a1640d7
    -- The rows of cara.phase_transition as "From To"; a trigger there keeps it.
FUNCTION cara.list(p_kind text, p_query jsonb) RETURNS json VOLATILE SET search_path=cara, pg_temp BODY 5cd4523d2f95b7c0a9d0109432a98e05
    -- A list of nodes or projects, or a page of it, with the position a watch can go on from. SR400.
FUNCTION cara.list_mark(p_kind text, p_query jsonb) RETURNS text IMMUTABLE SET search_path=cara, pg_temp BODY 16983929cffb95ddfe061fd16b5d4ef1
    -- What tells one list from another, for the continue token.
FUNCTION cara.list_objects(p_kind text, p_phases text[], p_node text, p_names text[], p_labels jsonb, p_expressions jsonb, p_from text, p_limit bigint) RETURNS TABLE(name text, version bigint, object text) STABLE SET search_path=cara, pg_temp SET jit=off BODY cf3bc6dd7557bf91452778d42c1e862b
    -- Nodes or projects that fit a filter as JSON text, by name, after p_from, p_limit of them at most.
FUNCTION cara.list_token(p_mark text, p_name text, p_position bigint) RETURNS text IMMUTABLE SET search_path=cara, pg_temp BODY b286d6bc15a350fec9e474516d3a6087
    -- A continue token: the list, the last name given, the position of the first page.
FUNCTION cara.lock_status() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY a9aa2bdaeab802fbb8904c8d15b13032
    -- Trigger: keeps phases and states from moving while labels change.
FUNCTION cara.log_assignment() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY c6a658c536484156cb83c3a3bc49acdc
    -- Trigger: logs decisions and wakes the nodes they concern, and the scheduler when a node is clear of one that waits.
FUNCTION cara.log_channel() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY fac6b5145ebef1d94b20b875ed33ba6c
    -- Trigger: logs streams that were revoked; servers, which look each second, need not be woken for that.
FUNCTION cara.log_deleted() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 026f7fae377c83e552c26d3dec92e635
    -- Trigger: logs a deletion with what was deleted.
FUNCTION cara.log_horizon() RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY 75b1bd30d965da4fb072d791d777d200
    -- The position up to which the change log is decided. SR400 unless READ COMMITTED.
FUNCTION cara.log_labels() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY ce53d4e1d10a2039dc66e7593e5febba
    -- Trigger: keeps what the labels were before a change of them.
FUNCTION cara.log_lock_key(p_floor bigint) RETURNS bigint IMMUTABLE BODY b1e944f767c69c0c377d5a8336f8384d
    -- The advisory lock of whoever writes to the change log above an id.
FUNCTION cara.log_node() RETURNS trigger VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off BODY 66744c72b2144ddfc28007b86272a788
    -- Trigger: logs changed nodes, and the projects there when one is lost or back, and wakes the bus.
FUNCTION cara.log_open() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 0fdc0ea94ea8812b29914377fdd6b774
    -- Trigger: announces, to the end of the transaction, above which id it will write to the change log.
FUNCTION cara.log_position() RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY 014e1e4e6560b2985465c4144e743c95
    -- The position to watch from for whoever reads what there is after this call. SR400 unless READ COMMITTED.
FUNCTION cara.log_project() RETURNS trigger VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off BODY d1b9f1458b66bb5a5c80941ab804fd1d
    -- Trigger: logs changed projects, wakes the bus and the nodes that run them.
FUNCTION cara.log_reach(p_after bigint, p_limit integer, OUT reached bigint, OUT more boolean) RETURNS record VOLATILE SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan SET enable_seqscan=off BODY f05603af1ef11edd447cf190dd6626ee
    -- The position a reader at p_after can get to now, and whether it should come again.
FUNCTION cara.log_reaches_back(p_after bigint) RETURNS boolean VOLATILE SET search_path=cara, pg_temp BODY 1d83bf29e66f8ffe70798fd2b2fec875
    -- Whether all changes after a position are still in the log, and the position is one of this log.
FUNCTION cara.movable(p_projects text[], p_limit bigint, p_now timestamp with time zone, OUT going text[], OUT nodes text[]) RETURNS record VOLATILE SET search_path=cara, pg_temp BODY ba8b56f783d9248e6254c5554873b7d8
    -- Who of some projects can go to other nodes together, and where to; the caller has schedule_lock().
FUNCTION cara.move_channels(p_now timestamp with time zone, p_most integer) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY 94f44c3c1d537d5ec83ce96fde76a2c6
    -- Revokes some channels of kind postgres that nobody asked for where there are too many nodes for that; gives how many.
FUNCTION cara.names_of(p_projects text[], p_specs jsonb[], OUT kinds text[], OUT names text[], OUT projects text[]) RETURNS record IMMUTABLE BODY 77c14bb03d939cb23e39783caafab453
    -- The container, volume and host names of projects, as three arrays of the same length.
FUNCTION cara.next_due(p_now timestamp with time zone) RETURNS timestamp with time zone STABLE SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan SET enable_seqscan=off BODY a1fbfdc6d2f80e3d0944c8dbbf138586
    -- When api.tick() next has something to do if nothing else happens.
FUNCTION cara.node_mark(p_name text, p_unschedulable boolean, p_draining boolean, p_event text, p_message text, p_actor text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 9b20bc26676b91edb76d84ba27bba129
    -- Sets whether a node takes new projects and whether it is to be emptied. SR404.
FUNCTION cara.node_proxy_put(p_node text, p_proxy jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 3353247d9d7df3ad645e89fc3d41d391
    -- Keeps where a node's proxy listens and its key. SR400.
FUNCTION cara.node_put(p_manifest jsonb, p_create boolean, p_actor text) RETURNS text VOLATILE SET search_path=cara, pg_temp BODY d5223a85b18ab63ec39c89144759f5d3
    -- Creates or changes a node; says created, configured or unchanged. SR404, SR409 as p_create demands.
FUNCTION cara.node_set_state(p_node text, p_state text, p_reason text, p_message text, p_actor text, p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 2803cc04a33a0a0a919f04c4fb7f3cda
    -- Moves a node to a state with its Ready condition and an event; nothing when it is there already.
FUNCTION cara.node_state_for(p_reported text, p_draining boolean) RETURNS text IMMUTABLE BODY 5a1e940238a99b3455383a8082ec8704
    -- The state of a node whose lease holds.
FUNCTION cara.node_wire(n cara.node, s cara.node_status, p_heartbeat timestamp with time zone) RETURNS text STABLE BODY 291581068c0bc362434abd45bc35225b
    -- A node as JSON text in the wire's member order.
FUNCTION cara.outage() RETURNS interval STABLE SET search_path=cara, pg_temp BODY 30c168e48f19cbb548d2d8f179e33121
    -- For how long nobody may tick before that counts as an outage of the control plane.
FUNCTION cara.pace(p_nodes bigint, OUT heartbeat_ms bigint, OUT lease_ms bigint) RETURNS record STABLE SET search_path=cara, pg_temp BODY d8ee336079a5b3bf767db9c16281cfc8
    -- How often so many nodes renew their leases and how long those hold, in milliseconds.
FUNCTION cara.pace_wire() RETURNS text STABLE SET search_path=cara, pg_temp BODY 25c77b4b676df918f940ee647ed3c384
    -- The paces agents are told, as JSON members.
FUNCTION cara.percent(p_taken bigint, p_of bigint) RETURNS bigint IMMUTABLE BODY 93a65ccc07ad45ee76180fd957d0335b
    -- How much of what there is is taken, in percent.
FUNCTION cara.place_round(p_demand cara.demand, p_labels jsonb, p_home text, p_waiting text[], p_now timestamp with time zone) RETURNS integer VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY 7c0652eb2b76b964a0d53cd5c916e817
    -- Decides for as many of p_waiting (all of one class) as one look at the nodes allows; returns how many.
FUNCTION cara.placeable(p_now timestamp with time zone) RETURNS TABLE(projects text[], class uuid, labels jsonb, home text, priority integer, since timestamp with time zone) VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off SET enable_sort=off BODY 6d81c49b5df1ebc8a9c069a6ffc0f2cb
    -- Pending projects that nothing of is left on a live node, locked; those that ask for the same together, the oldest first.
FUNCTION cara.plan_moves(p_now timestamp with time zone) RETURNS TABLE(name text, from_node text, to_node text, phase text, message text) STABLE SET search_path=cara, pg_temp BODY 41c56b1a4656a35fd296fcb00cefa280
    -- The projects that were placed, moved or left waiting at p_now.
FUNCTION cara.port_nodes(p_ports text[], p_except text) RETURNS TABLE(node text) STABLE SET search_path=cara, pg_temp SET enable_nestloop=on SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY 4e806a14a8398819d6ee5266cb6aef70
    -- Nodes where a project has one of the host ports.
FUNCTION cara.preempt(p_demand cara.demand, p_labels jsonb, p_home text, p_waiting text[], p_now timestamp with time zone) RETURNS boolean VOLATILE SET search_path=cara, pg_temp BODY 0305a8f6384358a52bf329dd377c4cab
    -- Takes the least that is of lower priority off nodes so that those who wait fit there; false when that helps nowhere.
FUNCTION cara.pressure_condition(p_type text) RETURNS text IMMUTABLE BODY aec4bb36163616644463bc8abbca5f93
    -- A pressure condition as JSON text.
FUNCTION cara.project_change(p_manifest jsonb, p_actor text) RETURNS text VOLATILE SET search_path=cara, pg_temp BODY 781b3a1c484347239ec6c6755c475f6c
    -- Changes a project; says configured or unchanged, NULL when there is none of that name. SR409.
FUNCTION cara.project_demand(p_project text) RETURNS TABLE(demand cara.demand, labels jsonb, home text) STABLE SET search_path=cara, pg_temp BODY 07088a63f8e9237663e867cd7e42902e
    -- What a project asks for, with its labels and where its data is.
FUNCTION cara.project_set_phase(p_project text, p_phase text, p_reason text, p_message text, p_generation bigint, p_actor text, p_now timestamp with time zone, p_force boolean) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 28c949a1c5cc9cf731899ea1c2e66104
    -- Moves a project to a phase, with reason, message and an event; nothing when it is all so already.
FUNCTION cara.project_wire(p cara.project, s cara.project_status, a cara.assignment, p_lost_since timestamp with time zone, p_services text) RETURNS text STABLE BODY 0ef69a9dcdd1fe84bf1ab45b110e1ef8
    -- A project as JSON text in the wire's member order. p_lost_since: since when its node is NotReady; p_services: its service_wire()s by name with commas between, NULL when there are none.
FUNCTION cara.projects_create(p_names text[], p_manifests jsonb[], p_actor text, OUT wires text[], OUT clash boolean) RETURNS record VOLATILE SET search_path=cara, pg_temp BODY f70f54625afe6687a572d0c7cf694df7
    -- Creates those projects of a list that are not there yet, with all that belongs to them.
FUNCTION cara.quantity(p_text text, p_scale integer) RETURNS bigint IMMUTABLE SET search_path=cara, pg_temp BODY 9e1c448a5dbfb188e8558faa4a3b5f16
    -- A Kubernetes quantity times p_scale, rounded up; NULL when it is none or does not fit.
FUNCTION cara.quantity_parts(p_text text) RETURNS text[] IMMUTABLE BODY 27c1b296dba989a4576ea619b549b335
    -- The parts of a Kubernetes quantity; NULL when it is none.
FUNCTION cara.quote(p_text text, p_max integer) RETURNS text STABLE BODY d077471617c86ba389f7ba4162ea6f43
    -- A value as error messages show it: JSON-quoted and of bounded length.
FUNCTION cara.random_hex(p_count integer) RETURNS text VOLATILE SET search_path=cara, pg_temp BODY 73c79e0b4d66400dda2baf108353704f
    -- Hexadecimal digits, 32 for each of p_count, with 122 random bits in each 32.
FUNCTION cara.read_duration(p_value jsonb, p_path text) RETURNS interval IMMUTABLE SET search_path=cara, pg_temp BODY 1f2fa6ccb7cfdab7cd58087bef789486
    -- A duration of the wire as an interval; SR400 when it is none.
FUNCTION cara.read_filter(p_kind text, p_query jsonb, OUT phases text[], OUT node text, OUT names text[], OUT labels jsonb, OUT expressions jsonb) RETURNS record IMMUTABLE SET search_path=cara, pg_temp BODY e20f5936e7ffa44b4bb4ce442f246453
    -- The filters of a list or watch: phase or state, nodeRef, name (any of), labelSelector, fieldSelector. SR400.
FUNCTION cara.read_manifest(p_body jsonb, p_kind text) RETURNS jsonb STABLE BODY 4da6c48fb97a60f66af95265d8d834ff
    -- A manifest's name, labels, annotations and spec in canonical form; SR400 for what does not fit.
FUNCTION cara.read_object(p_value jsonb, p_type text, p_path text, p_strict boolean) RETURNS jsonb STABLE SET search_path=cara, pg_temp BODY d2343964dbfd26e3c61ecb5ec491cb4b
    -- An object in canonical form by the rows of cara.field; SR400 with the path of what does not fit.
FUNCTION cara.read_page(p_mark text, p_query jsonb, OUT rows bigint, OUT name text, OUT from_page bigint) RETURNS record IMMUTABLE SET search_path=cara, pg_temp BODY da72860bdf606e962aaa6b8ac9c47d11
    -- How many rows a page has, after which name, and the position of the first page. SR400 for a bad limit or token.
FUNCTION cara.read_selector(p_text text, OUT labels jsonb, OUT expressions jsonb) RETURNS record IMMUTABLE SET search_path=cara, pg_temp BODY 8a1000c819893e9e24437bf714ff4240
    -- A label selector in Kubernetes' grammar as labels that must be equal and expressions (NULL when none). SR400 names the position.
FUNCTION cara.read_time(p_value jsonb, p_path text) RETURNS timestamp with time zone IMMUTABLE SET search_path=cara, pg_temp SET DateStyle=ISO, YMD BODY 6b321668579574d531486e32eeb52287
    -- A time of the wire; NULL when it is the zero time, SR400 when it is none.
FUNCTION cara.read_value(p_value jsonb, p_kind text, p_item text, p_path text, p_strict boolean) RETURNS jsonb STABLE SET search_path=cara, pg_temp BODY 6bd37421d7790712da1445d5744ddbf0
    -- A member's value in canonical form, NULL when it says nothing; SR400 with its path when its type is wrong.
FUNCTION cara.rebalance_pick(p_max integer) RETURNS text[] STABLE SET search_path=cara, pg_temp BODY 82aeb503894bc5b2f3f255f2c5f5cc10
    -- The projects whose move might even out the nodes, at most p_max.
FUNCTION cara.release(p_projects text[], p_because text, p_reason text, p_message text, p_actor text, p_now timestamp with time zone) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY fab46c2ed567eb422c15f3c0a488ec3f
    -- Gives projects back to the scheduler, with reason and event; returns how many had a node.
FUNCTION cara.release_deleted_node() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 08a622e9d31a341b8fe673ce628f8e7a
    -- Trigger: projects of a node that was deleted go back to the scheduler.
FUNCTION cara.render(p_value jsonb, p_type text) RETURNS text STABLE BODY 91838a15adc7f889bf6ed7af5445d8d0
    -- JSON text of a canonical object in the wire's member order: a ProjectSpec, NodeSpec, Network or Info.
FUNCTION cara.render_affinityterm(p jsonb) RETURNS text STABLE BODY 6bd315562a3b962c947da11f24d168aa
    -- AffinityTerm as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_affinityterm_list(p jsonb) RETURNS text STABLE BODY cd831e28c0823d9626009670443ef56c
    -- A list of AffinityTerm as JSON text. Written from cara.field.
FUNCTION cara.render_env(p jsonb) RETURNS text STABLE BODY db79edba47883e8ad6269d04b751bc8b
    -- Env as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_env_list(p jsonb) RETURNS text STABLE BODY 462ea00f14f38e6d0650c7753775a448
    -- A list of Env as JSON text. Written from cara.field.
FUNCTION cara.render_expression(p jsonb) RETURNS text STABLE BODY cd6eaae4c16cb373d7a446f3f5e90671
    -- Expression as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_expression_list(p jsonb) RETURNS text STABLE BODY ba5d2d3b21e49d1886cd9e345616fd1b
    -- A list of Expression as JSON text. Written from cara.field.
FUNCTION cara.render_healthcheck(p jsonb) RETURNS text STABLE BODY df153f302279873c970846093b8446ce
    -- Healthcheck as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_info(p jsonb) RETURNS text STABLE BODY 6efc7ca474dffdc1672247b675acb17a
    -- Info as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_ingress(p jsonb) RETURNS text STABLE BODY e2a61cf08d0fcff7d7cc898012ce4dd6
    -- Ingress as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_ingress_list(p jsonb) RETURNS text STABLE BODY 43edd1ebd6ed3b1b19a707c6b9fb3742
    -- A list of Ingress as JSON text. Written from cara.field.
FUNCTION cara.render_ingressaccess(p jsonb) RETURNS text STABLE BODY 7047e49e449be3ea6fc84b129ca675ca
    -- IngressAccess as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_ingresstarget(p jsonb) RETURNS text STABLE BODY 596d91b2ac23f8ea1ab6facc774eb082
    -- IngressTarget as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_metadata(p jsonb) RETURNS text STABLE BODY 441bba8d6adc67d731d392e23953d7ef
    -- Metadata as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_network(p jsonb) RETURNS text STABLE BODY c84816f72a1d7e3501b291455ee0d8ab
    -- Network as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_nodespec(p jsonb) RETURNS text STABLE BODY 42ada0b08a4e3cddbf06f7636403267d
    -- NodeSpec as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_placement(p jsonb) RETURNS text STABLE BODY a1311c6a1f2247b5eb7853dd2cab4099
    -- Placement as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_port(p jsonb) RETURNS text STABLE BODY a39c0b6072c80cda943728934762bd50
    -- Port as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_port_list(p jsonb) RETURNS text STABLE BODY 957f3b6630c6c363ecb75dfff2363abc
    -- A list of Port as JSON text. Written from cara.field.
FUNCTION cara.render_projectspec(p jsonb) RETURNS text STABLE BODY d1410ec22dddc03c8cdab4729e9a0afe
    -- ProjectSpec as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_resourcelist(p jsonb) RETURNS text STABLE BODY 966709f641ffcb1e92a62acf1f8735ff
    -- ResourceList as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_resources(p jsonb) RETURNS text STABLE BODY ed9fbd74a05c7083dbcd3984d7ccda11
    -- Resources as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_service(p jsonb) RETURNS text STABLE BODY 35fa449e60043e472faafe150318f3f6
    -- Service as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_service_list(p jsonb) RETURNS text STABLE BODY 44e92d7e0a074f1e963948bf2423df95
    -- A list of Service as JSON text. Written from cara.field.
FUNCTION cara.render_string_list(p jsonb) RETURNS text STABLE BODY c6e374d02a6cf9eb120f93c703b6d74b
    -- A list of strings as JSON text.
FUNCTION cara.render_taint(p jsonb) RETURNS text STABLE BODY 4c0e2aaa7490af310ec6df1ba40c42f5
    -- Taint as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_taint_list(p jsonb) RETURNS text STABLE BODY e32dd33fee8cb09e947ba2eb9cc9dcff
    -- A list of Taint as JSON text. Written from cara.field.
FUNCTION cara.render_throughput(p jsonb) RETURNS text STABLE BODY f7014728b70a34fc309f5803392f534a
    -- Throughput as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_toleration(p jsonb) RETURNS text STABLE BODY 6bcb069e3f7684100303250541d3e626
    -- Toleration as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_toleration_list(p jsonb) RETURNS text STABLE BODY 2c00252001e045999b1bd0d84854a05e
    -- A list of Toleration as JSON text. Written from cara.field.
FUNCTION cara.render_volume(p jsonb) RETURNS text STABLE BODY 3a822e08eba3bdffabda45c4de4323d2
    -- Volume as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_volume_list(p jsonb) RETURNS text STABLE BODY c8f9d7d9cb71af11efb78b7734f19967
    -- A list of Volume as JSON text. Written from cara.field.
FUNCTION cara.render_volumemount(p jsonb) RETURNS text STABLE BODY f2a6d658c42eeed934875326af8bcd4c
    -- VolumeMount as JSON text in the wire's member order. Written from cara.field.
FUNCTION cara.render_volumemount_list(p jsonb) RETURNS text STABLE BODY 0dc43fe4556210f54357d2e9b073bd3e
    -- A list of VolumeMount as JSON text. Written from cara.field.
FUNCTION cara.repelled_nodes(p_labels jsonb, p_except text) RETURNS TABLE(node text) STABLE SET search_path=cara, pg_temp SET enable_nestloop=on SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY 4b4773a7505882b1a7074cc0cfc6084b
    -- Nodes that the required antiAffinity of projects there forbids to a project with these labels.
FUNCTION cara.report_fenced(p_node text, p_report jsonb, p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 693a06e202fddefbc110325df0601952
    -- Takes in one report of a node's agent. SR404, SR409 when its epoch, generation or phase is not current, SR400.
FUNCTION cara.reschedule_lost(p_now timestamp with time zone) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY 884bbcd3141d9901ec26dad7391f2dbc
    -- Releases projects from lost nodes once their grace has passed; returns how many.
FUNCTION cara.revision_record(p_kind text, p_name text, p_uid uuid, p_generation bigint, p_verb text, p_actor text, p_manifest jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY b63eef93f1a62a8cf7f76c74f86c529b
    -- Keeps one version of a manifest, with who and when.
FUNCTION cara.schedule_lock() RETURNS void VOLATILE SET search_path=cara, pg_temp BODY e3f7f6353cb53d1ed3c250845112feca
    -- Waits until no other transaction is deciding; released when this one ends.
FUNCTION cara.selector_matches(p_labels jsonb, p_labels_wanted jsonb, p_expressions jsonb) RETURNS boolean IMMUTABLE BODY 26f64f6288261fd1fe5db427a5093b12
    -- Whether labels satisfy a selector.
FUNCTION cara.service_wire(v cara.project_service) RETURNS text STABLE BODY 6da85b99edde18d3c835b0a5bfdec5a9
    -- An observed service of a project as JSON text.
FUNCTION cara.services_put(p_project text, p_epoch bigint, p_services jsonb) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY a9877041e402d6e4074d175213b5b8e5
    -- Replaces the observed services of a project, writing only what differs. SR400 for an unknown container state.
FUNCTION cara.set_pace() RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 326f7a3b9fc1371f37befa1de8408643
    -- Keeps the pace of heartbeats for the nodes there are in cara.clock.
FUNCTION cara.setting_changed() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY e21088c0b644384cc7e9b58042c641a0
    -- Trigger: has the next tick look at everything again, now.
FUNCTION cara.setting_interval(p_name text) RETURNS interval STABLE SET search_path=cara, pg_temp BODY b649c32de953a26ad3f07d148805ab5f
    -- A setting of kind interval; NULL when there is none of that name.
FUNCTION cara.setting_number(p_name text) RETURNS numeric STABLE SET search_path=cara, pg_temp BODY bfd18f0603b7ed6d75f5867208083b07
    -- A setting of kind integer or number; NULL when there is none of that name.
FUNCTION cara.setting_wire(s cara.setting) RETURNS text STABLE BODY cae97adc443a6059fbc667cb40604e10
    -- One setting as JSON text.
FUNCTION cara.settle_changed(p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 9829e23f7bb7548bb3a3f406eee174fd
    -- Takes projects off nodes that no longer suit what they ask for; counts anew what the others take.
FUNCTION cara.share_wire(p_requested text, p_of text, p_percent bigint) RETURNS text STABLE BODY a593b94f59d9b17f0f206a687261499b
    -- What is requested of how much, as JSON text.
FUNCTION cara.show_cpu(p_millicores bigint) RETURNS text IMMUTABLE BODY 751105dc73897ce56a9d5ab7f8c36350
    -- Millicores as a Kubernetes quantity.
FUNCTION cara.show_memory(p_bytes bigint) RETURNS text IMMUTABLE BODY d5890323fb979565105daec21df9a44b
    -- Bytes as a Kubernetes quantity, rounded up to its unit.
FUNCTION cara.show_values(p_values jsonb) RETURNS text IMMUTABLE BODY ffbeb7628192333b0121e9d615ab8120
    -- A list of values as JSON text, cut to 60 characters.
FUNCTION cara.slot(p_demand cara.demand, p_labels jsonb, p_home text, OUT nodes text[], OUT scores double precision[], OUT excluded jsonb) RETURNS record STABLE SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan SET enable_nestloop=off SET enable_seqscan=on SET enable_hashjoin=on SET enable_mergejoin=off BODY 17e72494f1a23429b8e31a7fe7c57a8b
    -- The best two nodes for a project with their scores, and how many nodes each rule excludes.
FUNCTION cara.slots(p_demand cara.demand, p_labels jsonb, p_home text, p_count bigint, OUT nodes text[], OUT scores double precision[], OUT runner_ups text[], OUT runner_up_scores double precision[], OUT excluded jsonb) RETURNS record STABLE SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan SET enable_nestloop=off SET enable_seqscan=on SET enable_hashjoin=on SET enable_mergejoin=on BODY 7708bc576c11417d4de235c0a9a162e2
    -- The best places for up to p_count projects of a class, in turn, each with who came second; fewer where a place changes the verdict on the next.
FUNCTION cara.stamp() RETURNS trigger VOLATILE BODY 94fd236db868fabb24518a2b8356fa00
    -- Trigger: gives the row its resource version.
FUNCTION cara.stamp_new() RETURNS trigger VOLATILE BODY 282200f77d7d9d8b7e2a26b86b6cc7ff
    -- Trigger: gives a new row its resource version and its spec_wire.
FUNCTION cara.stamp_phase() RETURNS trigger VOLATILE BODY c4d39260ae6eebc27ee447c7593a8fa4
    -- Trigger: gives a project's status its resource version and the phase it moves from.
FUNCTION cara.stamp_said() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY e5dec3bd388c1eabbcb8c77ca20f3785
    -- Trigger: keeps said_wire in step with what the agent said.
FUNCTION cara.stamp_spec() RETURNS trigger VOLATILE BODY 0e7bce54834c6911c0243f92b5c5894b
    -- Trigger: keeps spec_wire in step with spec.
FUNCTION cara.stamp_state() RETURNS trigger VOLATILE BODY 099640143d6c128fe29687b896958fbc
    -- Trigger: gives a node's status its resource version and the state it moves from.
FUNCTION cara.standing_wire(p_liking integer, p_domain text, p_domain_projects bigint) RETURNS text STABLE BODY cb25dd54d0b4bc156e7fa1d1cc02c626
    -- How much a node is liked and, with spreadBy, its domain and the projects there, as JSON text.
FUNCTION cara.standings(p_demand cara.demand, p_labels jsonb, p_home text, p_self text) RETURNS TABLE(turn bigint, node text, reason text, lacks text, projects integer, score numeric, liking integer, domain text, domain_projects bigint) STABLE SET search_path=cara, pg_temp BODY e8fb3e109ac44800986ee7b3e7bba1b6
    -- Every node with the verdict on it and what ranks it, in the order in which the scheduler would take them.
FUNCTION cara.tell_waiting(p_projects text[], p_message text, p_now timestamp with time zone) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 484128fedbf54def127067119fdbd30c
    -- Gives waiting projects their reason, with an event when it is a new one.
FUNCTION cara.tell_who_holds_log(p_now timestamp with time zone) RETURNS bigint VOLATILE SET search_path=cara, pg_temp BODY a35bb2924168335c072b5de0d2cc1947
    -- Tells in events of sessions that hold back what others hear of changes; gives how many.
FUNCTION cara.term_domains(p_term jsonb, p_except text) RETURNS TABLE(domain text) STABLE SET search_path=cara, pg_temp SET enable_nestloop=on SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off SET enable_sort=off BODY 6769bc043b4bee9bb0ccaa0f5e31b30c
    -- Where, under a term's topology key, there is a project that its selector matches.
FUNCTION cara.terms(p_placement jsonb, p_labels jsonb) RETURNS TABLE(id integer, term jsonb, repels boolean, weight integer, key text, own boolean) STABLE SET search_path=cara, pg_temp SET enable_nestloop=on SET enable_seqscan=off SET enable_hashjoin=off SET enable_mergejoin=off BODY e01fb6e1e7d24eb3fd6cd200cc4159f5
    -- The affinity terms of a placement as rows.
FUNCTION cara.tolerates(p_tolerations jsonb, p_taint jsonb) RETURNS boolean IMMUTABLE SET search_path=cara, pg_temp BODY 916c8e71703779ff11c6d346756d7bf9
    -- Whether a list of tolerations covers a taint.
FUNCTION cara.touch_project() RETURNS trigger VOLATILE SET search_path=cara, pg_temp BODY 29afec51ed3bb9e7161a0c64d59824b2
    -- Trigger: a changed service gives its project a new resource version.
FUNCTION cara.trim_deaths(p_now timestamp with time zone, p_project text, p_service text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY eb0e99b7a8751f86062ce35f6b133190
    -- Forgets deaths beyond the newest deaths_kept of each service, and those older than death_retention.
FUNCTION cara.trim_decisions(p_now timestamp with time zone, p_rows integer) RETURNS boolean VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off BODY 60c0ca504041d13eaa376f5dfbd7863a
    -- Forgets decisions that are over beyond the newest decisions_kept of each project; gives whether there are more to look at.
FUNCTION cara.trim_history(p_now timestamp with time zone, p_rows integer) RETURNS boolean VOLATILE SET search_path=cara, pg_temp SET enable_seqscan=off BODY aa31c7cb85a702323d42ee75c6e82c4f
    -- Drops old events and deaths, and of the change log what is too old or too much; gives whether there is more to drop.
FUNCTION cara.try_moves(p_going text[], p_now timestamp with time zone, p_staying text[], OUT going text[], OUT nodes text[], OUT waiting text[], OUT reasons text[]) RETURNS record VOLATILE SET search_path=cara, pg_temp BODY 7a6e37ffc986d919430ed7534bca6261
    -- Where projects would go if they had to, by the functions that decide; nothing of it is done.
FUNCTION cara.untolerated(p_taints jsonb, p_tolerations jsonb, p_effects text[]) RETURNS text IMMUTABLE SET search_path=cara, pg_temp BODY 715ce6d0b3332d94e70c68b275ddce89
    -- The first taint with one of the effects that is not tolerated, as key=value:effect.
FUNCTION cara.value_matches(p_value text, p_operator text, p_values jsonb) RETURNS boolean IMMUTABLE BODY 6d362b14b0511fa136930b6b7eba1465
    -- Whether a label's value satisfies an operator and its values, with Kubernetes' meaning.
FUNCTION cara.verdict_text(p_demand cara.demand, p_labels jsonb, p_home text, p_self text, p_besides text) RETURNS text STABLE SET search_path=cara, pg_temp BODY 39d7d89c208954565c13bdc525b8e888
    -- How many nodes can take a demand, and the reasons why the others cannot, each with the number of nodes it excludes.
FUNCTION cara.verdict_texts(p_demand cara.demand, p_labels jsonb, p_home text, p_self text) RETURNS TABLE(node text, reason text, text text) STABLE SET search_path=cara, pg_temp BODY f1c34121a7449e78e3773143a6a73511
    -- The nodes that cannot take a demand, each with its reason in words.
FUNCTION cara.verdicts(p_demand cara.demand, p_labels jsonb, p_home text, p_self text, p_there boolean) RETURNS TABLE(node text, reason text, lacks text, room integer, load integer, used double precision, liking integer, domain text) STABLE SET search_path=cara, pg_temp SET plan_cache_mode=force_generic_plan SET enable_nestloop=off SET enable_seqscan=on SET enable_hashjoin=on SET enable_mergejoin=off SET enable_sort=off BODY cae1a6d752968b9bd02ca45f186e5225
    -- What cara.judge() says of each node, with what it lacks in words.
FUNCTION cara.waits_for(p_project text, p_now timestamp with time zone) RETURNS TABLE(node text, since timestamp with time zone, until timestamp with time zone) STABLE SET search_path=cara, pg_temp BODY 61827aece2b30a3907ae9293cef08c22
    -- The live node that has yet to clear away what it has of a project, since when, and when that is no longer waited for; no row when nothing holds the project up.
FUNCTION cara.wake(p_nodes text[]) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 755a3dc1e6b2204ae293cbc856084561
    -- Notifies cara_bus and the channels of the given nodes, once a transaction; in a server's session only by a notice to it.
FUNCTION cara.why_decision(a cara.assignment, p_standing text) RETURNS text STABLE SET search_path=cara, pg_temp BODY 96b2e97b2afa047ed72c9bf42bbb6b54
    -- One decision as JSON text.
FUNCTION cara.wire(p_json text) RETURNS json IMMUTABLE BODY c8aac10979b9d5f8ba2976753538b2db
    -- JSON text made safe for the wire; it is sent as it is.
FUNCTION cara.wire_map(p_map jsonb) RETURNS text STABLE BODY 896328dffa7618dc66a8cc10fc937859
    -- A map of scalars as a JSON object with sorted keys.
FUNCTION cara.wire_member(p_name text, p_text text) RETURNS text STABLE BODY f7b0b76a61ad4aa60d0ae39865d68554
    -- An optional string member with the comma before it; empty when there is no text.
FUNCTION cara.wire_text(p_text text) RETURNS text STABLE BODY e470ac47432f864117504276e8bfc870
    -- A text as a JSON string, quotes included.
FUNCTION cara.wire_time(p_time timestamp with time zone) RETURNS text STABLE BODY e8a73f6923ecb30d112dd6e78926b172
    -- A time as the wire has it, quotes included.
FUNCTION cara.write_canonical(p_type text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 944b96a0f96075ee742331360e411e6e
    -- Makes the canonical_ functions of a type say what cara.field holds.
FUNCTION cara.write_function(p_name text, p_returns text, p_body text, p_comment text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY adc638c19dad1600bfde83fcd8b54c3d
    -- Makes a function of one jsonb, p, from what stands for a type in cara.field.
FUNCTION cara.write_legal_moves() RETURNS void VOLATILE SET search_path=cara, pg_temp BODY dc4bf11932c6163ca4a0ee9846af70a4
    -- Makes cara.legal_moves() say what cara.phase_transition holds.
FUNCTION cara.write_render(p_type text) RETURNS void VOLATILE SET search_path=cara, pg_temp BODY 28100a973ec30b8cb0bf27d068c03161
    -- Makes the render_ functions of a type write what cara.field holds.
FUNCTION cara.write_shapes() RETURNS void VOLATILE SET search_path=cara, pg_temp BODY c50ce1ee2d720bd0d0e5fdd63c058988
    -- Makes the canonical_ and render_ functions say what cara.field holds.

-- privileges of roles
GRANT USAGE ON SCHEMA api TO cara_server
GRANT EXECUTE ON 47 functions of api TO cara_server

-- settings
bus_queue_limit (number) = 0.1: share of the notification queue in use above which sessions that hold it back are ended
bus_session_patience (interval) = 10s: how long a session may keep a transaction open while the notification queue is above its limit
change_max_rows (integer) = 1000000: how many changes the change log reaches back at most
change_retention (interval) = 1h: how long the change log reaches back
channel_pg_max (integer) = 64: how many nodes may LISTEN on Postgres themselves
control_plane_gap (interval) = 60s: no tick for longer, or for two thirds of a lease, gives every node a fresh lease before anyone is judged
death_log_bytes (integer) = 65536: how much of a dead container's log is kept, 1048576 at most
death_retention (interval) = 30d: how long they are kept in mind
deaths_kept (integer) = 5: how many dead containers of each service are kept in mind
decision_budget (interval) = 10s: time after which a decision stops and goes on in the next tick where it was
decisions_kept (integer) = 100: how many earlier decisions of each project are kept in mind
event_retention (interval) = 7d: how long events are kept
eviction_brake (number) = 0.5: no evictions while a larger share of three or more nodes is NotReady, or all of fewer
evictions_per_minute (integer) = 6000: how many projects are taken off lost or draining nodes in a minute
heartbeat_interval (interval) = 30s: how often agents are told to renew their lease
heartbeat_timeout (interval) = 90s: a lease not renewed for longer makes its node NotReady
heartbeats_per_second (integer) = 1000: heartbeat_interval and heartbeat_timeout are stretched so that no more than these arrive
max_manifest_bytes (integer) = 1048576: size of one stored manifest
max_placement_entries (integer) = 50: entries of any other list in a placement, and taints of a node
max_placement_terms (integer) = 10: affinity terms, and as many antiAffinity terms, of one project
max_services (integer) = 100: services of one project
poll_interval (interval) = 30s: the slow poll that stands behind lost wake-ups
running_grace (interval) = 3min: how long projects stay with a node that is NotReady
terminated_retention (interval) = 1s: how long a project that is gone can still be seen as Terminated
terminating_timeout (interval) = 10min: how long a deletion waits for a node that does not answer
