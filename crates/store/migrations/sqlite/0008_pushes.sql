-- Moves of refs that are to become runs, written with the note of where the refs lead. A row goes when its runs are there; each of them names it, so that
-- none is made twice.
CREATE TABLE pushes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    reference TEXT NOT NULL,
    before_id TEXT,
    after_id TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL
);
CREATE INDEX pushes_due ON pushes (due_at, id);
ALTER TABLE runs ADD COLUMN push_id BIGINT;
CREATE UNIQUE INDEX runs_push ON runs (push_id, workflow) WHERE push_id IS NOT NULL;
