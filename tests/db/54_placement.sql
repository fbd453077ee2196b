-- Where a project may go: every rule by itself, both of a pair that conflict, and which of several is told.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(79);

-- Resources. Requests count; limits do where there are no requests; what is reserved is not there.
SELECT given.machine('n1', '{}', '{"reserved":{"cpu":"500m","memory":"256Mi"}}', '{"capacity":{"cpu":"4","memory":"4Gi"},"allocatable":{"cpu":"2","memory":"1Gi"}}');
SELECT results_eq('SELECT cpu, memory FROM cara.node_room', 'VALUES (1500::bigint, 805306368::bigint)', 'a node offers what is allocatable less what is reserved');
SELECT given.wants('a', '{}', '{}', given.cpu('1'));
SELECT given.wants('b', '{}', '{}', given.cpu('501m'));
SELECT is(given.placed(), 'a=n1 b=-', 'a request that is not free is not placed');
SELECT is(given.message_of('b'), '1 node: cpu, short by 1m', 'and is told how much is missing');
SELECT given.wants('b', '{}', '{}', given.cpu('500m', '768Mi'));
SELECT is(given.placed(), 'a=n1 b=n1', 'to the last millicore and byte');
SELECT given.wants('c', '{}', '{}', '{"resources":{"limits":{"memory":"1"}}}');
SELECT is(given.placed(), 'a=n1 b=n1 c=-', 'a limit stands for a request that is not there');
SELECT is(given.message_of('c'), '1 node: memory, short by 1', 'memory is told in bytes and their multiples');
SELECT given.wants('d');
SELECT is(given.placed(), 'a=n1 b=n1 c=- d=n1', 'who asks for nothing fits a full node');
SELECT given.machine('n1', '{}', '{"reserved":{"cpu":"1","memory":"256Mi"}}', '{}');
SELECT given.wants('e');
SELECT is(given.placed(), 'a=n1 b=n1 c=- d=n1 e=n1', 'and one that is overcommitted, as its owner keeps more back now');
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('a', '{}', '{}', given.cpu('1000', '100Gi'));
SELECT is(given.placed(), 'a=n1', 'a node that never said what it has has no limit');
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"capacity":{"cpu":"1"}}');
SELECT given.wants('a', '{}', '{}', given.cpu('2'));
SELECT is(given.verdicts('a'), 'n1: CPU 1', 'capacity stands for allocatable');

-- Labels.
SELECT given.nothing(), given.machine('n1', '{"disk":"ssd","zone":"a"}'), given.machine('n2', '{"disk":"hdd","cores":"8"}');
SELECT given.wants('a', '{"nodeSelector":{"disk":"ssd"}}'), given.wants('b', '{"nodeSelector":{"disk":"hdd","zone":"a"}}');
SELECT is(given.placed(), 'a=n1 b=-', 'nodeSelector wants every label');
SELECT is(given.message_of('b'), '2 nodes: placement.nodeSelector', 'and is named');
SELECT is(given.verdicts_of(jsonb_build_object('matchExpressions', jsonb_build_array(v.e::jsonb))), v.verdicts, v.e)
  FROM (VALUES
    ('{"key":"disk","operator":"In","values":["ssd","nvme"]}', 'n1: fits, n2: MatchExpressions'),
    ('{"key":"disk","operator":"NotIn","values":["ssd"]}', 'n1: MatchExpressions, n2: fits'),
    ('{"key":"zone","operator":"NotIn","values":["b"]}', 'n1: fits, n2: fits'),
    ('{"key":"zone","operator":"Exists"}', 'n1: fits, n2: MatchExpressions'),
    ('{"key":"zone","operator":"DoesNotExist"}', 'n1: MatchExpressions, n2: fits'),
    ('{"key":"cores","operator":"Gt","values":["7"]}', 'n1: MatchExpressions, n2: fits'),
    ('{"key":"cores","operator":"Gt","values":["8"]}', 'n1: MatchExpressions, n2: MatchExpressions'),
    ('{"key":"cores","operator":"Lt","values":["9"]}', 'n1: MatchExpressions, n2: fits'),
    ('{"key":"disk","operator":"Gt","values":["1"]}', 'n1: MatchExpressions, n2: MatchExpressions')) v(e, verdicts);
