import type { Server } from 'node:net';
import { WorldError } from '../engine/ports.ts';

/**
 * Connections that the system holds until they are taken, as far as it allows: after a restart all peers come back at once, and who finds no place
 * tries again only after a second.
 */
const BACKLOG = 4_096;

/** Listens; 0 takes any free port. @returns the port. @throws WorldError `config` when it can't. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(new WorldError('config', `Can't listen on ${host}:${port}: ${error.message}`, 'Choose another host or port.', error));
    };
    server.once('error', fail);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', fail);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
