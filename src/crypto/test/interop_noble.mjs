// Falcon-1024 both ways between this project (crypto_interop, first argument) and the independent
// implementation @noble/post-quantum, on fresh keys and messages.
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { falcon1024 } from '@noble/post-quantum/falcon.js';

const tool = process.argv[2];
const hex = (bytes) => Buffer.from(bytes).toString('hex');

// Ours, verified by noble.
let publicKey;
let message;
let verified = 0;
for (const line of execFileSync(tool, ['sign'], { encoding: 'utf8' }).split('\n')) {
  const [, name, value] = /^(\w+) = ([0-9a-f]*)$/.exec(line) ?? [];
  const bytes = Uint8Array.from(Buffer.from(value ?? '', 'hex'));
  if (name === 'pk') publicKey = bytes;
  if (name === 'msg') message = bytes;
  if (name === 'sig') {
    assert(falcon1024.verify(bytes, message, publicKey), `noble refuses signature ${verified}`);
    const other = Uint8Array.from([...message, 1]);
    assert(!falcon1024.verify(bytes, other, publicKey), 'noble accepts another message');
    verified++;
  }
}
assert.strictEqual(verified, 16);

// Noble's, verified by ours.
const pair = falcon1024.keygen();
const lines = [`pk = ${hex(pair.publicKey)}`];
for (const size of [0, 1, 100, 5000]) {
  const text = Uint8Array.from(randomBytes(size));
  lines.push(`msg = ${hex(text)}`, `sig = ${hex(falcon1024.sign(text, pair.secretKey))}`);
}
const answer = execFileSync(tool, ['verify'], { input: lines.join('\n'), encoding: 'utf8' });
assert.strictEqual(answer, '4 signatures accepted\n');
console.log(`${verified} signatures of ours and 4 of noble's verified`);
