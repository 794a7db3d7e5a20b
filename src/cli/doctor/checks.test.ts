import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../core/base/amount.ts';
import { dogecoin, dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { findingsOf } from './checks.ts';
import type { Facts, Finding, NodeFacts, RoleFacts } from './facts.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const { feeRate } = dogecoin.policy;

const said: NonNullable<NodeFacts['said']> = {
  genesis: dogecoin.genesis,
  height: 6_000_000,
  headers: 6_000_000,
  isCatchingUp: false,
  medianTime: NOW - 6 * MINUTE,
  isPruned: false,
  network: {
    version: 1_140_900,
    subversion: '/Shibetoshi:1.14.9/',
    connections: 12,
    timeoffset: 1,
    relayfee: dogecoin.policy.minRelayFeeRate,
  },
  mempool: { size: 40, mempoolminfee: dogecoin.policy.minRelayFeeRate },
  estimate: feeRate,
};
const node: NodeFacts = { url: 'http://127.0.0.1:22555', isHere: true, said };
const merchant: RoleFacts = {
  role: 'merchant',
  running: true,
  seedMode: 0o600,
  store: { format: 2 },
  backupsIn: '/data/backups',
  newestBackup: NOW - 10 * MINUTE,
};
const payer: RoleFacts = { ...merchant, role: 'payer', running: false };
const healthy: Facts = {
  now: NOW,
  coin: dogecoin,
  datadir: '/data',
  node,
  folder: { kind: 'folder', mode: 0o700, isOwn: true, freeBytes: 5e9, freeFiles: 1e6 },
  roles: [merchant, payer],
  places: [{ flag: '--listen', place: '127.0.0.1:8402', holder: 'merchant' }],
  watch: { folder: '/watch', isThere: true, heartbeat: NOW - 5_000 },
  figures: { file: '/figures.prom', writtenAt: NOW - 3_000 },
};

function findings(facts: Partial<Facts>): readonly Finding[] {
  return findingsOf({ ...healthy, ...facts });
}

/** All that is not well. */
function unwell(facts: Partial<Facts>): readonly string[] {
  return findings(facts)
    .filter(({ state }) => state !== 'ok')
    .map(({ check, state }) => `${check}: ${state}`);
}

const node2 = (more: Partial<typeof said>): Partial<Facts> => ({ node: { ...node, said: { ...said, ...more } } });
const net = (more: Partial<NonNullable<typeof said.network>>): Partial<Facts> => node2({ network: { ...must(said.network), ...more } });
const role = (more: Partial<RoleFacts>): Partial<Facts> => ({ roles: [{ ...merchant, ...more }] });
const dir = (more: Partial<Facts['folder']>): Partial<Facts> => ({ folder: { ...healthy.folder, ...more } });

function must<T>(value: T | undefined): T {
  return value ?? assert.fail();
}

const trouble = { message: 'It is away.', hint: 'Fetch it.' };

test('where all is well every check says so, once for each role and place, and gives no advice', () => {
  assert.deepEqual(
    findings({}).map(({ check, state }) => `${check} ${state}`),
    [
      ...['node', 'network', 'sync', 'peers', 'version', 'pruning', 'fees', 'clock', 'folder', 'disk', 'port'],
      ...['seed', 'seed', 'store', 'store', 'running', 'backups', 'backups', 'watch-folder', 'watcher'],
    ].map((check) => `${check} ok`),
  );
  assert.ok(findings({}).every(({ advice }) => advice === undefined));
});

const CASES: Readonly<Record<string, readonly [Partial<Facts>, ...(readonly string[])]>> = {
  'no node is named': [{ node: { isHere: false } }, 'node: problem'],
  'the node is away': [{ node: { url: 'http://x', isHere: false, trouble } }, 'node: problem'],
  'another chain': [node2({ genesis: '00' }), 'network: problem'],
  'it catches up': [node2({ isCatchingUp: true }), 'sync: problem'],
  'headers run ahead by eleven': [node2({ headers: said.height + 11 }), 'sync: problem'],
  'headers run ahead by ten': [node2({ headers: said.height + 10 })],
  'no peers': [net({ connections: 0 }), 'peers: problem'],
  'an old node': [net({ version: 1_139_999 }), 'version: warning'],
  'a node that says little': [node2({ network: undefined, mempool: undefined, estimate: undefined }), 'version: warning'],
  'a pruned node': [node2({ isPruned: true, lowest: 5_000_000 }), 'pruning: warning'],
  'a full mempool': [node2({ mempool: { size: 1, mempoolminfee: amount(feeRate + 1n) } }), 'fees: warning'],
  'a full mempool, and an estimate as high': [
    node2({ mempool: { size: 1, mempoolminfee: amount(feeRate + 1n) }, estimate: amount(feeRate + 1n) }),
  ],
  'the clock is two hours behind, and a little': [node2({ medianTime: NOW + 2 * HOUR + 1 }), 'clock: problem'],
  'the clock is two hours behind': [node2({ medianTime: NOW + 2 * HOUR })],
  'the last blocks are old': [node2({ medianTime: NOW - HOUR - 1 }), 'clock: problem'],
  'the last blocks are an hour old': [node2({ medianTime: NOW - HOUR })],
  'on regtest blocks may be old': [{ ...node2({ genesis: dogecoinRegtest.genesis, medianTime: 0 }), coin: dogecoinRegtest }],
  'its peers have another time': [net({ timeoffset: -4_201 }), 'clock: problem'],
  'its peers have a little other time': [net({ timeoffset: 61 }), 'clock: warning'],
  'the clock of a node elsewhere is not this one': [{ node: { ...must(net({ timeoffset: 61 }).node), isHere: false } }],
  'no folder': [{ folder: { kind: 'missing', isOwn: true }, roles: [], places: [] }, 'folder: problem'],
  'a file in its place': [{ folder: { kind: 'other', isOwn: true }, roles: [], places: [] }, 'folder: problem'],
  'a folder of nobody': [{ roles: [], places: [] }, 'folder: problem'],
  'a folder of another user': [dir({ isOwn: false }), 'folder: warning'],
  'a folder where others write': [dir({ mode: 0o720 }), 'folder: problem'],
  'a folder where others look': [dir({ mode: 0o750 }), 'folder: warning'],
  'a disk that keeps nothing': [dir({ trouble }), 'disk: problem'],
  'a disk that is nearly full': [dir({ freeBytes: 100 * 1_048_576 }), 'disk: warning'],
  'a disk that is full': [dir({ freeBytes: 1 }), 'disk: problem'],
  'a disk without files': [dir({ freeFiles: 3 }), 'disk: problem'],
  'a taken port': [{ places: [{ flag: '--listen', place: ':1', holder: 'other' }] }, 'port: problem'],
  'a port that is nobody’s to take': [{ places: [{ flag: '--listen', place: ':1', holder: trouble }] }, 'port: problem'],
  'a merchant that serves elsewhere': [{ places: [{ flag: '--listen', place: ':1', holder: 'nobody' }] }, 'port: warning'],
  'no seed': [{ roles: [{ role: 'payer', running: false, store: 'none', backupsIn: '/b' }], places: [] }, 'seed: problem'],
  'a seed that others read': [role({ seedMode: 0o640 }), 'seed: problem'],
  'no channels yet': [role({ store: 'none' })],
  'a store that is gone': [role({ store: 'lost' }), 'store: problem'],
  'a store of another program': [role({ store: 'foreign' }), 'store: problem'],
  'a store that can not be read': [role({ store: trouble }), 'store: problem'],
  'a store of a later version': [role({ store: { format: 99 } }), 'store: problem'],
  'a store of an earlier version': [role({ store: { format: 1 } })],
  'a merchant that stands still, and a port that is free': [
    { ...role({ running: false }), places: [{ flag: '--listen', place: ':1', holder: 'nobody' }] },
    'running: warning',
  ],
  'a lock that can not be read': [role({ running: trouble }), 'running: problem'],
  'an old backup': [role({ newestBackup: NOW - 25 * HOUR }), 'backups: warning'],
  'a backup of tomorrow': [role({ newestBackup: NOW + HOUR }), 'backups: warning'],
  'no watch folder': [{ watch: { folder: '/watch', isThere: false } }, 'watch-folder: problem'],
  'a watch folder that can not be read': [{ watch: { folder: '/watch', isThere: true, trouble } }, 'watch-folder: problem'],
  'a merchant without a sign of life': [{ watch: { folder: '/watch', isThere: true } }, 'watch-folder: problem'],
  'a merchant that is silent': [{ watch: { folder: '/watch', isThere: true, heartbeat: NOW - 11 * MINUTE } }, 'watch-folder: problem'],
  'a watcher that is dead': [{ figures: { file: '/f', writtenAt: NOW - 3 * MINUTE } }, 'watcher: problem'],
  'a watcher that never was': [{ figures: { file: '/f' } }, 'watcher: problem'],
};

for (const [name, [facts, ...expected]] of Object.entries(CASES)) {
  test(`${name}: ${expected.join(', ') || 'nothing to do'}`, () => {
    assert.deepEqual(unwell(facts), expected);
    assert.ok(findings(facts).every(({ state, advice }) => (state === 'ok') === (advice === undefined)));
  });
}

test('no backup, and a watcher of which nothing is known, are warnings', () => {
  const { newestBackup: _, ...without } = merchant;
  assert.deepEqual(unwell({ roles: [without] }), ['backups: warning']);
  const { figures: __, ...unknown } = healthy;
  assert.deepEqual(
    findingsOf(unknown)
      .filter(({ state }) => state !== 'ok')
      .map(({ check }) => check),
    ['watcher'],
  );
});
