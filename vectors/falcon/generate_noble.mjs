// Writes noble.rsp: keys and signatures by @noble/post-quantum from fixed randomness.
//   node vectors/falcon/generate_noble.mjs > vectors/falcon/noble.rsp
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { falcon1024 } from '@noble/post-quantum/falcon.js';

const { version } = JSON.parse(readFileSync(
  new URL('../../node_modules/@noble/post-quantum/package.json', import.meta.url)));
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const draw = (label, size) =>
  new Uint8Array(createHash('shake256', { outputLength: size }).update(`noble ${label}`).digest());

console.log(`# Falcon-1024 by @noble/post-quantum ${version}; made by generate_noble.mjs`);
for (let key = 0; key < 2; key++) {
  const keySeed = draw(`key ${key}`, 48);
  const { publicKey, secretKey } = falcon1024.keygen(keySeed);
  console.log(`\nkey_seed = ${hex(keySeed)}\npk = ${hex(publicKey)}\nsk = ${hex(secretKey)}`);
  for (const size of [0, 1, 33, 1000]) {
    const message = draw(`message ${key} ${size}`, size);
    const randomness = [draw(`nonce ${key} ${size}`, 40), draw(`seed ${key} ${size}`, 48)];
    let next = 0;
    const random = (length) => {
      const bytes = randomness[next++];
      if (bytes.length !== length) throw new Error(`unexpected draw of ${length} bytes`);
      return Uint8Array.from(bytes);
    };
    const signature = falcon1024.sign(message, secretKey, { random });
    if (!falcon1024.verify(signature, message, publicKey)) throw new Error('does not verify');
    console.log(`\nmsg = ${hex(message)}\nnonce = ${hex(randomness[0])}\n` +
      `seed = ${hex(randomness[1])}\nsig = ${hex(signature)}`);
  }
}
