// A shop inside a program of one's own: its routes beside others on one server, its seed sealed, its folder locked, its jobs kept, its store saved.
//   node examples/embedded/main.ts [folder]
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dogecoinRegtest as coin, height, parseAmount, scriptOf } from 'pawment';
import { createRegtest } from 'pawment/chain/regtest';
import { asChain } from 'pawment/chain/regtest/port';
import { keepJobs } from 'pawment/engine/jobs';
import { fastestVerifier } from 'pawment/engine/verifier';
import { openMerchant } from 'pawment/merchant';
import { AnswerCounts, figuresOf } from 'pawment/merchant/figures';
import { metricsOf } from 'pawment/merchant/metrics';
import { Tally } from 'pawment/merchant/tally';
import { defaultTerms } from 'pawment/merchant/terms';
import { watchFolder } from 'pawment/merchant/watch/folder';
import { Watcher } from 'pawment/merchant/watch/watcher';
import { WatchWriter } from 'pawment/merchant/watch/writer';
import { generationsIn, makeBackup } from 'pawment/store/backup';
import { claimStore } from 'pawment/store/identity';
import { lockDatadir } from 'pawment/store/lock';
import { probed } from 'pawment/store/probed';
import { openSqlite } from 'pawment/store/sqlite';
import { httpRoutes } from 'pawment/transport/http/routes';
import { serveHttp } from 'pawment/transport/http/serve';
import { Quotas } from 'pawment/transport/quota';
import { seedKeyRing } from 'pawment/wallet/keyring';
import { createMnemonic, seedOf } from 'pawment/wallet/mnemonic';
import { readSeedFile, writeSeedFile } from 'pawment/wallet/seed-disk';
import { sealSeed } from 'pawment/wallet/seed-file';

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'embedded-shop-'));
mkdirSync(join(folder, 'watch'), { recursive: true });
const passphrase = process.env['SHOP_PASSPHRASE'] ?? 'only an example';
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const clock = { now: Date.now };
const saved = { seed: join(folder, 'merchant.seed'), store: join(folder, 'merchant.sqlite'), backups: join(folder, 'backups') };

// One program holds a folder.
const release = lockDatadir(folder, 'merchant');

// The words are written down once, on paper; the file holds them sealed.
if (!existsSync(saved.seed)) {
  const contents = { mnemonic: createMnemonic(24, random), passphrase: '', coin: coin.id, birthday: height(0) };
  await writeSeedFile(saved.seed, await sealSeed(contents, passphrase, random), random);
}
const { mnemonic } = await readSeedFile(saved.seed, passphrase);
const keys = seedKeyRing(coin, seedOf(mnemonic));

const store = probed(openSqlite(saved.store));
const identity = await claimStore(store, { path: saved.store, random, isRecovering: false });

// The chain: here embedded. `coreRpc(coin, { url })` from pawment/chain/core-rpc speaks to a real node instead.
const regtest = createRegtest({ coin });
regtest.mine(1360);
const chain = asChain(regtest);

const { verify, backend } = await fastestVerifier();
const tally = new Tally();
const counts = new AnswerCounts();
const watched = watchFolder(join(folder, 'watch'));
const writer = new WatchWriter({ coin, folder: watched, keys, clock, onTrouble: (channel, trouble) => console.error(channel, trouble) });
const merchant = counts.counting(
  openMerchant({
    ...{ chain, store, identity, keys, verify, clock, random, terms: defaultTerms(coin), books: [tally, writer] },
    prices: new Map([['tea', { text: 'A cup of tea', price: parseAmount('0.1') ?? fail('no amount') }]]),
    payeeScript: scriptOf(coin, regtest.newAddress()) ?? fail('no address'),
  }),
);
const { engine, invoices } = merchant;
await engine.follower.poll();

const often = { interval: 1_000, overdue: 120_000 };
const hourly = { interval: 3_600_000, overdue: 3 * 3_600_000 };
const save = () => makeBackup({ ...{ store: saved.store, folder: saved.backups, name: 'merchant' }, coin: coin.id, verify, clock });
const jobs = keepJobs(
  [
    { ...often, name: 'follow', run: engine.follower.poll },
    { ...often, name: 'store', run: store.probe },
    { ...often, name: 'watch-files', run: () => writer.run(engine.get, engine.follower.trusted().tip) },
    { ...hourly, name: 'invoices', run: invoices.sweep },
    { ...hourly, name: 'backup', run: async () => void (await save()) },
  ],
  {
    clock,
    pause: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
    onTrouble: (job, error) => console.error(job, error.message),
  },
);
const stop = new AbortController();
const working = jobs.work(stop.signal);

// The shop's routes are a `fetch`, to be mounted where the program likes; here at the root, beside a page of its own and the figures.
const quota = { quotas: new Quotas(), proxies: 0 };
const shop = httpRoutes({ payee: merchant, quota, ready: async () => void engine.follower.ready() });
const unkept = () => store.trouble()?.message;
const metrics = metricsOf(() =>
  figuresOf({ ...{ coin, backend, tally, counts, clock, unkept }, exposure: engine.exposure, read: seen, jobs: jobs.reports }),
);
const server = await serveHttp({
  fetch: async (request, env) => {
    const { pathname } = new URL(request.url);
    if (pathname === '/') return new Response('A page of this program\n');
    if (pathname === '/metrics') return new Response(await metrics.metrics(), { headers: { 'content-type': metrics.contentType } });
    return shop.fetch(request, env);
  },
});
console.log(`serving ${coin.id} at ${server.url}`);

// A program of its own does that for good; this one asks itself once, and ends.
for (const path of ['/', '/v1/offer', '/v1/ready', '/metrics']) console.log(path, (await fetch(`${server.url}${path}`)).status);
await writer.run(engine.get, engine.follower.trusted().tip);
const { alarms } = await new Watcher({ folder: watched, chain, clock }).poll();
console.log(`the watcher has ${alarms.length} alarms`);
await save();
console.log(
  `backups: ${generationsIn(saved.backups, 'merchant').length > 0}, jobs alive: ${jobs.reports().every(({ isAlive }) => isAlive)}`,
);

await server.close();
stop.abort();
await working;
await store.close();
release();

/** What the node was last seen at, for the figures. */
function seen(): ReturnType<Parameters<typeof figuresOf>[0]['read']> {
  const { seen: last, readAt, unready } = engine.follower.report();
  const known = last === undefined || readAt === undefined ? {} : { last: { tip: last.tip, at: readAt } };
  return unready === undefined ? known : { ...known, doubt: unready.message };
}

function fail(message: string): never {
  throw new Error(message);
}
