import { isAbsolute } from 'node:path';
import { WorldError } from '../../engine/ports.ts';
import type { Place } from '../../transport/listen.ts';

/** An address to listen on. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; without a host it is the loopback address. @throws WorldError `config` */
export function hostPort(text: string): HostPort {
  const match = /^(.*):(\d+)$/.exec(text);
  const [, host = '', port = ''] = match ?? [];
  if (match === null || Number(port) > 65_535) throw new WorldError('config', `${text} is not a host and port.`, 'Write host:port.');
  return { host: host.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(port) };
}

const UNIX = 'unix:';

/** Reads `host:port`, or `unix:` and the path of a socket's file, as nginx writes it. @throws WorldError `config` */
export function placeOf(text: string): Place {
  if (!text.startsWith(UNIX)) return hostPort(text);
  const path = text.slice(UNIX.length).replace(/^\/\//, '');
  if (!isAbsolute(path) || path.endsWith('/')) throw new WorldError('config', `${text} is not a socket.`, 'Write unix: and a full path.');
  return { path };
}