SELECT given.wants('x', '{"matchExpressions":[{"key":"zone","operator":"Exists"},{"key":"disk","operator":"In","values":["hdd"]}]}');
SELECT is(given.verdicts('x'), 'n1: MatchExpressions, n2: MatchExpressions', 'all expressions have to hold');
SELECT given.wants('x', '{"nodeSelector":{"disk":"ssd"},"matchExpressions":[{"key":"zone","operator":"DoesNotExist"}]}');
SELECT is(given.verdicts('x'), 'n1: MatchExpressions, n2: NodeSelector', 'of two rules that conflict the first one is told');

-- Taints and tolerations.
SELECT given.nothing(), given.machine('n1', '{}', '{"taints":[{"key":"gpu","value":"only","effect":"NoSchedule"}]}'), given.machine('n2', '{}', '{"taints":[{"key":"old","effect":"NoExecute"},{"key":"gpu","effect":"NoSchedule"}]}');
SELECT is(given.verdicts_of(jsonb_build_object('tolerations', v.t::jsonb)), v.verdicts, 'tolerations ' || v.t)
  FROM (VALUES
    ('[]', 'n1: Taint gpu=only:NoSchedule, n2: Taint old:NoExecute'),
    ('[{"operator":"Exists"}]', 'n1: fits, n2: fits'),
    ('[{"operator":"Exists","effect":"NoSchedule"}]', 'n1: fits, n2: Taint old:NoExecute'),
    ('[{"key":"gpu","operator":"Exists"}]', 'n1: fits, n2: Taint old:NoExecute'),
    ('[{"key":"gpu","value":"only"}]', 'n1: fits, n2: Taint old:NoExecute'),
    ('[{"key":"gpu","value":"never"}]', 'n1: Taint gpu=only:NoSchedule, n2: Taint old:NoExecute'),
    ('[{"key":"gpu","value":"only","effect":"NoExecute"}]', 'n1: Taint gpu=only:NoSchedule, n2: Taint old:NoExecute'),
    ('[{"key":"old"}]', 'n1: Taint gpu=only:NoSchedule, n2: Taint gpu:NoSchedule'),
    ('[{"key":"old"},{"key":"gpu"}]', 'n1: Taint gpu=only:NoSchedule, n2: fits')) v(t, verdicts);
SELECT given.wants('x', '{}');
SELECT is(given.placed(), 'x=-', 'not tolerated');
SELECT is(given.message_of('x'), '1 node: taint gpu=only:NoSchedule; 1: taint old:NoExecute', 'each taint is told');
SELECT given.nothing(), given.machine('n1', '{}', '{"taints":[{"key":"old","effect":"PreferNoSchedule"}]}'), given.machine('n2');
SELECT given.wants('a'), given.wants('b');
SELECT is(given.placed(), 'a=n2 b=n2', 'PreferNoSchedule comes before spreading');
SELECT given.wants('c', '{"tolerations":[{"operator":"Exists"}]}');
SELECT is(given.placed(), 'a=n2 b=n2 c=n1', 'unless it is tolerated');
SELECT given.machine('n2', '{}', '{"unschedulable":true}'), given.wants('d');
SELECT is(given.placed(), 'a=n2 b=n2 c=n1 d=n1', 'and gives way when nothing else is left');

-- The state of a node.
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"state":"Draining"}'), given.machine('n2', '{}', '{}', '{"state":"NotReady"}'), given.machine('n3', '{}', '{"unschedulable":true}'),
       given.machine('n4', '{}', '{}', '{"pressure":["DiskPressure","MemoryPressure"]}');
SELECT given.wants('a');
SELECT is(given.placed(), 'a=-', 'nobody takes anything');
SELECT is(given.message_of('a'), '1 node: DiskPressure, MemoryPressure; 1: Draining; 1: NotReady; 1: cordoned', 'each for its reason');
SELECT given.machine('n4', '{}', '{}', '{"pressure":[]}');
SELECT is(given.placed(), 'a=n4', 'until the pressure is gone');

