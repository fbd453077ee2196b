-- The whole schema by psql: the same as cara-server's own migration, and safe to run again.
--
--     psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f db/install.sql
\set ON_ERROR_STOP on
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('cara-migrate')) \g /dev/null
\ir bootstrap.sql
SELECT coalesce(max(version), 0) > 16 AS newer, coalesce(max(version), 0) < 1 AS lacks_0001, coalesce(max(version), 0) < 2 AS lacks_0002, coalesce(max(version), 0) < 3 AS lacks_0003, coalesce(max(version), 0) < 4 AS lacks_0004, coalesce(max(version), 0) < 5 AS lacks_0005, coalesce(max(version), 0) < 6 AS lacks_0006, coalesce(max(version), 0) < 7 AS lacks_0007, coalesce(max(version), 0) < 8 AS lacks_0008, coalesce(max(version), 0) < 9 AS lacks_0009, coalesce(max(version), 0) < 10 AS lacks_0010, coalesce(max(version), 0) < 11 AS lacks_0011, coalesce(max(version), 0) < 12 AS lacks_0012, coalesce(max(version), 0) < 13 AS lacks_0013, coalesce(max(version), 0) < 14 AS lacks_0014, coalesce(max(version), 0) < 15 AS lacks_0015, coalesce(max(version), 0) < 16 AS lacks_0016 FROM cara.migration \gset
\if :newer
DO $$ BEGIN RAISE EXCEPTION 'this database was migrated by a newer version; nothing was changed'; END $$;
\endif
\if :lacks_0001
\ir migrations/0001_base.sql
\endif
\if :lacks_0002
\ir migrations/0002_scheduling.sql
\endif
\if :lacks_0003
\ir migrations/0003_speed.sql
\endif
\if :lacks_0004
\ir migrations/0004_bus.sql
\endif
\if :lacks_0005
\ir migrations/0005_reach.sql
\endif
\if :lacks_0006
\ir migrations/0006_ingress.sql
\endif
\if :lacks_0007
\ir migrations/0007_apply.sql
\endif
\if :lacks_0008
\ir migrations/0008_decisions.sql
\endif
\if :lacks_0009
\ir migrations/0009_agents.sql
\endif
\if :lacks_0010
\ir migrations/0010_channels.sql
\endif
\if :lacks_0011
\ir migrations/0011_history.sql
\endif
\if :lacks_0012
\ir migrations/0012_budget.sql
\endif
\if :lacks_0013
\ir migrations/0013_positions.sql
\endif
\if :lacks_0014
\ir migrations/0014_claims.sql
\endif
\if :lacks_0015
\ir migrations/0015_numbers.sql
\endif
\if :lacks_0016
\ir migrations/0016_completed.sql
\endif
\ir functions/00_basics.sql
\ir functions/05_fields.sql
\ir functions/10_manifest.sql
\ir functions/12_quantity.sql
\ir functions/14_placement.sql
\ir functions/15_log.sql
\ir functions/16_room.sql
\ir functions/18_bus.sql
\ir functions/20_events.sql
\ir functions/30_node.sql
\ir functions/40_project.sql
\ir functions/44_ingress.sql
\ir functions/50_report.sql
\ir functions/52_deaths.sql
\ir functions/58_verdict.sql
\ir functions/60_schedule.sql
\ir functions/62_why.sql
\ir functions/64_plan.sql
\ir functions/66_move.sql
\ir functions/70_tick.sql
\ir functions/80_channel.sql
\ir functions/90_server.sql
\ir functions/92_settings.sql
\ir views/10_people.sql
\ir triggers/10_triggers.sql
\ir triggers/20_room.sql
\ir roles.sql
DELETE FROM cara.installed; -- cara-server applies its own again when it starts
COMMIT;
