INSERT INTO cara.migration (version, name) VALUES (10, 'channels');

ALTER TABLE cara.channel ADD COLUMN wanted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN cara.channel.wanted IS 'Its agent asked for this kind: it is not moved to another.';

ALTER TABLE cara.clock ADD COLUMN channels_due_at timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN cara.clock.channels_due_at IS 'The next agents that LISTEN on Postgres are not moved to streams before this.';

CREATE INDEX channel_given ON cara.channel (serial) WHERE kind = 'postgres' AND NOT wanted;
COMMENT ON INDEX cara.channel_given IS 'Who may be moved to a stream: each tick asks whether there is anyone.';
