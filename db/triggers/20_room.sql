-- What keeps in step what follows from projects and nodes; the bodies are in functions/16_room.sql.
CREATE OR REPLACE TRIGGER keep_demand AFTER UPDATE OF spec ON cara.project FOR EACH ROW EXECUTE FUNCTION cara.keep_demand();
CREATE OR REPLACE TRIGGER keep_demand_insert AFTER INSERT ON cara.project REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_demand();
CREATE OR REPLACE TRIGGER follow_delete AFTER DELETE ON cara.project REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_project();
CREATE OR REPLACE TRIGGER follow_rename AFTER UPDATE OF name ON cara.project FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION cara.follow_project();
CREATE OR REPLACE TRIGGER follow_truncate AFTER TRUNCATE ON cara.project FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_project();
CREATE OR REPLACE TRIGGER keep_room_insert AFTER INSERT ON cara.assignment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_room();
CREATE OR REPLACE TRIGGER keep_room_update AFTER UPDATE ON cara.assignment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_room();
CREATE OR REPLACE TRIGGER keep_room_delete AFTER DELETE ON cara.assignment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.keep_room();
CREATE OR REPLACE TRIGGER keep_offer AFTER INSERT OR UPDATE OF name, spec OR DELETE ON cara.node FOR EACH ROW EXECUTE FUNCTION cara.keep_offer();
CREATE OR REPLACE TRIGGER keep_offer AFTER UPDATE OF capacity, allocatable ON cara.node_status FOR EACH ROW EXECUTE FUNCTION cara.keep_offer();
CREATE OR REPLACE TRIGGER check_insert AFTER INSERT ON cara.claim REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.check_claims();
CREATE OR REPLACE TRIGGER check_update AFTER UPDATE OF project ON cara.claim FOR EACH ROW WHEN (OLD.project <> NEW.project) EXECUTE FUNCTION cara.check_claims();
CREATE OR REPLACE TRIGGER follow_claims_delete AFTER DELETE ON cara.project REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_claims();
CREATE OR REPLACE TRIGGER follow_claims_rename AFTER UPDATE OF name ON cara.project FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION cara.follow_claims();
CREATE OR REPLACE TRIGGER follow_claims_truncate AFTER TRUNCATE ON cara.project FOR EACH STATEMENT EXECUTE FUNCTION cara.follow_claims();
