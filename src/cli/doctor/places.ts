import { once } from 'node:events';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Place } from '../../transport/listen.ts';
import { placeOf } from '../flag/host-port.ts';
import type { PlaceFacts } from './facts.ts';

/** An address where the merchant should serve, and a path where it shows itself; without a path, a running merchant is believed. */
export interface Named {
  readonly flag: string;
  readonly place: string;
  readonly shows?: string;
}

/** Which program uses each of them, within so many milliseconds. */
export function placesOf(named: readonly Named[], isRunning: boolean, timeout: number): Promise<readonly PlaceFacts[]> {
  return Promise.all(
    named.map(async ({ flag, place, shows }) => ({ flag, place, holder: await holderOf(placeOf(place), shows, isRunning, timeout) })),
  );
}

async function holderOf(place: Place, shows: string | undefined, isRunning: boolean, timeout: number): Promise<PlaceFacts['holder']> {
  const taken = 'path' in place ? await isServed(place.path) : await isTaken(place);
  if (taken === false) return 'nobody';
  if (taken !== true) return taken;
  return isRunning && (shows === undefined || (await answers(place, shows, timeout))) ? 'merchant' : 'other';
}

/** Whether an address is in use, found by listening there for a moment; or why that is impossible. */
async function isTaken({
  host,
  port,
}: Exclude<Place, { readonly path: string }>): Promise<boolean | Exclude<PlaceFacts['holder'], string>> {
  const server = createServer();
  try {
    await once(server.listen({ host, port, exclusive: true }), 'listening');
    await once(server.close(), 'close');
    return false;
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') return true;
    const hint = codeOf(error) === 'EACCES' ? 'Use a port from 1024 on, or allow this user to use it.' : 'Use an address of this computer.';
    return { message: error instanceof Error ? error.message : String(error), hint };
  }
}

/** A socket's file that a crash left serves nobody, and can be replaced. */
async function isServed(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function answers(place: Place, path: string, timeout: number): Promise<boolean> {
  const where = 'path' in place ? { socketPath: place.path } : place;
  return new Promise((resolve) => {
    const request = get({ ...where, path, signal: AbortSignal.timeout(timeout), agent: false }, ({ statusCode }) => {
      resolve(statusCode === 200);
      request.destroy();
    });
    request.on('error', () => resolve(false));
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
