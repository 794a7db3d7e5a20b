import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sayReady } from './systemd-notify.ts';

const folder = mkdtempSync(join(tmpdir(), 'pawment-readiness-'));
after(() => rmSync(folder, { recursive: true }));

const told = join(folder, 'told');
writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $PAWMENT_PASSPHRASE$*" > ${told}\n`);
chmodSync(join(folder, 'systemd-notify'), 0o700);
const PATH = folder;
const NOTIFY_SOCKET = '/run/systemd/notify';

test('a service is told to be up by systemd’s own program; what nobody asks for is not, nor any secret', async () => {
  const noted: string[] = [];
  await sayReady({ PATH }, (text) => noted.push(text));
  assert.equal(existsSync(told), false);
  await sayReady({ PATH, NOTIFY_SOCKET, PAWMENT_PASSPHRASE: 'much secret' }, (text) => noted.push(text));
  assert.equal(readFileSync(told, 'utf8'), `${NOTIFY_SOCKET} --ready\n`);
  assert.deepEqual(noted, []);
});

test('a machine without that program is told so, and the shop goes on', async () => {
  const noted: string[] = [];
  await sayReady({ PATH: join(folder, 'nothing'), NOTIFY_SOCKET }, (text) => noted.push(text));
  assert.match(noted.join(), /systemd could not be told that the service is up: .*ENOENT/);
});
