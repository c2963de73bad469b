-- Who holds a concurrency group: a run as a whole, a call in it, or one job. The row stays when its holder is over, and whoever comes next takes it.
CREATE TABLE group_holders (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    group_key TEXT NOT NULL,
    run_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    call_key TEXT,
    job_id BIGINT,
    PRIMARY KEY (project_id, group_key)
);
CREATE INDEX group_holders_run ON group_holders (run_id);
