import { once } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, type ListenOptions, type Server } from 'node:net';
import { resolve } from 'node:path';
import { WorldError } from '../engine/ports.ts';
import { holdFile } from '../store/file-lock.ts';

/** Where a server listens: a host and a port, of which 0 takes any free one, or the file of a Unix socket. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Connections that the system holds until they are taken, as far as it allows: after a restart all peers come back at once, and who finds no place
 * tries again only after a second.
 */
const BACKLOG = 4_096;

/** Who may write to it may connect: its owner, and the group that it shares with a proxy. */
const SOCKET_MODE = 0o660;

/**
 * Listens. A Unix socket's file that a crash left is taken over; one that serves is not, nor anything that is no socket.
 * @returns the port; 0 for a Unix socket. @throws WorldError `config` when it can't.
 */
export function listen(server: Server, place: Place): Promise<number> {
  return 'path' in place ? listenAt(server, resolve(place.path)) : bind(server, place, `${place.host}:${place.port}`);
}

async function listenAt(server: Server, path: string): Promise<number> {
  isSocket(path);
  // Of two that find what a crash left, the second would take away what the first has made.
  const letGo = holdFile(`${path}.held`);
  if (letGo === undefined) throw isTaken(path);
  try {
    if (isSocket(path) && (await isServed(path))) throw isTaken(path);
    rmSync(path, { force: true });
    await bind(server, { path }, path);
    chmodSync(path, SOCKET_MODE);
  } catch (error) {
    server.close();
    letGo();
    throw error;
  }
  server.once('close', letGo);
  return 0;
}

/** False where there is nothing. @throws WorldError `config` for anything else: it may be of use to somebody. */
function isSocket(path: string): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isSocket() === false) throw new WorldError('config', `${path} is not a socket.`, 'Choose another path.');
  return there !== undefined;
}

/** Nobody takes connections behind a file that a crash left; whatever else goes wrong, somebody may. */
async function isServed(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED');
  } finally {
    socket.destroy();
  }
}

function isTaken(place: string, cause?: Error): WorldError {
  return new WorldError('config', `Can't listen on ${place}: another program does.`, 'Stop it, or choose another place.', cause);
}

function bind(server: Server, where: ListenOptions, name: string): Promise<number> {
  return new Promise((done, fail) => {
    const failed = (error: Error): void => {
      const isUsed = 'code' in error && error.code === 'EADDRINUSE';
      fail(
        isUsed
          ? isTaken(name, error)
          : new WorldError('config', `Can't listen on ${name}: ${error.message}`, 'Choose another place.', error),
      );
    };
    server.once('error', failed);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', failed);
      const address = server.address();
      done(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
