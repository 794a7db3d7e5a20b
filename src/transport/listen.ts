import { once } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, type ListenOptions, type Server } from 'node:net';
import { resolve } from 'node:path';
import { WorldError } from '../engine/ports.ts';
import { holdFile } from '../store/file-lock.ts';

/** Where a server listens: a host and a port (0: any free one), or the file of a Unix socket. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Connections that the system holds until they are accepted, if its own limit allows so many: after a restart all peers come back at once, and one
 * that finds no place waits a second before it tries again.
 */
const BACKLOG = 4_096;

/** Write permission allows connecting: for its owner, and for the group that it shares with a proxy. */
const SOCKET_MODE = 0o660;

/**
 * Listens. A Unix socket's file that a crash left is replaced; one in use is not, nor a file that is no socket. @returns the port; 0 for a Unix
 * socket. @throws WorldError `config` when it can't.
 */
export function listen(server: Server, place: Place): Promise<number> {
  return 'path' in place ? listenAt(server, resolve(place.path)) : bind(server, place, `${place.host}:${place.port}`);
}

async function listenAt(server: Server, path: string): Promise<number> {
  isSocket(path);
  // If two programs found the file of a crash, the second would delete the new socket of the first.
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

/** False where there is no file. @throws WorldError `config` for any other file: somebody may need it. */
function isSocket(path: string): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isSocket() === false) throw new WorldError('config', `${path} is not a socket.`, 'Use another path.');
  return there !== undefined;
}

/** A refused connection means that a crash left the file; with any other error a program may still use it. */
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
  return new WorldError('config', `Can't listen on ${place}: another program does.`, 'Stop it, or use another address.', cause);
}

function bind(server: Server, where: ListenOptions, name: string): Promise<number> {
  return new Promise((done, fail) => {
    const failed = (error: Error): void => {
      const isUsed = 'code' in error && error.code === 'EADDRINUSE';
      fail(
        isUsed
          ? isTaken(name, error)
          : new WorldError('config', `Can't listen on ${name}: ${error.message}`, 'Use another address.', error),
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
