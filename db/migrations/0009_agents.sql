INSERT INTO cara.migration (version, name) VALUES (9, 'agents');

CREATE INDEX node_no_execute ON cara.node (name) WHERE spec @> '{"taints": [{"effect": "NoExecute"}]}';
COMMENT ON INDEX cara.node_no_execute IS 'The few nodes that projects have to leave: each tick asks whether there are any.';
