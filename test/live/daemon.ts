import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { RpcAuth } from '../../src/chain/rpc-endpoint.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { type NodeCalls, readAnswer } from '../regtest/world.ts';
import { type Program, pathOf } from './program.ts';

// Litecoin's regtest stops at block 431 unless MWEB is put off: it waits for a peg-in.
export const WITHOUT_MWEB = '-vbparams=mweb:9999999999:9999999999';

export interface Daemon {
  readonly url: string;
  readonly auth: RpcAuth;
  /** Ends the daemon and removes its folder; may be called again. */
  readonly stop: () => Promise<void>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Starts a Core-style daemon on regtest in a folder of its own, without peers, and waits until it answers. */
export async function startDaemon(program: Program, options: readonly string[]): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), `pawment-${program.name}-`));
  const port = await freePort();
  const common = ['-regtest', `-datadir=${folder}`, `-rpcport=${port}`, '-server', '-listen=0', '-printtoconsole', '-acceptnonstdtxn=0'];
  const child = spawn(pathOf(program), [...common, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = (): unknown => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    process.off('exit', kill);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await loaded(child, program);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, auth: { kind: 'cookie', file: join(folder, 'regtest', '.cookie') }, stop };
}

/** All Core-style daemons print this line when their RPC is past its warm-up. */
const LOADED = /init message: Done loading/;
const LAST_LINES = 20;

async function loaded(child: ChildProcessByStdio<null, Readable, null>, { name }: Program): Promise<void> {
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  const done = new Promise<void>((resolve, reject) => {
    reader.on('line', (line) => {
      lines.push(line);
      if (LOADED.test(line)) resolve();
    });
    child.once('error', reject);
    reader.once('close', () => reject(new Error(`${name} ended while starting:\n${lines.slice(-LAST_LINES).join('\n')}`)));
  });
  await done;
  reader.removeAllListeners('line');
  // What it prints from here on is read and dropped, or the pipe would fill and hold it up.
  reader.on('line', () => undefined);
}

/** Its calls, by the cookie or the password that it was started with. */
export async function callsOf({ url, auth }: Daemon, coin: Coin): Promise<NodeCalls> {
  const login = auth.kind === 'cookie' ? await readFile(auth.file, 'utf8') : `${auth.user}:${auth.password}`;
  const headers = { authorization: `Basic ${btoa(login.trim())}` };
  return {
    coin,
    call: async (method, ...params) => {
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ id: 1, method, params }) });
      return readAnswer(await response.json());
    },
  };
}
