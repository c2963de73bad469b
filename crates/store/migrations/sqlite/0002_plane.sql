-- A run is asked to end once: the place of that in the order of its ends, and who asked. `advanced` is -1 where nothing was drawn for an attempt
-- yet, not even its first jobs; `word` is that of its phase, or of its conclusion when it is over; `attempt_at` is when its attempt was made.
ALTER TABLE runs ADD COLUMN cancel_order BIGINT;
ALTER TABLE runs ADD COLUMN cancel_cause TEXT;
ALTER TABLE runs ADD COLUMN word TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN attempt_at BIGINT NOT NULL DEFAULT 0;
UPDATE runs SET word = COALESCE(json_extract(phase, '$.conclusion'), json_extract(phase, '$.phase')), attempt_at = created_at;
CREATE INDEX runs_project ON runs (project_id, id);
CREATE INDEX runs_open ON runs (id) WHERE finished_at IS NULL;
CREATE INDEX runs_finished ON runs (finished_at) WHERE finished_at IS NOT NULL;

-- The attempts of runs that were run again.
CREATE TABLE attempts (
    run_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt BIGINT NOT NULL,
    facts TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    PRIMARY KEY (run_id, attempt)
);

-- `word` of a job that is over is that of its conclusion, `kept_from` is the job of an earlier attempt that this one is a copy of, `task_id` the task whose lease counts now.
ALTER TABLE jobs ADD COLUMN project_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN kept_from BIGINT;
ALTER TABLE jobs ADD COLUMN task_id BIGINT;
UPDATE jobs SET project_id = (SELECT project_id FROM runs WHERE runs.id = run_id), task_id = json_extract(phase, '$.lease.task');
UPDATE jobs SET word = CASE json_extract(phase, '$.end.end')
    WHEN 'concluded' THEN json_extract(phase, '$.end.data')
    WHEN 'fault' THEN 'failure'
    ELSE CASE json_extract(phase, '$.end.data.never_ran') WHEN 'invalid' THEN 'failure'
        ELSE json_extract(phase, '$.end.data.never_ran') END END
WHERE word = 'finished';
CREATE INDEX jobs_project ON jobs (project_id, id);
CREATE INDEX jobs_waiting ON jobs (id) WHERE word IN ('held', 'queued');
CREATE INDEX tasks_runner ON tasks (runner_id, id);

-- What the server is told about a project, in its words.
ALTER TABLE projects ADD COLUMN settings TEXT NOT NULL DEFAULT 'null';

-- Workflows that somebody switched off.
CREATE TABLE disabled_workflows (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    disabled_by TEXT NOT NULL,
    disabled_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, path)
);

-- The `schedule` events of the workflows of a project.
CREATE TABLE schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    UNIQUE (project_id, path, cron, zone)
);
CREATE INDEX schedules_due ON schedules (due_at);
