const fs = require('fs');
const post = process.env.STATE_ran === 'yes';
console.log(`${post ? 'theirs leaves it out> after' : 'say> during'} ${process.env.INPUT_WHO}`);
if (!post) {
  fs.appendFileSync(process.env.GITHUB_STATE, 'ran=yes\n');
  fs.appendFileSync(process.env.GITHUB_OUTPUT, `greeting=good day ${process.env.INPUT_WHO}\n`);
}
