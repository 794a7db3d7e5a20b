import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { height } from '../core/base/height.ts';
import { openSeed, type SeedContents, sealSeed } from './seed-file.ts';

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const cheap = { n: 16, r: 1, p: 1 };
const GOLDEN = `{
  "pawment": "seed",
  "version": 1,
  "scrypt": {
    "n": 1024,
    "r": 8,
    "p": 1,
    "salt": "171bbdca02f7791e2ba13333957d95db32c1cb54dfa30773be8fc107ec86b772"
  },
  "nonce": "261d3e6df5f26e1ffeb040b1b3a64c54944c9c20cda77bc5",
  "sealed": "dfd96447ad2363dadd2de33b5afb13066111b0429499227c67596c87c9b2bd27f6b46ebbdeb511d988df84901ef495cfffdf716da8a72da54fd7c530070d43d1333f2d73da0f3a357f9aaff1ca881a752ffc2cc4f4adddc37a85de5fc1ad578b2476de58e390b3e6c0c761745a5c6184ba20f85e0c7a6d2001a0f026e27614b5e8908e0f1a96ab6e5f4779802dbd8b4b7eff42cf0fe8827cc8594bc57ecac18b8f577b926f0e7e8eadf5",
  "checksum": "555f43e826e56f514c0debf67b0caa6f6e3718f407bc028f043f067decef3508"
}`;
const contents: SeedContents = {
  mnemonic: 'legal winner thank year wave sausage worth useful legal winner thank yellow',
  passphrase: 'such secret',
  coin: 'dogecoin',
  birthday: height(5_000_000),
};

test('what was sealed opens with its password, and only with it', async () => {
  const text = await sealSeed(contents, 'wow', random, cheap);
  assert.deepEqual(await openSeed(text, 'wow'), { kind: 'opened', contents });
  for (const wrong of ['', 'Wow', 'wow ']) assert.deepEqual(await openSeed(text, wrong), { kind: 'wrong-passphrase' });
});

test('nothing of the seed is readable in the file, and no two files are alike', async () => {
  const [one, two] = [await sealSeed(contents, 'wow', random, cheap), await sealSeed(contents, 'wow', random, cheap)];
  for (const word of [...contents.mnemonic.split(' '), contents.passphrase]) {
    assert.ok(!one.includes(word), word);
    assert.ok(!one.includes(Buffer.from(word).toString('hex')), word);
  }
  const sealed = (text: string): string => String(fieldsOf(text)['sealed']);
  assert.notEqual(sealed(one), sealed(two));
});

test('one password typed on two keyboards is one password', async () => {
  const text = await sealSeed(contents, 'caf\u00e9', random, cheap);
  assert.equal((await openSeed(text, 'cafe\u0301')).kind, 'opened');
  assert.equal((await openSeed(text, 'cafe')).kind, 'wrong-passphrase');
});

test('the default cost opens too', async () => {
  assert.equal((await openSeed(await sealSeed(contents, 'wow', random), 'wow')).kind, 'opened');
});

test('a file in the first format opens for ever', async () => {
  // Written once by this format; never to be regenerated.
  assert.deepEqual(await openSeed(GOLDEN, 'wow'), { kind: 'opened', contents });
});

test('damage anywhere is told from a wrong password', async () => {
  const text = await sealSeed(contents, 'wow', random, cheap);
  const digits = [...text.matchAll(/[0-9a-f](?=[0-9a-f]{6})/g)].map(({ index }) => index);
  for (const at of digits.filter((_, i) => i % 17 === 0)) {
    const flipped = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
    assert.equal((await openSeed(flipped, 'wow')).kind, 'damaged', `digit ${at}`);
  }
  for (const broken of ['', '{}', 'null', '[]', text.slice(0, -20), text.replace('"nonce"', '"once"'), text.replace('{', '{"more":1,')]) {
    assert.equal((await openSeed(broken, 'wow')).kind, 'damaged', broken.slice(0, 30));
  }
});

test('a forger who mends the checksum is stopped by the seal', async () => {
  const file = fieldsOf(await sealSeed(contents, 'wow', random, cheap));
  const scrypt = fieldsOf(JSON.stringify(file['scrypt']));
  assert.equal((await openSeed(withChecksum(file), 'wow')).kind, 'opened', 'the checksum is mended as it should be');
  const sealed = String(file['sealed']);
  for (const forged of [
    { ...file, sealed: `${sealed.slice(0, -2)}${sealed.endsWith('00') ? '01' : '00'}` },
    { ...file, nonce: '00'.repeat(24) },
    { ...file, scrypt: { ...scrypt, n: 32 } },
    { ...file, scrypt: { ...scrypt, salt: '00'.repeat(32) } },
  ]) {
    assert.deepEqual(await openSeed(withChecksum(forged), 'wow'), { kind: 'wrong-passphrase' });
  }
});

test('a newer file says so', async () => {
  const file = fieldsOf(await sealSeed(contents, 'wow', random, cheap));
  assert.deepEqual(await openSeed(JSON.stringify({ ...file, version: 2, surprise: true }), 'wow'), { kind: 'newer', version: 2 });
});

test('a file that asks for a gigabyte and more is not even tried', async () => {
  const file = fieldsOf(await sealSeed(contents, 'wow', random, cheap));
  for (const scrypt of [{ n: 2 ** 21 }, { r: 9 }, { p: 5 }, { n: 1000 }, { n: 0 }, { p: 1.5 }]) {
    const { salt } = fieldsOf(JSON.stringify(file['scrypt']));
    const asked = { ...file, scrypt: { ...cheap, ...scrypt, salt } };
    assert.equal((await openSeed(JSON.stringify(asked), 'wow')).kind, 'damaged', JSON.stringify(scrypt));
  }
});

test('an empty password is no lock', async () => {
  await assert.rejects(sealSeed(contents, '', random, cheap), RangeError);
});

function withChecksum(file: Record<string, unknown>): string {
  const { n, r, p, salt } = fieldsOf(JSON.stringify(file['scrypt']));
  const text = ['pawment/seed', 1, n, r, p, salt, file['nonce'], file['sealed']].join('/');
  return JSON.stringify({ ...file, checksum: createHash('sha256').update(text).digest('hex') });
}

function fieldsOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}
