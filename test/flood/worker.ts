import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { Attacker, dawdle } from './attacker.ts';
import { endless } from './requests.ts';

const { requests, addresses, rate, dawdlers, port, pool } = z
  .object({
    requests: z.int(),
    addresses: z.int(),
    rate: z.number().optional(),
    dawdlers: z.int(),
    port: z.int(),
    pool: z.array(z.string()),
  })
  .parse(workerData);

const fates: Record<string, number> = {};
const start = performance.now();
let sent = 0;

async function attack(index: number): Promise<void> {
  const attacker = new Attacker(port, `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`);
  while (sent < requests) {
    const number = sent++;
    if (number % 10_000 === 0) parentPort?.postMessage({ sent: number });
    const ahead = rate === undefined ? 0 : start + (number * 1000) / rate - performance.now();
    if (ahead > 1) await pause(ahead);
    const fate = await attacker.send(pool[Math.floor(Math.random() * pool.length)] ?? '');
    fates[fate] = (fates[fate] ?? 0) + 1;
  }
  attacker.close();
}

/** Keeps so many slow connections open, spread over addresses; who is hung up on comes back. */
async function linger(signal: AbortSignal): Promise<void> {
  const sockets = new Set<ReturnType<typeof dawdle>>();
  let opened = 0;
  while (!signal.aborted) {
    while (sockets.size < dawdlers) {
      const socket = dawdle(port, `127.0.9.${1 + (opened % 250)}`, endless[opened % endless.length] ?? '');
      opened++;
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    await pause(200, undefined, { signal }).catch(() => undefined);
  }
  for (const socket of sockets) socket.destroy();
}

const stop = new AbortController();
const lingering = linger(stop.signal);
await Promise.all(Array.from({ length: addresses }, (_, index) => attack(index)));
stop.abort();
await lingering;
parentPort?.postMessage({ sent, fates });
