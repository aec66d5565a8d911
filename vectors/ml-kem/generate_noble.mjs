// Writes noble.rsp: ML-KEM keys and ciphertexts by @noble/post-quantum from fixed randomness.
//   node vectors/ml-kem/generate_noble.mjs > vectors/ml-kem/noble.rsp
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';

const { version } = JSON.parse(readFileSync(
  new URL('../../node_modules/@noble/post-quantum/package.json', import.meta.url)));
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const draw = (label, size) =>
  new Uint8Array(createHash('shake256', { outputLength: size }).update(`noble ${label}`).digest());

console.log(`# ML-KEM by @noble/post-quantum ${version}; made by generate_noble.mjs`);
console.log('# seed: d || z of FIPS 203 algorithm 16; m: the 32 random bytes of algorithm 20');
for (const [name, kem] of [['768', ml_kem768], ['1024', ml_kem1024]]) {
  for (let i = 0; i < 2; i++) {
    const seed = draw(`ml-kem ${name} seed ${i}`, 64);
    const m = draw(`ml-kem ${name} m ${i}`, 32);
    const { publicKey } = kem.keygen(seed);
    const { cipherText, sharedSecret } = kem.encapsulate(publicKey, m);
    console.log(`\nset = ${Buffer.from(name).toString('hex')}\nseed = ${hex(seed)}\n` +
      `pk = ${hex(publicKey)}\nm = ${hex(m)}\nct = ${hex(cipherText)}\nss = ${hex(sharedSecret)}`);
  }
}
