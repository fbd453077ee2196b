-- Events and revisions: what happened, who did it.

-- The same thing again within an hour raises the count of the newest row of its object.
CREATE OR REPLACE FUNCTION cara.event_record(p_kind text, p_name text, p_type text, p_reason text, p_message text,
    p_actor text, p_now timestamptz DEFAULT clock_timestamp())
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    UPDATE event SET id = DEFAULT, count = count + 1, last_at = p_now -- the newest one has the highest id
     WHERE id = (SELECT e.id FROM event e WHERE e.kind = p_kind AND e.name = p_name ORDER BY e.id DESC LIMIT 1)
       AND reason = p_reason AND message = left(p_message, 4096) AND actor = p_actor AND last_at > p_now - interval '1 hour';
    IF NOT FOUND THEN
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        VALUES (p_kind, p_name, p_type, p_reason, left(p_message, 4096), p_actor, p_now, p_now);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.event_record IS 'Records an event, or counts it when it is the object''s latest one again.';

-- GET /api/v1/events?for=project/x&type=Warning&since=10m&limit=100&continue=123: the newest, newest last. Where there are more,
-- metadata.continue asks for the page of older ones before it. An event that happens again rises in count and takes a new id, so
-- whoever polls with since a little before the newest it has seen, page by page, prints what is new of (id, count) and misses nothing.
CREATE OR REPLACE FUNCTION api.event_list(p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_for   text := p_query#>>'{for,0}';
    v_type  text := nullif(p_query#>>'{type,0}', '');
    v_limit text := coalesce(nullif(p_query#>>'{limit,0}', ''), '1000');
    v_token text := nullif(p_query#>>'{continue,0}', '');
    v_watch text := coalesce(nullif(p_query#>>'{watch,0}', ''), 'false');
    v_since text := nullif(p_query#>>'{since,0}', '');
    v_from  timestamptz;
    v_before bigint;
    v_items text;
    v_more  bigint;
BEGIN
    IF v_since ~ '\A[0-9]{4}-' THEN
        v_from := read_time(to_jsonb(v_since), 'since');
    ELSIF v_since IS NOT NULL THEN
        v_from := clock_timestamp() - read_duration(to_jsonb(v_since), 'since');
    END IF;
    IF v_limit !~ '\A[0-9]{1,5}\Z' OR v_limit::int NOT BETWEEN 1 AND 10000 THEN
        PERFORM fail(400, format('limit %s must be a number from 1 to 10000', quote(v_limit, 40)), 'limit');
    ELSIF v_for !~ '\A(nodes?|projects?|cluster)/.' THEN
        PERFORM fail(400, format('for %s must be node/NAME or project/NAME', quote(v_for, 40)), 'for');
    ELSIF v_type NOT IN ('Normal', 'Warning') THEN
        PERFORM fail(400, format('type %s must be Normal or Warning', quote(v_type, 40)), 'type');
    ELSIF v_token !~ '\A[0-9]{1,18}\Z' THEN
        PERFORM fail(400, 'continue is not a token of this list', 'continue', 'start the list again without it, with the same filters on every page');
    ELSIF lower(v_watch) NOT IN ('false', 'f', '0') THEN
        PERFORM fail(400, 'events cannot be watched', 'watch', 'list them again, with since a little before the newest that was seen');
    END IF;
    v_before := v_token::bigint;
    WITH page AS (
        SELECT *, row_number() OVER (ORDER BY id DESC) AS place
          FROM (SELECT * FROM event ev
                 WHERE (v_from IS NULL OR ev.last_at >= v_from) AND (v_type IS NULL OR ev.type = v_type) AND (v_before IS NULL OR ev.id < v_before)
                   AND (v_for IS NULL
                    OR (ev.kind = CASE WHEN v_for LIKE 'n%' THEN 'Node' WHEN v_for LIKE 'p%' THEN 'Project' ELSE 'Cluster' END
                        AND ev.name = substr(v_for, strpos(v_for, '/') + 1)))
                 ORDER BY ev.id DESC LIMIT v_limit::int + 1) newest
    )
    SELECT string_agg('{"id":' || e.id || ',"type":' || wire_text(e.type) || ',"reason":' || wire_text(e.reason) || ',"message":' || wire_text(e.message)
               || ',"count":' || e.count || ',"firstTimestamp":' || wire_time(e.first_at) || ',"lastTimestamp":' || wire_time(e.last_at)
               || ',"involvedObject":{"kind":' || wire_text(e.kind) || ',"name":' || wire_text(e.name) || '},"actor":' || wire_text(e.actor) || '}',
               ',' ORDER BY e.last_at, e.id) FILTER (WHERE e.place <= v_limit::int),
           CASE WHEN count(*) > v_limit::int THEN min(e.id) FILTER (WHERE e.place <= v_limit::int) END
      INTO v_items, v_more
      FROM page e;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"EventList","metadata":{' || coalesce('"continue":"' || v_more || '"', '')
             || '},"items":[' || coalesce(v_items, '') || ']}');
END
$$;
COMMENT ON FUNCTION api.event_list IS 'The newest events, newest last; p_query: for = node/x or project/x, type, since = a time or how long ago, limit = 1..10000, continue = what a page''s metadata has while there are older ones. SR400 for other values.';