-- Host ports.
SELECT given.nothing(), given.machine('n1'), given.machine('n2');
SELECT given.wants('a', '{}', '{}', given.port(80)), given.wants('b', '{}', '{}', given.port(80)), given.wants('c', '{}', '{}', given.port(80)), given.wants('d', '{}', '{}', given.port(80, 'UDP')), given.wants('e', '{}', '{}', given.port(443));
SELECT is(given.placed(), 'a=n1 b=n2 c=- d=n1 e=n2', 'a port of a node goes to one project; UDP and TCP are two');
SELECT is(given.message_of('c'), '2 nodes: host port taken', 'and is told');
SELECT given.nothing(), given.machine('n1'), given.machine('n2', '{"disk":"ssd"}');
SELECT given.wants('a', '{"nodeSelector":{"disk":"ssd"}}', '{}', given.port(80));
SELECT given.placed();
SELECT given.wants('b', '{"nodeSelector":{"disk":"ssd"}}', '{}', given.port(80));
SELECT is(given.placed(), 'a=n2 b=-', 'a port that is taken where alone it may be');
SELECT is(given.message_of('b'), '1 node: host port taken; 1: placement.nodeSelector', 'both are told');

-- Affinity.
SELECT given.nothing(), given.machine('n1', '{"zone":"a"}'), given.machine('n2', '{"zone":"a"}'), given.machine('n3', '{"zone":"b"}'), given.machine('n4');
SELECT given.wants('near', '{"affinity":[{"matchLabels":{"app":"db"}}]}');
SELECT is(given.placed(), 'near=-', 'affinity waits for company');
SELECT is(given.message_of('near'), '4 nodes: affinity, nothing it matches is there', 'and says so');
SELECT given.wants('db', '{"nodeSelector":{"zone":"b"}}', '{"app":"db"}');
SELECT is(given.placed(), 'db=n3 near=n3', 'which may come in the same call');
SELECT given.wants('zonal', '{"affinity":[{"matchLabels":{"app":"api"},"topologyKey":"zone"}]}'), given.wants('api', '{"nodeSelector":{"zone":"a"}}', '{"app":"api"}');
SELECT is(given.placed(), 'api=n1 db=n3 near=n3 zonal=n2', 'a topology key is as near as its label says');
SELECT given.wants('alike', '{"affinity":[{"matchLabels":{"app":"late"}}]}'), given.wants('late', '{"nodeSelector":{"zone":"b"}}', '{"app":"late"}');
SELECT is(given.placed(), 'alike=n3 api=n1 db=n3 late=n3 near=n3 zonal=n2', 'whoever comes first waits for the other');
SELECT is_empty($$ SELECT FROM cara.event WHERE name = 'alike' AND reason = 'NoNodeAvailable' $$, 'and nobody is told of a wait that was over in the same call');
DELETE FROM cara.project WHERE name IN ('alike', 'late');
SELECT given.wants('x', '{"affinity":[{"matchExpressions":[{"key":"app","operator":"In","values":["db","none"]}]},{"matchLabels":{"app":"api"}}]}');
SELECT is(given.verdicts('x'), 'n1: Affinity, n2: Affinity, n3: Affinity, n4: Affinity', 'all required terms have to hold');
SELECT given.wants('x', '{"affinity":[{"matchLabels":{"app":"db"},"topologyKey":"zone","weight":10},{"matchLabels":{"app":"api"},"weight":9}]}');
SELECT is(given.placed(), 'api=n1 db=n3 near=n3 x=n3 zonal=n2', 'preferred terms: the heavier wins over the emptier');
SELECT given.nothing(), given.machine('n1', '{"zone":"a"}'), given.machine('n2', '{"zone":"b"}'), given.machine('n3', '{"zone":"b"}'), given.machine('n4');
SELECT given.wants(n, '{"affinity":[{"matchLabels":{"app":"ring"},"topologyKey":"zone"}]}', '{"app":"ring"}') FROM unnest('{r1,r2,r3}'::text[]) n;
SELECT is(given.placed(), 'r1=n1 r2=n1 r3=n1', 'the first of its own kind decides where the others go, and never where there is no zone');

