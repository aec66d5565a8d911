// Checks the post-quantum signature lines of a log that write_ct_log wrote, with
// @noble/post-quantum.
//
//   node check_ct_cosignatures.mjs FOLDER
import assert from 'node:assert';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { falcon1024 } from '@noble/post-quantum/falcon.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';

const folder = process.argv[2];
const read = (name) => readFileSync(`${folder}/${name}`, 'utf8');
const u64 = (number) => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(number));
  return out;
};

// By key id; docs/wire/ct-log.md has what each kind signs.
const kFalconType = Buffer.from('i2/falcon1024-cosignature/v1');
const keys = new Map();
for (const vkey of read('keys').trimEnd().split('\n')) {
  const [, name, id, base64] = /^([^+]+)\+([0-9a-f]{8})\+(.*)$/.exec(vkey);
  const material = Buffer.from(base64, 'base64');
  const falcon = material[0] === 0xff;
  if (!falcon && material[0] !== 0x06) continue;
  const expected = createHash('sha256').update(`${name}\n`).update(material).digest('hex');
  assert.strictEqual(id, expected.slice(0, 8));
  const key = material.subarray(falcon ? 1 + kFalconType.length : 1);
  keys.set(`${name} ${id}`, { name, falcon, key: Uint8Array.from(key) });
}
assert.strictEqual(keys.size, 2);

let verified = 0;
for (const file of readdirSync(`${folder}/checkpoints`)) {
  const [text, signatures] = read(`checkpoints/${file}`).split('\n\n');
  const [origin, size, root] = text.split('\n');
  for (const line of signatures.trimEnd().split('\n')) {
    const [, name, base64] = line.split(' ');
    const bytes = Buffer.from(base64, 'base64');
    const signer = keys.get(`${name} ${bytes.subarray(0, 4).toString('hex')}`);
    if (signer === undefined) continue;
    const message = Buffer.concat([
      Buffer.from(signer.falcon ? 'i2/cosignature/v1' : ''),
      Buffer.from('subtree/v1\n\0'),
      Buffer.from([name.length]),
      Buffer.from(name),
      bytes.subarray(4, 12),
      Buffer.from([origin.length]),
      Buffer.from(origin),
      u64(0),
      u64(size),
      Buffer.from(root, 'base64'),
    ]);
    const scheme = signer.falcon ? falcon1024 : ml_dsa44;
    const signature = Uint8Array.from(bytes.subarray(12));
    assert(scheme.verify(signature, Uint8Array.from(message), signer.key), `${name} of ${file}`);
    verified++;
  }
}
assert.strictEqual(verified, 2 * readdirSync(`${folder}/checkpoints`).length);
console.log(`${verified} post-quantum cosignatures verified by noble`);
