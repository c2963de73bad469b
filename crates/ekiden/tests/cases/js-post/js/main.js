
const fs=require('fs'),e=process.env;console.log('main',e.INPUT_N,e['INPUT_TWO WORDS']===undefined,e.INPUT_TWO_WORDS,e['INPUT_A-B.C'],process.cwd()===e.GITHUB_WORKSPACE, e.GITHUB_ACTION_PATH===undefined);
fs.appendFileSync(e.GITHUB_STATE,'who='+e.INPUT_N+'\n'); console.log('::save-state name=old::'+e.INPUT_N);
if(e.INPUT_FAIL){console.log('::error::failing '+e.INPUT_N);process.exit(3)}
