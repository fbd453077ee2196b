INSERT INTO cara.migration (version, name) VALUES (6, 'ingress');

CREATE TABLE cara.node_proxy (
    node text COLLATE "C" PRIMARY KEY REFERENCES cara.node ON DELETE CASCADE ON UPDATE CASCADE,
    port int NOT NULL CHECK (port BETWEEN 1 AND 65535),
    key  text NOT NULL DEFAULT '' CHECK (length(key) <= 64)
);
COMMENT ON TABLE cara.node_proxy IS 'Where the ingress proxy of each node listens, while it does. Written by api.node_heartbeat.';
COMMENT ON COLUMN cara.node_proxy.key IS 'What another node''s proxy shows to be believed about whom it sends a request on for. A new one at each start of the agent.';
