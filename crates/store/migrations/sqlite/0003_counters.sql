-- Numbers that are known before what they number is written: `run` for runs, `run:PROJECT` for the runs of a project. A number that is not used in the
-- end is left out.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) SELECT 'run', MAX(id) FROM runs HAVING MAX(id) IS NOT NULL;
INSERT INTO counters (name, value) SELECT 'run:' || project_id, MAX(number) FROM runs GROUP BY project_id;
