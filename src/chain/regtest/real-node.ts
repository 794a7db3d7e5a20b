import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Coin } from '../../core/coin/coin.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { type NodeCalls, readAnswer } from './fixture.ts';

/** For tests: a node program of this machine. */
export interface NodeProgram {
  readonly name: string;
  readonly coin: Coin;
  readonly command: string;
  readonly args: readonly string[];
  /** False when no package carries it, so that a build server can't be asked to have it. */
  readonly isPackaged: boolean;
  readonly install: string;
}

export const dogecoind: NodeProgram = {
  name: 'dogecoind',
  coin: dogecoinRegtest,
  command: process.env['DOGECOIND'] ?? 'dogecoind',
  args: ['-acceptnonstdtxn=0'],
  isPackaged: false,
  install: 'build Dogecoin Core 1.14 and name the program in DOGECOIND',
};

export const litecoind: NodeProgram = {
  name: 'litecoind',
  coin: litecoinRegtest,
  command: process.env['LITECOIND'] ?? 'litecoind',
  // Without MWEB: with it regtest stops at height 431, waiting for a peg-in.
  args: ['-vbparams=mweb:9999999999:9999999999', '-fallbackfee=0.001'],
  isPackaged: true,
  install: 'apt-get install litecoin, or name the program in LITECOIND',
};

export interface RealNode extends NodeCalls {
  readonly stop: () => Promise<void>;
}

/** Starts a fresh regtest node in a folder of its own; undefined when the program is not there. */
export async function startNode(program: NodeProgram): Promise<RealNode | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'pawment-node-'));
  const port = await freePort();
  const fixed = ['-regtest', '-server', '-listen=0', '-printtoconsole', '-rpcuser=test', '-rpcpassword=test', '-rpcallowip=127.0.0.1'];
  const child = spawn(program.command, [...fixed, ...program.args, `-datadir=${folder}`, `-rpcport=${port}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (!(await isLoaded(child))) {
    await rm(folder, { recursive: true });
    return undefined;
  }
  const call: NodeCalls['call'] = async (method, ...params) => {
    const response = await fetch(`http://127.0.0.1:${port}`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('test:test')}` },
      body: JSON.stringify({ id: 1, method, params }),
    });
    const body: unknown = await response.json();
    return readAnswer(body);
  };
  const stop = async (): Promise<void> => {
    const exited = once(child, 'exit');
    await call('stop');
    await exited;
    await rm(folder, { recursive: true });
  };
  return { coin: program.coin, call, stop };
}

/** Waits for the line that a node writes when it is ready. False when the program can't be started. */
async function isLoaded(child: ChildProcess): Promise<boolean> {
  const failed = once(child, 'error').then(() => false);
  const { stdout } = child;
  if (stdout === null) return false;
  const lines = createInterface({ input: stdout });
  const loaded = new Promise<boolean>((resolve) => {
    lines.on('line', (line) => {
      if (line.includes('Done loading')) resolve(true);
    });
    lines.on('close', () => resolve(false));
  });
  return Promise.race([failed, loaded]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