-- antiAffinity, in both directions.
SELECT given.nothing(), given.machine('n1', '{"zone":"a"}'), given.machine('n2', '{"zone":"a"}'), given.machine('n3', '{"zone":"b"}');
SELECT given.wants(n, '{"antiAffinity":[{"matchLabels":{"app":"db"},"topologyKey":"zone"}]}', '{"app":"db"}') FROM unnest('{d1,d2,d3}'::text[]) n;
SELECT is(given.placed(), 'd1=n1 d2=n3 d3=-', 'one of a kind in a zone');
SELECT is(given.message_of('d3'), '3 nodes: antiAffinity', 'and is told');
SELECT given.nothing(), given.machine('n1', '{"zone":"a"}'), given.machine('n2', '{"zone":"a"}'), given.machine('n3', '{"zone":"b"}');
SELECT given.wants('loner', '{"antiAffinity":[{"matchLabels":{"loud":"yes"},"topologyKey":"zone"}]}');
SELECT given.placed();
SELECT given.wants('loud', '{}', '{"loud":"yes"}'), given.wants('quiet', '{"nodeSelector":{"zone":"a"}}', '{"loud":"no"}');
SELECT is(given.placed(), 'loner=n1 loud=n3 quiet=n2', 'who is there keeps away who comes, though that one says nothing');
SELECT given.wants('clash', '{"affinity":[{"matchExpressions":[{"key":"loud","operator":"In","values":["no"]}]}],"antiAffinity":[{"matchLabels":{"loud":"no"},"topologyKey":"zone"}]}');
SELECT is(given.placed(), 'clash=- loner=n1 loud=n3 quiet=n2', 'near and apart at once is nowhere');
SELECT is(given.message_of('clash'), '2 nodes: antiAffinity; 1: affinity, nothing it matches is there', 'each node for the first rule that excludes it');
SELECT given.nothing(), given.machine('n1'), given.machine('n2'), given.machine('n3');
SELECT given.wants(n, '{"antiAffinity":[{"matchLabels":{"app":"web"},"weight":1}]}', '{"app":"web"}') FROM unnest('{w1,w2,w3,w4}'::text[]) n;
SELECT given.wants('a0', '{"nodeSelector":{"x":"y"}}');
SELECT is(given.placed(), 'a0=- w1=n1 w2=n2 w3=n3 w4=n1', 'preferred: apart while there is a choice, together when there is none');

-- Spread, by domain, and BinPack.
SELECT given.nothing(), given.machine('a1', '{"zone":"a"}'), given.machine('a2', '{"zone":"a"}'), given.machine('a3', '{"zone":"a"}'), given.machine('b1', '{"zone":"b"}');
SELECT given.wants('p' || i, '{"spreadBy":"zone"}') FROM generate_series(1, 6) i;
SELECT is(given.placed(), 'p1=a1 p2=b1 p3=a2 p4=b1 p5=a3 p6=b1', 'spreadBy: zones are even before nodes are');
SELECT given.machine('b1', '{"zone":"b"}', '{"unschedulable":true}'), given.wants('p7', '{"spreadBy":"zone"}'), given.wants('p8', '{"spreadBy":"zone"}');
SELECT is(given.placed(), 'p1=a1 p2=b1 p3=a2 p4=b1 p5=a3 p6=b1 p7=a1 p8=a2', 'a zone that takes nothing does not hold up the others');
SELECT given.nothing();
SELECT given.machine(n, '{}', '{}', '{"allocatable":{"cpu":"1"}}') FROM unnest('{n1,n2,n3}'::text[]) n;
SELECT given.wants('seed', '{"matchExpressions":[]}', '{}', given.cpu('300m'));
SELECT given.placed();
SELECT given.wants('p' || i, '{"strategy":"BinPack"}', '{}', given.cpu('300m')) FROM generate_series(1, 4) i;
SELECT is(given.placed(), 'p1=n1 p2=n1 p3=n2 p4=n2 seed=n1', 'BinPack fills the fullest first');
SELECT is((SELECT string_agg(project || ':' || score, ' ' ORDER BY project) FROM cara.assignment WHERE why = 'BinPack'), 'p1:30 p2:30 p3:0 p4:0', 'and says how full it was');
SELECT given.wants('q', '{"strategy":"BinPack","antiAffinity":[{"matchLabels":{"app":"q"}}]}', '{"app":"q"}', given.cpu('100m')), given.wants('r', '{"strategy":"BinPack","antiAffinity":[{"matchLabels":{"app":"q"}}]}', '{"app":"q"}', given.cpu('100m'));
SELECT is(given.placed(), 'p1=n1 p2=n1 p3=n2 p4=n2 q=n1 r=n2 seed=n1', 'where rules allow: apart before full');

