const { execSync } = require('child_process');
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_SHA, GITHUB_WORKSPACE } = process.env;
const from = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
execSync(`git init -q && git fetch -q --depth 1 ${from} ${GITHUB_SHA} && git checkout -q FETCH_HEAD`, { cwd: GITHUB_WORKSPACE });
