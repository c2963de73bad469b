-- Times are milliseconds since 1970, UTC. Names that people give are compared by their lower-case forms (`…_key`). Lists and states are JSON.
-- A scope is two columns: none of them = the instance, `owner_id` = all projects of an owner, `project_id` = that project.

CREATE TABLE owners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE
);

CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id BIGINT NOT NULL REFERENCES owners (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    git TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner_id, name_key)
);

-- Where the branches and tags of a project were seen last.
CREATE TABLE refs (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    PRIMARY KEY (project_id, name)
);

CREATE TABLE runners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner_id BIGINT REFERENCES owners (id) ON DELETE CASCADE,
    project_id BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    pool TEXT,
    labels TEXT NOT NULL,
    version TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Every kind of token. Only what is left of it after hashing with the server's pepper is here.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- What it opens, beyond its kind: the rights of a user's token, pool and labels of a registration token.
    opens TEXT NOT NULL,
    owner_id BIGINT REFERENCES owners (id) ON DELETE CASCADE,
    project_id BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    runner_id BIGINT REFERENCES runners (id) ON DELETE CASCADE,
    phase TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX tokens_runner ON tokens (runner_id);

-- Secrets, sealed by the server before they come here (scope and name are part of what the seal covers), and variables.
CREATE TABLE holdings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    owner_id BIGINT REFERENCES owners (id) ON DELETE CASCADE,
    project_id BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    value BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    changes BIGINT NOT NULL
);
CREATE UNIQUE INDEX holdings_name ON holdings (kind, COALESCE(owner_id, 0), COALESCE(project_id, 0), name);

-- Who changed what, from where. Rows are only added.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);

-- `ends` counts the jobs of the current attempt that have ended, `advanced` those from which what follows was drawn: where they differ, the run
-- is to be looked at.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    workflow TEXT NOT NULL,
    title TEXT NOT NULL,
    event TEXT NOT NULL,
    reference TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    -- All that planning it again needs, in the server's words.
    facts TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    tally TEXT NOT NULL,
    phase TEXT NOT NULL,
    fault TEXT,
    ends BIGINT NOT NULL,
    advanced BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    UNIQUE (project_id, number)
);
CREATE INDEX runs_behind ON runs (id) WHERE advanced < ends;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    run_attempt BIGINT NOT NULL,
    -- The id within the run.
    job_key TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    priority BIGINT NOT NULL,
    tolerance TEXT NOT NULL,
    -- What its runner gets: a workflow file with this job alone.
    document TEXT NOT NULL,
    -- What else the server knows of it, in its words.
    facts TEXT NOT NULL,
    phase TEXT NOT NULL,
    word TEXT NOT NULL,
    outputs TEXT NOT NULL,
    end_order BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    UNIQUE (run_id, run_attempt, job_key)
);
CREATE INDEX jobs_queued ON jobs (id) WHERE word = 'queued';
CREATE INDEX jobs_out ON jobs (id) WHERE word IN ('leased', 'running', 'cancelling');

-- One lease of a job to one runner. The runner's name stays when the runner is removed.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    runner_id BIGINT NOT NULL,
    runner_name TEXT NOT NULL,
    request_key TEXT,
    steps TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    heard_at BIGINT NOT NULL
);
CREATE INDEX tasks_job ON tasks (job_id);
CREATE INDEX tasks_request ON tasks (runner_id, request_key) WHERE request_key IS NOT NULL;