-- BinPack against other rules: domains do not matter to it, ports and taints come first.
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('zone', z), '{}', '{"allocatable":{"cpu":"2"}}') FROM (VALUES ('a1', 'a'), ('a2', 'a'), ('b1', 'b')) v(n, z);
SELECT given.wants('p' || i, '{"strategy":"BinPack","spreadBy":"zone"}', '{}', given.cpu('500m')) FROM generate_series(1, 5) i;
SELECT is(given.placed(), 'p1=a1 p2=a1 p3=a1 p4=a1 p5=a2', 'BinPack with spreadBy: fills nodes and does not look at zones');
SELECT given.wants('w' || i, '{"strategy":"BinPack"}', '{}', given.cpu('100m') || given.port(80)) FROM generate_series(1, 3) i;
SELECT is(given.placed(), 'p1=a1 p2=a1 p3=a1 p4=a1 p5=a2 w1=a2 w2=b1 w3=-', 'BinPack with a host port: one on each, the fullest that has room first');
SELECT is(given.message_of('w3'), '2 nodes: host port taken; 1: cpu, short by 100m', 'and each node for its reason');
SELECT given.nothing();
SELECT given.machine(n, '{}', t::jsonb, '{"allocatable":{"cpu":"2"}}') FROM (VALUES ('n1', '{"taints":[{"key":"old","effect":"PreferNoSchedule"}]}'), ('n2', '{}'), ('n3', '{}')) v(n, t);
SELECT given.wants('seed', '{"strategy":"BinPack","tolerations":[{"operator":"Exists"}]}', '{}', given.cpu('1'));
SELECT given.placed();
SELECT given.wants('p' || i, '{"strategy":"BinPack"}', '{}', given.cpu('1')) FROM generate_series(1, 6) i;
SELECT is(given.placed(), 'p1=n2 p2=n2 p3=n3 p4=n3 p5=n1 p6=- seed=n1', 'BinPack with PreferNoSchedule: the fullest only when nothing else is left');

-- spreadBy against affinity, and nodes without the label.
SELECT given.nothing();
SELECT given.machine(n, CASE z WHEN '' THEN '{}' ELSE jsonb_build_object('zone', z) END) FROM (VALUES ('a1', 'a'), ('a2', 'a'), ('b1', 'b'), ('c1', ''), ('c2', '')) v(n, z);
SELECT given.wants('p' || i, '{"spreadBy":"zone"}') FROM generate_series(1, 6) i;
SELECT is(given.placed(), 'p1=c1 p2=a1 p3=b1 p4=c2 p5=a2 p6=b1', 'spreadBy: nodes without the label are one domain');
SELECT given.wants('q' || i, '{"spreadBy":"zone","matchExpressions":[{"key":"zone","operator":"Exists"}]}') FROM generate_series(1, 3) i;
SELECT is(given.placed(), 'p1=c1 p2=a1 p3=b1 p4=c2 p5=a2 p6=b1 q1=a1 q2=b1 q3=a2', 'whoever wants a zone says so');
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('zone', z)) FROM (VALUES ('a1', 'a'), ('a2', 'a'), ('b1', 'b'), ('c1', 'c')) v(n, z);
SELECT given.wants('db1', '{"nodeSelector":{"zone":"a"}}', '{"app":"db"}'), given.wants('db2', '{"nodeSelector":{"zone":"a"}}', '{"app":"db"}'), given.wants('db3', '{"nodeSelector":{"zone":"b"}}', '{"app":"db"}');
SELECT given.placed();
SELECT given.wants('p' || i, '{"spreadBy":"zone","affinity":[{"matchLabels":{"app":"db"},"topologyKey":"zone"}]}') FROM generate_series(1, 3) i;
SELECT is(given.placed(), 'db1=a1 db2=a2 db3=b1 p1=b1 p2=a1 p3=b1', 'spreadBy with affinity: even over the zones where it may be, and never in the empty one');
SELECT given.wants('q' || i, '{"spreadBy":"zone","antiAffinity":[{"matchLabels":{"app":"q"},"topologyKey":"zone"}]}', '{"app":"q"}') FROM generate_series(1, 4) i;
SELECT is(given.placed(), 'db1=a1 db2=a2 db3=b1 p1=b1 p2=a1 p3=b1 q1=c1 q2=a2 q3=b1 q4=-', 'spreadBy with antiAffinity: one in each zone, the emptiest first');
SELECT given.wants('r', '{"spreadBy":"zone","affinity":[{"matchLabels":{"app":"db"},"topologyKey":"zone","weight":1}]}');
SELECT is(given.placed(), 'db1=a1 db2=a2 db3=b1 p1=b1 p2=a1 p3=b1 q1=c1 q2=a2 q3=b1 q4=- r=a1', 'a preferred term comes before an even spread');

-- Affinity to somebody whose node is full.
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('zone', z), '{}', '{"allocatable":{"cpu":"1"}}') FROM (VALUES ('a1', 'a'), ('a2', 'a'), ('b1', 'b')) v(n, z);
SELECT given.wants('db', '{}', '{"app":"db"}', given.cpu('1')), given.wants('near', '{"affinity":[{"matchLabels":{"app":"db"}}]}', '{}', given.cpu('500m'));
SELECT is(given.placed(), 'db=a1 near=-', 'affinity: near somebody on a full node is nowhere');
SELECT is(given.message_of('near'), '2 nodes: affinity, nothing it matches is there; 1: cpu, short by 500m', 'and both are told');
SELECT given.wants('near', '{"affinity":[{"matchLabels":{"app":"db"},"topologyKey":"zone"}]}', '{}', given.cpu('500m'));
SELECT is(given.placed(), 'db=a1 near=a2', 'beside it in its zone where that is near enough');
SELECT given.wants('wish', '{"affinity":[{"matchLabels":{"app":"db"},"weight":100}]}', '{}', given.cpu('500m'));
SELECT is(given.placed(), 'db=a1 near=a2 wish=b1', 'and anywhere when it is a wish');

-- Weights add up against a taint that nodes would rather not have tolerated.
SELECT given.nothing(), given.machine('n1', '{}', '{"taints":[{"key":"old","effect":"PreferNoSchedule"}]}'), given.machine('n2');
SELECT given.wants('db', '{"tolerations":[{"operator":"Exists"}]}', '{"app":"db"}'), given.wants('other', '{}', '{"app":"other"}');
SELECT is(given.placed(), 'db=n1 other=n2', 'given one on each');
SELECT given.wants(n, jsonb_build_object('affinity', (SELECT jsonb_agg('{"matchLabels":{"app":"db"},"weight":100}'::jsonb) FROM generate_series(1, terms)))) FROM (VALUES ('w09', 9), ('w11', 11)) v(n, terms);
SELECT is(given.placed(), 'db=n1 other=n2 w09=n2 w11=n1', 'PreferNoSchedule counts a thousand: nine terms of a hundred do not outweigh it, eleven do');

SELECT * FROM finish();
ROLLBACK;
